/* cast.c - y = x as another dtype; to i32: towards 0, to the nearest end of the range, NaN as 0 */
#include "ops/common.h"
#include "ops/kernel.h"

#ifdef HEED_STAMP
#include "ops/micro/walk.h"

#ifdef HEED_STAMP_F64
typedef float other; /* the real type that this stamp is not for */
#else
typedef double other;
#endif

static void real_to_i32(const real *x, int64_t stride, int32_t *y, int64_t n)
{
    const real low = (real)INT32_MIN, beyond = -low;
    for (int64_t i = 0; i < n; i++) {
        real value = x[i * stride];
        value = value != value ? 0 : value;
        value = value < low ? low : value;
        int32_t inside = (int32_t)(value >= beyond ? 0 : value);
        y[i] = value >= beyond ? INT32_MAX : inside;
    }
}

static void i32_to_real(const int32_t *x, int64_t stride, real *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = (real)x[i * stride];
}

static void real_to_other(const real *x, int64_t stride, other *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = (other)x[i * stride];
}

/* n elements from index `from` of x, `stride` apart, to index `to` of y on. */
static void cast_run(const heed_view *x, int64_t from, int64_t stride, const heed_view *y,
                     int64_t to, int64_t n)
{
    const real *source = (const real *)x->data + from;
    if (x->dtype == y->dtype) {
        heed_copy_row((ireal *)y->data + to, 1, (const ireal *)x->data + from, stride, n);
    } else if (x->dtype == HEED_I32) {
        i32_to_real((const int32_t *)x->data + from, stride, (real *)y->data + to, n);
    } else if (y->dtype == HEED_I32) {
        real_to_i32(source, stride, (int32_t *)y->data + to, n);
    } else {
        real_to_other(source, stride, (other *)y->data + to, n);
    }
}

HEED_KERNEL(cast)
{
    const heed_view *x = &call->in[0], *y = &call->out;
    int64_t last = heed_smaller(end * HEED_UNIT_WORK, heed_count(&y->shape));
    heed_walk w = heed_walk_of(y->shape.rank, y->shape.dim, x->stride, y->stride);
    for (int64_t i = begin * HEED_UNIT_WORK, n; i < last; i += n) {
        int64_t from, to, column = i % w.row;
        heed_walk_row(&w, i / w.row, &from, &to);
        n = heed_smaller(last - i, w.row - column);
        cast_run(x, from + column * w.row_from, w.row_from, y, i, n);
    }
}

#else
#include "ops/ops.h"

typedef struct heed_cast_attr {
    heed_dtype dtype;
} heed_cast_attr;

HEED_DECLARE_KERNEL(cast);
static const heed_kernel cast_kernel = HEED_MOVE_TABLE(cast);

static int64_t cast_units(const heed_call *call)
{
    return heed_units_of(heed_count(&call->out.shape), HEED_UNIT_WORK);
}

static bool cast_infer(heed_infer *infer)
{
    const heed_cast_attr *attr = infer->attr;
    if ((unsigned)attr->dtype >= HEED_N_DTYPES) {
        return heed_refuse(infer, "%d is not an element type", (int)attr->dtype);
    }
    infer->dtype = attr->dtype;
    return true;
}

static void cast_vjp(heed_vjp *v)
{
    if (!v->want[0]) return;
    if (!heed_is_real(v->in[0]->dtype) || !heed_is_real(v->y->dtype)) {
        heed_graph_fail(v->y->graph,
                        "cast: no gradient flows through %s to %s "
                        "(heed_stop_gradient cuts the path on purpose)",
                        heed_dtype_name(v->in[0]->dtype), heed_dtype_name(v->y->dtype));
        return;
    }
    v->dx[0] = heed_cast(v->dy, v->in[0]->dtype);
}

static heed_node *cast_simplify(heed_node *node)
{
    return node->dtype == node->in[0]->dtype ? node->in[0] : node;
}

/* To f64, in which gradients are checked; from i32 in every other case. */
static bool cast_sample(int k, heed_sample *sample)
{
    if (!heed_sample_unary(k / 2, sample)) return false;
    sample->in[0].index = k % 2;
    sample->in[0].below = 100;
    heed_sample_attr(sample, &(heed_cast_attr){ HEED_F64 }, sizeof(heed_cast_attr));
    return true;
}

const heed_op heed_op_cast = {
    .name = "cast",
    .doc = "y = x as another dtype. Real to i32 goes towards 0, stops at the ends of the range and "
           "makes NaN 0; gradients flow between real dtypes only.",
    .n_in = 1,
    .diff = 1,
    .strided = 1,
    .flags = HEED_LINEAR,
    .attr_size = sizeof(heed_cast_attr),
    .infer = cast_infer,
    .kernel = &cast_kernel,
    .units = cast_units,
    .vjp = cast_vjp,
    .sample = cast_sample,
    .flops = heed_flops_none,
    .simplify = cast_simplify,
};

heed_node *heed_cast(heed_node *x, heed_dtype dtype)
{
    if (x && x->dtype == dtype) return x;
    return heed_apply(&heed_op_cast, &(heed_cast_attr){ dtype }, 1, &x);
}

#endif
