/* compile.c - from a graph to a program: the passes in their order, and a program's life. */
#include <stdlib.h>
#include <string.h>

#include "graph/loop_run.h"
#include "graph/passes/edges.h"
#include "graph/profile.h"
#include "graph/subnormals.h"

static bool read_options(heed_program *p)
{
    heed_error error = { .set = false };
    p->passes = ~0u;
    if (!heed_pass_parse(p->options.passes, &p->passes, &error) ||
        !heed_pass_parse(getenv("HEED_PASSES"), &p->passes, &error)) {
        heed_graph_fail(p->user, "%s", error.text);
        return false;
    }
    const char *check = getenv("HEED_CHECK");
    p->check_nan = check && strcmp(check, "nan") == 0;
    if (check && *check && !p->check_nan) {
        heed_graph_fail(p->user, "HEED_CHECK: '%s' is unknown; the only check is 'nan'", check);
        return false;
    }
    if (p->check_nan) /* every value must be seen, with its operands as they were */
        p->passes &= ~(1u << HEED_PASS_FUSE | 1u << HEED_PASS_INPLACE);
    if (heed_isa_complaint()) {
        heed_graph_fail(p->user, "%s", heed_isa_complaint());
        return false;
    }
    if (p->options.threads < 0 || p->options.threads > 1024) {
        heed_graph_fail(p->user, "threads: %d is not in 0 .. 1024", p->options.threads);
        return false;
    }
    if (p->options.threads == 0) p->options.threads = heed_processors();
    return true;
}

static bool take_outputs(heed_program *p, heed_node *const *outputs, int n)
{
    p->outputs = heed_arena_alloc(&p->arena, (size_t)(n + 1) * sizeof *p->outputs);
    if (!p->outputs) return heed_plan_no_memory(p);
    if (n < 1) return heed_graph_fail(p->user, "compile: no outputs are wanted") != NULL;
    for (int i = 0; i < n; i++) {
        if (!outputs[i] || outputs[i]->graph != p->user)
            return heed_graph_fail(p->user, "compile: output %d is %s", i,
                                   outputs[i] ? "a node of another graph" : "NULL") != NULL;
        p->outputs[i] = outputs[i];
    }
    p->n_outputs = n;
    return true;
}

/* Every input of the user's graph gets its memory, also one that no output depends on. */
static bool list_inputs(heed_program *p)
{
    int n = 0;
    for (int id = 0; id < p->user->n_nodes; id++) n += heed_is_input(p->user->nodes[id]);
    p->inputs = heed_arena_alloc(&p->arena, (size_t)(n + 1) * sizeof *p->inputs);
    if (!p->inputs) return heed_plan_no_memory(p);
    for (int id = 0; id < p->work->n_nodes; id++) {
        const heed_node *node = p->work->nodes[id];
        if (!heed_is_input(node)) continue;
        p->inputs[p->n_inputs++] = (heed_named_view){ node->name, heed_value_view(p, node) };
    }
    for (int id = 0; id < p->user->n_nodes; id++) {
        const heed_node *node = p->user->nodes[id];
        if (!heed_is_input(node) || heed_program_input(p, node->name).data) continue;
        size_t bytes = heed_node_bytes(node);
        void *data = heed_arena_alloc(&p->arena, bytes + 1);
        if (!data) return heed_plan_no_memory(p);
        p->inputs[p->n_inputs++] =
            (heed_named_view){ node->name, heed_view_of(data, node->dtype, &node->shape) };
    }
    return true;
}

/* All passes that need no addresses. */
static bool plan(heed_program *p)
{
    bool done = heed_rewrite(p) && heed_precompute(p) && heed_products(p) && heed_absorb(p) &&
                heed_pack(p) && heed_layout(p) && heed_recompute(p) && heed_find_invariant(p) &&
                heed_make_edges(p) && heed_order(p) && heed_stages(p);
    heed_edges_free(p);
    heed_free(p->invariant);
    p->invariant = NULL;
    if (done) heed_inplace(p);
    return done;
}

/* Number the parallel stages of p and of the bodies in it; with `list` note them. */
static int number_stages(heed_program *p, heed_program *root, int n, bool list)
{
    for (int s = 0; s < p->n_stages; s++) {
        heed_stage *stage = &p->stages[s];
        if (stage->loop)
            n = number_stages(heed_loop_body(p->instructions[stage->begin].loop), root, n, list);
        if (!stage->parallel) continue;
        stage->number = n++;
        if (list) root->parallel_stages[stage->number] = (heed_stage_of){ p, stage };
    }
    return n;
}

static bool list_stages(heed_program *p)
{
    p->n_parallel_stages = number_stages(p, p, 0, false);
    p->parallel_stages =
        heed_arena_alloc(&p->arena, (size_t)(p->n_parallel_stages + 1) * sizeof(heed_stage_of));
    if (!p->parallel_stages) return heed_plan_no_memory(p);
    number_stages(p, p, 0, true);
    return true;
}

static bool run_passes(heed_program *p)
{
    bool done = plan(p) && heed_memory_plan(p) && heed_bind(p) && list_inputs(p) && list_stages(p);
    heed_free(p->source);
    p->source = NULL;
    return done;
}

heed_program *heed_compile_body(heed_program *outer, const heed_body *body,
                                heed_node *const *outputs, int n)
{
    heed_program *p = heed_alloc(sizeof *p);
    if (!p) {
        heed_plan_no_memory(outer);
        return NULL;
    }
    p->user = body->graph;
    p->body = body;
    p->outer = outer;
    p->options = outer->options;
    p->passes = outer->passes;
    p->check_nan = outer->check_nan;
    p->slot_buffer = heed_arena_alloc(&p->arena, (size_t)(body->n_slots + 1) * sizeof(int));
    p->in_place = heed_arena_alloc(&p->arena, (size_t)body->n_states + 1);
    bool done = p->slot_buffer && p->in_place ? true : heed_plan_no_memory(p);
    for (int i = 0; done && i < body->n_slots; i++) p->slot_buffer[i] = -1;
    if (done && take_outputs(p, outputs, n) && plan(p)) return p;
    heed_graph_fail(outer->user, "%s", heed_why(p->user));
    heed_program_free(p);
    return NULL;
}

heed_program *heed_compile_with(heed_graph *graph, heed_node *const *outputs, int n,
                                heed_compile_options options)
{
    if (heed_graph_failed(graph)) return NULL;
    int64_t start = heed_profile_now();
    heed_program *p = heed_alloc(sizeof *p);
    if (!p) {
        heed_graph_fail(graph, "no memory to compile the program");
        return NULL;
    }
    p->user = graph;
    p->options = options;
    p->seed = options.seed;
    const uint64_t mode = heed_flush_subnormals(options.flush_subnormals); /* constants, too */
    bool done = read_options(p) && take_outputs(p, outputs, n) && run_passes(p);
    heed_set_float_mode(mode);
    /* A program of small instructions has nothing to share: the caller's thread runs all of it. */
    if (done && p->options.threads > 1 && p->n_parallel_stages > 0) {
        p->pool = heed_pool_new(p->options.threads);
        if (!p->pool) {
            heed_graph_fail(graph, "cannot start %d threads", p->options.threads);
            done = false;
        }
    }
    if (!done) {
        heed_program_free(p);
        return NULL;
    }
    p->compile_seconds = (double)(heed_profile_now() - start) * 1e-9;
    return p;
}

void heed_program_free(heed_program *p)
{
    if (!p) return;
    heed_pool_free(p->pool);
    heed_profile_free(p);
    for (int k = 0; p->instructions && k < p->n_instructions; k++)
        heed_loop_free(p->instructions[k].loop);
    heed_graph_free(p->work);
    heed_free(p->values);
    heed_free(p->elided);
    heed_free(p->buffers);
    heed_free(p->source);
    heed_free(p->invariant);
    if (!p->outer) { /* a body's are its program's */
        heed_free(p->block);
        heed_free(p->scratch);
    }
    heed_arena_free(&p->arena);
    heed_free(p);
}

heed_view heed_program_input(heed_program *p, const char *name)
{
    for (int i = 0; i < p->n_inputs; i++)
        if (strcmp(p->inputs[i].name, name) == 0) return p->inputs[i].view;
    return (heed_view){ .data = NULL };
}

heed_view heed_program_output(const heed_program *p, int i)
{
    return heed_value_view(p, p->outputs[i]);
}

const char *heed_program_why(const heed_program *p)
{
    return p->run_error.set ? p->run_error.text : NULL;
}

void heed_program_set_step(heed_program *p, uint64_t step)
{
    p->step = step;
}
uint64_t heed_program_step(const heed_program *p)
{
    return p->step;
}

heed_program_facts heed_program_describe(const heed_program *p)
{
    heed_program_facts facts = {
        .instructions = p->n_instructions,
        .stages = p->n_stages,
        .threads = p->options.threads,
        .planned_bytes = p->planned_bytes,
        .live_bytes = p->live_bytes,
        .input_bytes = p->input_bytes,
        .scratch_bytes = p->scratch_bytes * (size_t)p->options.threads,
        .compile_seconds = p->compile_seconds,
        .nodes = p->work->n_nodes,
    };
    for (int id = 0; id < p->work->n_nodes; id++) {
        const heed_node *node = p->work->nodes[id];
        size_t bytes = heed_node_bytes(node);
        if (heed_is_param(node)) {
            facts.parameter_bytes += bytes;
            if (node->entry->kind == HEED_PARAMETER) facts.parameters += heed_count(&node->shape);
        }
        if (heed_is_constant(node)) {
            double value;
            facts.constant_bytes += heed_is_filled_with(node, &value) ? sizeof value : bytes;
        }
    }
    for (int k = 0; k < p->n_instructions; k++) {
        const heed_instruction *it = &p->instructions[k];
        for (int i = 0; i < it->n_nodes; i++) facts.flops += heed_node_flops(it->nodes[i]);
        if (!it->loop) continue;
        heed_program_facts body = heed_program_describe(heed_loop_body(it->loop));
        facts.nodes += body.nodes;
        facts.instructions += body.instructions;
        facts.stages += body.stages;
        facts.constant_bytes += body.constant_bytes;
    }
    facts.total_bytes = facts.planned_bytes + facts.constant_bytes + facts.input_bytes +
                        facts.parameter_bytes + facts.scratch_bytes;
    return facts;
}
