/* An operation of the user's own, checked and used like a built-in one: y = x / (1 + |x|). */
#include <heed.h>
#include <stdio.h>

static void softsign_f32(int64_t n, const void *const *in, void *y, const void *attr)
{
    (void)attr;
    for (int64_t i = 0; i < n; i++) {
        float x = ((const float *)in[0])[i];
        ((float *)y)[i] = x / (1 + (x < 0 ? -x : x));
    }
}

static void softsign_f64(int64_t n, const void *const *in, void *y, const void *attr)
{
    (void)attr;
    for (int64_t i = 0; i < n; i++) {
        double x = ((const double *)in[0])[i];
        ((double *)y)[i] = x / (1 + (x < 0 ? -x : x));
    }
}

/* dx = dy (1 - |y|)^2: nodes, not numbers, so it can be differentiated again */
static void softsign_vjp(heed_vjp *v)
{
    v->dx[0] = heed_mul(v->dy, heed_square(heed_affine(heed_abs(v->y), -1, 1)));
}

static bool softsign_sample(int k, heed_sample *s)
{
    if (k > 0) return false;
    s->n_in = 1;
    s->in[0] = (heed_sample_input){ .shape = HEED_SHAPE(3, 5), .avoid = true };
    return true;
}

static const heed_tile softsign_tile = HEED_PLAIN_KERNEL(softsign_f32, softsign_f64);
static const heed_op   softsign = {
    .name = "softsign", .doc = "y = x / (1 + |x|), elementwise.", .n_in = 1, .diff = 1,
    .tile = &softsign_tile, .vjp = softsign_vjp, .sample = softsign_sample,
};

int main(void)
{
    heed_error error = { .set = false };
    if (!heed_register(&softsign, &error)) return fprintf(stderr, "%s\n", error.text), 1;
    heed_gradcheck_result r = heed_gradcheck_op(&softsign, (heed_gradcheck_options){ .order = 0 });
    printf("softsign: worst error %.1e, second order %.1e: %s\n", r.worst[0], r.worst[1],
           r.passed ? "passed" : r.why);
    heed_graph *g = heed_graph_new(.dtype = HEED_F32);
    heed_node  *x = heed_full(g, 3, 2), *y = heed_apply(&softsign, NULL, 1, &x);
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    if (!p || !heed_program_run(p)) return fprintf(stderr, "%s\n", heed_why(g)), 1;
    heed_view out = heed_program_output(p, 0);
    char      text[100];
    heed_tensor_print(&out, text, sizeof text);
    printf("%s\n", text);
    heed_program_free(p), heed_graph_free(g);
    return r.passed && heed_find_op("softsign") == &softsign ? 0 : 1;
}
