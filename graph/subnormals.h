/* subnormals.h - numbers below the smallest normal one (1e-38 in f32), and what they cost.
 *
 * Processors take some hundred cycles for an operation on them. Gradients of what has been learned
 * well become so small: a training step of SNAIL then takes twice its time, its products eight
 * times. So training has them rounded to 0. The mode belongs to a thread. */
#ifndef HEED_GRAPH_SUBNORMALS_H
#define HEED_GRAPH_SUBNORMALS_H

#include <stdbool.h>
#include <stdint.h>

/* The thread's floating-point mode, and a new one. Where the processor is unknown nothing changes.
 */
static inline uint64_t heed_float_mode(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr();
#elif defined(__aarch64__)
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
#else
    return 0;
#endif
}

static inline void heed_set_float_mode(uint64_t mode)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((unsigned)mode);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
    (void)mode;
#endif
}

/* From here on results that are no normal numbers become 0, if `flush`. return: the mode before */
static inline uint64_t heed_flush_subnormals(bool flush)
{
#if defined(__x86_64__)
    enum { FLUSH_RESULTS = 1 << 15 };
#else
    enum { FLUSH_RESULTS = 1 << 24 };
#endif
    const uint64_t before = heed_float_mode();
    if (flush) heed_set_float_mode(before | FLUSH_RESULTS);
    return before;
}

#endif
