/* winograd.h - convolutions with fewer multiplications: of 3 x 3 taps 16 in place of 36; of 2 x 2
 * taps, and of 4 x 4 with stride 2, 9 in place of 16; of 6 x 6 with stride 2 as of 3 x 3.
 * Winograd 1980; Lavin, Gray 2016, "Fast Algorithms for Convolutional Neural Networks"
 *
 * A tile of 2 x 2 results y of r x r taps needs (r + 1) x (r + 1) elements d of each channel. With
 * products element by element written as (.),
 *
 *     y = A^T [sum_c (G w_c G^T) (.) (B^T d_c B)] A
 *
 * is for each of the (r + 1)^2 points between the brackets a product of matrices, [tiles, C] [C,
 * O]. By the chain rule dw = G^T [sum over tiles (A dy A^T) (.) (B^T d B)] G, and dx is a
 * convolution of dy with w turned about. A convolution with stride s is a sum of those of its s x s
 * phases, of every s-th element and tap each: to a product they are more channels; of the adjoint,
 * each phase makes results of its own. Copies have their channels innermost, so that all lanes of a
 * vector do the same, however small an image is.
 *
 * Results differ from a direct sum's by rounding, as a few additions more do. An element that is
 * not finite makes NaN of its tile's other results, too. */
#ifndef HEED_OPS_MICRO_WINOGRAD_H
#define HEED_OPS_MICRO_WINOGRAD_H

#include "ops/micro/conv.h"

/* A unit of a sum is some channels of y and a share of the blocks of one group; one of weights is
 * some channels of dy times some of x, summed over all blocks in their order. A block is several
 * images or some lines of tiles of one. */
void heed_winograd_plan_sum(heed_conv_sum_plan *plan, size_t size);
void heed_winograd_plan_weights(heed_conv_weights_plan *plan, size_t size);

#ifdef HEED_STAMP
void HEED_FN(winograd_sum)(const heed_call *call, int64_t begin, int64_t end);
void HEED_FN(winograd_weights)(const heed_call *call, int64_t begin, int64_t end);
#endif

#endif
