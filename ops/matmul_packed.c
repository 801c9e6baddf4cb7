/* matmul_packed.c - y[i, j] = sum_p a[i, p] b[p, j], where b was copied into the panels that the
 * kernel reads (ops/micro/gemm.h). The compiler makes these two operations out of products that
 * would each make such a copy by themselves: of a weight in all steps of a loop, or of blocks of
 * rows of one large product. */
#include "ops/common.h"
#include "ops/kernel.h"
#include "ops/matmul.h"

#define PANEL HEED_GEMM_PANEL
#define UNIT_PANELS 4  /* of a work unit: long runs of a row are read */
#define UNIT_ROWS 1024 /* of a work unit, at most */
#define STEP 32        /* rows that are copied panel by panel */

#ifdef HEED_STAMP

HEED_KERNEL(matmul_pack)
{
    const heed_view *x = &call->in[0];
    const int64_t k = x->shape.dim[0], n = x->shape.dim[1];
    const int64_t parts = heed_units_of(k, UNIT_ROWS);
    const heed_gemm g = { .n = n, .b = x->data, .b_row = x->stride[0], .b_column = x->stride[1] };
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t first = unit / parts * UNIT_PANELS * PANEL;
        const int64_t last = heed_smaller(first + UNIT_PANELS * PANEL, n);
        const int64_t row = unit % parts * UNIT_ROWS;
        const int64_t end_row = heed_smaller(row + UNIT_ROWS, k);
        for (int64_t p = row; p < end_row; p += STEP)
            for (int64_t j = first; j < last; j += PANEL) HEED_FN(gemm_pack)
        (&g, j, p, heed_smaller(p + STEP, end_row), (real *)call->out.data + j * k);
    }
}

#else
#include <string.h>

#include "ops/ops.h"

HEED_DECLARE_KERNEL(matmul_pack);
static const heed_kernel pack_kernel = HEED_KERNEL_TABLE(matmul_pack);

typedef struct packed_attr {
    int64_t columns; /* of b, without what fills up the last panel */
} packed_attr;

/* ---- the copy ---- */

static int64_t pack_units(const heed_call *call)
{
    const heed_shape *y = &call->out.shape;
    return heed_units_of(y->dim[0], UNIT_PANELS) * heed_units_of(y->dim[1], UNIT_ROWS);
}

static bool pack_infer(heed_infer *infer)
{
    const heed_shape *x = &infer->in[0]->shape;
    if (!heed_need_real(infer, 0)) return false;
    if (x->rank != 2) return heed_refuse(infer, "a matrix has rank 2, not %d", x->rank);
    infer->shape = HEED_SHAPE(heed_gemm_panels(x->dim[1]), x->dim[0], PANEL);
    return true;
}

static bool pack_sample(int k, heed_sample *sample)
{
    static const heed_shape cases[] = { { 2, { 3, 5 } }, { 2, { 7, 33 } }, { 2, { 1, 1 } } };
    if (k >= (int)(sizeof cases / sizeof cases[0])) return false;
    sample->n_in = 1;
    sample->in[0].shape = cases[k];
    return true;
}

const heed_op heed_op_matmul_pack = {
    .name = "matmul_pack",
    .doc = "y[j, p, l] = x[p, 32 j + l], 0 past the last column: x [k, n] -> [ceil(n / 32), k, "
           "32]. Made by the compiler for matmul_packed.",
    .n_in = 1,
    .strided = 1u << 0,
    .infer = pack_infer,
    .kernel = &pack_kernel,
    .units = pack_units,
    .sample = pack_sample,
    .flops = heed_flops_none,
};

/* ---- the product ---- */

static bool packed_infer(heed_infer *infer)
{
    const packed_attr *attr = infer->attr;
    const heed_shape *a = &infer->in[0]->shape, *b = &infer->in[1]->shape;
    if (!heed_need_real(infer, 0) || !heed_need_real(infer, 1) || !heed_need_same_dtype(infer))
        return false;
    if (a->rank != 2 || b->rank != 3 || b->dim[2] != PANEL || b->dim[1] != a->dim[1] ||
        attr->columns < 1 || b->dim[0] != heed_gemm_panels(attr->columns))
        return heed_refuse(infer, "b must be the panels of a matrix of %lld rows and %lld columns",
                           (long long)a->dim[a->rank - 1], (long long)attr->columns);
    infer->shape = HEED_SHAPE(a->dim[0], attr->columns);
    return heed_matmul_check_addend(infer);
}

static void packed_prepare(const heed_call *call, void *plan)
{
    heed_call plain = *call;
    heed_view matrix[3] = { call->in[0], call->in[1] };
    if (call->n_in == 3) matrix[2] = call->in[2];
    matrix[1].shape = HEED_SHAPE(call->in[1].shape.dim[1], call->out.shape.dim[1]);
    matrix[1].stride[0] = PANEL;
    matrix[1].stride[1] = 1;
    plain.in = matrix;
    heed_matmul_plan(&plain, call->in[1].shape.dim[1] * PANEL, plan);
}

static bool packed_sample(int k, heed_sample *sample)
{
    static const int64_t cases[][3] = { { 3, 5, 7 }, { 1, 1, 1 }, { 17, 4, 33 } };
    if (k >= (int)(sizeof cases / sizeof cases[0])) return false;
    const packed_attr attr = { .columns = cases[k][2] };
    sample->n_in = 2;
    sample->in[0].shape = HEED_SHAPE(cases[k][0], cases[k][1]);
    sample->in[1].shape = HEED_SHAPE(heed_gemm_panels(attr.columns), cases[k][1], PANEL);
    memcpy(sample->attr, &attr, sizeof attr);
    return true;
}

static double packed_flops(const heed_node *node)
{
    return 2.0 * (double)heed_count(&node->shape) * (double)node->in[0]->shape.dim[1];
}

static bool matmul_packed_large(heed_sample *sample)
{
    const packed_attr attr = { .columns = 1024 };
    const heed_shape shapes[] = { { 2, { 1024, 1024 } }, { 3, { 1024 / PANEL, 1024, PANEL } } };
    return heed_sample_large(sample, 2, shapes, &attr, sizeof attr);
}

const heed_op heed_op_matmul_packed = {
    .name = "matmul_packed",
    .doc = "y[i, j] = sum_p a[i, p] b[j / 32, p, j mod 32]: a [m, k], b [panels, k, 32] -> [m, "
           "columns]. c may be added. Made by the compiler out of matmul.",
    .n_in = 2,
    .max_in = 3,
    .in_place = 1u << 2,
    .strided = 1u << 0 | 1u << 2,
    .strided_out = true,
    .attr_size = sizeof(packed_attr),
    .infer = packed_infer,
    .kernel = &heed_matmul_kernel,
    .units = heed_matmul_units,
    .scratch = heed_matmul_scratch,
    .plan_size = sizeof(matmul_plan),
    .prepare = packed_prepare,
    .plus = heed_matmul_plus,
    .sample = packed_sample,
    .large = matmul_packed_large,
    .flops = packed_flops,
};

heed_node *heed_matmul_shared(heed_node *const *in, int n_in)
{
    const packed_attr attr = { .columns = in[1]->shape.dim[1] };
    heed_node *with[3] = { in[0], heed_apply(&heed_op_matmul_pack, NULL, 1, in + 1), NULL };
    if (n_in == 3) with[2] = in[2];
    return heed_apply(&heed_op_matmul_packed, &attr, n_in, with);
}
#endif
