/* peak.h - how many f32 operations a second one thread can do at best, with the kernels' own
 * instructions. */
#ifndef HEED_OPS_MICRO_PEAK_H
#define HEED_OPS_MICRO_PEAK_H

#include <stdint.h>

typedef struct heed_peak {
    int64_t rounds;
    double factor, addend; /* not constants, or the compiler would compute the result itself */
    double result, flops;  /* out */
} heed_peak;

void heed_peak_run(heed_peak *peak);

#endif
