/* memory.c - a memory, its heads, and a step of it. */
#include "models/layers/layers.h"
#include "ops/ops.h"

enum { BESIDE = 3 }; /* a head's numbers are a key, K shifts, and strength, gate, sharpness */

static int64_t numbers_of(const heed_memory_options *o)
{
    return o->width + o->shifts + BESIDE;
}

static int64_t heads_of(const heed_memory_options *o)
{
    return o->reads + o->writes;
}

static bool sizes_are_right(heed_scope *own, const heed_memory_options *o, int64_t in)
{
    if (o->slots > 0 && o->width > 0 && o->reads > 0 && o->writes > 0 && o->shifts > 0 && in > 0)
        return true;
    heed_graph_fail(heed_scope_graph(own), "memory '%s': all sizes must be positive",
                    heed_scope_prefix(own));
    return false;
}

/* Slots start as equals, and no key can tell them apart: a head must look somewhere, or it will
 * never learn to move. */
static heed_node *first_look(heed_scope *own, const heed_memory_options *o)
{
    const heed_init apart = { .rule = HEED_INIT_NORMAL, .a = 0, .b = 1 };
    return heed_softmax(heed_param(own, "look", apart, heads_of(o), o->slots), -1);
}

static heed_node *first_memory(heed_scope *own, const heed_memory_options *o)
{
    const heed_init normal = { .rule = HEED_INIT_NORMAL,
                               .a = 0,
                               .b = o->size > 0 ? o->size : 0.05 };
    if (o->learned) return heed_param(own, "memory", normal, o->width, o->slots);
    return heed_full(heed_scope_graph(own), o->size > 0 ? o->size : 1e-6, o->width, o->slots);
}

heed_memory heed_memory_with(heed_scope *scope, const char *name, int64_t in,
                             heed_memory_options options)
{
    const heed_init small = { .rule = HEED_INIT_NORMAL, .a = 0, .b = 0.05 };
    heed_memory m = { .options = options };
    heed_memory_options *o = &m.options;
    heed_scope *own = heed_enter(scope, name), *heads = heed_enter(own, "heads");
    if (!own || !heads) return m;
    if (o->slots == 0) o->slots = 128;
    if (o->width == 0) o->width = 20;
    if (o->reads == 0) o->reads = 1;
    if (o->writes == 0) o->writes = 1;
    if (o->shifts == 0) o->shifts = 3;
    if (!sizes_are_right(own, o, in)) return m;
    const int64_t all = heads_of(o) * numbers_of(o) + 2 * o->writes * o->width;
    m.weight = heed_param(heads, "weight", (heed_init){ .rule = HEED_INIT_GLOROT }, in, all);
    m.bias = heed_param(heads, "bias", HEED_ZEROS, all);
    m.look = first_look(own, o);
    m.read = heed_tanh(heed_param(own, "read", small, o->reads * o->width));
    m.start = first_memory(own, o);
    return m;
}

heed_memory_state heed_memory_begin(const heed_memory *memory, int64_t batch)
{
    const heed_memory_options *o = &memory->options;
    return (heed_memory_state){
        .memory = heed_expand(memory->start, batch, o->width, o->slots),
        .weighting = heed_expand(memory->look, batch, heads_of(o), o->slots),
        .read = heed_expand(memory->read, batch, o->reads * o->width),
    };
}

/* e and a are [B, writes W]; w is of the write heads, [B, writes, N]. */
static heed_node *write_all(const heed_memory_options *o, heed_node *memory, heed_node *w,
                            heed_node *e, heed_node *a)
{
    heed_node *kept = memory, *added = NULL;
    for (int64_t j = 0; j < o->writes; j++) {
        const int64_t from = j * o->width, to = from + o->width;
        heed_node *place = heed_slice(w, 1, j, j + 1);                     /* [B, 1, N] */
        heed_node *erase = heed_unsqueeze(heed_slice(e, 1, from, to), -1); /* [B, W, 1] */
        heed_node *add = heed_mul(heed_unsqueeze(heed_slice(a, 1, from, to), -1), place);
        kept = heed_mul(kept, heed_affine(heed_mul(erase, place), -1, 1));
        added = added ? heed_add(added, add) : add; /* [B, W, N] */
    }
    return heed_add(kept, added);
}

heed_memory_state heed_memory_step(const heed_memory *memory, heed_node *h, heed_memory_state state)
{
    const heed_memory_options *o = &memory->options;
    if (!h || !state.memory || heed_graph_failed(h->graph)) return (heed_memory_state){ NULL };
    const int64_t batch = h->shape.dim[0], written = o->writes * o->width;
    const int64_t looks = heads_of(o) * numbers_of(o);
    heed_node *all = heed_add(heed_matmul(h, memory->weight), memory->bias);
    heed_node *heads =
        heed_reshape(heed_slice(all, 1, 0, looks), batch, heads_of(o), numbers_of(o));
    heed_node *e = heed_sigmoid(heed_slice(all, 1, looks, looks + written));
    heed_node *a = heed_tanh(heed_slice(all, 1, looks + written, looks + 2 * written));
    heed_node *w = heed_memory_address(state.memory, state.weighting, heads); /* [B, .., N] */
    heed_node *r = heed_matmul(heed_slice(w, 1, 0, o->reads), heed_transpose(state.memory, 1, 2));
    heed_node *writing = heed_slice(w, 1, o->reads, heads_of(o));
    return (heed_memory_state){
        .memory = write_all(o, state.memory, writing, e, a),
        .weighting = w,
        .read = heed_reshape(r, batch, o->reads * o->width),
        .added = a,
    };
}
