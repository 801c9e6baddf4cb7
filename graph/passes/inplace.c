/* inplace.c - a result takes over the memory of an input that nobody needs afterwards; a state's
 * next value is written over the state. */
#include "graph/plan.h"

static void use(heed_program *p, int buffer, int time)
{
    heed_buffer *b = &p->buffers[buffer];
    if (b->first < 0) b->first = time;
    if (b->last == time) {
        b->last_users++;
    } else {
        b->last = time;
        b->last_users = 1;
    }
}

static void times_of_use(heed_program *p)
{
    for (int k = 0; k < p->n_instructions; k++) {
        const heed_instruction *it = &p->instructions[k];
        for (int i = 0; i < it->n_reads + it->n_writes; i++) {
            int buffer = it->reads[i]; /* writes follow reads */
            bool seen = false;         /* count an instruction once */
            for (int j = 0; j < i && j < 64 && !seen; j++) seen = it->reads[j] == buffer;
            if (!seen) use(p, buffer, it->time);
        }
    }
    for (int k = 0; k < p->n_first; k++) /* of a body: there in all iterations */
        for (int i = 0; i < p->instructions[k].n_writes; i++)
            p->buffers[p->instructions[k].writes[i]].last = p->n_times;
    for (int i = 0; i < p->n_outputs; i++) {
        int buffer = p->values[p->outputs[i]->id].buffer;
        p->buffers[buffer].last = p->n_times; /* after the run */
        p->buffers[buffer].last_users = 0;
        if (p->buffers[buffer].first < 0) p->buffers[buffer].first = 0;
    }
}

/* Is all of the buffer one dense value: no offset, no gaps? */
static bool whole(const heed_program *p, const heed_node *node)
{
    const heed_value *value = &p->values[node->id];
    heed_view view = heed_value_view(p, node);
    const size_t bytes = heed_node_bytes(node);
    return value->offset == 0 && heed_is_dense(&view) && p->buffers[value->buffer].bytes == bytes;
}

/* Is x's memory y's, as it is or made longer? */
static bool fits(const heed_node *x, const heed_node *y, heed_memory_kind kind)
{
    if (x->dtype != y->dtype) return false;
    if (heed_shape_equal(&x->shape, &y->shape)) return true;
    return kind == HEED_PLANNED_MEMORY && y->op->flags & HEED_GOES_ON &&
           heed_count(&y->shape) >= heed_count(&x->shape);
}

/* May the result of member `m` use the memory of `x`, an input of that kind? */
static bool may_take(const heed_program *p, const heed_instruction *it, int m, const heed_node *x,
                     heed_memory_kind kind)
{
    const heed_node *y = it->nodes[m];
    int from = heed_buffer_root(p, p->values[x->id].buffer);
    const heed_buffer *b = &p->buffers[from];
    if (b->kind != kind || b->last != it->time || b->last_users != 1) return false;
    if (!fits(x, y, kind) || !whole(p, x)) return false;
    for (int k = 0; k < it->n_nodes;
         k++) /* every reader reads the same way, and not later than m */
        for (int i = 0; i < it->nodes[k]->n_in; i++) {
            const heed_node *other = it->nodes[k]->in[i];
            if (p->values[other->id].buffer < 0) continue;
            if (heed_buffer_root(p, p->values[other->id].buffer) != from) continue;
            bool same = heed_shape_equal(&other->shape, &x->shape) && whole(p, other);
            if (k > m || !same) return false;
        }
    for (int i = 0; i < it->n_writes; i++) /* nothing else of this instruction lies there */
        if (heed_buffer_root(p, it->writes[i]) == from) return false;
    return true;
}

/* A kernel that may write over one input may still read another, which is the same value. */
static bool may_overwrite(const heed_program *p, const heed_node *y, int from)
{
    for (int i = 0; i < y->n_in; i++) {
        int buffer = p->values[y->in[i]->id].buffer;
        if (buffer < 0 || heed_buffer_root(p, buffer) != from) continue;
        if (!heed_bit(y->op->in_place, i)) return false;
    }
    return true;
}

static void take_over(heed_program *p, const heed_instruction *it, int m)
{
    const heed_node *y = it->nodes[m];
    int own = p->values[y->id].buffer;
    if (own < 0 || p->buffers[own].same_as >= 0 || p->buffers[own].shared || !whole(p, y)) return;
    int k;
    const heed_node *state = heed_updated_state(p, y, &k);
    if (state) {
        int from = p->values[state->id].buffer;
        p->in_place[k] = may_overwrite(p, y, from) && may_take(p, it, m, state, HEED_SLOT_MEMORY);
        return;
    }
    for (int i = 0; i < y->n_in; i++) {
        const heed_node *x = y->in[i];
        if (p->values[x->id].buffer < 0) continue;
        int from = heed_buffer_root(p, p->values[x->id].buffer);
        if (y->op->kernel && !may_overwrite(p, y, from)) continue;
        if (from == own || !may_take(p, it, m, x, HEED_PLANNED_MEMORY)) continue;
        p->buffers[own].same_as = from;
        if (p->buffers[from].bytes < p->buffers[own].bytes)
            p->buffers[from].bytes = p->buffers[own].bytes;
        p->buffers[from].last = p->buffers[own].last;
        p->buffers[from].last_users = p->buffers[own].last_users;
        return;
    }
}

void heed_inplace(heed_program *p)
{
    times_of_use(p);
    if (!(p->passes >> HEED_PASS_INPLACE & 1)) return;
    for (int k = 0; k < p->n_instructions; k++)
        for (int m = 0; m < p->instructions[k].n_nodes; m++) take_over(p, &p->instructions[k], m);
}
