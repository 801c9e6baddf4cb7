/* derivatives.c - forward mode and products with the Hessian, by reverse mode of reverse mode. */
#include "graph/internal.h"

/* A first gradient, and the seeds of a second one: those values of it that exist, and what each is
 * multiplied by. */
typedef struct seeds {
    heed_node **first, **value, **factor;
    int n;
} seeds;

static bool take_seeds(seeds *s, heed_node *y, heed_node *dy, heed_node *const *x,
                       heed_node *const *factor, int n)
{
    heed_graph *graph = y->graph;
    heed_node **room = heed_graph_memory(graph, ((size_t)n * 3 + 1) * sizeof *room);
    if (!room) {
        heed_graph_fail(graph, "no memory for the gradient");
        return false;
    }
    *s = (seeds){ .first = room, .value = room + n, .factor = room + 2 * (size_t)n };
    if (!heed_gradient_partial(y, dy, x, n, s->first)) return false;
    for (int i = 0; i < n; i++) {
        if (!s->first[i]) continue;
        s->value[s->n] = s->first[i];
        s->factor[s->n++] = factor[i];
    }
    return true;
}

/* factor[i] has the dtype and shape of x[i]; x[i] is checked by the gradient. */
static bool factors_fit(heed_graph *graph, const char *what, heed_node *const *x,
                        heed_node *const *factor, int n)
{
    char text[300];
    for (int i = 0; i < n; i++) {
        if (!x[i] || !factor[i]) return false;
        if (factor[i]->graph == graph && factor[i]->dtype == x[i]->dtype &&
            heed_shape_equal(&factor[i]->shape, &x[i]->shape))
            continue;
        heed_graph_fail(graph, "%s[%d] must have the graph, dtype and shape of %s", what, i,
                        heed_describe(x[i], text, sizeof text));
        return false;
    }
    return true;
}

heed_node *heed_jvp(heed_node *y, heed_node *const *x, heed_node *const *dx, int n)
{
    char text[300];
    seeds s;
    if (!y || !factors_fit(y->graph, "jvp: dx", x, dx, n)) return NULL;
    heed_node *u = heed_zeros_like(y), *dy = NULL;
    if (!u || !take_seeds(&s, y, u, x, dx, n)) return NULL;
    if (s.n == 0)
        return heed_graph_fail(y->graph, "jvp: %s depends on none of the %d x",
                               heed_describe(y, text, sizeof text), n);
    if (!heed_gradient_of_all(s.value, s.factor, s.n, &u, 1, &dy)) return NULL;
    return dy ? dy : heed_zeros_like(y);
}

bool heed_hvp(heed_node *y, heed_node *const *x, heed_node *const *v, int n, heed_node **hv)
{
    seeds s;
    for (int i = 0; i < n; i++) hv[i] = NULL;
    if (!y || !factors_fit(y->graph, "hvp: v", x, v, n)) return false;
    if (!take_seeds(&s, y, NULL, x, v, n)) return false;
    if (s.n && !heed_gradient_of_all(s.value, s.factor, s.n, x, n, hv)) return false;
    for (int i = 0; i < n; i++)
        if (!hv[i]) hv[i] = heed_zeros_like(x[i]);
    return !heed_graph_failed(y->graph);
}
