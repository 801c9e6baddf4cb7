/* loop_run.c - a loop's body as part of a program: its memory, its pointers, its iterations.
 *
 * Slots of a body lie somewhere else in each iteration. While the body is bound, each has a range
 * of addresses of its own where nothing can lie; whatever pointer of an instruction falls in there
 * is noted, with its distance from the start, and set anew when the slot moves. Results are slots,
 * too, when they are all of a buffer: others are copied after the iteration. */
#include <string.h>

#include "graph/fused_run.h"
#include "graph/loop_run.h"

enum { SLOT_BITS = 36, MOST_SLOTS = 8192 }; /* of addresses in a slot's range; outputs included */
static const uintptr_t first_address = (uintptr_t)1 << 60; /* no process's memory lies there */

typedef struct patch {
    char **at;
    ptrdiff_t distance;
} patch;

/* A state's two homes, in turn, unless its history is kept, or each is written over the one before:
 * then it has one, where the last one is wanted. */
typedef struct state {
    size_t bytes;
    size_t homes;           /* in the loop's own memory */
    int64_t final, history; /* offsets in the result, in bytes; -1: not wanted */
    bool in_place;
    int operand;
} state;

/* A value of the body that is wanted: states' next values, then steps' values. */
typedef struct output {
    int64_t offset, row; /* of a step's value, in bytes: in the result, and of one step */
    bool direct;         /* computed where it is wanted */
    heed_view view;      /* where it is, if not */
} output;

struct heed_loop {
    heed_program *program; /* its block is the loop's own memory: the body's, then states' homes */
    heed_body body;        /* as it was when it was compiled: it may get more results later */
    output *outputs;
    int n_outputs;
    state *states;
    int64_t *step_bytes; /* by slot: from one step's part of a sequence to the next */
    patch *patches;      /* by slot, then by output */
    int *first_patch;
    size_t own_bytes;
    int64_t trips, trip; /* of a run */
};

heed_program *heed_loop_body(const heed_loop *loop)
{
    return loop->program;
}

int heed_loop_first_stage(const heed_loop *loop)
{
    return loop->trip > 1 ? loop->program->first_stages : 0;
}

void heed_loop_free(heed_loop *loop)
{
    if (loop) heed_program_free(loop->program);
}

/* ---- compiling ---- */

/* Can output i be computed where it is wanted? It must be all of one buffer, which nothing of the
 * first iteration only writes. */
static bool is_direct(const heed_program *p, int i)
{
    const heed_node *node = p->outputs[i];
    if (!heed_runs(p, node) && !(p->elided[node->id] && node->op->place)) return false;
    const heed_value *value = &p->values[node->id];
    int root = heed_buffer_root(p, value->buffer);
    heed_view view = heed_value_view(p, node);
    if (p->buffers[root].kind != HEED_PLANNED_MEMORY || value->offset ||
        p->buffers[root].bytes != heed_node_bytes(node) || !heed_is_dense(&view))
        return false;
    for (int k = 0; k < p->n_first; k++)
        for (int w = 0; w < p->instructions[k].n_writes; w++)
            if (heed_buffer_root(p, p->instructions[k].writes[w]) == root) return false;
    return true;
}

static void note_states(heed_loop *loop)
{
    const heed_body *body = &loop->body;
    size_t size = heed_dtype_size(HEED_F32);
    for (int k = 0; k < body->n_states; k++) {
        state *s = &loop->states[k];
        size = heed_dtype_size(body->next[k]->dtype);
        *s = (state){
            .bytes = heed_node_bytes(body->next[k]), .final = -1, .history = -1, .operand = -1
        };
    }
    for (int i = 0; i < body->n_slots; i++) {
        if (body->slots[i].kind == HEED_SLOT_STATE) loop->states[body->slots[i].state].operand = i;
    }
    for (int r = 0; r < body->n_results; r++) {
        const heed_result *result = &body->results[r];
        int64_t offset = result->offset * (int64_t)size;
        if (result->kind == HEED_RESULT_FINAL) loop->states[result->state].final = offset;
        if (result->kind == HEED_RESULT_HISTORY) loop->states[result->state].history = offset;
    }
    for (int k = 0; k < body->n_states; k++) {
        state *s = &loop->states[k];
        s->homes = loop->own_bytes;
        s->in_place = loop->program->in_place[k] && loop->outputs[k].direct && s->history < 0 &&
                      s->final >= 0;
        if (s->history < 0 && !s->in_place) loop->own_bytes += 2 * heed_aligned(s->bytes);
    }
}

static bool make_arrays(heed_program *p, heed_loop *loop, const heed_body *body)
{
    heed_arena *arena = &p->arena;
    const size_t outputs = (size_t)(body->n_states + body->n_results) + 1;
    const size_t slots = (size_t)body->n_slots + 1;
    loop->body = *body;
    loop->outputs = heed_arena_alloc(arena, outputs * sizeof *loop->outputs);
    loop->states = heed_arena_alloc(arena, (size_t)(body->n_states + 1) * sizeof *loop->states);
    loop->step_bytes = heed_arena_alloc(arena, slots * sizeof *loop->step_bytes);
    loop->first_patch = heed_arena_alloc(arena, (slots + outputs) * sizeof *loop->first_patch);
    if (!loop->outputs || !loop->states || !loop->step_bytes || !loop->first_patch)
        return heed_plan_no_memory(p);
    for (int i = 0; i < body->n_slots; i++)
        loop->step_bytes[i] = (int64_t)heed_node_bytes(body->slots[i].leaf);
    return true;
}

/* What the body computes for others, as outputs of its program. */
static heed_node **list_outputs(heed_program *p, heed_loop *loop)
{
    const heed_body *body = &loop->body;
    const size_t most = (size_t)(body->n_states + body->n_results) + 1;
    heed_node **nodes = heed_arena_alloc(&p->arena, most * sizeof *nodes);
    if (!nodes) return NULL;
    for (int k = 0; k < body->n_states; k++) nodes[loop->n_outputs++] = body->next[k];
    for (int r = 0; r < body->n_results; r++) {
        const heed_result *result = &body->results[r];
        if (result->kind != HEED_RESULT_STEP) continue;
        const int64_t size = (int64_t)heed_dtype_size(result->value->dtype);
        loop->outputs[loop->n_outputs] = (output){ .offset = result->offset * size,
                                                   .row = (int64_t)heed_node_bytes(result->value) };
        nodes[loop->n_outputs++] = result->value;
    }
    return nodes;
}

/* The i-th range of addresses. */
static void give_range(heed_buffer *buffer, int i)
{
    buffer->data = (char *)(first_address + ((uintptr_t)i << SLOT_BITS));
}

static void give_ranges(heed_loop *loop)
{
    heed_program *inner = loop->program;
    const int slots = loop->body.n_slots;
    for (int i = 0; i < loop->n_outputs; i++) {
        int root = heed_buffer_root(inner, inner->values[inner->outputs[i]->id].buffer);
        loop->outputs[i].direct = is_direct(inner, i);
        if (!loop->outputs[i].direct) continue;
        inner->buffers[root].kind = HEED_SLOT_MEMORY; /* for one output only: is_direct() sees it */
        give_range(&inner->buffers[root], slots + i);
    }
    for (int i = 0; i < slots; i++)
        if (inner->slot_buffer[i] >= 0) give_range(&inner->buffers[inner->slot_buffer[i]], i);
}

static bool check_size(heed_program *p, const heed_body *body)
{
    int depth = 0;
    for (const heed_program *q = p; q->body; q = q->outer) depth++;
    if (depth == HEED_MOST_NESTED)
        return heed_graph_fail(p->user, "loops are nested more than %d deep", depth) != NULL;
    const int values = body->n_slots + body->n_states + body->n_results;
    if (values <= MOST_SLOTS) return true;
    return heed_graph_fail(p->user,
                           "a loop reads and writes %d values; at most %d can be told apart "
                           "(concatenate some of them)",
                           values, MOST_SLOTS) != NULL;
}

bool heed_loop_compile(heed_program *p, heed_instruction *it)
{
    const heed_node *node = it->nodes[0];
    const heed_body *body = *node->op->body(node);
    heed_loop *loop = heed_arena_alloc(&p->arena, sizeof *loop);
    if (!check_size(p, body)) return false;
    if (!loop) return heed_plan_no_memory(p);
    if (!make_arrays(p, loop, body)) return false;
    heed_node **outputs = list_outputs(p, loop);
    if (!outputs) return heed_plan_no_memory(p);
    heed_program *inner = loop->program = heed_compile_body(p, body, outputs, loop->n_outputs);
    if (!inner) return false;
    it->loop = loop;
    give_ranges(loop);
    if (!heed_memory_plan(inner)) {
        heed_graph_fail(p->user, "%s", heed_why(inner->user));
        return false;
    }
    loop->own_bytes = inner->planned_bytes = heed_aligned(inner->planned_bytes);
    note_states(loop);
    it->partial_buffer = heed_buffer_new(p, HEED_PLANNED_MEMORY, loop->own_bytes + 1);
    if (it->partial_buffer < 0) return heed_plan_no_memory(p);
    it->writes[it->n_writes++] = it->partial_buffer;
    return true;
}

/* ---- binding ---- */

typedef struct binding {
    heed_loop *loop;
    int *count;  /* first walk: patches of a slot */
    bool filled; /* second walk: note them */
} binding;

static void note(binding *b, char **at)
{
    uintptr_t address = (uintptr_t)*at;
    if (address < first_address) return;
    uintptr_t slot = (address - first_address) >> SLOT_BITS;
    if (slot >= (uintptr_t)(b->loop->body.n_slots + b->loop->n_outputs)) return;
    int index = b->count[slot]++;
    if (!b->filled) return;
    b->loop->patches[index] =
        (patch){ at, (ptrdiff_t)(address - first_address - (slot << SLOT_BITS)) };
}

static void note_view(binding *b, const heed_view *view)
{
    note(b, (char **)(uintptr_t)&view->data);
}

static void note_fused(binding *b, heed_fused *f)
{
    for (int r = 0; r < f->n_loads + f->n_steps; r++) note(b, &f->registers[r].base);
    for (int e = 0; e < f->n_ends; e++) note(b, &f->ends[e].base);
    for (int s = 0; f->fixed && s < f->n_steps; s++) {
        note(b, (char **)(void *)&f->steps[s].result);
        for (int i = 0; i < f->steps[s].n_in; i++)
            note(b, (char **)(uintptr_t)&f->steps[s].pointers[i]);
    }
}

static void note_all(binding *b)
{
    heed_program *inner = b->loop->program;
    for (int k = 0; k < inner->n_instructions; k++) {
        heed_instruction *it = &inner->instructions[k];
        if (it->fused) {
            note_fused(b, it->fused);
            continue;
        }
        for (int i = 0; i < it->call.n_in; i++) note_view(b, &it->call.in[i]);
        note_view(b, &it->call.out);
        note_view(b, &it->call.aux);
    }
    for (int i = 0; i < b->loop->n_outputs; i++)
        if (!b->loop->outputs[i].direct) note_view(b, &b->loop->outputs[i].view);
}

bool heed_loop_bind(heed_program *p, heed_instruction *it)
{
    heed_loop *loop = it->loop;
    heed_program *inner = loop->program;
    int n = loop->body.n_slots + loop->n_outputs, total = 0;
    inner->block = p->buffers[heed_buffer_root(p, it->partial_buffer)].data;
    if (!heed_bind(inner)) {
        heed_graph_fail(p->user, "%s", heed_why(inner->user));
        return false;
    }
    if (inner->scratch_bytes > p->scratch_bytes) p->scratch_bytes = inner->scratch_bytes;
    for (int i = 0; i < loop->n_outputs; i++)
        loop->outputs[i].view = heed_value_view(inner, inner->outputs[i]);
    binding b = { .loop = loop, .count = heed_arena_alloc(&p->arena, (size_t)(n + 1) * sizeof n) };
    if (!b.count) return heed_plan_no_memory(p);
    note_all(&b);
    for (int s = 0; s < n; s++) {
        loop->first_patch[s] = total;
        total += b.count[s];
        b.count[s] = loop->first_patch[s];
    }
    loop->first_patch[n] = total;
    loop->patches = heed_arena_alloc(&p->arena, (size_t)(total + 1) * sizeof *loop->patches);
    if (!loop->patches) return heed_plan_no_memory(p);
    b.filled = true;
    note_all(&b);
    return true;
}

/* ---- running ---- */

static void point(const heed_loop *loop, int slot, char *base)
{
    for (int i = loop->first_patch[slot]; i < loop->first_patch[slot + 1]; i++)
        *loop->patches[i].at = base + loop->patches[i].distance;
}

/* The step that iteration number `trip` works on. */
static int64_t step_of(const heed_loop *loop, int64_t trip)
{
    return loop->body.backwards ? loop->trips - 1 - trip : trip;
}

/* The row of a history that holds the state before iteration `trip`. */
static int64_t row_before(const heed_loop *loop, int64_t trip)
{
    return loop->body.backwards ? loop->trips - trip : trip;
}

/* Where state k is before iteration `trip`; after the last one, at its end. */
static char *home_of(const heed_loop *loop, const heed_instruction *it, const state *s,
                     int64_t trip)
{
    char *result = it->call.out.data;
    if (s->history >= 0) return result + s->history + row_before(loop, trip) * (int64_t)s->bytes;
    if (s->in_place || (trip == loop->trips && s->final >= 0)) return result + s->final;
    if (trip == 0) return it->call.in[s->operand].data;
    return (char *)loop->program->block + s->homes + (size_t)(trip & 1) * heed_aligned(s->bytes);
}

/* Rows that no iteration writes, and gaps between results, are zero. */
static void clear_rest(const heed_loop *loop, const heed_instruction *it)
{
    const heed_body *body = &loop->body;
    const int64_t size = (int64_t)heed_dtype_size(it->call.out.dtype);
    char *out = it->call.out.data;
    int64_t at = 0;
    for (int r = 0; r <= body->n_results; r++) {
        const heed_result *result = &body->results[r];
        int64_t next = r < body->n_results ? result->offset : heed_count(&it->call.out.shape);
        if (next > at) memset(out + at * size, 0, (size_t)((next - at) * size));
        if (r == body->n_results) return;
        int64_t row = heed_count(&result->value->shape), rows = heed_result_rows(body, result);
        int64_t used = result->kind == HEED_RESULT_FINAL  ? 1
                       : result->kind == HEED_RESULT_STEP ? loop->trips
                                                          : loop->trips + 1;
        if (used < rows)
            memset(out + (result->offset + used * row) * size, 0,
                   (size_t)((rows - used) * row * size));
        at = result->offset + rows * row;
    }
}

void heed_loop_start(const heed_program *p, const heed_instruction *it)
{
    heed_loop *loop = it->loop;
    const heed_body *body = &loop->body;
    loop->trips = body->steps;
    loop->trip = 0;
    if (body->counted) {
        int64_t count = *(const int32_t *)it->call.in[body->n_slots].data;
        loop->trips = count < 0 ? 0 : count < body->steps ? count : body->steps;
    }
    loop->program->seed = p->seed;
    clear_rest(loop, it);
    for (int k = 0; k < body->n_states; k++) {
        const state *s = &loop->states[k];
        const char *initial = it->call.in[s->operand].data;
        char *home = home_of(loop, it, s, 0);
        if (home != initial) memcpy(home, initial, s->bytes);
    }
    for (int i = 0; i < body->n_slots; i++)
        if (body->slots[i].kind == HEED_SLOT_WHOLE) point(loop, i, it->call.in[i].data);
}

/* Where output i of the iteration is wanted. */
static char *place_of(const heed_loop *loop, const heed_instruction *it, int i, int64_t trip)
{
    if (i < loop->body.n_states) return home_of(loop, it, &loop->states[i], trip + 1);
    const output *o = &loop->outputs[i];
    return (char *)it->call.out.data + o->offset + step_of(loop, trip) * o->row;
}

static void copy_out(const heed_loop *loop, const heed_instruction *it, int64_t trip)
{
    for (int i = 0; i < loop->n_outputs; i++) {
        if (loop->outputs[i].direct) continue;
        const heed_view *from = &loop->outputs[i].view;
        heed_view to = heed_view_of(place_of(loop, it, i, trip), from->dtype, &from->shape);
        heed_view_copy(&to, from);
    }
}

/* Last states whose histories are kept, too. */
static void finish(const heed_loop *loop, const heed_instruction *it)
{
    for (int k = 0; k < loop->body.n_states; k++) {
        const state *s = &loop->states[k];
        if (s->history < 0 || s->final < 0) continue;
        memcpy((char *)it->call.out.data + s->final, home_of(loop, it, s, loop->trips), s->bytes);
    }
}

bool heed_loop_next(const heed_program *p, const heed_instruction *it)
{
    heed_loop *loop = it->loop;
    const heed_body *body = &loop->body;
    if (loop->trip > 0) copy_out(loop, it, loop->trip - 1);
    if (loop->trip == loop->trips) {
        finish(loop, it);
        return false;
    }
    int64_t trip = loop->trip++, step = step_of(loop, trip);
    loop->program->step = p->step * (uint64_t)body->steps + (uint64_t)step;
    for (int i = 0; i < body->n_slots; i++) {
        const heed_slot *slot = &body->slots[i];
        if (slot->kind == HEED_SLOT_STEP)
            point(loop, i, (char *)it->call.in[i].data + step * loop->step_bytes[i]);
        else if (slot->kind == HEED_SLOT_STATE)
            point(loop, i, home_of(loop, it, &loop->states[slot->state], trip));
    }
    for (int i = 0; i < loop->n_outputs; i++)
        if (loop->outputs[i].direct) point(loop, body->n_slots + i, place_of(loop, it, i, trip));
    return true;
}
