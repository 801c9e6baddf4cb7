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
#include "ops/kernel.h"
#include "ops/memory_look.h"

#ifdef HEED_STAMP
#include "ops/micro/memory_look.h"

HEED_KERNEL(memory_look)
{
    const memory_look_sizes z =
        memory_look_sizes_of(&call->in[0].shape, &call->in[2].shape, call->attr);
    head h = lay_out(call, &z);
    for (int64_t b = begin; b < end; b++) {
        const real *memory = (const real *)call->in[0].data + b * z.width * z.slots;
        const real *before = (const real *)call->in[1].data + b * z.heads * z.slots;
        real *weight = (real *)call->out.data + b * memory_look_row(&z);
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

#else
#include "ops/ops.h"

HEED_DECLARE_KERNEL(memory_look);
static const heed_kernel kernel = HEED_KERNEL_TABLE(memory_look);

int64_t heed_memory_look_units(const heed_call *call)
{
    return call->in[0].shape.dim[0]; /* one for each example */
}

size_t heed_memory_look_scratch(const heed_call *call)
{
    const memory_look_sizes z =
        memory_look_sizes_of(&call->in[0].shape, &call->in[2].shape, call->attr);
    return (size_t)memory_look_scratch_size(&z) * heed_dtype_size(call->out.dtype);
}

bool heed_memory_look_check(heed_infer *infer)
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
    const int64_t reads = ((const memory_look_attr *)infer->attr)->reads;
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
    if (!heed_memory_look_check(infer)) return false;
    const memory_look_sizes z =
        memory_look_sizes_of(&infer->in[0]->shape, &infer->in[2]->shape, infer->attr);
    infer->shape = HEED_SHAPE(z.batch, memory_look_row(&z));
    return true;
}

static void look_reverse(heed_vjp *v)
{
    heed_packed_vjp(v, &heed_op_memory_look_vjp);
}

bool heed_memory_look_sample(int k, heed_sample *sample)
{
    static const struct {
        int64_t batch, width, slots, heads, shifts, reads;
    } cases[] = {
        { 2, 3, 5, 2, 3, 1 }, { 1, 1, 1, 1, 1, 0 }, { 2, 2, 18, 1, 2, 1 }, { 1, 4, 3, 3, 5, 2 }
    };
    if (k < 0 || k >= (int)(sizeof cases / sizeof cases[0])) return false;
    const int64_t batch = cases[k].batch, slots = cases[k].slots, heads = cases[k].heads;
    const memory_look_attr attr = { cases[k].reads };
    sample->n_in = 3;
    sample->in[0].shape = HEED_SHAPE(batch, cases[k].width, slots);
    sample->in[1].shape = HEED_SHAPE(batch, heads, slots);
    sample->in[1].low = 0.05; /* weightings are positive */
    sample->in[1].high = 1;
    sample->in[2].shape = HEED_SHAPE(batch, heads, cases[k].width + BESIDE + cases[k].shifts);
    heed_sample_attr(sample, &attr, sizeof attr);
    return true;
}

double heed_memory_look_flops(const heed_node *node)
{
    const memory_look_sizes z =
        memory_look_sizes_of(&node->in[0]->shape, &node->in[2]->shape, node->attr);
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
    .attr_size = sizeof(memory_look_attr),
    .infer = look_infer,
    .kernel = &kernel,
    .units = heed_memory_look_units,
    .scratch = heed_memory_look_scratch,
    .vjp = look_reverse,
    .sample = heed_memory_look_sample,
    .flops = heed_memory_look_flops,
};

heed_node *heed_memory_look(heed_node *memory, heed_node *before, heed_node *heads, int64_t reads,
                            heed_node **found)
{
    const memory_look_attr attr = { reads };
    heed_node *all =
        heed_apply(&heed_op_memory_look, &attr, 3, (heed_node *[]){ memory, before, heads });
    if (!all) return NULL;
    const memory_look_sizes z = memory_look_sizes_of(&memory->shape, &heads->shape, &attr);
    const int64_t weightings = z.heads * z.slots;
    if (found) *found = heed_slice(all, 1, weightings, weightings + reads * z.width);
    return heed_reshape(heed_slice(all, 1, 0, weightings), z.batch, z.heads, z.slots);
}

#endif
