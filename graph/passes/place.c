/* place.c - concat without copying: its inputs are computed inside its buffer.
 *
 * From the last concat to the first (an outer one before the inner ones that feed it), ask each
 * where its inputs must lie, walk up through invertible views (reshape, permute) to the node that
 * computes the value, and place that there if its kernel can write strided output and nobody has
 * placed it before. What cannot be placed is copied by an elementwise copy, which fuses with its
 * neighbours; so a concat itself never runs. */
#include <string.h>

#include "graph/passes/place.h"

typedef struct uses {
    int consumers;
    bool needs_dense; /* a consumer would need a copy of a strided value */
} uses;

static void count_uses(const heed_graph *graph, const bool *live, uses *of)
{
    for (int id = 0; id < graph->n_nodes; id++) {
        const heed_node *node = graph->nodes[id];
        if (!live[id]) continue;
        for (int i = 0; i < node->n_in; i++) {
            uses *u = &of[node->in[i]->id];
            u->consumers++;
            if (heed_works_on_memory(node->op) && !node->op->place &&
                !heed_bit(node->op->strided, i))
                u->needs_dense = true;
        }
    }
}

static bool can_write(const heed_node *x, const heed_view *where)
{
    if (x->op->flags & HEED_LEAF || x->op->view || x->op->writes) return false;
    return x->op->tile || x->op->place || x->op->strided_out || heed_is_dense(where);
}

/* Place what computes input i of `node`. false: a copy has to be made. */
static bool place_input(heed_place *places, const uses *of, const heed_node *node, int i,
                        const heed_view *where, int buffer)
{
    heed_node *x = node->in[i];
    heed_view view = *where, above;
    bool strided = !heed_is_dense(where);
    while (x->op->view) {
        if (!x->op->place || (strided && of[x->id].consumers > 1)) return false;
        if (!x->op->place(x, 0, &view, &above)) return false;
        view = above;
        x = x->in[0];
    }
    heed_place *place = &places[x->id];
    strided = !heed_is_dense(&view);
    if (place->buffer >= 0 || !can_write(x, &view)) return false;
    if (strided && of[x->id].needs_dense) return false;
    place->buffer = buffer;
    place->view = view;
    return true;
}

static bool place_inputs(heed_program *p, heed_place *places, const uses *of, const heed_node *node,
                         char *base, heed_arena *arena)
{
    heed_place *own = &places[node->id];
    own->copies = heed_arena_alloc(arena, (size_t)node->n_in * sizeof *own->copies);
    if (!own->copies) return heed_plan_no_memory(p);
    if (own->buffer < 0) {
        size_t bytes = heed_node_bytes(node);
        own->buffer = heed_buffer_new(p, HEED_PLANNED_MEMORY, bytes);
        own->view = heed_view_of(base, node->dtype, &node->shape);
        if (own->buffer < 0) return heed_plan_no_memory(p);
    }
    p->buffers[own->buffer].shared = true;
    own->elided = true;
    for (int i = 0; i < node->n_in; i++) {
        heed_view where;
        own->copies[i].buffer = -1;
        if (!node->op->place(node, i, &own->view, &where)) {
            heed_graph_fail(p->user, "%s: cannot tell where input %d lies", node->op->name, i);
            return false;
        }
        if (place_input(places, of, node, i, &where, own->buffer)) continue;
        own->copies[i].buffer = own->buffer;
        own->copies[i].view = where;
    }
    return true;
}

heed_place *heed_places(heed_program *p, const bool *live, char *base, heed_arena *arena)
{
    const heed_graph *graph = p->work;
    size_t n = (size_t)graph->n_nodes + 1;
    heed_place *places = heed_arena_alloc(arena, n * sizeof *places);
    uses *of = heed_arena_alloc(arena, n * sizeof *of);
    if (!places || !of) {
        heed_plan_no_memory(p);
        return NULL;
    }
    for (int id = 0; id < graph->n_nodes; id++) places[id].buffer = -1;
    if (!(p->passes >> HEED_PASS_PLACE & 1)) return places;
    count_uses(graph, live, of);
    for (int id = graph->n_nodes - 1; id >= 0; id--) {
        const heed_node *node = graph->nodes[id];
        if (!live[id] || !node->op->kernel || !node->op->place) continue;
        if (!place_inputs(p, places, of, node, base, arena)) return NULL;
    }
    return places;
}
