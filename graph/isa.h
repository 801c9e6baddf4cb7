/* isa.h - which stamped variant of a kernel runs on this processor.
 *
 * Kernel sources are compiled once per instruction set (see ops/kernel.h). The best set that both
 * the build and the processor support is picked at the first question and stays for the process;
 * the environment variable HEED_ISA (portable, avx2, avx512, neon) overrides it. */
#ifndef HEED_GRAPH_ISA_H
#define HEED_GRAPH_ISA_H

#include <stdbool.h>
#include <stddef.h>

/* The vectors of `second` continue `first`: a kernel without a variant falls back to a lower one
 * (neon falls back to portable). */
typedef enum heed_isa { HEED_PORTABLE, HEED_AVX2, HEED_AVX512, HEED_NEON, HEED_N_ISA } heed_isa;

heed_isa heed_isa_current(void);
const char *heed_isa_name(heed_isa isa);
bool heed_isa_supported(heed_isa isa); /* by this processor and this build      */
const char *heed_isa_complaint(void);  /* HEED_ISA named what cannot run; or NULL */

/* Data cache sizes in bytes, from the system or a safe guess. level: 1, 2, 3. */
size_t heed_cache_size(int level);

#endif
