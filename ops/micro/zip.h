/* zip.h - orders of lanes for __builtin_shufflevector, for the stamped part of kernel files. */
#ifndef HEED_OPS_MICRO_ZIP_H
#define HEED_OPS_MICRO_ZIP_H

#include "ops/kernel.h"

/* HEED_LANES as the preprocessor can read it. */
#ifdef HEED_STAMP_F64
#define LANES (HEED_VECTOR_BYTES / 8)
#else
#define LANES (HEED_VECTOR_BYTES / 4)
#endif

/* ZIP_LOW of a, b = a0 b0 a1 b1 ... from the lower halves, ZIP_HIGH from the upper ones; EVEN = a0
 * a2 ... b0 b2 ..., ODD = a1 a3 ... b1 b3 ... take that apart again. */
#if LANES == 16
#define ZIP_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif LANES == 8
#define ZIP_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define ODD 1, 3, 5, 7, 9, 11, 13, 15
#elif LANES == 4
#define ZIP_LOW 0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#define EVEN 0, 2, 4, 6
#define ODD 1, 3, 5, 7
#else
#define ZIP_LOW 0, 2
#define ZIP_HIGH 1, 3
#define EVEN 0, 2
#define ODD 1, 3
#endif

#endif
