/* memory_look.c - where the heads of a memory look, by content, then by place, and what they find.
 * Graves, Wayne, Danihelka 2014, "Neural Turing Machines", sections 3.1 and 3.3.
 *
 * Memory is [B, W, N], one column for each of the N slots, so that everything runs along slots. Of
 * each head's numbers (k [W], beta, g, s [K], gamma), before their ranges are put on them:
 *
 *     c = softmax(softplus(beta) cos(k, M))                          by content        (eq. 5, 6)
 *     m = sigmoid(g) c + (1 - sigmoid(g)) w_before                   or where it was   (eq. 7)
 *     v[i] = sum_j softmax(s)[j] m[(i - j + K / 2) mod N]            moved             (eq. 8)
 *     w = v^(1 + softplus(gamma)) / sum of it                        sharpened         (eq. 9)
 *     r = sum_n w[n] M[n]                                            of heads that read (eq. 2)
 *
 * As one operation: composed of thirty, a step of a memory of 128 slots spends its time between
 * them. Powers are softmax(gamma log v): 128^-20 is no number of single precision. The reverse
 * kernel computes a head's rows anew while the memory is in the L1 cache. */
#include <string.h>

#include "ops/kernel.h"
#include "ops/rows.h"

#define LEAST_NORM 1e-8   /* of a key or a slot, to divide by */
#define LEAST_SHARE 1e-16 /* added to v: its logarithm is finite */
#define BESIDE 3          /* of a head's numbers: beta, g, gamma */

typedef struct look_attr {
    int64_t reads; /* the first so many heads read */
} look_attr;

typedef struct sizes {
    int64_t batch, width, slots, heads, numbers, shifts, reads;
} sizes;

static inline sizes sizes_of(const heed_shape *memory, const heed_shape *heads, const void *attr)
{
    const int64_t width = memory->dim[1], numbers = heads->dim[2];
    return (sizes){
        .batch = memory->dim[0],
        .width = width,
        .slots = memory->dim[2],
        .heads = heads->dim[1],
        .numbers = numbers,
        .shifts = numbers - width - BESIDE,
        .reads = ((const look_attr *)attr)->reads,
    };
}

/* Numbers of one example in the result: w of all heads, r. */
static inline int64_t look_row(const sizes *z)
{
    return z->heads * z->slots + z->reads * z->width;
}

/* Numbers of one example in the reverse's result: dM, dw_before, dheads. */
static inline int64_t reverse_row(const sizes *z)
{
    return z->width * z->slots + z->heads * (z->slots + z->numbers);
}

#ifdef HEED_STAMP
#include "ops/micro/row_math.h"

/* ---- a head's rows and numbers, in a thread's scratch memory ---- */

enum { NORM, COSINE, CONTENT, MIXED, MOVED, LOG, WEIGHT, SLOPE, OTHER, SHRINK, ROWS };

typedef struct head {
    sizes z;
    real *row[ROWS];            /* [N] each */
    real *key, *shift, *dshift; /* [W], [K], [K] */
    real beta, gate, gamma;     /* in their ranges */
    real raw_beta, raw_gamma;   /* as they came */
    real key_norm, key_square;  /* the norm to divide by; k.k where the key is not too short */
} head;

static head lay_out(const heed_call *call, const sizes *z)
{
    head h = { .z = *z };
    real *at = call->scratch;
    for (int i = 0; i < ROWS; i++, at += z->slots) h.row[i] = at;
    h.key = at;
    h.shift = h.key + z->width;
    h.dshift = h.shift + z->shifts;
    return h;
}

static real softplus_of(real x)
{
    return (x > 0 ? x : 0) + (real)log1p(exp(-fabs((double)x)));
}

static real sigmoid_of(real x)
{
    return (real)(1 / (1 + exp(-(double)x)));
}

static void take_numbers(head *h, const heed_view *heads, int64_t b, int64_t r)
{
    const sizes *z = &h->z;
    const int64_t stride = heads->stride[2];
    const real *from = (const real *)heads->data + b * heads->stride[0] + r * heads->stride[1];
    for (int64_t m = 0; m < z->width; m++) h->key[m] = from[m * stride];
    from += z->width * stride;
    h->raw_beta = from[0];
    h->gate = sigmoid_of(from[stride]);
    from += 2 * stride;
    for (int64_t j = 0; j < z->shifts; j++) h->shift[j] = from[j * stride];
    row_softmax(h->shift, h->shift, z->shifts, 1);
    h->raw_gamma = from[z->shifts * stride];
    h->beta = softplus_of(h->raw_beta);
    h->gamma = 1 + softplus_of(h->raw_gamma);
    const real square = row_dot(h->key, h->key, z->width);
    h->key_norm = (real)fmax(sqrt((double)square), LEAST_NORM);
    h->key_square = square > (real)(LEAST_NORM * LEAST_NORM) ? square : 0;
}

/* ---- rows ---- */

static void add_scaled(real *restrict y, const real *restrict x, real by, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] += by * x[i];
}

static void clear_row(real *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = 0;
}

/* Where x[(i + shift) mod n] begins, of shift j; to add it to y[i], and <x, y> so turned. */
static int64_t turned(const sizes *z, int64_t j)
{
    const int64_t at = (z->shifts / 2 - j) % z->slots;
    return at < 0 ? at + z->slots : at;
}

static void add_turned(real *y, const real *x, real by, int64_t at, int64_t n)
{
    add_scaled(y, x + at, by, n - at);
    add_scaled(y + n - at, x, by, at);
}

static real dot_turned(const real *y, const real *x, int64_t at, int64_t n)
{
    return row_dot(y, x + at, n - at) + row_dot(y + n - at, x, at);
}

static void logarithms(const real *x, real *y, int64_t n)
{
    int64_t i = 0;
    for (; i + HEED_LANES <= n; i += HEED_LANES)
        vec_store(y + i, vec_log(vec_load(x + i) + (real)LEAST_SHARE));
    if (i < n)
        vec_store_part(y + i, vec_log(vec_load_part(x + i, n - i, 1) + (real)LEAST_SHARE), n - i);
}

/* The norms to divide by, of all slots. */
static void slot_norms(const sizes *z, const real *memory, real *restrict norm)
{
    const real least = (real)(LEAST_NORM * LEAST_NORM);
    clear_row(norm, z->slots);
    for (int64_t m = 0; m < z->width; m++) {
        const real *restrict line = memory + m * z->slots;
        for (int64_t n = 0; n < z->slots; n++) norm[n] += line[n] * line[n];
    }
    for (int64_t n = 0; n < z->slots; n++) norm[n] = norm[n] > least ? norm[n] : least;
    HEED_INDEPENDENT
    for (int64_t n = 0; n < z->slots; n++) norm[n] = (real)sqrt(norm[n]);
}

/* ---- forward, one head ---- */

static void address(const head *h, const real *memory, const real *restrict before, real *weight)
{
    const sizes *z = &h->z;
    const int64_t slots = z->slots;
    const real *restrict norm = h->row[NORM];
    real *restrict cosine = h->row[COSINE], *restrict content = h->row[CONTENT];
    real *restrict mixed = h->row[MIXED], *moved = h->row[MOVED], *restrict logs = h->row[LOG];
    clear_row(cosine, slots);
    for (int64_t m = 0; m < z->width; m++)
        add_scaled(cosine, memory + m * slots, h->key[m] / h->key_norm, slots);
    for (int64_t n = 0; n < slots; n++) cosine[n] /= norm[n];
    for (int64_t n = 0; n < slots; n++) content[n] = h->beta * cosine[n];
    row_softmax(content, content, slots, 1);
    for (int64_t n = 0; n < slots; n++) mixed[n] = before[n] + h->gate * (content[n] - before[n]);
    clear_row(moved, slots);
    for (int64_t j = 0; j < z->shifts; j++)
        add_turned(moved, mixed, h->shift[j], turned(z, j), slots);
    logarithms(moved, logs, slots);
    real *restrict power = h->row[OTHER];
    for (int64_t n = 0; n < slots; n++) power[n] = h->gamma * logs[n];
    row_softmax(power, weight, slots, 1);
}

HEED_KERNEL(memory_look)
{
    const sizes z = sizes_of(&call->in[0].shape, &call->in[2].shape, call->attr);
    head h = lay_out(call, &z);
    for (int64_t b = begin; b < end; b++) {
        const real *memory = (const real *)call->in[0].data + b * z.width * z.slots;
        const real *before = (const real *)call->in[1].data + b * z.heads * z.slots;
        real *weight = (real *)call->out.data + b * look_row(&z);
        real *found = weight + z.heads * z.slots;
        slot_norms(&z, memory, h.row[NORM]);
        for (int64_t r = 0; r < z.heads; r++, weight += z.slots) {
            take_numbers(&h, &call->in[2], b, r);
            address(&h, memory, before + r * z.slots, weight);
            for (int64_t m = 0; r < z.reads && m < z.width; m++)
                *found++ = row_dot(weight, memory + m * z.slots, z.slots);
        }
    }
}

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
    const sizes *z = &h->z;
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
    const sizes *z = &h->z;
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
    const sizes *z = &h->z;
    const int64_t slots = z->slots, cells = z->width * slots;
    const real *memory = (const real *)call->in[0].data + b * cells;
    const real *before = (const real *)call->in[1].data + b * z->heads * slots;
    const real *dy = (const real *)call->in[3].data + b * look_row(z);
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
    const sizes z = sizes_of(&call->in[0].shape, &call->in[2].shape, call->attr);
    head h = lay_out(call, &z);
    for (int64_t b = begin; b < end; b++)
        reverse_example(&h, call, b, (real *)call->out.data + b * reverse_row(&z));
}

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(memory_look);
static const heed_kernel forward_kernel = HEED_KERNEL_TABLE(memory_look);
HEED_DECLARE_KERNEL(memory_look_vjp);
static const heed_kernel reverse_kernel = HEED_KERNEL_TABLE(memory_look_vjp);

static int64_t look_units(const heed_call *call)
{
    return call->in[0].shape.dim[0]; /* one for each example */
}

static size_t look_scratch(const heed_call *call)
{
    enum { ROWS = 10 };
    const sizes z = sizes_of(&call->in[0].shape, &call->in[2].shape, call->attr);
    return (size_t)(ROWS * z.slots + z.numbers + z.shifts) * heed_dtype_size(call->out.dtype);
}

static bool sizes_fit(heed_infer *infer)
{
    const heed_shape *memory = &infer->in[0]->shape, *before = &infer->in[1]->shape;
    const heed_shape *heads = &infer->in[2]->shape;
    for (int i = 0; i < infer->n_in; i++)
        if (!heed_need_real(infer, i)) return false;
    if (!heed_need_same_dtype(infer)) return false;
    if (memory->rank != 3 || before->rank != 3 || heads->rank != 3 ||
        memory->dim[0] != before->dim[0] || memory->dim[0] != heads->dim[0] ||
        memory->dim[2] != before->dim[2] || before->dim[1] != heads->dim[1])
        return heed_refuse(infer, "memory [B, W, N], weightings [B, H, N] and heads "
                                  "[B, H, W + 3 + K] must agree in B, H and N");
    if (memory->dim[2] < 1) return heed_refuse(infer, "a memory needs a slot");
    const int64_t reads = ((const look_attr *)infer->attr)->reads;
    if (reads < 0 || reads > heads->dim[1])
        return heed_refuse(infer, "%lld of %lld heads can't read", (long long)reads,
                           (long long)heads->dim[1]);
    if (heads->dim[2] < memory->dim[1] + BESIDE + 1)
        return heed_refuse(infer,
                           "a head of a memory of width %lld needs at least %lld numbers: "
                           "a key, strength, gate, one shift or more, sharpness",
                           (long long)memory->dim[1], (long long)memory->dim[1] + BESIDE + 1);
    return true;
}

static bool look_infer(heed_infer *infer)
{
    if (!sizes_fit(infer)) return false;
    const sizes z = sizes_of(&infer->in[0]->shape, &infer->in[2]->shape, infer->attr);
    infer->shape = HEED_SHAPE(z.batch, look_row(&z));
    return true;
}

static bool look_vjp_infer(heed_infer *infer)
{
    if (!sizes_fit(infer)) return false;
    const sizes z = sizes_of(&infer->in[0]->shape, &infer->in[2]->shape, infer->attr);
    const heed_shape result = HEED_SHAPE(z.batch, look_row(&z));
    if (!heed_shape_equal(&infer->in[3]->shape, &result))
        return heed_refuse(infer, "dy must have the result's shape");
    infer->shape = HEED_SHAPE(z.batch, reverse_row(&z));
    return true;
}

static void look_reverse(heed_vjp *v)
{
    const sizes z = sizes_of(&v->in[0]->shape, &v->in[2]->shape, v->attr);
    heed_node *in[] = { v->in[0], v->in[1], v->in[2], v->dy };
    heed_node *all = heed_apply(&heed_op_memory_look_vjp, v->attr, 4, in);
    int64_t at = 0;
    for (int i = 0; i < 3; i++) {
        const heed_shape *shape = &v->in[i]->shape;
        const int64_t count = shape->dim[1] * shape->dim[2];
        if (v->want[i])
            v->dx[i] = heed_reshape(heed_slice(all, 1, at, at + count), z.batch, shape->dim[1],
                                    shape->dim[2]);
        at += count;
    }
}

/* ---- the reverse's reverse: of the formulas at the top, in other operations ---- */

static heed_node *composed(heed_node *memory, heed_node *before, heed_node *heads, const void *attr)
{
    const sizes z = sizes_of(&memory->shape, &heads->shape, attr);
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
    heed_node *x[3], *dx[3];
    for (int i = 0; i < 3; i++) x[i] = heed_affine(in[i], 1, 0);
    if (!x[0] || !x[1] || !x[2]) return NULL;
    if (!heed_gradient(composed(x[0], x[1], x[2], attr), in[3], x, 3, dx)) return NULL;
    for (int i = 0; i < 3; i++) dx[i] = heed_reshape(dx[i], in[0]->shape.dim[0], -1);
    return heed_concat(dx, 3, 1);
}

static void look_vjp_reverse(heed_vjp *v)
{
    heed_composed_vjp(v, composed_reverse);
}

/* ---- test cases ---- */

static bool look_sample(int k, heed_sample *sample)
{
    static const struct {
        int64_t batch, width, slots, heads, shifts, reads;
    } cases[] = {
        { 2, 3, 5, 2, 3, 1 }, { 1, 1, 1, 1, 1, 0 }, { 2, 2, 18, 1, 2, 1 }, { 1, 4, 3, 3, 5, 2 }
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    const int64_t batch = cases[k].batch, slots = cases[k].slots, heads = cases[k].heads;
    const look_attr attr = { cases[k].reads };
    sample->n_in = 3;
    sample->in[0].shape = HEED_SHAPE(batch, cases[k].width, slots);
    sample->in[1].shape = HEED_SHAPE(batch, heads, slots);
    sample->in[1].low = 0.05; /* weightings are positive */
    sample->in[1].high = 1;
    sample->in[2].shape = HEED_SHAPE(batch, heads, cases[k].width + BESIDE + cases[k].shifts);
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

static bool look_vjp_sample(int k, heed_sample *sample)
{
    if (!look_sample(k, sample)) return false;
    sample->n_in = 4;
    const sizes z = sizes_of(&sample->in[0].shape, &sample->in[2].shape, sample->attr);
    sample->in[3].shape = HEED_SHAPE(z.batch, look_row(&z));
    return true;
}

static double look_flops(const heed_node *node)
{
    const sizes z = sizes_of(&node->in[0]->shape, &node->in[2]->shape, node->attr);
    const double reads = (double)(2 * (z.heads + z.reads + 1) * z.width); /* cosines, r, norms */
    const double rows = (double)z.heads * (double)(50 + 2 * z.shifts);
    const double one = (double)z.batch * (double)z.slots * (reads + rows);
    return node->op == &heed_op_memory_look ? one : 3 * one;
}

const heed_op heed_op_memory_look = {
    .name = "memory_look",
    .doc = "Where the heads of a memory look, by content, then by place, and what `reads` of them "
           "find: memory [B, W, N], weightings before [B, H, N], heads [B, H, W + 3 + K] -> "
           "[B, H N + reads W], weightings and what was found; of a head's numbers k, beta, g, s, "
           "gamma: Graves et al. 2014, eq. 2 and 5 to 9.",
    .n_in = 3,
    .diff = 7,
    .strided = 4,
    .attr_size = sizeof(look_attr),
    .infer = look_infer,
    .kernel = &forward_kernel,
    .units = look_units,
    .scratch = look_scratch,
    .vjp = look_reverse,
    .sample = look_sample,
    .flops = look_flops,
};

const heed_op heed_op_memory_look_vjp = {
    .name = "memory_look_vjp",
    .doc = "memory_look's gradients for memory, weightings before and heads, side by side: "
           "its inputs and dy -> [B, W N + H N + H (W + 3 + K)].",
    .n_in = 4,
    .diff = 15,
    .strided = 4,
    .attr_size = sizeof(look_attr),
    .infer = look_vjp_infer,
    .kernel = &reverse_kernel,
    .units = look_units,
    .scratch = look_scratch,
    .vjp = look_vjp_reverse,
    .sample = look_vjp_sample,
    .flops = look_flops,
};

heed_node *heed_memory_look(heed_node *memory, heed_node *before, heed_node *heads, int64_t reads,
                            heed_node **found)
{
    const look_attr attr = { reads };
    heed_node *all =
        heed_apply(&heed_op_memory_look, &attr, 3, (heed_node *[]){ memory, before, heads });
    if (!all) return NULL;
    const sizes z = sizes_of(&memory->shape, &heads->shape, &attr);
    const int64_t weightings = z.heads * z.slots;
    if (found) *found = heed_slice(all, 1, weightings, weightings + reads * z.width);
    return heed_reshape(heed_slice(all, 1, 0, weightings), z.batch, z.heads, z.slots);
}

#endif
