/* matmul.c - y[.., i, j] = sum_p a[.., i, p] b[.., p, j] + c[.., i, j], leading axes broadcast. */
#include "ops/kernel.h"
#include "ops/common.h"
#include "ops/matmul.h"

#ifdef HEED_STAMP

static void compute_block(const matmul_plan *plan, const heed_call *call, int64_t number)
{
    heed_gemm g = plan->product;
    const heed_gemm_block block = heed_gemm_block_at(&plan->split, number, g.m, g.n);
    const real *a = (const real *)call->in[0].data + block.row * g.a_row;
    const real *b = (const real *)call->in[1].data;
    b += g.b_panel ? block.column / HEED_GEMM_PANEL * g.b_panel : block.column * g.b_column;
    real *c = (real *)call->out.data + block.row * g.c_row + block.column * g.c_column;
    const real *d = NULL;
    if (call->n_in == 3)
        d = (const real *)call->in[2].data + block.row * g.d_row + block.column * g.d_column;
    int64_t rest = block.product;
    for (int i = plan->n_axes - 1; i >= 0; i--) {
        const int64_t index = i > 0 ? rest % plan->dim[i] : rest;
        a += index * plan->a_step[i];
        b += index * plan->b_step[i];
        c += index * plan->c_step[i];
        if (d) d += index * plan->d_step[i];
        if (i > 0) rest /= plan->dim[i];
    }
    g.m = block.rows;
    g.n = block.columns;
    g.a = a;
    g.b = b;
    g.c = c;
    g.d = d;
    g.scratch = call->scratch;
    HEED_FN(gemm)(&g);
}

HEED_KERNEL(matmul)
{
    const matmul_plan *plan = call->plan;
    const int64_t last = heed_gemm_first(&plan->split, end);
    for (int64_t i = heed_gemm_first(&plan->split, begin); i < last; i++)
        compute_block(plan, call, i);
}

#else
#include <string.h>

#include "ops/ops.h"
#include "ops/product.h"

HEED_DECLARE_KERNEL(matmul);
const heed_kernel heed_matmul_kernel = HEED_KERNEL_TABLE(matmul);

#define LEAST_ROWS 16       /* of A: fewer read B once */
#define SMALL_B 65536       /* numbers: in panels, every core has it in its second-level cache */
#define LEAST_ELEMENTS 4096 /* of B: a smaller one stays in the first-level cache */
#define FAR_BYTES 4096      /* between rows of B: a page */
#define MANY_READERS 4

/* ---- plan ---- */

/* Step of `view` along axis i of out, 0 where it is broadcast. */
static int64_t product_step(const heed_view *view, const heed_shape *out, int i)
{
    const int axis = i - (out->rank - view->shape.rank);
    return axis < 0 || view->shape.dim[axis] == 1 ? 0 : view->stride[axis];
}

/* Leading axes, without those of size 1; two that all operands step through evenly become one. */
static void plan_axes(matmul_plan *plan, const heed_call *call)
{
    const heed_shape *shape = &call->out.shape;
    int n = 0;
    for (int i = 0; i < shape->rank - 2; i++) {
        const int64_t dim = shape->dim[i];
        const int64_t a = product_step(&call->in[0], shape, i);
        const int64_t b = product_step(&call->in[1], shape, i), c = call->out.stride[i];
        const int64_t d = call->n_in == 3 ? product_step(&call->in[2], shape, i) : 0;
        if (dim == 1) continue;
        if (n > 0 && plan->a_step[n - 1] == a * dim && plan->b_step[n - 1] == b * dim &&
            plan->c_step[n - 1] == c * dim && plan->d_step[n - 1] == d * dim)
            plan->dim[n - 1] *= dim;
        else
            plan->dim[n++] = dim;
        plan->a_step[n - 1] = a;
        plan->b_step[n - 1] = b;
        plan->c_step[n - 1] = c;
        plan->d_step[n - 1] = d;
    }
    plan->n_axes = n;
}

/* Rows (or columns) of a product: how many, and how far apart in the operand that has them, in C
 * and in D. */
typedef struct product_rows {
    int64_t size, step[3];
} product_rows;

/* The last of the leading axes, which steps[] says, continues the rows of A, C and D when they step
 * evenly from one product to the next and B is the same for all; likewise the columns of B. */
static bool continues(product_rows *rows, int64_t dim, int64_t other_step, const int64_t steps[3])
{
    bool even = other_step == 0;
    for (int i = 0; i < 3; i++) even &= rows->size == 1 || steps[i] == rows->size * rows->step[i];
    if (!even) return false;
    for (int i = 0; i < 3 && rows->size == 1; i++) rows->step[i] = steps[i];
    rows->size *= dim;
    return true;
}

static void plan_product(matmul_plan *plan, const heed_call *call)
{
    const heed_view *a = &call->in[0], *b = &call->in[1], *c = &call->out;
    const int ra = a->shape.rank, rb = b->shape.rank, rc = c->shape.rank;
    product_rows rows = { a->shape.dim[ra - 2], { a->stride[ra - 2], c->stride[rc - 2], 0 } };
    product_rows columns = { b->shape.dim[rb - 1], { b->stride[rb - 1], c->stride[rc - 1], 0 } };
    if (call->n_in == 3) {
        rows.step[2] = product_step(&call->in[2], &c->shape, rc - 2);
        columns.step[2] = product_step(&call->in[2], &c->shape, rc - 1);
    }
    for (; plan->n_axes > 0; plan->n_axes--) {
        const int i = plan->n_axes - 1;
        const int64_t c_step = plan->c_step[i], d_step = plan->d_step[i];
        const int64_t of_rows[3] = { plan->a_step[i], c_step, d_step };
        const int64_t of_columns[3] = { plan->b_step[i], c_step, d_step };
        if (!continues(&rows, plan->dim[i], plan->b_step[i], of_rows) &&
            !continues(&columns, plan->dim[i], plan->a_step[i], of_columns))
            break;
    }
    plan->product = (heed_gemm){ .m = rows.size,
                                 .k = a->shape.dim[ra - 1],
                                 .n = columns.size,
                                 .a_row = rows.step[0],
                                 .a_column = a->stride[ra - 1],
                                 .b_row = b->stride[rb - 2],
                                 .b_column = columns.step[0],
                                 .c_row = rows.step[1],
                                 .c_column = columns.step[1],
                                 .d_row = rows.step[2],
                                 .d_column = columns.step[2],
                                 .block_rows = heed_gemm_block_rows(c->dtype) };
}

void heed_matmul_plan(const heed_call *call, int64_t b_panel, matmul_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    plan_axes(plan, call);
    plan_product(plan, call);
    int64_t products = 1;
    for (int i = 0; i < plan->n_axes; i++) products *= plan->dim[i];
    heed_gemm *g = &plan->product;
    g->b_panel = b_panel;
    heed_gemm_cut cut = b_panel ? HEED_CUT_LONGER : HEED_CUT_COLUMNS;
    if (!b_panel && g->b_column == 1) cut = HEED_CUT_LONGER;
    if (b_panel && g->k * g->n <= SMALL_B) cut = HEED_CUT_ROWS;
    plan->split = heed_gemm_divide(products, g->m, g->n, g->k, cut);
}

static void matmul_prepare(const heed_call *call, void *plan)
{
    heed_matmul_plan(call, 0, plan);
}

int64_t heed_matmul_units(const heed_call *call)
{
    const matmul_plan *plan = call->plan;
    return plan->split.units;
}

size_t heed_matmul_scratch(const heed_call *call)
{
    const matmul_plan *plan = call->plan;
    return heed_gemm_scratch(call->out.dtype, plan->split.rows, plan->split.columns,
                             plan->product.k);
}

/* ---- rules ---- */

/* The inner dimension: the last of a, the last but one of b; the only one of rank 1. */
static int64_t inner_of_b(const heed_shape *b)
{
    return b->dim[b->rank >= 2 ? b->rank - 2 : 0];
}

bool heed_matmul_check_addend(heed_infer *infer)
{
    heed_shape both;
    if (infer->n_in < 3) return true;
    if (!heed_broadcast(&infer->in[2]->shape, &infer->shape, &both) ||
        !heed_shape_equal(&both, &infer->shape))
        return heed_refuse(infer, "what is added does not broadcast to the product's shape");
    return heed_need_real(infer, 2) && heed_need_same_dtype(infer);
}

static bool matmul_infer(heed_infer *infer)
{
    const heed_shape a = infer->in[0]->shape, b = infer->in[1]->shape;
    if (!heed_need_real(infer, 0) || !heed_need_real(infer, 1) || !heed_need_same_dtype(infer))
        return false;
    if (a.rank < 1 || b.rank < 1) return heed_refuse(infer, "a number has no axis to sum over");
    if (a.dim[a.rank - 1] != inner_of_b(&b))
        return heed_refuse(infer,
                           "inner dimensions differ: a has %lld columns (its last axis), b has "
                           "%lld rows (its last axis but one)",
                           (long long)a.dim[a.rank - 1], (long long)inner_of_b(&b));
    if (a.rank < 2 || b.rank < 2)
        return heed_refuse(infer, "operands of rank 1 need the builder, heed_matmul()");
    heed_shape leading_a = a, leading_b = b;
    leading_a.rank -= 2;
    leading_b.rank -= 2;
    if (!heed_broadcast(&leading_a, &leading_b, &infer->shape))
        return heed_refuse(infer, "the leading axes do not broadcast");
    infer->shape.dim[infer->shape.rank++] = a.dim[a.rank - 2];
    infer->shape.dim[infer->shape.rank++] = b.dim[b.rank - 1];
    return heed_matmul_check_addend(infer);
}

static void matmul_vjp(heed_vjp *v)
{
    if (v->want[0]) v->dx[0] = heed_matmul(v->dy, heed_transpose(v->in[1], -1, -2));
    if (v->want[1]) v->dx[1] = heed_matmul(heed_transpose(v->in[0], -1, -2), v->dy);
    if (v->n_in == 3 && v->want[2]) v->dx[2] = v->dy;
}

/* The addend is of the product's elements, or a row. */
heed_node *heed_matmul_plus(heed_node *node, heed_node *addend, const heed_shape *shape)
{
    const int last = addend->shape.rank - 1, columns = node->shape.rank - 1;
    heed_node *in[3] = { node->in[0], node->in[1], NULL };
    if (node->n_in != 2 || last < 0) return NULL;
    if (heed_shape_equal(&addend->shape, shape))
        in[2] = heed_reshape_to(addend, node->shape);
    else if (heed_count(&addend->shape) == addend->shape.dim[last] &&
             shape->dim[shape->rank - 1] == node->shape.dim[columns])
        in[2] = heed_reshape_to(addend, HEED_SHAPE(addend->shape.dim[last]));
    return in[2] ? heed_reshape_to(heed_apply(node->op, node->attr, 3, in), *shape) : NULL;
}

/* Rows, or blocks of rows, that read B in an order other than the one in memory, or from distant
 * rows, would each copy it: they share one copy. */
static heed_node *matmul_pack(heed_node *node, int readers)
{
    const heed_node *a = node->in[0], *b = node->in[1];
    if (a->shape.rank != 2 || b->shape.rank != 2) return node;
    const int64_t m = a->shape.dim[0], k = a->shape.dim[1], n = b->shape.dim[1];
    if (m < LEAST_ROWS || n < HEED_GEMM_PANEL || k * n < LEAST_ELEMENTS) return node;
    const bool far = n * (int64_t)heed_dtype_size(b->dtype) >= FAR_BYTES;
    const bool copied = far || b->op == &heed_op_permute; /* by each block of rows, otherwise */
    const int64_t uses = readers * heed_gemm_divide(1, m, n, k, HEED_CUT_LONGER).down;
    return (copied ? uses >= 2 : readers >= MANY_READERS) ? heed_matmul_shared(node->in, node->n_in)
                                                          : node;
}

/* An outer product is elementwise: then it fuses with its neighbours. */
static heed_node *matmul_simplify(heed_node *node)
{
    const heed_shape *a = &node->in[0]->shape;
    if (a->dim[a->rank - 1] != 1) return node;
    heed_node *product = heed_mul(node->in[0], node->in[1]);
    return node->n_in == 3 ? heed_add(product, node->in[2]) : product;
}

static double matmul_flops(const heed_node *node)
{
    const heed_shape *a = &node->in[0]->shape;
    return 2.0 * (double)heed_count(&node->shape) * (double)a->dim[a->rank - 1];
}

static bool matmul_sample(int k, heed_sample *sample)
{
    static const heed_shape cases[][2] = {
        { { 2, { 3, 4 } }, { 2, { 4, 5 } } },
        { { 2, { 1, 1 } }, { 2, { 1, 1 } } },
        { { 2, { 1, 7 } }, { 2, { 7, 5 } } },
        { { 2, { 7, 3 } }, { 2, { 3, 1 } } },
        { { 2, { 5, 1 } }, { 2, { 1, 6 } } },
        { { 2, { 1, 33 } }, { 2, { 33, 1 } } },
        { { 2, { 2, 19 } }, { 2, { 19, 2 } } },
        { { 2, { 2, 3 } }, { 2, { 3, 17 } } },
        { { 3, { 2, 3, 4 } }, { 3, { 2, 4, 3 } } },
        { { 3, { 2, 3, 4 } }, { 3, { 1, 4, 3 } } },
        { { 3, { 2, 1, 4 } }, { 3, { 1, 4, 3 } } },
        { { 2, { 3, 4 } }, { 3, { 2, 4, 1 } } },
        { { 4, { 2, 1, 2, 3 } }, { 3, { 3, 3, 2 } } },
        { { 4, { 2, 2, 2, 3 } }, { 4, { 2, 2, 3, 2 } } },
    };
    static const heed_shape sums[][3] = {
        { { 3, { 2, 3, 4 } }, { 3, { 2, 4, 3 } }, { 3, { 2, 3, 3 } } },
        { { 2, { 3, 2 } }, { 3, { 2, 2, 4 } }, { 3, { 2, 3, 4 } } },
        { { 3, { 2, 3, 2 } }, { 3, { 1, 2, 3 } }, { 1, { 3 } } },
        { { 3, { 2, 1, 3 } }, { 3, { 2, 3, 2 } }, { 3, { 1, 1, 2 } } },
        { { 2, { 3, 4 } }, { 2, { 4, 5 } }, { 2, { 3, 5 } } },
        { { 2, { 2, 7 } }, { 2, { 7, 3 } }, { 1, { 3 } } },
        { { 2, { 3, 2 } }, { 2, { 2, 1 } }, { 2, { 3, 1 } } },
        { { 2, { 2, 1 } }, { 2, { 1, 3 } }, { 2, { 2, 1 } } },
    };
    const int n_cases = (int)(sizeof cases / sizeof cases[0]);
    if (k >= n_cases + (int)(sizeof sums / sizeof sums[0])) return false;
    sample->n_in = k < n_cases ? 2 : 3;
    for (int i = 0; i < sample->n_in; i++)
        sample->in[i].shape = k < n_cases ? cases[k][i] : sums[k - n_cases][i];
    return true;
}

static bool matmul_large(heed_sample *sample)
{
    const heed_shape squares[] = { { 2, { 1024, 1024 } }, { 2, { 1024, 1024 } } };
    return heed_sample_large(sample, 2, squares, NULL, 0);
}

const heed_op heed_op_matmul = {
    .name = "matmul",
    .doc = "y[.., i, j] = sum_p a[.., i, p] b[.., p, j]: [.., m, k] x [.., k, n] -> [.., m, n]; "
           "leading axes broadcast. c, which broadcasts to the result's shape, may be added.",
    .n_in = 2,
    .max_in = 3,
    .diff = 1u << 0 | 1u << 1 | 1u << 2,
    .in_place = 1u << 2,
    .strided = 1u << 0 | 1u << 1 | 1u << 2,
    .strided_out = true,
    .flags = HEED_LINEAR,
    .infer = matmul_infer,
    .kernel = &heed_matmul_kernel,
    .as_reduction = heed_product_as_sum,
    .units = heed_matmul_units,
    .scratch = heed_matmul_scratch,
    .plan_size = sizeof(matmul_plan),
    .prepare = matmul_prepare,
    .vjp = matmul_vjp,
    .simplify = matmul_simplify,
    .plus = heed_matmul_plus,
    .packs = 1u << 1,
    .pack = matmul_pack,
    .sample = matmul_sample,
    .large = matmul_large,
    .flops = matmul_flops,
};

/* ---- builder ---- */

static heed_node *apply(heed_node *a, heed_node *b)
{
    return heed_apply(&heed_op_matmul, NULL, 2, (heed_node *[]){ a, b });
}

/* Does every product use the same matrix? */
static bool is_one_matrix(const heed_shape *shape)
{
    for (int i = 0; i < shape->rank - 2; i++)
        if (shape->dim[i] != 1) return false;
    return true;
}

/* [.., m, k] x [k, n] is one product of [.. m, k], and so is the gradient for b. */
static heed_node *multiply_rows(heed_node *a, heed_node *b)
{
    heed_shape rows = HEED_SHAPE(1, a->shape.dim[a->shape.rank - 1]);
    heed_shape out = a->shape;
    for (int i = 0; i < a->shape.rank - 1; i++) rows.dim[0] *= a->shape.dim[i];
    out.dim[out.rank - 1] = b->shape.dim[b->shape.rank - 1];
    if (b->shape.rank > 2) {
        const int64_t *dim = b->shape.dim + b->shape.rank - 2;
        b = heed_reshape_to(b, HEED_SHAPE(dim[0], dim[1]));
    }
    return heed_reshape_to(apply(heed_reshape_to(a, rows), b), out);
}

heed_node *heed_matmul(heed_node *a, heed_node *b)
{
    if (!a || !b) return NULL;
    const heed_shape sa = a->shape, sb = b->shape;
    if (sa.rank < 1 || sb.rank < 1 || sa.dim[sa.rank - 1] != inner_of_b(&sb))
        return apply(a, b); /* is refused, with the shapes that the caller knows */
    if (sa.rank == 1)
        return heed_squeeze(heed_matmul(heed_unsqueeze(a, 0), b), sb.rank > 1 ? -2 : 0);
    if (sb.rank == 1) return heed_squeeze(heed_matmul(a, heed_unsqueeze(b, 1)), -1);
    if (sa.rank > 2 && sb.rank <= sa.rank && is_one_matrix(&sb)) return multiply_rows(a, b);
    return apply(a, b);
}
#endif
