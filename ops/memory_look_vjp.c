/* memory_look_vjp.c - the reverse of memory_look: gradients for the memory, the weightings before
 * and the heads' numbers, side by side. A head's rows are computed anew, while the memory is in the
 * L1 cache. */
#include <string.h>

#include "ops/kernel.h"
#include "ops/memory_look.h"

#ifdef HEED_STAMP
#include "ops/micro/memory_look.h"

/* ---- reverse, one head ---- */

/* What reading adds to dw, in SLOPE, and to dM. */
static void reverse_read(const head *h, const real *memory, const real *dfound, real *dmemory)
{
    const int64_t slots = h->z.slots;
    for (int64_t m = 0; m < h->z.width; m++) {
        add_scaled(h->row[SLOPE], memory + m * slots, dfound[m], slots);
        add_scaled(dmemory + m * slots, h->row[WEIGHT], dfound[m], slots);
    }
}

/* From dw, in SLOPE, to the slope at m, there; what belongs to gamma and to s. */
static real reverse_place(const head *h)
{
    const memory_look_sizes *z = &h->z;
    const int64_t slots = z->slots;
    const real *restrict weight = h->row[WEIGHT], *restrict logs = h->row[LOG];
    const real *restrict moved = h->row[MOVED];
    real *restrict slope = h->row[SLOPE], *restrict other = h->row[OTHER];
    const real mean = row_dot(weight, slope, slots);
    for (int64_t n = 0; n < slots; n++) other[n] = weight[n] * (slope[n] - mean);
    const real dgamma = row_dot(other, logs, slots);
    for (int64_t n = 0; n < slots; n++)
        other[n] = h->gamma * other[n] / (moved[n] + (real)LEAST_SHARE);
    clear_row(slope, slots);
    for (int64_t j = 0; j < z->shifts; j++) {
        const int64_t at = turned(z, j);
        h->dshift[j] = dot_turned(other, h->row[MIXED], at, slots);
        add_turned(slope, other, h->shift[j], (slots - at) % slots, slots);
    }
    const real share = row_dot(h->dshift, h->shift, z->shifts);
    for (int64_t j = 0; j < z->shifts; j++) h->dshift[j] = h->shift[j] * (h->dshift[j] - share);
    return dgamma;
}

/* Content's share: SLOPE becomes dcos / (|k| |M_n|), to multiply k and M with; OTHER what each
 * slot takes off because its norm grows with it. return: the slope of beta's range */
static real reverse_content(const head *h, real *along_key)
{
    const int64_t slots = h->z.slots;
    const real *restrict content = h->row[CONTENT], *restrict cosine = h->row[COSINE];
    const real *restrict norm = h->row[NORM];
    real *restrict slope = h->row[SLOPE], *restrict other = h->row[OTHER];
    const real mean = row_dot(content, slope, slots);
    for (int64_t n = 0; n < slots; n++) slope[n] = h->gate * content[n] * (slope[n] - mean);
    const real dbeta = row_dot(slope, cosine, slots);
    *along_key = h->beta * dbeta; /* <dcos, cos> */
    for (int64_t n = 0; n < slots; n++) {
        const real dcos = h->beta * slope[n];
        const bool counts = norm[n] > (real)LEAST_NORM;
        other[n] = counts ? dcos * cosine[n] / (norm[n] * norm[n]) : 0;
        slope[n] = dcos / (h->key_norm * norm[n]);
    }
    return dbeta;
}

static void reverse_head(const head *h, const real *memory, const real *restrict before,
                         real *dmemory, real *restrict dbefore, real *dnumbers)
{
    const memory_look_sizes *z = &h->z;
    const int64_t slots = z->slots;
    const real *restrict content = h->row[CONTENT];
    real along_key, *slope = h->row[SLOPE], *restrict other = h->row[OTHER];
    const real dgamma = reverse_place(h);
    HEED_INDEPENDENT
    for (int64_t n = 0; n < slots; n++) dbefore[n] = (1 - h->gate) * slope[n];
    for (int64_t n = 0; n < slots; n++) other[n] = content[n] - before[n];
    const real dgate = row_dot(slope, other, slots);
    const real dbeta = reverse_content(h, &along_key);
    for (int64_t m = 0; m < z->width; m++) {
        const real *line = memory + m * slots;
        const real shrink = h->key_square > 0 ? h->key[m] / h->key_square : 0;
        dnumbers[m] = row_dot(slope, line, slots) - shrink * along_key;
        add_scaled(dmemory + m * slots, slope, h->key[m], slots);
    }
    add_scaled(h->row[SHRINK], other, 1, slots);
    dnumbers += z->width;
    dnumbers[0] = dbeta * sigmoid_of(h->raw_beta);
    dnumbers[1] = dgate * h->gate * (1 - h->gate);
    for (int64_t j = 0; j < z->shifts; j++) dnumbers[2 + j] = h->dshift[j];
    dnumbers[2 + z->shifts] = dgamma * sigmoid_of(h->raw_gamma);
}

/* One example: dM, and of each head dw_before and dheads. */
static void reverse_example(head *h, const heed_call *call, int64_t b, real *out)
{
    const memory_look_sizes *z = &h->z;
    const int64_t slots = z->slots, cells = z->width * slots;
    const real *memory = (const real *)call->in[0].data + b * cells;
    const real *before = (const real *)call->in[1].data + b * z->heads * slots;
    const real *dy = (const real *)call->in[3].data + b * memory_look_row(z);
    real *dmemory = out, *dbefore = out + cells, *dheads = dbefore + z->heads * slots;
    const real *restrict shrink = h->row[SHRINK];
    slot_norms(z, memory, h->row[NORM]);
    clear_row(h->row[SHRINK], slots);
    clear_row(dmemory, cells);
    for (int64_t r = 0; r < z->heads; r++) {
        take_numbers(h, &call->in[2], b, r);
        address(h, memory, before + r * slots, h->row[WEIGHT]);
        memcpy(h->row[SLOPE], dy + r * slots, (size_t)slots * sizeof(real));
        if (r < z->reads) reverse_read(h, memory, dy + z->heads * slots + r * z->width, dmemory);
        reverse_head(h, memory, before + r * slots, dmemory, dbefore + r * slots,
                     dheads + r * z->numbers);
    }
    for (int64_t m = 0; m < z->width; m++)
        for (int64_t n = 0; n < slots; n++)
            dmemory[m * slots + n] -= memory[m * slots + n] * shrink[n];
}

HEED_KERNEL(memory_look_vjp)
{
    const memory_look_sizes z =
        memory_look_sizes_of(&call->in[0].shape, &call->in[2].shape, call->attr);
    head h = lay_out(call, &z);
    for (int64_t b = begin; b < end; b++)
        reverse_example(&h, call, b, (real *)call->out.data + b * memory_look_reverse_row(&z));
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(memory_look_vjp);
static const heed_kernel kernel = HEED_KERNEL_TABLE(memory_look_vjp);

static bool look_vjp_infer(heed_infer *infer)
{
    if (!heed_memory_look_check(infer)) return false;
    const memory_look_sizes z =
        memory_look_sizes_of(&infer->in[0]->shape, &infer->in[2]->shape, infer->attr);
    const heed_shape result = HEED_SHAPE(z.batch, memory_look_row(&z));
    if (!heed_shape_equal(&infer->in[3]->shape, &result))
        return heed_refuse(infer, "dy must have the result's shape");
    infer->shape = HEED_SHAPE(z.batch, memory_look_reverse_row(&z));
    return true;
}

/* ---- the reverse's reverse: of the formulas at the top, in other operations ---- */

static heed_node *composed(heed_node *const *in, const void *attr)
{
    heed_node *memory = in[0], *before = in[1], *heads = in[2];
    const memory_look_sizes z = memory_look_sizes_of(&memory->shape, &heads->shape, attr);
    const int64_t part[] = { z.width, 1, 1, z.shifts, 1 };
    heed_node *p[5];
    if (!heed_split_sizes(heads, -1, part, 5, p)) return NULL;
    heed_node *cosine = heed_cosine_similarity(heed_unsqueeze(p[0], -1), heed_unsqueeze(memory, 1),
                                               2, LEAST_NORM); /* [B, H, N] */
    heed_node *content = heed_softmax(heed_mul(heed_softplus(p[1]), cosine), -1);
    heed_node *gate = heed_sigmoid(p[2]);
    heed_node *mixed = heed_add(before, heed_mul(gate, heed_sub(content, before)));
    heed_node *moved = heed_circular_conv(mixed, heed_softmax(p[3], -1), -(z.shifts / 2));
    heed_node *logs = heed_log(heed_affine(moved, 1, LEAST_SHARE));
    heed_node *w = heed_softmax(heed_mul(heed_affine(heed_softplus(p[4]), 1, 1), logs), -1);
    heed_node *r = heed_matmul(heed_slice(w, 1, 0, z.reads), heed_transpose(memory, 1, 2));
    return heed_concat(HEED_NODES(heed_reshape(w, z.batch, z.heads * z.slots),
                                  heed_reshape(r, z.batch, z.reads * z.width)),
                       1);
}

static heed_node *composed_reverse(heed_node *const *in, const void *attr)
{
    return heed_packed_gradients(in, 3, composed, attr);
}

static void look_vjp_reverse(heed_vjp *v)
{
    heed_composed_vjp(v, composed_reverse);
}

static bool look_vjp_sample(int k, heed_sample *sample)
{
    if (!heed_memory_look_sample(k, sample)) return false;
    sample->n_in = 4;
    const memory_look_sizes z =
        memory_look_sizes_of(&sample->in[0].shape, &sample->in[2].shape, sample->attr);
    sample->in[3].shape = HEED_SHAPE(z.batch, memory_look_row(&z));
    return true;
}

const heed_op heed_op_memory_look_vjp = {
    .name = "memory_look_vjp",
    .doc = "memory_look's gradients for memory, weightings before and heads, side by side: "
           "its inputs and dy -> [B, W N + H N + H (W + 3 + K)].",
    .n_in = 4,
    .diff = 15,
    .strided = 4,
    .attr_size = sizeof(memory_look_attr),
    .infer = look_vjp_infer,
    .kernel = &kernel,
    .units = heed_memory_look_units,
    .scratch = heed_memory_look_scratch,
    .vjp = look_vjp_reverse,
    .sample = look_vjp_sample,
    .flops = heed_memory_look_flops,
};

#endif
