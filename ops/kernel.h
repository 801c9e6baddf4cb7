/* kernel.h - one kernel source, every precision, every instruction set.
 *
 * A file in ops/ that computes something has two parts:
 *
 *     #include "ops/kernel.h"
 *     #ifdef HEED_STAMP
 *     HEED_TILE(tanh_tile)                    the kernels, in plain C on `real` and `vec`
 *     {
 *         const real *x = in[0];
 *         ...
 *     }
 *     #else
 *     HEED_DECLARE_TILE(tanh_tile);           the descriptor, rules and samples
 *     static const heed_tile tile = HEED_TILE_TABLE(tanh_tile);
 *     ...
 *     #endif
 *
 * The build compiles the file once plainly (second part) and once for each {f32, f64} x instruction
 * set (first part, with HEED_STAMP defined and the compiler's flags for that set). The second part
 * lists the variants through one macro; heed_isa_current() picks one. Files without kernels (views,
 * compositions) have no first part. */
#ifndef HEED_OPS_KERNEL_H
#define HEED_OPS_KERNEL_H

#include "graph/op.h"

#define HEED_PASTE4(a, b, c, d) a##b##_##c##_##d
#define HEED_PASTE(a, b, c, d) HEED_PASTE4(a, b, c, d)

#define HEED_KERNEL_ARGUMENTS (const heed_call *call, int64_t begin, int64_t end)
#define HEED_TILE_ARGUMENTS (int64_t n, const void *const *in, void *y, const void *attr)

#ifdef HEED_STAMP /* ---- stamped part; the build defines HEED_STAMP_DTYPE, HEED_STAMP_ISA ---- */

#ifdef HEED_STAMP_F64
typedef double real;
typedef int64_t ireal; /* integer of the same width, for bits */
#define HEED_REAL_DTYPE HEED_F64
#else
typedef float real;
typedef int32_t ireal;
#define HEED_REAL_DTYPE HEED_F32
#endif

/* Bytes of one vector register: 16 (portable, neon), 32 (avx2), 64 (avx512); set by the build. */
typedef real vec __attribute__((vector_size(HEED_VECTOR_BYTES)));
typedef ireal ivec __attribute__((vector_size(HEED_VECTOR_BYTES)));
/* The same for memory of any alignment. */
typedef real vec_u
    __attribute__((vector_size(HEED_VECTOR_BYTES), aligned(sizeof(real)), may_alias));
typedef ireal ivec_u
    __attribute__((vector_size(HEED_VECTOR_BYTES), aligned(sizeof(real)), may_alias));
#define HEED_LANES ((int)(HEED_VECTOR_BYTES / sizeof(real)))

/* The external name of `name` in this stamp: heed_k_tanh_tile_f32_avx512. */
#define HEED_FN(name) HEED_PASTE(heed_k_, name, HEED_STAMP_DTYPE, HEED_STAMP_ISA)
/* Head of a kernel's or tile's definition; the body follows in braces. */
#define HEED_KERNEL(name)                     \
    void HEED_FN(name) HEED_KERNEL_ARGUMENTS; \
    void HEED_FN(name) HEED_KERNEL_ARGUMENTS
#define HEED_TILE(name)                     \
    void HEED_FN(name) HEED_TILE_ARGUMENTS; \
    void HEED_FN(name) HEED_TILE_ARGUMENTS

#else /* ---- plain part ---- */

#if defined(__x86_64__)
#define HEED_STAMPS(name, dtype)                              \
    {                                                         \
        [HEED_PORTABLE] = heed_k_##name##_##dtype##_portable, \
        [HEED_AVX2] = heed_k_##name##_##dtype##_avx2,         \
        [HEED_AVX512] = heed_k_##name##_##dtype##_avx512,     \
    }
#define HEED_DECLARE_STAMPS(name, dtype, arguments)    \
    void heed_k_##name##_##dtype##_portable arguments; \
    void heed_k_##name##_##dtype##_avx2 arguments;     \
    void heed_k_##name##_##dtype##_avx512 arguments
#elif defined(__aarch64__)
#define HEED_STAMPS(name, dtype)                              \
    {                                                         \
        [HEED_PORTABLE] = heed_k_##name##_##dtype##_portable, \
        [HEED_NEON] = heed_k_##name##_##dtype##_neon,         \
    }
#define HEED_DECLARE_STAMPS(name, dtype, arguments)    \
    void heed_k_##name##_##dtype##_portable arguments; \
    void heed_k_##name##_##dtype##_neon arguments
#else
#define HEED_STAMPS(name, dtype)                             \
    {                                                        \
        [HEED_PORTABLE] = heed_k_##name##_##dtype##_portable \
    }
#define HEED_DECLARE_STAMPS(name, dtype, arguments) \
    void heed_k_##name##_##dtype##_portable arguments
#endif

#define HEED_DECLARE_KERNEL(name)                          \
    HEED_DECLARE_STAMPS(name, f32, HEED_KERNEL_ARGUMENTS); \
    HEED_DECLARE_STAMPS(name, f64, HEED_KERNEL_ARGUMENTS)
#define HEED_DECLARE_TILE(name)                          \
    HEED_DECLARE_STAMPS(name, f32, HEED_TILE_ARGUMENTS); \
    HEED_DECLARE_STAMPS(name, f64, HEED_TILE_ARGUMENTS)

/* Initialisers of a heed_kernel or heed_tile. */
#define HEED_KERNEL_TABLE(name)                                                      \
    {                                                                                \
        {                                                                            \
            [HEED_F32] = HEED_STAMPS(name, f32), [HEED_F64] = HEED_STAMPS(name, f64) \
        }                                                                            \
    }
#define HEED_TILE_TABLE(name) HEED_KERNEL_TABLE(name)
/* For kernels that only move bits: i32 runs the f32 variant. */
#define HEED_MOVE_TABLE(name)                                                         \
    {                                                                                 \
        {                                                                             \
            [HEED_F32] = HEED_STAMPS(name, f32), [HEED_F64] = HEED_STAMPS(name, f64), \
            [HEED_I32] = HEED_STAMPS(name, f32)                                       \
        }                                                                             \
    }

#endif
#endif
