/* sagan.c - the self-attention GAN.
 *
 * Zhang, Goodfellow, Metaxas, Odena 2019, "Self-Attention Generative Adversarial Networks" [SAGAN]
 * Miyato, Kataoka, Koyama, Yoshida 2018, "Spectral Normalization for GANs"                 [SN]
 *
 * A generator makes images of noise, a discriminator scores real and generated ones; in each step
 * both learn in turn. Convolutions see what is near. At one map in each network every position also
 * looks at all others, so that what stands far apart can be made, and judged, to fit together. */
#include "models/sagan.h"

static const char *const twins[] = { "attention", "residual", "nothing", NULL };

/* Halvings from an image to the map that the generator starts from: of at most 7 x 7. */
static int levels_of(int64_t size)
{
    int levels = 0;
    for (; size > 7 && size % 2 == 0; size /= 2) levels++;
    return levels;
}

/* ---- networks ---- */

/* The width at which two 3 x 3 convolutions have no fewer weights than attention's four 1 x 1. */
static int64_t twin_width(const sagan *o, int64_t channels)
{
    const int64_t narrow = channels < 8 ? 1 : channels / 8;
    const int64_t weights =
        2 * channels * narrow + (o->whole_values ? channels * channels : 2 * channels * narrow);
    return (weights + 18 * channels - 1) / (18 * channels);
}

/* What this is about, or what stands in its place. */
static heed_node *middle(const sagan *o, heed_scope *s, heed_node *x, heed_node **weights)
{
    if (!x || x->shape.dim[2] != o->attend || o->twin == SAGAN_NOTHING) return x;
    if (o->twin == SAGAN_RESIDUAL)
        return heed_residual_layer(s, "residual", x, twin_width(o, x->shape.dim[1]),
                                   .spectral = !o->no_spectral);
    return heed_map_attention(s, "attention", x, .whole_values = o->whole_values,
                              .spectral = !o->no_spectral, .weights = weights);
}

/* [B, channels, S, S] -> [B]; the first map has C channels, twice as many after each halving. */
static heed_node *discriminator(const sagan *o, heed_scope *s, heed_node *x, heed_node **weights)
{
    const int levels = levels_of(o->size);
    s = heed_enter(s, "discriminator");
    for (int k = 0; k < levels; k++) {
        x = heed_conv_layer(heed_enter_at(s, "level", k), "conv", x, o->width << k, 4, .stride = 2,
                            .pad = 1, .spectral = !o->no_spectral);
        x = middle(o, s, heed_leaky_relu(x, 0.1), weights); /* [B, 2^k C, S / 2^(k+1), ..] */
    }
    x = heed_conv_layer(s, "score", x, 1, o->size >> levels, .spectral = !o->no_spectral);
    return x ? heed_reshape(x, -1) : NULL;
}

/* z [B, Z] -> [B, channels, S, S], in -1 .. 1: the same way back. */
static heed_node *generator(const sagan *o, heed_scope *s, heed_node *z, heed_node **weights)
{
    const int levels = levels_of(o->size);
    if (!z) return NULL;
    s = heed_enter(s, "generator");
    heed_node *x = heed_reshape(z, z->shape.dim[0], o->latent, 1, 1);
    x = heed_conv_layer(s, "start", x, o->width << (levels - 1), o->size >> levels,
                        .transposed = true, .spectral = !o->no_spectral);
    for (int k = levels - 1; k >= 0; k--) {
        heed_scope *level = heed_enter_at(s, "level", k);
        x = heed_relu(heed_batch_norm_layer(level, "norm", x)); /* [B, 2^k C, S / 2^(k+1), ..] */
        x = middle(o, s, x, weights);
        x = heed_conv_layer(level, "conv", x, k > 0 ? o->width << (k - 1) : o->channels, 4,
                            .transposed = true, .stride = 2, .pad = 1, .spectral = !o->no_spectral);
    }
    return heed_tanh(x);
}

/* ---- losses ---- */

static heed_node *noise(const sagan *o, heed_graph *g, int64_t batch)
{
    return heed_input(g, "z", heed_graph_dtype(g), batch, o->latent);
}

/* L_D = E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))). D sees both halves in one pass, so that its
 * norms move once; nothing flows into G.                                       [SAGAN, eq. 4] */
static heed_node *discriminator_loss(const void *own, heed_scope *s, int64_t batch)
{
    const sagan *o = own;
    heed_graph *g = heed_scope_graph(s);
    if (!g) return NULL;
    heed_node *real =
        heed_input(g, "images", heed_graph_dtype(g), batch, o->channels, o->size, o->size);
    heed_node *fake = heed_stop_gradient(generator(o, s, noise(o, g, batch), NULL));
    heed_node *score = discriminator(o, s, heed_concat(HEED_NODES(real, fake), 0), NULL); /* [2B] */
    return heed_add(heed_hinge_loss(heed_slice(score, 0, 0, batch), heed_number(g, 1)),
                    heed_hinge_loss(heed_slice(score, 0, batch, 2 * batch), heed_number(g, -1)));
}

/* L_G = -E D(G(z))                                                             [SAGAN, eq. 4] */
static heed_node *generator_loss(const void *own, heed_scope *s, int64_t batch)
{
    const sagan *o = own;
    heed_graph *g = heed_scope_graph(s);
    if (!g) return NULL;
    heed_node *made = generator(o, s, noise(o, g, batch), NULL);
    return heed_neg(heed_mean_all(discriminator(o, s, made, NULL)));
}

/* ---- evaluation ---- */

static int sagan_answer(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                        int room)
{
    const sagan *o = own;
    heed_graph *g = heed_scope_graph(s);
    if (!g || room < 1) return 0;
    outputs[0] = (heed_output){ "images", generator(o, s, noise(o, g, batch), NULL) };
    return outputs[0].node ? 1 : 0;
}

/* Generated images, and where each position of both networks looks: [B, N, N]. */
static int sagan_attention(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                           int room)
{
    const sagan *o = own;
    heed_graph *g = heed_scope_graph(s);
    heed_node *made = NULL, *judged = NULL;
    if (!g || room < 3) return 0;
    heed_node *images = generator(o, s, noise(o, g, batch), &made);
    if (!discriminator(o, s, images, &judged)) return 0;
    outputs[0] = (heed_output){ "images", images };
    if (o->twin != SAGAN_ATTENTION) return 1;
    outputs[1] = (heed_output){ "generator", made };
    outputs[2] = (heed_output){ "discriminator", judged };
    return 3;
}

/* ---- data, recipe ---- */

static bool sagan_fill(const void *own, heed_program *program, const heed_draw *draw,
                       heed_error *error)
{
    const sagan *o = own;
    (void)error;
    heed_rng rng = heed_draw_rng(draw);
    heed_view z = heed_program_input(program, "z"), labels = { .data = NULL };
    heed_view images = heed_program_input(program, "images");
    heed_fill_normal(&rng, &z, 0, 1);
    if (!images.data) return true;
    if (o->task == SAGAN_DIGITS)
        heed_digits_draw(&o->train, &rng, &images, &labels);
    else
        heed_scene_draw(&rng, &images, false);
    return true;
}

static bool settle_sizes(sagan *o, heed_error *error)
{
    const bool digits = o->task == SAGAN_DIGITS;
    o->size = digits ? HEED_DIGIT_SIDE : o->wanted_size;
    o->channels = o->color && !digits ? 3 : 1;
    o->whole_values |= digits; /* C / 8 of their 16 channels would be two numbers */
    if (o->attend == 0) o->attend = o->size / 2;
    if (o->size >> levels_of(o->size) > 7)
        return heed_fail(error, "--size: %lld cannot be halved down to 4 .. 7; try 16, 24, 32",
                         (long long)o->size);
    for (int k = 1; k <= levels_of(o->size); k++)
        if (o->size >> k == o->attend) return true;
    return heed_fail(error,
                     "--attend: the networks have no map of %lld x %lld; images of %lld pixels are "
                     "halved to %lld, .. %lld",
                     (long long)o->attend, (long long)o->attend, (long long)o->size,
                     (long long)o->size / 2, (long long)(o->size >> levels_of(o->size)));
}

static bool sagan_settle(void *own, heed_settings *settings, heed_error *error)
{
    sagan *o = own;
    o->task = settings->task_index;
    if (!settle_sizes(o, error)) return false;
    if (settings->steps < 0) settings->steps = 4000;
    if (settings->batch == 0) settings->batch = 32;
    if (settings->lr == 0) settings->lr = 2e-3;
    o->tally = heed_alloc(sizeof *o->tally);
    if (!o->tally) return heed_fail(error, "sagan: no memory");
    *o->tally = (sagan_tally){ .failed = false };
    return o->task != SAGAN_DIGITS || heed_digits_read(&o->train, settings->data, "train", error);
}

static void sagan_release(void *own)
{
    sagan *o = own;
    heed_digits_free(&o->train);
    heed_free(o->tally);
}

/* Two time scales, and no momentum: the other network moves, too. Towards the end both slow down,
 * so that they stop circling and the norms catch up. */
static void recipe(double lr, const heed_settings *settings, heed_optimizer *optimizer,
                   heed_trainer_options *options)
{
    *optimizer = heed_adam(.lr = lr, .beta1 = HEED_NONE, .beta2 = 0.9);
    options->schedule = (heed_schedule){ .rule = HEED_SCHEDULE_LINEAR,
                                         .steps = settings->steps > 0 ? settings->steps : 1,
                                         .floor = 0.1 };
}

static void discriminator_recipe(const void *own, const heed_settings *settings,
                                 heed_optimizer *optimizer, heed_trainer_options *options)
{
    (void)own;
    recipe(settings->lr, settings, optimizer, options);
}

static void generator_recipe(const void *own, const heed_settings *settings,
                             heed_optimizer *optimizer, heed_trainer_options *options)
{
    (void)own;
    recipe(settings->lr / 4, settings, optimizer, options);
}

/* clang-format off */
static const heed_option options[] = {
    { "width", HEED_WHOLE, offsetof(sagan, width), .initial = 16, .low = 1, .high = 1024,
      .shapes = true, .help = "channels of the largest map; doubled with each halving" },
    { "latent", HEED_WHOLE, offsetof(sagan, latent), .initial = 32, .low = 1, .high = 4096,
      .shapes = true, .help = "numbers of noise that an image is made of" },
    { "twin", HEED_CHOICE, offsetof(sagan, twin), .initial = SAGAN_ATTENTION, .choices = twins,
      .shapes = true, .help = "in attention's place: a residual block of as many parameters" },
    { "attend", HEED_WHOLE, offsetof(sagan, attend), .low = 0, .high = 512, .shapes = true,
      .help = "side of the maps whose positions look at each other; 0: half the image's" },
    { "whole-values", HEED_FLAG, offsetof(sagan, whole_values), .shapes = true,
      .help = "attention adds up vectors of C channels (digits: always), not of C / 8 and then a "
              "layer" },
    { "no-spectral", HEED_FLAG, offsetof(sagan, no_spectral), .shapes = true,
      .help = "weights are not divided by their largest singular value" },
    { "size", HEED_WHOLE, offsetof(sagan, wanted_size), .initial = 24, .low = 10, .high = 512,
      .shapes = true, .help = "pixels of a scene's side (task scenes)" },
    { "color", HEED_FLAG, offsetof(sagan, color), .shapes = true,
      .help = "scenes of three channels, symbols of four colors (task scenes)" },
};
/* clang-format on */
static const heed_task tasks[] = {
    { .name = "scenes",
      .help = "one symbol in two opposite corners",
      .metrics = sagan_scene_metrics },
    { .name = "digits",
      .help = "handwritten digits (MNIST)",
      .metrics = sagan_digit_metrics,
      .data = HEED_NEEDS_DATA },
    { .name = NULL },
};
static const heed_part parts[] = {
    { "discriminator", "discriminator/", discriminator_loss, discriminator_recipe },
    { "generator", "generator/", generator_loss, generator_recipe },
    { .loss = NULL },
};
/* Seeds under which no activation is so near its kink that differences would step over it. */
static const char *const tiny[] = {
    "--size 10 --width 2 --latent 3 --batch 2 --seed 77",
    "--size 16 --width 1 --latent 2 --batch 1 --attend 4 --whole-values --color --seed 21",
    "--size 10 --width 2 --latent 3 --batch 2 --twin residual --seed 8",
    "--size 10 --width 2 --latent 2 --batch 2 --twin nothing --no-spectral --seed 28",
    NULL,
};

const heed_model heed_model_sagan = {
    .name = "sagan",
    .about = "a generative adversarial network whose positions look at each other",
    .paper = "Zhang, Goodfellow, Metaxas, Odena 2019, Self-Attention Generative Adversarial "
             "Networks",
    .tasks = tasks,
    .parts = parts,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .size = sizeof(sagan),
    .evaluation = 5000,
    .evaluation_batch = 100,
    .shown = SAGAN_SHOWN,
    .tiny = tiny,
    .settle = sagan_settle,
    .answer = sagan_answer,
    .fill = sagan_fill,
    .score = sagan_score,
    .release = sagan_release,
    .begin = sagan_begin,
    .end = sagan_end,
    .conclude = sagan_conclude,
    .attention = sagan_attention,
    .show = sagan_show,
    .picture = sagan_picture,
};
