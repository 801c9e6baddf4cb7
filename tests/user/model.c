/* Which of eight numbers is the largest? A user's model, from building to evaluation. */
#include <heed.h>
#include <stdio.h>

enum { B = 64, N = 8, H = 32 };

/* u_i = v . tanh(W x_i + b): one score for each number */
static heed_node *scores(heed_graph *g, heed_node *x)
{
    heed_scope *s = heed_root(g);
    heed_node  *e = heed_linear(s, "W", heed_unsqueeze(x, -1), H);                  /* [B, N, H] */
    return heed_squeeze(heed_linear(s, "v", heed_tanh(e), 1, .no_bias = true), -1); /* [B, N]    */
}

static void draw(heed_rng *rng, heed_view x, heed_view y)
{
    heed_fill_uniform(rng, &x, -1, 1);
    for (int b = 0; b < B; b++) {
        int best = 0;
        for (int i = 1; i < N; i++)
            if (heed_get(&x, b * N + i) > heed_get(&x, b * N + best)) best = i;
        heed_set(&y, b, best);
    }
}

int main(void)
{
    heed_store   *weights = heed_store_new(1);
    heed_graph   *g = heed_graph_new(.store = weights, .training = true);
    heed_node    *x = heed_input(g, "x", HEED_F32, B, N), *y = heed_input(g, "y", HEED_I32, B);
    heed_node    *loss = heed_cross_entropy(scores(g, x), y);
    heed_trainer *t = heed_trainer_new(loss, heed_adam(.lr = 1e-2), .clip_norm = 2);
    heed_error    error = { .set = false };
    if (!t) return fprintf(stderr, "%s\n", heed_why(g)), 1; /* the one check for the whole build */

    heed_rng rng = heed_rng_new(1, 0);
    for (int step = 0; step < 500; step++) {
        draw(&rng, heed_trainer_input(t, "x"), heed_trainer_input(t, "y"));
        heed_trainer_step(t);
    }
    printf("loss %.3f\n", heed_trainer_loss(t));
    if (!heed_store_save_parameters(weights, "largest.safetensors", NULL, 0, &error))
        return fprintf(stderr, "%s\n", error.text), 1;

    heed_store   *loaded = heed_store_new(2);
    heed_graph   *eval = heed_graph_new(.store = loaded);
    heed_node    *answer = heed_argmax(scores(eval, heed_input(eval, "x", HEED_F32, B, N)), -1);
    heed_program *p = heed_compile(eval, &answer, 1);
    if (!p || !heed_store_load(loaded, "largest.safetensors", &error))
        return fprintf(stderr, "%s\n", p ? error.text : heed_why(eval)), 1;
    heed_view out = heed_program_output(p, 0), truth = heed_trainer_input(t, "y");
    int       right = 0;
    draw(&rng, heed_program_input(p, "x"), truth);
    heed_program_run(p);
    for (int b = 0; b < B; b++) right += heed_get(&out, b) == heed_get(&truth, b);
    printf("right %d of %d\n", right, B);

    heed_program_free(p), heed_graph_free(eval), heed_store_free(loaded);
    heed_trainer_free(t), heed_graph_free(g), heed_store_free(weights);
    return right > B * 9 / 10 ? 0 : 1;
}
