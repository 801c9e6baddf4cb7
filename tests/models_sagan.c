/* The self-attention GAN: its blocks against loops written by hand, gradients, who learns when. */
#include <math.h>

#include "models/sagan.h"
#define TINY_MODEL heed_model_sagan
#include "models_tiny.h"

/* ---- gradients ---- */

/* Attention starts switched off, and then nothing in it has a gradient: switch it on. */
static void switch_attention_on(const heed_store *store)
{
    for (int i = 0; i < heed_store_count(store); i++) {
        const heed_entry *found = heed_store_at(store, i);
        if (strstr(found->name, "attention/gamma")) heed_set(&found->tensor->view, 0, 0.7);
    }
}

Test(models_sagan, gradients_of_every_tiny_configuration)
{
    int n = 0;
    for (; model->tiny[n]; n++)
        for (int part = 0; part < 2; part++) {
            heed_tiny tiny;
            const char *prefix = model->parts[part].prefix;
            build_part(&tiny, part, model->tiny[n], HEED_F64);
            switch_attention_on(tiny.store);
            check_gradients(&tiny, tiny.loss, model->tiny[n], prefix);
            heed_tiny_free(&tiny);
        }
    cr_expect_eq(n, 4);
}

/* ---- blocks ---- */

enum { B = 2, C = 16, H = 3, W = 4, N = H * W };

typedef struct block {
    heed_store *store;
    heed_graph *graph;
    heed_program *program;
} block;

/* Compile one layer, or two values of it, on an input "x" of noise. */
static heed_view run_block(block *b, heed_node **outputs, int n)
{
    b->program = heed_compile(b->graph, outputs, n, .threads = 1);
    cr_assert_not_null(b->program, "%s", heed_why(b->graph));
    heed_view x = heed_program_input(b->program, "x");
    heed_rng rng = heed_rng_new(5, 0);
    heed_fill_normal(&rng, &x, 0, 1);
    cr_assert(heed_program_run(b->program));
    return x;
}

static heed_node *begin_block(block *b)
{
    b->store = heed_store_new(3);
    b->graph = heed_graph_new(.store = b->store, .dtype = HEED_F64);
    return heed_input(b->graph, "x", HEED_F64, B, C, H, W);
}

static void end_block(block *b)
{
    heed_program_free(b->program);
    heed_graph_free(b->graph);
    heed_store_free(b->store);
}

/* Row o of the 1 x 1 convolution "a/NAME" at position n of example b. */
static double project(const heed_store *store, const char *name, const heed_view *x, int b, int o,
                      int n)
{
    char path[100];
    snprintf(path, sizeof path, "a/%s/weight", name);
    const heed_view w = value_of(store, path);
    snprintf(path, sizeof path, "a/%s/bias", name);
    const heed_view bias = value_of(store, path);
    double sum = heed_get(&bias, o);
    for (int c = 0; c < C; c++) sum += heed_get(&w, o * C + c) * heed_get(x, (b * C + c) * N + n);
    return sum;
}

/* Weights of position j of example b. */
static void look(const heed_store *store, const heed_view *x, int b, int j, double *weight)
{
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double s = 0;
        for (int k = 0; k < C / 8; k++)
            s += project(store, "f", x, b, k, i) * project(store, "g", x, b, k, j);
        sum += weight[i] = exp(s);
    }
    for (int i = 0; i < N; i++) weight[i] /= sum;
}

/* o_j before gamma, of width C: by the paper's formulas. */
static void attend(const heed_store *store, const heed_view *x, int b, const double *weight,
                   bool whole, double *out)
{
    double seen[C] = { 0 };
    const int width = whole ? C : C / 8;
    for (int k = 0; k < width; k++)
        for (int i = 0; i < N; i++) seen[k] += weight[i] * project(store, "h", x, b, k, i);
    if (whole) {
        memcpy(out, seen, sizeof seen);
        return;
    }
    const heed_view v = value_of(store, "a/v/weight"), bias = value_of(store, "a/v/bias");
    for (int c = 0; c < C; c++) {
        out[c] = heed_get(&bias, c);
        for (int k = 0; k < width; k++) out[c] += heed_get(&v, c * width + k) * seen[k];
    }
}

static void check_attention(bool whole, double gamma)
{
    block b;
    heed_node *x = begin_block(&b), *weights = NULL, *outputs[3];
    heed_scope *s = heed_root(b.graph);
    outputs[0] = heed_map_attention(s, "a", x, .whole_values = whole);
    outputs[1] = heed_map_attention(s, "a", x, .whole_values = whole, .weights = &weights);
    outputs[2] = weights;
    const heed_view g = value_of(b.store, "a/gamma");
    cr_expect_eq(heed_get(&g, 0), 0, "nothing at first");
    heed_set(&g, 0, gamma);
    const heed_view in = run_block(&b, outputs, 3);
    const heed_view y = heed_program_output(b.program, 0), same = heed_program_output(b.program, 1);
    const heed_view a = heed_program_output(b.program, 2);
    for (int e = 0; e < B; e++)
        for (int j = 0; j < N; j++) {
            double weight[N], out[C];
            look(b.store, &in, e, j, weight);
            attend(b.store, &in, e, weight, whole, out);
            for (int i = 0; i < N; i++)
                cr_expect_float_eq(heed_get(&a, (e * N + j) * N + i), weight[i], 1e-12);
            for (int c = 0; c < C; c++) {
                const int at = (e * C + c) * N + j;
                cr_expect_float_eq(heed_get(&y, at), gamma * out[c] + heed_get(&in, at), 1e-12);
                cr_expect_float_eq(heed_get(&same, at), heed_get(&y, at), 1e-12);
            }
        }
    end_block(&b);
}

Test(models_sagan, attention_over_positions_by_hand)
{
    check_attention(false, 0.8);
    check_attention(true, -1.3);
    check_attention(false, 0);
}

/* y = x + out(relu(in(relu x))), zeros outside of the map. */
static double near(const heed_view *w, const heed_view *bias, const double *map, int channels,
                   int o, int row, int column)
{
    double sum = heed_get(bias, o);
    for (int c = 0; c < channels; c++)
        for (int k = 0; k < 9; k++) {
            const int r = row + k / 3 - 1, q = column + k % 3 - 1;
            if (r < 0 || r >= H || q < 0 || q >= W) continue;
            sum += heed_get(w, (o * channels + c) * 9 + k) * fmax(map[(c * H + r) * W + q], 0);
        }
    return sum;
}

Test(models_sagan, residual_block_by_hand)
{
    enum { WIDTH = 2 };
    block b;
    heed_node *x = begin_block(&b);
    heed_node *output = heed_residual_layer(heed_root(b.graph), "a", x, WIDTH);
    const heed_view in = run_block(&b, &output, 1), out = heed_program_output(b.program, 0);
    const heed_view w[2] = { value_of(b.store, "a/in/weight"), value_of(b.store, "a/out/weight") };
    const heed_view bias[2] = { value_of(b.store, "a/in/bias"), value_of(b.store, "a/out/bias") };
    for (int e = 0; e < B; e++) {
        double map[C * N], middle[WIDTH * N];
        for (int i = 0; i < C * N; i++) map[i] = heed_get(&in, e * C * N + i);
        for (int i = 0; i < WIDTH * N; i++)
            middle[i] = near(&w[0], &bias[0], map, C, i / N, i % N / W, i % W);
        for (int i = 0; i < C * N; i++)
            cr_expect_float_eq(heed_get(&out, e * C * N + i),
                               map[i] +
                                   near(&w[1], &bias[1], middle, WIDTH, i / N, i % N / W, i % W),
                               1e-12);
    }
    end_block(&b);
}

/* A convolution layer and its transposed one are adjoint, up to their biases. */
Test(models_sagan, convolution_layers)
{
    heed_store *store = heed_store_new(1);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    heed_scope *s = heed_root(g);
    heed_node *x = heed_input(g, "x", HEED_F64, 2, 3, 8, 8);
    heed_node *y = heed_input(g, "y", HEED_F64, 2, 5, 4, 4);
    heed_node *down = heed_conv_layer(s, "down", x, 5, 4, .stride = 2, .pad = 1);
    heed_node *up = heed_conv_layer(s, "up", y, 3, 4, .stride = 2, .pad = 1, .transposed = true,
                                    .no_bias = true);
    cr_assert(down && up, "%s", heed_why(g));
    cr_expect(down->shape.dim[1] == 5 && down->shape.dim[2] == 4 && down->shape.dim[3] == 4);
    cr_expect(up->shape.dim[1] == 3 && up->shape.dim[2] == 8 && up->shape.dim[3] == 8);
    cr_expect_null(heed_store_find(store, "up/bias"));
    const heed_view from = value_of(store, "down/weight"), to = value_of(store, "up/weight");
    heed_view_copy(&to, &from); /* [5, 3, 4, 4] both */
    heed_node *outputs[2] = { heed_sum_all(heed_mul(down, y)), heed_sum_all(heed_mul(x, up)) };
    heed_program *program = heed_compile(g, outputs, 2, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(g));
    heed_view a = heed_program_input(program, "x"), b = heed_program_input(program, "y");
    heed_rng rng = heed_rng_new(1, 1);
    heed_fill_normal(&rng, &a, 0, 1);
    heed_fill_normal(&rng, &b, 0, 1);
    cr_assert(heed_program_run(program));
    const heed_view left = heed_program_output(program, 0), right = heed_program_output(program, 1);
    const heed_view bias = value_of(store, "down/bias");
    double of_bias = 0;
    for (int i = 0; i < 2 * 5 * 16; i++) of_bias += heed_get(&bias, i / 16 % 5) * heed_get(&b, i);
    cr_expect_float_eq(heed_get(&left, 0), heed_get(&right, 0) + of_bias, 1e-10);
    heed_program_free(program);
    heed_graph_free(g);
    heed_store_free(store);
}

/* What a layer computes as a product of matrices is what the convolution computes. */
Test(models_sagan, convolution_layers_that_are_products)
{
    static const struct {
        int side, kernel, stride, pad;
        bool transposed;
    } cases[] = { { 4, 4, 1, 0, false }, { 4, 4, 3, 0, false }, { 4, 4, 1, 1, false },
                  { 1, 4, 1, 0, true },  { 1, 4, 2, 0, true },  { 1, 4, 2, 1, true },
                  { 4, 1, 1, 0, false }, { 4, 1, 2, 0, false }, { 4, 1, 1, 1, false },
                  { 4, 1, 1, 0, true },  { 1, 1, 1, 0, false }, { 3, 4, 1, 1, false } };
    for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]); i++) {
        const int side = cases[i].side, stride = cases[i].stride, pad = cases[i].pad;
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
        heed_node *x = heed_input(g, "x", HEED_F64, 2, 3, side, side), *outputs[2];
        outputs[0] =
            heed_conv_layer(heed_root(g), "a", x, 5, cases[i].kernel, .stride = stride, .pad = pad,
                            .transposed = cases[i].transposed, .no_bias = true);
        heed_node *w = heed_entry_node(g, heed_store_find(store, "a/weight"));
        outputs[1] = cases[i].transposed ? heed_conv_transpose2d(x, w, .stride = stride, .pad = pad)
                                         : heed_conv2d(x, w, .stride = stride, .pad = pad);
        cr_assert(outputs[0] && outputs[1], "%d: %s", i, heed_why(g));
        cr_assert(heed_shape_equal(&outputs[0]->shape, &outputs[1]->shape), "%d", i);
        block b = { store, g, NULL };
        run_block(&b, outputs, 2);
        const heed_view got = heed_program_output(b.program, 0);
        const heed_view want = heed_program_output(b.program, 1);
        for (int64_t k = 0; k < heed_count(&got.shape); k++)
            cr_expect_float_eq(heed_get(&got, k), heed_get(&want, k), 1e-12, "%d", i);
        end_block(&b);
    }
}

Test(models_sagan, blocks_refuse_what_is_no_map)
{
    for (int i = 0; i < 5; i++) {
        heed_store *store = heed_store_new(1);
        heed_graph *g = heed_graph_new(.store = store);
        heed_scope *s = heed_enter(heed_root(g), "net");
        heed_node *map = heed_input(g, "x", HEED_F32, 1, 8, 4, 4);
        heed_node *row = heed_input(g, "row", HEED_F32, 4, 8);
        static const char *const why[] = {
            "conv_layer 'net/a': a feature map is [B, C, H, W]; got input 'row' [4, 8] f32",
            "map_attention 'net/a': a feature map is",
            "residual_layer 'net/a': a feature map is",
            "conv_layer 'net/a': 0 channels",
            "conv_layer 'net/a': a kernel of 0",
        };
        heed_node *made = i == 0   ? heed_conv_layer(s, "a", row, 2, 3)
                          : i == 1 ? heed_map_attention(s, "a", row)
                          : i == 2 ? heed_residual_layer(s, "a", row, 2)
                          : i == 3 ? heed_conv_layer(s, "a", map, 0, 3)
                                   : heed_conv_layer(s, "a", map, 2, 0);
        cr_expect_null(made);
        cr_expect(strstr(heed_why(g), why[i]), "%s", heed_why(g));
        heed_graph_free(g);
        heed_store_free(store);
    }
}

/* ---- spectral norm ---- */

/* Of random weights the layer's estimate is off at first, and right after many steps; another u is
 * found out. */
Test(models_sagan, worst_norm_is_the_layers_error)
{
    heed_tiny tiny;
    build(&tiny, "--size 12 --width 3 --latent 4 --batch 2", HEED_F32);
    heed_graph *g = heed_graph_new(.store = tiny.store, .training = true);
    heed_node *loss = model->parts[0].loss(tiny.own, heed_root(g), 2), *outputs[64] = { loss };
    const int n = heed_graph_assignments(g, outputs + 1, 63) + 1;
    cr_expect_gt(n, 20, "u and v of all weights");
    heed_program *program = heed_compile(g, outputs, n, .threads = 1);
    cr_assert_not_null(program, "%s", heed_why(g));
    heed_tiny_fill(&tiny, program);
    for (int i = 0; i < 300; i++) cr_assert(heed_program_run(program));
    cr_expect_lt(sagan_worst_norm(tiny.store), 1e-3, "%g", sagan_worst_norm(tiny.store));

    const heed_view w = value_of(tiny.store, "generator/level0/conv/weight");
    for (int i = 0; i < heed_count(&w.shape); i++) heed_set(&w, i, 3 * heed_get(&w, i));
    cr_expect_lt(sagan_worst_norm(tiny.store), 1e-3, "u and v do not depend on the scale");
    const heed_view u = value_of(tiny.store, "generator/level0/conv/norm/u");
    heed_view_fill(&u, 0);
    heed_set(&u, 0, 1);
    cr_expect_gt(sagan_worst_norm(tiny.store), 0.05);
    heed_program_free(program);
    heed_graph_free(g);
    heed_tiny_free(&tiny);
    build(&tiny, "--size 12 --width 3 --no-spectral", HEED_F32);
    cr_expect(isnan(sagan_worst_norm(tiny.store)));
    heed_tiny_free(&tiny);
}

/* ---- learning in turn ---- */

static double sum_under(const heed_store *store, const char *prefix, heed_entry_kind kind)
{
    double sum = 0;
    for (int i = 0; i < heed_store_count(store); i++) {
        const heed_entry *found = heed_store_at(store, i);
        if (found->kind != kind || strncmp(found->name, prefix, strlen(prefix)) != 0) continue;
        for (int64_t k = 0; k < heed_count(&found->tensor->view.shape); k++)
            sum += heed_get(&found->tensor->view, k) * cos((double)k);
    }
    return sum;
}

/* A part moves its own parameters, the batch statistics and norms of all that it computes, and
 * nothing else. */
Test(models_sagan, each_part_moves_its_own)
{
    for (int part = 0; part < 2; part++) {
        heed_tiny tiny;
        heed_error error = { .set = false };
        const char *mine = model->parts[part].prefix, *other = model->parts[!part].prefix;
        build_part(&tiny, part, "--size 12 --width 3 --latent 4 --batch 4", HEED_F32);
        heed_graph *g = heed_graph_new(.store = tiny.store, .training = true);
        heed_optimizer optimizer;
        heed_trainer_options options = { .threads = 1, .prefix = mine };
        model->parts[part].recipe(tiny.own, &tiny.settings, &optimizer, &options);
        cr_expect_float_eq(optimizer.options.lr, part ? 0.5e-3 : 2e-3, 1e-12);
        heed_trainer *trainer =
            heed_trainer_make(model->parts[part].loss(tiny.own, heed_root(g), 4), optimizer,
                              options);
        cr_assert_not_null(trainer, "%s", heed_why(g));
        const double own = sum_under(tiny.store, mine, HEED_PARAMETER);
        const double others = sum_under(tiny.store, other, HEED_PARAMETER);
        const double state = sum_under(tiny.store, "generator/", HEED_STATE);
        cr_assert(heed_tiny_draw(&tiny, heed_trainer_program(trainer), &error), "%s", error.text);
        cr_assert(heed_trainer_step(trainer));
        cr_expect_neq(sum_under(tiny.store, mine, HEED_PARAMETER), own, "%s", mine);
        cr_expect_eq(sum_under(tiny.store, other, HEED_PARAMETER), others, "%s", other);
        cr_expect_neq(sum_under(tiny.store, "generator/", HEED_STATE), state);
        heed_trainer_free(trainer);
        heed_graph_free(g);
        heed_tiny_free(&tiny);
    }
}

/* A discriminator that answers 0 to everything is wrong by 1 on both halves; one that answers 3 is
 * right of the real ones and wrong by 4 of the others. */
Test(models_sagan, hinge_losses)
{
    for (int part = 0; part < 2; part++)
        for (int answer = 0; answer <= 3; answer += 3) {
            heed_tiny tiny;
            build_part(&tiny, part, "--size 12 --width 3 --latent 4 --batch 4", HEED_F64);
            const heed_view w = value_of(tiny.store, "discriminator/score/weight");
            const heed_view bias = value_of(tiny.store, "discriminator/score/bias");
            const heed_view u = value_of(tiny.store, "discriminator/score/norm/u");
            const heed_view v = value_of(tiny.store, "discriminator/score/norm/v");
            for (int i = 0; i < heed_count(&w.shape); i++) { /* normed, but blind: images are < 1 */
                heed_set(&w, i, i == 0 ? 1e-9 : 0);
                heed_set(&v, i, i == 0 ? 1e9 : 0);
            }
            heed_set(&u, 0, 1);
            heed_set(&bias, 0, answer);
            heed_program *program = heed_compile(tiny.graph, &tiny.loss, 1, .threads = 1);
            cr_assert_not_null(program, "%s", heed_why(tiny.graph));
            heed_tiny_fill(&tiny, program);
            cr_assert(heed_program_run(program));
            const heed_view loss = heed_program_output(program, 0);
            const double expected = part == 1 ? -answer : answer == 0 ? 2 : 4;
            cr_expect_float_eq(heed_get(&loss, 0), expected, 1e-6, "%g", heed_get(&loss, 0));
            heed_program_free(program);
            heed_tiny_free(&tiny);
        }
}

/* The residual block has as many weights as what it stands in for, rounded up. */
Test(models_sagan, twins_are_of_one_size)
{
    static const int widths[] = { 4, 16, 40 };
    for (int i = 0; i < 6; i++) {
        int64_t n[2];
        for (int twin = 0; twin < 2; twin++) {
            char options[100];
            heed_tiny tiny;
            snprintf(options, sizeof options, "--size 10 --width %d --batch 1%s%s", widths[i % 3],
                     i < 3 ? "" : " --whole-values", twin ? " --twin residual" : "");
            build(&tiny, options, HEED_F32);
            n[twin] = 0;
            for (int k = 0; k < heed_store_count(tiny.store); k++) {
                const heed_entry *found = heed_store_at(tiny.store, k);
                if (strstr(found->name, "/weight"))
                    n[twin] += heed_count(&found->tensor->view.shape);
            }
            heed_tiny_free(&tiny);
        }
        cr_expect_geq(n[1], n[0]);
        cr_expect_lt(n[1], n[0] + 2 * 18 * widths[i % 3],
                     "in each network a channel less were too few");
    }
}

/* The configuration that tools/peers measures has as many parameters as theirs. */
Test(models_sagan, as_many_parameters_as_the_peers)
{
    heed_tiny tiny;
    build(&tiny, "--size 32 --color --width 64 --latent 128 --attend 16 --whole-values --batch 1",
          HEED_F32);
    const int64_t attention = 64 * 8 + 8 + 64 * 8 + 8 + 64 * 64 + 64 + 1;
    const int64_t discriminator = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256) + 64 + 128 + 256 + 1;
    const int64_t generator =
        16 * (128 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 3 * (256 + 128 + 64) + 3;
    cr_expect_eq(parameters_under(tiny.store, "discriminator/"), discriminator + attention);
    cr_expect_eq(parameters_under(tiny.store, "generator/"), generator + attention);
    heed_tiny_free(&tiny);
}
