/* memory_write.c - what the write heads of a memory leave of it. Graves, Wayne, Danihelka 2014,
 * "Neural Turing Machines", section 3.2.
 *
 *     M'[m, n] = M[m, n] prod_j (1 - w_j[n] e_j[m]) + sum_j w_j[n] a_j[m]          (eq. 3, 4)
 *
 * Memory is [B, W, N], one column for each of the N slots. As one operation, since composed it is a
 * dozen passes over the memory, most of them in the reverse, where with
 * P_j = M prod_{k < j} (1 - w_k e_k) and S_j = dM' prod_{k > j} (1 - w_k e_k):
 *
 *     dw_j = sum_m (a_j dM' - e_j P_j S_j),  de_j = -sum_n w_j P_j S_j,  da_j = sum_n w_j dM' */
#include <string.h>

#include "ops/kernel.h"
#include "ops/rows.h"

typedef struct sizes {
    int64_t batch, width, slots, heads;
} sizes;

static inline sizes sizes_of(const heed_shape *memory, const heed_shape *where)
{
    return (sizes){ memory->dim[0], memory->dim[1], memory->dim[2], where->dim[1] };
}

/* Numbers of one example in the reverse's result: dM, dw, de, da. */
static inline int64_t reverse_row(const sizes *z)
{
    return z->width * z->slots + z->heads * (z->slots + 2 * z->width);
}

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

/* One example's heads, of inputs with any strides. */
typedef struct heads {
    sizes z;
    real *where; /* [H, N], a copy */
    const real *erase, *add;
    int64_t erase_head, erase_step, add_head, add_step;
} heads;

static heads heads_of(const heed_call *call, const sizes *z, int64_t b)
{
    const heed_view *w = &call->in[1], *e = &call->in[2], *a = &call->in[3];
    heads h = { .z = *z, .where = call->scratch };
    h.erase = (const real *)e->data + b * e->stride[0];
    h.add = (const real *)a->data + b * a->stride[0];
    h.erase_head = e->stride[1], h.erase_step = e->stride[2];
    h.add_head = a->stride[1], h.add_step = a->stride[2];
    for (int64_t j = 0; j < z->heads; j++) {
        const real *from = (const real *)w->data + b * w->stride[0] + j * w->stride[1];
        for (int64_t n = 0; n < z->slots; n++) h.where[j * z->slots + n] = from[n * w->stride[2]];
    }
    return h;
}

static real erase_of(const heads *h, int64_t j, int64_t m)
{
    return h->erase[j * h->erase_head + m * h->erase_step];
}

static real add_of(const heads *h, int64_t j, int64_t m)
{
    return h->add[j * h->add_head + m * h->add_step];
}

HEED_KERNEL(memory_write)
{
    const sizes z = sizes_of(&call->in[0].shape, &call->in[1].shape);
    const int64_t slots = z.slots, cells = z.width * slots;
    for (int64_t b = begin; b < end; b++) {
        const heads h = heads_of(call, &z, b);
        for (int64_t m = 0; m < z.width; m++) {
            const real *restrict x = (const real *)call->in[0].data + b * cells + m * slots;
            real *restrict y = (real *)call->out.data + b * cells + m * slots;
            for (int64_t n = 0; n < slots; n++) y[n] = x[n];
            for (int64_t j = 0; j < z.heads; j++) {
                const real *restrict w = h.where + j * slots, e = erase_of(&h, j, m);
                for (int64_t n = 0; n < slots; n++) y[n] *= 1 - e * w[n];
            }
            for (int64_t j = 0; j < z.heads; j++) {
                const real *restrict w = h.where + j * slots, a = add_of(&h, j, m);
                for (int64_t n = 0; n < slots; n++) y[n] += a * w[n];
            }
        }
    }
}

/* ---- reverse ---- */

/* P_j of all heads for one row of the memory, in `prefix` [H, N]. */
static void prefixes(const heads *h, int64_t m, const real *row, real *prefix)
{
    const int64_t slots = h->z.slots;
    memcpy(prefix, row, (size_t)slots * sizeof(real));
    for (int64_t j = 0; j + 1 < h->z.heads; j++, prefix += slots) {
        const real *restrict w = h->where + j * slots, *restrict from = prefix;
        const real e = erase_of(h, j, m);
        real *restrict to = prefix + slots;
        for (int64_t n = 0; n < slots; n++) to[n] = from[n] * (1 - e * w[n]);
    }
}

/* S_j, times 1 - w_j e_j in the end; dw_j of this row of the memory, and -de_j[m]. */
static real reverse_head(const heads *h, int64_t j, int64_t m, const real *restrict prefix,
                         const real *restrict dy, real *restrict suffix, real *restrict product,
                         real *restrict dw)
{
    const int64_t slots = h->z.slots;
    const real *restrict w = h->where + j * slots, e = erase_of(h, j, m), a = add_of(h, j, m);
    for (int64_t n = 0; n < slots; n++) {
        const real slope = prefix[n] * suffix[n];
        product[n] = slope;
        dw[n] += a * dy[n] - e * slope;
        suffix[n] *= 1 - e * w[n];
    }
    return row_dot(w, product, slots);
}

static void reverse_example(const heads *h, const real *memory, const real *dy, real *out)
{
    const sizes *z = &h->z;
    const int64_t slots = z->slots, cells = z->width * slots;
    real *prefix = h->where + z->heads * slots, *product = prefix + z->heads * slots;
    real *dw = out + cells, *de = dw + z->heads * slots, *da = de + z->heads * z->width;
    for (int64_t i = 0; i < z->heads * slots; i++) dw[i] = 0;
    for (int64_t m = 0; m < z->width; m++) {
        const real *dline = dy + m * slots;
        real *suffix = out + m * slots; /* ends as dM */
        prefixes(h, m, memory + m * slots, prefix);
        memcpy(suffix, dline, (size_t)slots * sizeof(real));
        for (int64_t j = z->heads - 1; j >= 0; j--) {
            de[j * z->width + m] =
                -reverse_head(h, j, m, prefix + j * slots, dline, suffix, product, dw + j * slots);
            da[j * z->width + m] = row_dot(h->where + j * slots, dline, slots);
        }
    }
}

HEED_KERNEL(memory_write_vjp)
{
    const sizes z = sizes_of(&call->in[0].shape, &call->in[1].shape);
    const int64_t cells = z.width * z.slots;
    for (int64_t b = begin; b < end; b++) {
        const heads h = heads_of(call, &z, b);
        reverse_example(&h, (const real *)call->in[0].data + b * cells,
                        (const real *)call->in[4].data + b * cells,
                        (real *)call->out.data + b * reverse_row(&z));
    }
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(memory_write);
static const heed_kernel forward_kernel = HEED_KERNEL_TABLE(memory_write);
HEED_DECLARE_KERNEL(memory_write_vjp);
static const heed_kernel reverse_kernel = HEED_KERNEL_TABLE(memory_write_vjp);

static int64_t write_units(const heed_call *call)
{
    return call->in[0].shape.dim[0]; /* one for each example */
}

/* Weightings, prefixes and a row of products. */
static size_t write_scratch(const heed_call *call)
{
    const sizes z = sizes_of(&call->in[0].shape, &call->in[1].shape);
    return (size_t)((2 * z.heads + 1) * z.slots) * heed_dtype_size(call->out.dtype);
}

static bool write_infer(heed_infer *infer)
{
    for (int i = 0; i < infer->n_in; i++)
        if (!heed_need_real(infer, i)) return false;
    if (!heed_need_same_dtype(infer)) return false;
    const heed_shape *memory = &infer->in[0]->shape, *where = &infer->in[1]->shape;
    bool fits = memory->rank == 3 && where->rank == 3 && where->dim[1] > 0;
    const heed_shape rows = fits ? HEED_SHAPE(memory->dim[0], where->dim[1], memory->dim[1])
                                 : (heed_shape){ .rank = 0 };
    fits = fits && where->dim[0] == memory->dim[0] && where->dim[2] == memory->dim[2] &&
           heed_shape_equal(&infer->in[2]->shape, &rows) &&
           heed_shape_equal(&infer->in[3]->shape, &rows);
    return fits || heed_refuse(infer, "memory [B, W, N], weightings [B, H, N], erase and add "
                                      "[B, H, W] must agree");
}

static bool write_vjp_infer(heed_infer *infer)
{
    if (!write_infer(infer)) return false;
    if (!heed_shape_equal(&infer->in[4]->shape, &infer->in[0]->shape))
        return heed_refuse(infer, "dy must have the memory's shape");
    const sizes z = sizes_of(&infer->in[0]->shape, &infer->in[1]->shape);
    infer->shape = HEED_SHAPE(z.batch, reverse_row(&z));
    return true;
}

static void write_reverse(heed_vjp *v)
{
    heed_packed_vjp(v, &heed_op_memory_write_vjp);
}

/* ---- the reverse's reverse: of the formula at the top, in other operations ---- */

static heed_node *composed(heed_node *const *in, const void *attr)
{
    heed_node *kept = in[0], *where = in[1], *erase = in[2], *add = in[3];
    (void)attr;
    for (int64_t j = 0; j < where->shape.dim[1]; j++) {
        heed_node *e = heed_unsqueeze(heed_index(erase, 1, j), -1); /* [B, W, 1] */
        heed_node *w = heed_slice(where, 1, j, j + 1);              /* [B, 1, N] */
        kept = heed_mul(kept, heed_affine(heed_mul(e, w), -1, 1));
    }
    return heed_add(kept, heed_matmul(heed_transpose(add, 1, 2), where));
}

static heed_node *composed_reverse(heed_node *const *in, const void *attr)
{
    return heed_packed_gradients(in, 4, composed, attr);
}

static void write_vjp_reverse(heed_vjp *v)
{
    heed_composed_vjp(v, composed_reverse);
}

/* ---- test cases ---- */

static bool write_sample(int k, heed_sample *sample)
{
    static const int64_t cases[][4] = {
        { 2, 3, 5, 2 }, { 1, 1, 1, 1 }, { 2, 2, 18, 1 }, { 1, 4, 3, 3 }
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    const int64_t batch = cases[k][0], width = cases[k][1], slots = cases[k][2];
    const int64_t heads = cases[k][3];
    sample->n_in = 4;
    sample->in[0].shape = HEED_SHAPE(batch, width, slots);
    sample->in[1].shape = HEED_SHAPE(batch, heads, slots);
    sample->in[2].shape = sample->in[3].shape = HEED_SHAPE(batch, heads, width);
    return true;
}

static bool write_vjp_sample(int k, heed_sample *sample)
{
    if (!write_sample(k, sample)) return false;
    sample->n_in = 5;
    sample->in[4].shape = sample->in[0].shape;
    return true;
}

static double write_flops(const heed_node *node)
{
    const double heads = (double)node->in[1]->shape.dim[1];
    const double of_head = node->op == &heed_op_memory_write ? 5 : 14;
    return of_head * heads * (double)heed_count(&node->in[0]->shape);
}

const heed_op heed_op_memory_write = {
    .name = "memory_write",
    .doc = "M prod_j (1 - w_j e_j) + sum_j w_j a_j: memory [B, W, N], weightings [B, H, N], erase "
           "and add [B, H, W] -> [B, W, N]. Graves et al. 2014, eq. 3 and 4.",
    .n_in = 4,
    .diff = 15,
    .strided = 2 | 4 | 8,
    .infer = write_infer,
    .kernel = &forward_kernel,
    .units = write_units,
    .scratch = write_scratch,
    .vjp = write_reverse,
    .sample = write_sample,
    .flops = write_flops,
};

const heed_op heed_op_memory_write_vjp = {
    .name = "memory_write_vjp",
    .doc = "memory_write's gradients for memory, weightings, erase and add, side by side: its "
           "inputs and dy -> [B, W N + H N + 2 H W].",
    .n_in = 5,
    .diff = 31,
    .strided = 2 | 4 | 8,
    .infer = write_vjp_infer,
    .kernel = &reverse_kernel,
    .units = write_units,
    .scratch = write_scratch,
    .vjp = write_vjp_reverse,
    .sample = write_vjp_sample,
    .flops = write_flops,
};

heed_node *heed_memory_write(heed_node *memory, heed_node *where, heed_node *erase, heed_node *add)
{
    return heed_apply(&heed_op_memory_write, NULL, 4, (heed_node *[]){ memory, where, erase, add });
}

#endif
