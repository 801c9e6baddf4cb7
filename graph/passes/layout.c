/* layout.c - where every value lies: its buffer, offset and strides.
 *
 * Views (reshape, slice, permute) are other readings of their input's buffer. A kernel that needs
 * dense input, and a view that its input's strides cannot express, get a copy first. The concat
 * placement, decided beforehand in place.c, puts a value straight into its consumer's buffer. */
#include <string.h>

#include "graph/passes/place.h"

/* Before memory exists, views are computed on this address; only differences of it are used. */
#define BASE ((char *)((uintptr_t)1 << 40))

bool heed_plan_no_memory(heed_program *p)
{
    heed_graph_fail(p->user, "no memory to compile the program");
    return false;
}

int heed_buffer_new(heed_program *p, heed_memory_kind kind, size_t bytes)
{
    if (p->n_buffers == p->buffer_room) {
        int room = p->buffer_room ? p->buffer_room * 2 : 256;
        heed_buffer *more = heed_resize(p->buffers, (size_t)p->buffer_room * sizeof *more,
                                        (size_t)room * sizeof *more);
        if (!more) return -1;
        p->buffers = more;
        p->buffer_room = room;
    }
    p->buffers[p->n_buffers] =
        (heed_buffer){ .kind = kind, .bytes = bytes, .same_as = -1, .first = -1, .last = -1 };
    return p->n_buffers++;
}

int heed_buffer_root(const heed_program *p, int buffer)
{
    while (p->buffers[buffer].same_as >= 0) buffer = p->buffers[buffer].same_as;
    return buffer;
}

heed_view heed_value_view(const heed_program *p, const heed_node *node)
{
    const heed_value *value = &p->values[node->id];
    char *data = BASE;
    if (value->buffer >= 0) {
        const heed_buffer *buffer = &p->buffers[heed_buffer_root(p, value->buffer)];
        if (buffer->data) data = buffer->data;
    }
    heed_view view = { .dtype = node->dtype, .shape = node->shape };
    view.data = data + value->offset * (int64_t)heed_dtype_size(node->dtype);
    memcpy(view.stride, value->stride, sizeof view.stride);
    return view;
}

static void set_value(heed_value *value, const heed_view *view, int buffer)
{
    value->buffer = buffer;
    value->offset = ((char *)view->data - BASE) / (int64_t)heed_dtype_size(view->dtype);
    memcpy(value->stride, view->stride, sizeof value->stride);
}

static bool own_buffer(heed_program *p, const heed_node *node, heed_memory_kind kind)
{
    size_t bytes = heed_node_bytes(node);
    int buffer = heed_buffer_new(p, kind, bytes);
    if (buffer < 0) return heed_plan_no_memory(p);
    heed_view dense = heed_view_of(BASE, node->dtype, &node->shape);
    set_value(&p->values[node->id], &dense, buffer);
    return true;
}

static bool leaf_value(heed_program *p, const heed_node *node)
{
    heed_value *value = &p->values[node->id];
    if (node->op == &heed_op_aux) {
        heed_view dense = heed_view_of(BASE, node->dtype, &node->shape);
        set_value(value, &dense, p->values[node->in[0]->id].aux_buffer);
        return true;
    }
    int slot;
    bool input = heed_is_input(node), of_body = p->body && heed_is_slot(node, &slot);
    heed_memory_kind kind = input     ? HEED_INPUT_MEMORY
                            : of_body ? HEED_SLOT_MEMORY
                                      : HEED_OUTSIDE_MEMORY;
    if (!own_buffer(p, node, kind)) return false;
    if (of_body) p->slot_buffer[slot] = value->buffer;
    heed_buffer *buffer = &p->buffers[value->buffer];
    if (node->op == &heed_op_full) memset(value->stride, 0, sizeof value->stride);
    if (heed_is_constant(node)) buffer->data = (char *)(uintptr_t)node->value;
    if (heed_is_param(node)) buffer->data = node->entry->tensor->view.data;
    return true;
}

/* The walk that rebuilds the graph with copies where they are needed. */
typedef struct layout {
    heed_program *p;
    heed_graph *to;
    heed_node **map;   /* old id -> new node */
    heed_node **dense; /* new id -> dense copy of it, once made; grows with `to` */
    int room;
    heed_place *places;
} layout;

static bool make_room(layout *l)
{
    if (l->to->n_nodes + 2 < l->room) return true;
    int room = l->room ? l->room * 2 : 1024;
    heed_program *p = l->p;
    heed_value *values =
        heed_resize(p->values, (size_t)l->room * sizeof *values, (size_t)room * sizeof *values);
    if (values) p->values = values;
    heed_node **dense =
        heed_resize(l->dense, (size_t)l->room * sizeof *dense, (size_t)room * sizeof *dense);
    if (dense) l->dense = dense;
    bool *elided = heed_resize(p->elided, (size_t)l->room, (size_t)room);
    if (elided) p->elided = elided;
    if (!values || !dense || !elided) return heed_plan_no_memory(p);
    l->room = room;
    return true;
}

/* A copy of x: in a buffer of its own, or where `place` says. */
static heed_node *copy_of(layout *l, heed_node *x, const heed_place *place)
{
    if (!make_room(l)) return NULL;
    heed_node *copy = heed_apply(&heed_op_copy, NULL, 1, &x);
    if (!copy) return NULL;
    l->p->values[copy->id].aux_buffer = -1;
    if (place)
        set_value(&l->p->values[copy->id], &place->view, place->buffer);
    else if (!own_buffer(l->p, copy, HEED_PLANNED_MEMORY))
        return NULL;
    return copy;
}

static heed_node *dense_copy(layout *l, heed_node *x)
{
    if (!l->dense[x->id]) {
        heed_node *copy = copy_of(l, x, NULL);
        if (!copy) return NULL;
        l->dense[x->id] = copy;
    }
    return l->dense[x->id];
}

static bool view_value(layout *l, heed_node *node)
{
    heed_program *p = l->p;
    heed_view in = heed_value_view(p, node->in[0]), out = { .data = NULL };
    if (p->buffers[p->values[node->in[0]->id].buffer].data) {
        in.data = BASE + p->values[node->in[0]->id].offset * (int64_t)heed_dtype_size(in.dtype);
    }
    if (!node->op->view(node, &in, &out)) return false;
    set_value(&p->values[node->id], &out, p->values[node->in[0]->id].buffer);
    return true;
}

/* The memory of a parameter, or a view of it? */
static bool is_parameter_memory(const heed_node *x)
{
    while (x->op->view) x = x->in[0];
    return heed_is_param(x);
}

/* Input i of a kernel, which is x: dense if need be. What overwrites parameters reads no other one,
 * which might be overwritten before: of p q, each is the other's gradient. */
static heed_node *kernel_input(layout *l, const heed_node *node, int i, heed_node *x)
{
    const heed_op *op = node->op;
    if (heed_bit(op->writes, i)) return x;
    const heed_view view = heed_value_view(l->p, x);
    const bool fits = heed_is_dense(&view) || heed_bit(op->strided, i);
    return fits && !(op->writes && is_parameter_memory(x)) ? x : dense_copy(l, x);
}

/* Give the new node's inputs what the kernel can take, and the node its value. */
static heed_node *lay_out(layout *l, const heed_node *node)
{
    heed_program *p = l->p;
    const heed_place *place = &l->places[node->id];
    heed_node *small[8], **in = small;
    if (node->n_in > 8) in = heed_alloc_array((size_t)node->n_in, sizeof *in);
    bool done = in != NULL;
    for (int i = 0; done && i < node->n_in; i++) {
        in[i] = l->map[node->in[i]->id];
        if (place->elided && place->copies[i].buffer >= 0) {
            in[i] = copy_of(l, in[i], &place->copies[i]);
        } else if (heed_works_on_memory(node->op) && !place->elided) {
            in[i] = kernel_input(l, node, i, in[i]);
        }
        done = in[i] != NULL;
    }
    heed_node *copy = done && make_room(l) ? heed_node_clone(l->to, node, in) : NULL;
    if (in != small) heed_free(in);
    if (!copy) return NULL;
    p->values[copy->id].aux_buffer = -1;
    p->elided[copy->id] = place->elided;
    if (node->op->flags & HEED_LEAF) return leaf_value(p, copy) ? copy : NULL;
    if (node->op->view) {
        if (view_value(l, copy)) return copy;
        p->values[copy->id].buffer = -1; /* take a dense input instead; this node stays unused */
        heed_node *input = dense_copy(l, copy->in[0]);
        if (!input || !make_room(l)) return NULL;
        heed_node *again = heed_node_clone(l->to, node, &input);
        if (!again) return NULL;
        p->values[again->id].aux_buffer = -1;
        if (view_value(l, again)) return again;
        return heed_graph_fail(l->to, "%s: cannot view a dense value", node->op->name);
    }
    if (place->buffer >= 0)
        set_value(&p->values[copy->id], &place->view, place->buffer);
    else if (!own_buffer(p, copy, HEED_PLANNED_MEMORY))
        return NULL;
    if (node->has_aux) {
        size_t bytes = (size_t)heed_count(&node->aux_shape) * heed_dtype_size(node->aux_dtype);
        int aux = heed_buffer_new(p, HEED_PLANNED_MEMORY, bytes);
        if (aux < 0) return heed_plan_no_memory(p) ? copy : NULL;
        p->values[copy->id].aux_buffer = aux;
    }
    return copy;
}

bool heed_layout(heed_program *p)
{
    heed_graph *from = p->work;
    layout l = { .p = p, .to = heed_graph_make(from->options) };
    bool *live = heed_live(from, p->outputs, p->n_outputs, heed_keeps_dead(p));
    l.map = heed_alloc_array((size_t)from->n_nodes + 1, sizeof *l.map);
    heed_arena arena = { .head = NULL };
    bool done = l.to && live && l.map;
    if (!done) heed_plan_no_memory(p);
    if (done) l.places = heed_places(p, live, BASE, &arena);
    done = done && l.places;
    for (int id = 0; done && id < from->n_nodes; id++) {
        if (!live[id]) continue;
        l.map[id] = lay_out(&l, from->nodes[id]);
        done = l.map[id] != NULL;
    }
    if (!done)
        heed_graph_fail(p->user, "%s",
                        l.to && l.to->error.set ? l.to->error.text : "no memory to compile");
    for (int i = 0; done && i < p->n_outputs; i++) p->outputs[i] = l.map[p->outputs[i]->id];
    heed_arena_free(&arena);
    heed_free(live);
    heed_free(l.map);
    heed_free(l.dense);
    heed_graph_free(done ? from : l.to);
    if (done) p->work = l.to;
    return done;
}
