/* ptrnet.c - the pointer network: sorting numbers; hulls, tours and triangulations of points.
 *
 * Vinyals, Fortunato, Jaitly 2015, "Pointer Networks"                                [PN]
 * Vinyals, Bengio, Kudlur 2016, "Order Matters: Sequence to Sequence for Sets"       [OM]
 *
 * An encoder turns the elements x_1 .. x_n of a set into vectors e_1 .. e_n; a decoder LSTM then
 * points at one of them, step by step: its state d_t asks, attention over the e_i answers, and
 * where attention is highest is the next element of the answer, and the decoder's next input. Where
 * an answer can be shorter than others, it ends by pointing at one more element, "the end". The
 * encoder is an LSTM [PN], one LSTM in each direction, layers of self-attention
 * (ptrnet_encoders.c), or it reads each element by itself and lets a process block look at the set
 * P times [OM].
 *
 * Everything is time-major: [n, B, ..] for the n elements of B sets, [T, ..] for T steps; E = n, or
 * n + 1 with the end. Beam search goes on with the W best answers so far of each set, side by side:
 * [.., B W, ..]. */
#include "models/models.h"
#include "models/ptrnet.h"

/* ---- the decoder: one set of weights for all steps ---- */

typedef struct decoder {
    const ptrnet *o;
    heed_lstm lstm;
    heed_pointer glimpse, point;
    heed_node *go;     /* [1, 1, H], the first input: nothing has been chosen yet */
    heed_node *fed;    /* [E, B, H], the input after each choice                  */
    heed_node *absent; /* [E, B], 1 where a smaller set has no element, or NULL   */
    heed_node *never;  /* [T, E, 1], 1 where no answer points                     */
    heed_state_pair state;
} decoder;

/* [T, E, 1] of what the task says. */
static heed_node *never_of(const ptrnet *o, heed_graph *g)
{
    const int64_t steps = ptrnet_steps(o), elements = ptrnet_elements(o);
    const heed_dtype dtype = heed_graph_dtype(g);
    const heed_shape shape = HEED_SHAPE(steps, elements, 1);
    if (!o->task->never || o->no_mask) return NULL;
    void *data = heed_graph_memory(g, (size_t)(steps * elements) * heed_dtype_size(dtype));
    if (!data) return NULL;
    heed_view never = heed_view_of(data, dtype, &shape);
    for (int64_t k = 0; k < steps * elements; k++)
        heed_set(&never, k, o->task->never(k / elements, k % elements, o->n.high));
    return heed_constant(g, &never);
}

/* [n, B]: 1 where i >= lengths[b] */
static heed_node *absent_of(const ptrnet *o, heed_graph *g, int64_t batch)
{
    if (!ptrnet_varies(o)) return NULL;
    heed_node *n = heed_cast(heed_input(g, "lengths", HEED_I32, batch), heed_graph_dtype(g));
    heed_node *i = heed_unsqueeze(heed_arange(g, 0, (double)o->n.high, 1), 1);
    return heed_greater_equal(i, n);
}

/* Columns w of [.., B W, ..] for each column of [.., B, ..]. */
static heed_node *for_each_beam(heed_node *x, int64_t beam, int axis)
{
    return x && beam > 1 ? heed_repeat_interleave(x, beam, axis) : x;
}

static decoder decoder_of(const ptrnet *o, heed_scope *s, int64_t batch, int64_t beam)
{
    heed_graph *g = heed_scope_graph(s);
    decoder r = { .o = o };
    const heed_dtype dtype = heed_graph_dtype(g);
    heed_node *x = o->task->plane ? heed_input(g, "points", dtype, o->n.high, batch, 2)
                                  : heed_input(g, "numbers", dtype, o->n.high, batch);
    heed_node *absent = absent_of(o, g, batch);
    ptrnet_encoded in = ptrnet_encode(o, s, x, absent);
    s = heed_enter(s, "decoder");
    heed_node *e = in.e;
    if (o->task->ends) {
        heed_node *end =
            heed_param(s, "end", (heed_init){ .rule = HEED_INIT_DEFAULT }, 1, 1, o->hidden);
        end = heed_expand(end, 1, batch, o->hidden);
        e = heed_concat(HEED_NODES(e, end), 0);
        in.fed = heed_concat(HEED_NODES(in.fed, end), 0);
        if (absent) absent = heed_pad(absent, 0, 0, 1, 0);
    }
    e = for_each_beam(e, beam, 1);
    r.fed = for_each_beam(in.fed, beam, 1);
    r.absent = for_each_beam(absent, beam, 1);
    r.never = never_of(o, g);
    r.state = (heed_state_pair){ .h = for_each_beam(in.state.h, beam, 0),
                                 .c = for_each_beam(in.state.c, beam, 0) };
    r.lstm = heed_lstm_cell(s, "lstm", o->hidden, o->hidden);
    r.go = heed_param(s, "go", HEED_ZEROS, 1, 1, o->hidden);
    r.point = heed_pointer_over(s, "pointer", e, o->hidden);
    if (o->glimpses > 0) r.glimpse = heed_pointer_over(s, "glimpse", e, o->hidden);
    return r;
}

/* The pointer's scores for states d [T, B, H], after `glimpses` looks at what is left: a readout
 * joins the state. blocked is [T, E, B], or NULL.                  -> [T, E, B] [PN, eq. 3; OM] */
static heed_node *point(const decoder *r, heed_node *d, heed_node *blocked)
{
    for (int64_t k = 0; k < r->o->glimpses; k++)
        d = heed_add(d, heed_pointer_glimpse(&r->glimpse, d, blocked, NULL));
    return heed_pointer_scores(&r->point, d, blocked);
}

/* ---- what cannot be pointed at: 1s, added up ---- */

static heed_node *either(heed_node *a, heed_node *b)
{
    return a && b ? heed_add(a, b) : a ? a : b;
}

/* Within a group of three steps indices rise: what is not above the previous choice, [T, B], is
 * blocked in the second and the third.                                        -> [T, E, B] */
static heed_node *not_above(const decoder *r, int64_t first, int64_t steps, heed_node *previous)
{
    heed_graph *g = previous->graph;
    heed_node *i =
        heed_unsqueeze(heed_arange(g, 0, (double)ptrnet_elements(r->o), 1), 1); /* [E, 1] */
    heed_node *t = heed_arange(g, (double)first, (double)(first + steps), 1);   /* [T] */
    heed_node *begins = heed_equal(t, heed_scale(heed_floor(heed_affine(t, 1. / 3, 1. / 6)), 3));
    heed_node *last = heed_cast(previous, heed_graph_dtype(g));
    heed_node *low = heed_less_equal(i, heed_unsqueeze(last, 1));
    return heed_mul(low, heed_reshape(heed_affine(begins, -1, 1), steps, 1, 1));
}

/* Of T steps from `first` on. chosen [T, E, B]: how often each element was, before; previous
 * [T, B]: the last choice; NULL: nothing was chosen yet. What was pointed at cannot be pointed at
 * again. */
static heed_node *blocked_at(const decoder *r, int64_t first, int64_t steps, heed_node *chosen,
                             heed_node *previous)
{
    const ptrnet_task *task = r->o->task;
    if (r->o->no_mask) return r->absent;
    heed_node *blocked = either(r->absent, task->repeats ? NULL : chosen);
    if (r->never) blocked = either(blocked, heed_slice(r->never, 0, first, first + steps));
    if (task->triples && previous) blocked = either(blocked, not_above(r, first, steps, previous));
    return blocked;
}

/* ---- training: the right answer so far is the input, so all steps are computed together ---- */

/* chosen[t, i, b] = 1 when i is one of order[0 .. t - 1, b] */
static heed_node *chosen_before(heed_node *order, int64_t elements) /* [T, B] -> [T, E, B] */
{
    heed_node *chosen = heed_permute(heed_one_hot(order, elements), 0, 2, 1);
    return heed_cumsum(chosen, 0, .exclusive = true);
}

/* fed[order[0 .. T - 2, b], b]: [E, B, H], [T, B] -> [T - 1, B, H] */
static heed_node *fed_before(heed_node *fed, heed_node *order)
{
    heed_node *of_set = heed_transpose(heed_slice(order, 0, 0, -1), 0, 1); /* [B, T - 1] */
    return heed_transpose(heed_gather(heed_transpose(fed, 0, 1), of_set, 1, 1), 0, 1);
}

static heed_node *ptrnet_loss(const void *own, heed_scope *s, int64_t batch)
{
    const ptrnet *o = own;
    heed_graph *g = heed_scope_graph(s);
    if (!g) return NULL;
    const int64_t steps = ptrnet_steps(o);
    decoder r = decoder_of(o, s, batch, 1);
    heed_node *order = heed_input(g, "order", HEED_I32, steps, batch);

    heed_node *go = heed_expand(r.go, 1, batch, o->hidden);
    heed_node *in = heed_concat(HEED_NODES(go, fed_before(r.fed, order)), 0); /* [T, B, H] */
    heed_node *d = ptrnet_run(o, &r.lstm, in, &r.state);
    heed_node *chosen = chosen_before(order, ptrnet_elements(o));
    heed_node *previous =
        heed_concat(HEED_NODES(heed_slice(order, 0, 0, 1), heed_slice(order, 0, 0, -1)),
                    0);                                                      /* of step 0: any */
    heed_node *u = point(&r, d, blocked_at(&r, 0, steps, chosen, previous)); /* [T, E, B] */
    return heed_cross_entropy(heed_permute(u, 0, 2, 1), order);
}

/* ---- evaluation: the decoder's own answer is its next input ---- */

/* What an answer that goes on is told: choices so far and the decoder's state, for B W of them. */
typedef struct memory {
    heed_node *chosen; /* [1, E, B W], NULL at first */
    heed_state_pair state;
} memory;

/* After the end there is only the end, at no cost. */
static heed_node *ended_too(heed_node *chosen, heed_node *blocked)
{
    const int64_t end = chosen->shape.dim[1] - 1;
    heed_graph *g = chosen->graph;
    heed_node *others = heed_pad(heed_full(g, 1, end, 1), 0, 0, 1, 0); /* [E, 1] */
    heed_node *ended = heed_slice(chosen, 1, end, end + 1);            /* [1, 1, B W] */
    return heed_where(ended, others, blocked ? blocked : heed_number(g, 0));
}

/* From scores u [1, E, B W] to the W best answers that are one step longer. return: what each has
 * just chosen, [1, B W]. */
static heed_node *extend(heed_beam *beam, memory *m, heed_node *u)
{
    heed_node *log_p = heed_transpose(heed_squeeze(heed_log_softmax(u, 1), 0), 0, 1); /* [B W, E] */
    heed_node *pick = heed_unsqueeze(heed_beam_extend(beam, log_p), 0);
    heed_node *now = heed_one_hot(pick, beam->choices); /* [1, B W, E] */
    m->state.h = heed_beam_follow(beam, m->state.h);
    m->state.c = heed_beam_follow(beam, m->state.c);
    if (m->chosen) {
        heed_node *before = heed_transpose(heed_squeeze(m->chosen, 0), 0, 1);
        now = heed_add(now, heed_beam_follow(beam, before));
    }
    m->chosen = heed_transpose(now, 1, 2);
    return pick;
}

/* The most probable answer [T, B]; weights, unless NULL: of each step, [1, E, B]. */
static heed_node *decode(const ptrnet *o, heed_scope *s, int64_t batch, int64_t width,
                         heed_node **weights)
{
    heed_graph *g = heed_scope_graph(s);
    decoder r = decoder_of(o, s, batch, width);
    heed_beam beam = heed_beam_begin(g, batch, width, ptrnet_elements(o));
    memory m = { .state = r.state };
    heed_node *of_set = heed_transpose(r.fed, 0, 1), *pick = NULL; /* [B W, E, H] */
    heed_node *in = heed_expand(r.go, 1, batch * width, o->hidden);
    for (int64_t t = 0; t < ptrnet_steps(o) && !heed_graph_failed(g); t++) {
        heed_node *projected = heed_index(heed_lstm_project(&r.lstm, in), 0, 0);
        m.state = heed_lstm_step(&r.lstm, projected, m.state);
        heed_node *blocked = blocked_at(&r, t, 1, m.chosen, pick);
        if (o->task->ends && m.chosen) blocked = ended_too(m.chosen, blocked);
        heed_node *u = point(&r, heed_unsqueeze(m.state.h, 0), blocked); /* [1, E, B W] */
        if (weights) weights[t] = heed_softmax(u, 1);
        pick = extend(&beam, &m, u);
        heed_node *next = heed_transpose(pick, 0, 1);               /* [B W, 1] */
        in = heed_transpose(heed_gather(of_set, next, 1, 1), 0, 1); /* [1, B W, H] */
    }
    return heed_transpose(heed_index(beam.picks, 1, 0), 0, 1);
}

static int ptrnet_answer(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                         int room)
{
    const ptrnet *o = own;
    if (!heed_scope_graph(s) || room < 1) return 0;
    outputs[0] = (heed_output){ "order", decode(o, s, batch, o->beam, NULL) }; /* [T, B] */
    return outputs[0].node ? 1 : 0;
}

/* The same, greedily, and where each step points. */
static int ptrnet_attention(const void *own, heed_scope *s, int64_t batch, heed_output *outputs,
                            int room)
{
    const ptrnet *o = own;
    heed_graph *g = heed_scope_graph(s);
    const int64_t steps = ptrnet_steps(o);
    heed_node **weights =
        g && room > 1 ? heed_graph_memory(g, (size_t)steps * sizeof *weights) : NULL;
    if (!weights) return 0;
    outputs[0] = (heed_output){ "order", decode(o, s, batch, 1, weights) };
    heed_node *all = heed_concat(weights, (int)steps, 0);
    outputs[1] = (heed_output){ "pointer", heed_permute(all, 2, 0, 1) }; /* [B, T, E] */
    return outputs[1].node ? 2 : 0;
}

/* ---- recipe ---- */

/* Masked, and with numbers read one by one, a rising function is all there is to learn. An encoder
 * that mixes the numbers, or a decoder that has to see where it stands, takes longer. */
static void settle_sorting(const ptrnet *o, heed_settings *settings)
{
    const bool easy = o->encoder == ENCODER_PROCESS && !o->no_mask;
    if (settings->steps < 0) settings->steps = easy ? 1000 : 6000;
    if (settings->batch == 0) settings->batch = 128;
    if (settings->lr == 0) settings->lr = 5e-3;
}

/* Tours of up to 12 points are compared with the shortest in no time; of more, a file has them, or
 * it takes a while. */
static void settle_points(const ptrnet *o, heed_settings *settings)
{
    enum { SMALL = 12, FEW = 100 };
    const bool small = o->n.high <= SMALL;
    if (settings->steps < 0) settings->steps = small ? o->task->training : 2 * o->task->training;
    if (settings->batch == 0) settings->batch = 128;
    if (settings->lr == 0) settings->lr = 1e-3;
    if (settings->examples == 0 && o->file.count > 0) settings->examples = o->file.count;
    if (settings->examples == 0 && o->task->place == PLACE_FIRST && !small)
        settings->examples = FEW;
}

static bool ptrnet_settle(void *own, heed_settings *settings, heed_error *error)
{
    ptrnet *o = own;
    const char *name = settings->task;
    o->task = &ptrnet_tasks[settings->task_index];
    if (o->encoder == ENCODER_OF_TASK)
        o->encoder = o->task->plane ? ENCODER_ATTENTION : ENCODER_PROCESS;
    if (o->n.low < o->task->least || o->n.high > o->task->most)
        return heed_fail(error, "--n: --task %s takes %lld to %lld elements", name,
                         (long long)o->task->least, (long long)o->task->most);
    if (ptrnet_varies(o) && !o->task->plane)
        return heed_fail(error, "--n: --task %s takes one length, not a range", name);
    if (ptrnet_varies(o) && o->encoder == ENCODER_LSTM)
        return heed_fail(error, "--encoder lstm reads sets of one length; for a range of --n take "
                                "both, process or attention");
    if (o->encoder == ENCODER_ATTENTION && o->hidden % o->heads != 0)
        return heed_fail(error, "--hidden %lld is not a multiple of --heads %lld",
                         (long long)o->hidden, (long long)o->heads);
    if (settings->data && !ptrnet_read(o, settings->data, error)) return false;
    if (o->task->plane)
        settle_points(o, settings);
    else
        settle_sorting(o, settings);
    return !settings->data || settings->examples <= o->file.count ||
           heed_fail(error, "--examples %lld: the file in --data has %lld",
                     (long long)settings->examples, (long long)o->file.count);
}

static void ptrnet_release(void *own)
{
    ptrnet *o = own;
    heed_points_free(&o->file);
}

/* Warm-up, then a cosine down to nothing: the last steps settle between numbers 1e-4 apart. */
static void ptrnet_recipe(const void *own, const heed_settings *settings, heed_optimizer *optimizer,
                          heed_trainer_options *options)
{
    (void)own;
    *optimizer = heed_adam(.lr = settings->lr);
    options->clip_norm = 2;
    options->schedule = (heed_schedule){ .rule = HEED_SCHEDULE_COSINE,
                                         .warmup = settings->steps / 10,
                                         .steps = settings->steps > 0 ? settings->steps : 1 };
}

/* clang-format off */
static const char *const encoders[] = { "auto", "lstm", "process", "both", "attention", NULL };
static const char *const embeddings[] = { "steps", "linear", NULL };
static const heed_option options[] = {
    { "n", HEED_RANGE, offsetof(ptrnet, n), .initial = 10, .low = 2, .high = HEED_POINTS_MOST,
      .trains = true, .help = "elements of a set; of points also a range: 5-50" },
    { "hidden", HEED_WHOLE, offsetof(ptrnet, hidden), .initial = 128, .low = 1, .high = 4096,
      .shapes = true, .help = "width of embeddings, states and keys" },
    { "encoder", HEED_CHOICE, offsetof(ptrnet, encoder), .initial = ENCODER_OF_TASK,
      .choices = encoders, .shapes = true,
      .help = "an LSTM, one that ignores the order, LSTMs in both directions, self-attention; "
              "auto: process to sort, attention for points" },
    { "embed", HEED_CHOICE, offsetof(ptrnet, embed), .initial = EMBED_STEPS,
      .choices = embeddings, .shapes = true,
      .help = "soft steps and a linear layer, or tanh of a linear layer" },
    { "process-steps", HEED_WHOLE, offsetof(ptrnet, process_steps), .initial = 1, .low = 0,
      .high = 100, .shapes = true, .help = "looks at the set before decoding (encoder process)" },
    { "layers", HEED_WHOLE, offsetof(ptrnet, layers), .initial = 3, .low = 0, .high = 100,
      .shapes = true, .help = "of encoder attention" },
    { "heads", HEED_WHOLE, offsetof(ptrnet, heads), .initial = 8, .low = 1, .high = 64,
      .shapes = true, .help = "of encoder attention" },
    { "glimpses", HEED_WHOLE, offsetof(ptrnet, glimpses), .initial = 1, .low = 0, .high = 10,
      .shapes = true, .help = "attention reads before each pointing" },
    { "no-mask", HEED_FLAG, offsetof(ptrnet, no_mask), .trains = true,
      .help = "let the decoder point at any element, twice at the same, too" },
    { "beam", HEED_WHOLE, offsetof(ptrnet, beam), .initial = 1, .low = 1, .high = 100,
      .help = "answers that evaluation follows; 1: always the best step" },
    { "recompute", HEED_FLAG, offsetof(ptrnet, recompute), .trains = true,
      .help = "LSTMs keep their states only: less memory (see --dry-run), some more time" },
};
/* clang-format on */
static const heed_part parts[] = { { .loss = ptrnet_loss, .recipe = ptrnet_recipe },
                                   { .loss = NULL } };
static const char *const tiny[] = {
    "--n 3 --hidden 4 --batch 2 --encoder lstm",
    "--n 3 --hidden 4 --batch 2 --encoder lstm --recompute",
    "--n 3 --hidden 4 --batch 2 --encoder process --process-steps 2 --glimpses 1",
    "--n 2 --hidden 3 --batch 3 --encoder process --process-steps 0 --no-mask",
    "--n 3 --hidden 4 --batch 2 --encoder lstm --glimpses 0 --embed linear --no-mask",
    "--task hull --n 4 --hidden 4 --batch 2 --layers 1 --heads 2",
    "--task hull --n 3-5 --hidden 4 --batch 2 --layers 2 --heads 1 --embed linear",
    "--task hull --n 3-5 --hidden 3 --batch 2 --encoder both",
    "--task tsp --n 4-5 --hidden 4 --batch 2 --layers 1 --heads 2",
    "--task delaunay --n 4-5 --hidden 4 --batch 2 --layers 1 --heads 1",
    "--task hull --n 3-4 --hidden 3 --batch 2 --encoder process --glimpses 0",
    NULL,
};

const heed_model heed_model_ptrnet = {
    .name = "ptrnet",
    .about = "a pointer network: sorting, convex hulls, tours, triangulations",
    .paper = "Vinyals, Fortunato, Jaitly 2015, Pointer Networks; Vinyals, Bengio, Kudlur 2016, "
             "Order Matters",
    .tasks = ptrnet_task_list,
    .parts = parts,
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .size = sizeof(ptrnet),
    .evaluation = 10000,
    .evaluation_batch = 250,
    .tiny = tiny,
    .settle = ptrnet_settle,
    .release = ptrnet_release,
    .answer = ptrnet_answer,
    .fill = ptrnet_fill,
    .score = ptrnet_score,
    .attention = ptrnet_attention,
    .show = ptrnet_show,
    .picture = ptrnet_picture,
};
