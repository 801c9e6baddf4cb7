/* resample.h - linear maps along one axis or two, each output a weighted sum of neighbours: average
 * pooling, upsampling. y = A x B', where A and B have one row for each output; the adjoint is
 * dx = A' dy B. Private to ops/resample.c, ops/pool.c and their kernels. */
#ifndef HEED_OPS_RESAMPLE_H
#define HEED_OPS_RESAMPLE_H

#include "graph/op.h"

typedef enum heed_resample_rule {
    HEED_RESAMPLE_WINDOWS,       /* mean of x[o stride - pad .. + kernel); what lies outside is 0 */
    HEED_RESAMPLE_ADAPTIVE,      /* mean of x[floor(o in / out) .. ceil((o + 1) in / out)) */
    HEED_RESAMPLE_NEAREST,       /* x[floor(o in / out)] */
    HEED_RESAMPLE_LINEAR,        /* x at (o + 1/2) in / out - 1/2, between neighbours */
    HEED_RESAMPLE_LINEAR_CORNERS /* x at o (in - 1) / (out - 1) */
} heed_resample_rule;

/* [0] is height, as if 1 high where there is none; [1] is width or length. */
typedef struct heed_resample_attr {
    int64_t axes, rule;
    int64_t in[2], out[2];
    int64_t kernel[2], stride[2], pad[2]; /* of windows */
    int64_t ceil;                         /* windows: the last may be incomplete */
    int64_t leave_out_pad;                /* windows: the mean is over elements, not zeros */
} heed_resample_attr;

/* The elements that an output is made of. */
typedef struct heed_span {
    int64_t first, count;
} heed_span;

static inline heed_span heed_resample_span(const heed_resample_attr *a, int axis, int64_t o)
{
    const int64_t in = a->in[axis], out = a->out[axis];
    if (a->rule == HEED_RESAMPLE_WINDOWS) {
        int64_t begin = o * a->stride[axis] - a->pad[axis], end = begin + a->kernel[axis];
        begin = begin < 0 ? 0 : begin;
        end = end > in ? in : end;
        return (heed_span){ begin, end > begin ? end - begin : 0 };
    }
    if (a->rule == HEED_RESAMPLE_ADAPTIVE) {
        const int64_t begin = o * in / out;
        return (heed_span){ begin, ((o + 1) * in + out - 1) / out - begin };
    }
    if (a->rule == HEED_RESAMPLE_NEAREST) return (heed_span){ o * in / out, 1 };
    const bool corners = a->rule == HEED_RESAMPLE_LINEAR_CORNERS;
    const int64_t unit = corners ? out - 1 : 2 * out; /* position x unit is a whole number */
    int64_t at = corners ? o * (in - 1) : (2 * o + 1) * in - out;
    if (unit == 0 || at < 0) at = 0;
    const int64_t first = unit ? at / unit : 0;
    const bool two = unit && at % unit != 0 && first + 1 < in;
    return (heed_span){ first, two ? 2 : 1 };
}

/* The weight of the span's element k. */
static inline double heed_resample_weight(const heed_resample_attr *a, int axis, int64_t o,
                                          heed_span span, int64_t k)
{
    const int64_t in = a->in[axis], out = a->out[axis];
    if (a->rule == HEED_RESAMPLE_WINDOWS) {
        int64_t begin = o * a->stride[axis] - a->pad[axis], end = begin + a->kernel[axis];
        if (end > in + a->pad[axis]) end = in + a->pad[axis];
        return 1.0 / (double)(a->leave_out_pad ? span.count : end - begin);
    }
    if (span.count == 1 || a->rule == HEED_RESAMPLE_ADAPTIVE) return 1.0 / (double)span.count;
    const bool corners = a->rule == HEED_RESAMPLE_LINEAR_CORNERS;
    const int64_t unit = corners ? out - 1 : 2 * out;
    const int64_t at = corners ? o * (in - 1) : (2 * o + 1) * in - out;
    const double next = (double)(at % unit) / (double)unit;
    return k == 1 ? next : 1 - next;
}

/* At most so many elements make an output; reversed: an element has part in so many outputs. */
static inline int64_t heed_resample_taps(const heed_resample_attr *a, int axis, bool reverse)
{
    const int64_t in = a->in[axis], out = a->out[axis];
    if (a->rule == HEED_RESAMPLE_WINDOWS) {
        if (!reverse) return a->kernel[axis] < in ? a->kernel[axis] : in;
        return (a->kernel[axis] - 1) / a->stride[axis] + 1;
    }
    if (a->rule == HEED_RESAMPLE_ADAPTIVE || a->rule == HEED_RESAMPLE_NEAREST) {
        const int64_t from = reverse ? out : in, to = reverse ? in : out;
        return a->rule == HEED_RESAMPLE_NEAREST && !reverse ? 1 : (from - 1) / to + 2;
    }
    if (!reverse) return 2;
    if (a->rule == HEED_RESAMPLE_LINEAR) return 2 * (out / in + 1) + 1;
    return in == 1 ? out : 2 * ((out - 1) / (in - 1) + 1) + 1;
}

/* Nodes: y for x, whose sizes are filled in; the adjoint. */
heed_node *heed_resample(heed_node *x, heed_resample_attr attr);
heed_node *heed_resample_reverse(heed_node *dy, const heed_resample_attr *attr);

#endif
