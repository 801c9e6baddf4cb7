/* compare.c - test cases of the comparisons. */
#include "ops/compare.h"

#include "ops/common.h"

bool heed_compare_sample(int k, heed_sample *sample)
{
    if (!heed_sample_binary(k / 2, sample)) return false;
    for (int i = 0; i < 2 && k % 2; i++) sample->in[i].low = sample->in[i].high = 1;
    return true;
}
