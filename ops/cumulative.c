/* cumulative.c - rules that cumsum and cumprod share: shapes, units, test cases. */
#include "ops/cumulative.h"

#include "ops/ops.h"

bool heed_cumulative_infer(heed_infer *infer)
{
    heed_cumulative_attr *attr = infer->attr;
    attr->reverse = attr->reverse != 0;
    attr->exclusive = attr->exclusive != 0;
    return heed_need_real(infer, 0) && heed_need_axis(infer, &infer->in[0]->shape, &attr->axis);
}

int64_t heed_cumulative_units(const heed_call *call)
{
    const heed_lines l = heed_cumulative_lines(call);
    return heed_lines_units(&l);
}

heed_node *heed_shift_along(heed_node *x, int axis, bool forward)
{
    int64_t n = x ? x->shape.dim[axis] : 0;
    if (n == 0) return x;
    heed_node *rest = heed_slice(x, axis, forward ? 0 : 1, forward ? n - 1 : n);
    return heed_pad(rest, axis, forward, !forward, 0);
}

bool heed_cumulative_sample(int k, heed_sample *sample)
{
    static const struct {
        heed_shape shape;
        heed_cumulative_attr attr;
    } cases[] = {
        { { 1, { 5 } }, { 0, 0, 0 } },        { { 1, { 33 } }, { -1, 0, 1 } },
        { { 2, { 3, 4 } }, { 1, 1, 0 } },     { { 2, { 3, 4 } }, { 0, 1, 1 } },
        { { 3, { 2, 1, 7 } }, { 1, 0, 0 } },  { { 3, { 2, 5, 3 } }, { 1, 0, 0 } },
        { { 3, { 2, 5, 3 } }, { -2, 0, 1 } }, { { 2, { 13, 1 } }, { 0, 1, 0 } },
        { { 2, { 9, 3 } }, { 1, 1, 1 } },
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k].shape;
    heed_sample_attr(sample, &cases[k].attr, sizeof cases[k].attr);
    return true;
}
