/* pointer.c - additive attention that points: Bahdanau, Cho, Bengio 2015; Vinyals, Fortunato,
 * Jaitly 2015. */
#include "models/layers/layers.h"
#include "ops/ops.h"

heed_pointer heed_pointer_over(heed_scope *scope, const char *name, heed_node *e, int64_t width)
{
    heed_pointer p = { .own = heed_enter(scope, name), .e = e, .width = width };
    p.keys = heed_linear(p.own, "W1", e, width, .no_bias = true); /* [n, B, width] */
    return p;
}

heed_node *(heed_pointer_scores)(const heed_pointer *p, heed_node *d, heed_node *blocked)
{
    heed_node *q = heed_linear(p->own, "W2", d, p->width, .no_bias = true); /* [T, B, width] */
    if (!q) return NULL;
    heed_node *u = heed_tanh(heed_add(p->keys, heed_unsqueeze(q, 1)));     /* [T, n, B, width] */
    u = heed_squeeze(heed_linear(p->own, "v", u, 1, .no_bias = true), -1); /* [T, n, B] */
    return blocked ? heed_masked_fill(u, blocked, HEED_POINTER_BLOCKED) : u;
}

heed_node *(heed_pointer_glimpse)(const heed_pointer *p, heed_node *d, heed_node *blocked,
                                  heed_node **weights)
{
    heed_node *a = heed_softmax(heed_pointer_scores(p, d, blocked), 1); /* [T, n, B] */
    if (weights) *weights = a;
    heed_node *g = heed_matmul(heed_permute(a, 2, 0, 1), heed_permute(p->e, 1, 0, 2));
    return heed_permute(g, 1, 0, 2); /* [T, B, H] */
}
