/* memory.c - a memory, its heads, and a step of it. */
#include "models/layers/layers.h"
#include "ops/ops.h"

#define FOCUS 10.0 /* of a logit: exp(10) is 22026 */

#define MOST_SLOPE 1.0
enum { STRENGTH, GATE }; /* of a head's numbers, behind its key; then K shifts and sharpness */
enum { BESIDE = 3 };

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

/* Zeros, but for gates and strengths. A cosine lies in -1 .. 1: with a strength of softplus(0), all
 * of N slots get nearly one share, whatever the key, and nothing tells a key how to change. */
static void fill_bias(const heed_view *bias, const void *options)
{
    const heed_memory_options *o = options;
    for (int64_t i = 0; i < heads_of(o); i++) {
        const int64_t at = i * numbers_of(o) + o->width;
        heed_set(bias, at + STRENGTH, o->strength);
        heed_set(bias, at + GATE, o->gate);
    }
}

/* Column j of key r becomes that of what write head r adds. weight [in, ..] */
static void fill_keys(const heed_view *weight, const void *options)
{
    const heed_memory_options *o = options;
    const int64_t in = weight->shape.dim[0], all = weight->shape.dim[1];
    const int64_t added = heads_of(o) * numbers_of(o) + o->writes * o->width;
    for (int64_t i = 0; i < in * o->reads * o->width; i++) {
        const int64_t j = i % o->width, r = i / o->width % o->reads, row = i / o->width / o->reads;
        const int64_t from = added + r % o->writes * o->width + j;
        heed_set(weight, row * all + r * numbers_of(o) + j, heed_get(weight, row * all + from));
    }
}

/* Slots start as equals, and no key can tell them apart: heads that looked everywhere would never
 * learn to move. Head j of those that read, and of those that write, starts in the middle of the
 * j-th share of slots (or all `together` at slot 0), with nearly all of its weight; "name/look"
 * says how that changes. */
static heed_node *first_look(heed_scope *own, const heed_memory_options *o)
{
    const heed_dtype dtype = heed_graph_dtype(heed_scope_graph(own));
    const heed_shape shape = HEED_SHAPE(heads_of(o), o->slots);
    void *data = heed_graph_memory(heed_scope_graph(own),
                                   (size_t)heed_count(&shape) * heed_dtype_size(dtype));
    if (!data) return NULL;
    heed_view place = heed_view_of(data, dtype, &shape);
    for (int64_t i = 0; i < heads_of(o); i++) {
        const bool reads = i < o->reads;
        const int64_t j = reads ? i : i - o->reads, of = reads ? o->reads : o->writes;
        const int64_t slot = o->together ? 0 : (2 * j + 1) * o->slots / (2 * of);
        heed_set(&place, i * o->slots + slot, FOCUS);
    }
    heed_node *look = heed_param(own, "look", HEED_ZEROS, heads_of(o), o->slots);
    return heed_softmax(heed_add(look, heed_constant(heed_scope_graph(own), &place)), -1);
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
    const heed_init bias = { .rule = HEED_INIT_CONSTANT, .fill = fill_bias, .context = o };
    const heed_init weight = { .rule = HEED_INIT_GLOROT,
                               .fill = o->alike ? fill_keys : NULL,
                               .context = o };
    heed_scope *own = heed_enter(scope, name), *heads = heed_enter(own, "heads");
    if (!own || !heads) return m;
    if (o->slots == 0) o->slots = 128;
    if (o->width == 0) o->width = 20;
    if (o->reads == 0) o->reads = 1;
    if (o->writes == 0) o->writes = 1;
    if (o->shifts == 0) o->shifts = 3;
    if (o->strength == 0) o->strength = 4; /* exp(4) is 55 */
    if (!sizes_are_right(own, o, in)) return m;
    const int64_t all = heads_of(o) * numbers_of(o) + 2 * o->writes * o->width;
    m.weight = heed_param(heads, "weight", weight, in, all);
    m.bias = heed_param(heads, "bias", bias, all);
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

/* A sharpened weighting divides what is between two slots' shares again and again, and its slope
 * grows with every step: after two hundred it may be no number. The paper bounds gradients within
 * the backward pass; so does this, far above what a loss that is a mean over bits brings about. */
static void bound_slope(void *context, heed_node *value, heed_node *dy, heed_node *const *x,
                        const bool *want, heed_node **dx)
{
    (void)context, (void)value, (void)x;
    if (want[0]) dx[0] = heed_clamp(dy, -MOST_SLOPE, MOST_SLOPE);
}

heed_memory_state heed_memory_step(const heed_memory *memory, heed_node *h, heed_memory_state state)
{
    const heed_memory_options *o = &memory->options;
    if (!h || !state.memory || heed_graph_failed(h->graph))
        return (heed_memory_state){ .memory = NULL };
    const int64_t batch = h->shape.dim[0], written = o->writes * o->width;
    const int64_t looks = heads_of(o) * numbers_of(o);
    heed_node *all = heed_add(heed_matmul(h, memory->weight), memory->bias);
    heed_node *heads =
        heed_reshape(heed_slice(all, 1, 0, looks), batch, heads_of(o), numbers_of(o));
    heed_node *e = heed_sigmoid(heed_slice(all, 1, looks, looks + written));
    heed_node *a = heed_tanh(heed_slice(all, 1, looks + written, looks + 2 * written)), *r;
    heed_node *before =
        heed_custom_gradient(state.weighting, &state.weighting, 1, bound_slope, NULL);
    heed_node *w = heed_memory_look(state.memory, before, heads, o->reads, &r);
    return (heed_memory_state){
        .memory = heed_memory_write(state.memory, heed_slice(w, 1, o->reads, heads_of(o)),
                                    heed_reshape(e, batch, o->writes, o->width),
                                    heed_reshape(a, batch, o->writes, o->width)),
        .weighting = w,
        .read = r,
        .written = heed_concat(HEED_NODES(e, a), 1),
    };
}
