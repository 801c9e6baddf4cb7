/* bind.c - memory for the plan, pointers for every kernel, chunks for every parallel stage. */
#include <string.h>

#include "graph/fused.h"
#include "graph/loop_run.h"

enum { CHUNK_NANOSECONDS = 5000, MOST_CHUNKS = 32 };

static bool give_memory(heed_program *p)
{
    size_t at = p->planned_bytes;
    for (int i = 0; i < p->n_buffers; i++) {
        heed_buffer *b = &p->buffers[i];
        if (b->kind != HEED_INPUT_MEMORY) continue;
        b->offset = at;
        at += heed_buffer_room(b);
    }
    p->input_bytes = at - p->planned_bytes;
    if (!p->body) p->block = heed_alloc(at); /* a body's is given by its program */
    if (!p->block) {
        heed_graph_fail(p->user, "no memory for the program: it needs %zu bytes", at);
        return false;
    }
    for (int i = 0; i < p->n_buffers; i++)
        if ((p->buffers[i].kind == HEED_PLANNED_MEMORY ||
             p->buffers[i].kind == HEED_INPUT_MEMORY) &&
            p->buffers[i].same_as < 0)
            p->buffers[i].data = p->block + p->buffers[i].offset;
    return true;
}

/* A kernel's call: views of inputs, output and statistic. */
static bool bind_kernel(heed_program *p, heed_instruction *it)
{
    const heed_node *node = it->nodes[0];
    const heed_op *op = node->op;
    heed_call *call = &it->call;
    heed_view *in = heed_arena_alloc(&p->arena, (size_t)node->n_in * sizeof *in);
    if (!in) return heed_plan_no_memory(p);
    for (int i = 0; i < node->n_in; i++) in[i] = heed_value_view(p, node->in[i]);
    *call = (heed_call){ .n_in = node->n_in,
                         .in = in,
                         .out = heed_value_view(p, node),
                         .attr = node->attr,
                         .seed = &p->seed,
                         .step = &p->step };
    if (node->has_aux) {
        char *data = p->buffers[heed_buffer_root(p, p->values[node->id].aux_buffer)].data;
        call->aux = heed_view_of(data, node->aux_dtype, &node->aux_shape);
    }
    if (op->body) {
        it->units = 1;
        return heed_loop_bind(p, it);
    }
    heed_dtype dtype = heed_kernel_dtype(node);
    heed_isa isa = heed_isa_current();
    it->fn = op->kernel->fn[dtype][isa] ? op->kernel->fn[dtype][isa]
                                        : op->kernel->fn[dtype][HEED_PORTABLE];
    if (!it->fn) {
        char text[300];
        heed_graph_fail(p->user, "%s: there is no kernel for %s",
                        heed_describe(node, text, sizeof text), heed_dtype_name(dtype));
        return false;
    }
    if (op->plan_size) {
        void *plan = heed_arena_alloc(&p->arena, op->plan_size);
        if (!plan) return heed_plan_no_memory(p);
        if (op->prepare) op->prepare(call, plan);
        call->plan = plan;
    }
    it->units = op->units ? op->units(call) : 1;
    size_t scratch = op->scratch ? op->scratch(call) : 0;
    if (scratch > p->scratch_bytes) p->scratch_bytes = scratch;
    return true;
}

static bool bind_fused(heed_program *p, heed_instruction *it)
{
    if (!heed_fused_build(p, it)) return false;
    it->units = heed_fused_units(it->fused);
    size_t scratch = heed_fused_scratch(it->fused);
    if (scratch > p->scratch_bytes) p->scratch_bytes = scratch;
    return true;
}

static int items_of(const heed_instruction *it)
{
    double want = it->cost / CHUNK_NANOSECONDS;
    int64_t items = want < 1 ? 1 : want > MOST_CHUNKS ? MOST_CHUNKS : (int64_t)want;
    return (int)(items < it->units ? items : it->units > 0 ? it->units : 1);
}

static bool make_items(heed_program *p)
{
    int n = 0, at = 0;
    for (int k = 0; k < p->n_instructions; k++) n += items_of(&p->instructions[k]);
    p->items = heed_arena_alloc(&p->arena, (size_t)n * sizeof *p->items);
    if (!p->items) return heed_plan_no_memory(p);
    for (int s = 0; s < p->n_stages; s++) {
        heed_stage *stage = &p->stages[s];
        stage->first_item = at;
        for (int k = stage->begin; stage->parallel && k < stage->end; k++) {
            const heed_instruction *it = &p->instructions[k];
            int items = items_of(it);
            for (int i = 0; i < items; i++) /* evenly, larger ones first */
                p->items[at++] =
                    (heed_item){ k, it->units * i / items, it->units * (i + 1) / items };
        }
        stage->items = at - stage->first_item;
        stage->parallel &= stage->items > 1; /* one chunk is not worth waking anybody for */
    }
    return true;
}

bool heed_bind(heed_program *p)
{
    if (!give_memory(p)) return false;
    for (int k = 0; k < p->n_instructions; k++) {
        heed_instruction *it = &p->instructions[k];
        if (!(it->nodes[0]->op->tile ? bind_fused(p, it) : bind_kernel(p, it))) return false;
    }
    if (!make_items(p)) return false;
    p->scratch_bytes = heed_aligned(p->scratch_bytes + 1); /* never nothing */
    if (p->body) return true;                              /* its program's */
    p->scratch = heed_alloc_array((size_t)p->options.threads, p->scratch_bytes);
    return p->scratch ? true : heed_plan_no_memory(p);
}
