/* trainer.c - forward, backward, clipping and update as one graph, compiled once. */
#include <math.h>
#include <string.h>

#include "ops/ops.h"
#include "optim/clip.h"
#include "optim/rule.h"
#include "optim/trainer.h"
#include "tensor/memory.h"

/* While the step's graph grows. */
typedef struct building {
    heed_trainer *t;
    heed_node *loss, *rates, *scale;
    heed_node **params, **grads; /* those that the loss depends on */
    int n;
    heed_node **outputs;
    int n_outputs;
} building;

/* Does the loss depend on any leaf that no gradient can reach? Then its gradient is NULL. */
static bool find_gradients(building *b)
{
    heed_graph *graph = b->t->graph;
    int all = heed_graph_params(graph, NULL, 0), kept = 0;
    if (all == 0) return heed_graph_fail(graph, "trainer: the graph has no parameters") != NULL;
    b->params = heed_graph_memory(graph, (size_t)all * sizeof *b->params);
    b->grads = heed_graph_memory(graph, (size_t)all * sizeof *b->grads);
    if (!b->params || !b->grads) return false;
    all = heed_graph_params_under(graph, b->t->options.prefix, b->params, all);
    if (all == 0)
        return heed_graph_fail(graph, "trainer: no parameter's name begins with '%s'",
                               b->t->options.prefix) != NULL;
    if (!heed_gradient_partial(b->loss, NULL, b->params, all, b->grads)) return false;
    for (int i = 0; i < all; i++) {
        if (!b->grads[i] && !b->t->options.allow_unused)
            return heed_graph_fail(graph,
                                   "trainer: the loss does not depend on parameter '%s' "
                                   "(.allow_unused = true leaves it as it is)",
                                   b->params[i]->name) != NULL;
        if (!b->grads[i]) continue;
        b->params[kept] = b->params[i];
        b->grads[kept++] = b->grads[i];
    }
    b->n = kept;
    return kept > 0 || heed_graph_fail(graph, "trainer: the loss depends on no parameter");
}

static bool add_output(building *b, heed_node *node, int *at)
{
    if (!node) return false;
    *at = b->n_outputs;
    b->outputs[b->n_outputs++] = node;
    return true;
}

static heed_update_attr update_attr(const heed_trainer *t)
{
    const heed_optimizer_options *o = &t->optimizer.options;
    return (heed_update_attr){ .momentum = o->momentum,
                               .beta1 = o->beta1,
                               .beta2 = o->beta2,
                               .alpha = o->alpha,
                               .eps = o->eps,
                               .weight_decay = o->weight_decay,
                               .clip_value = t->options.clip_value,
                               .nesterov = o->nesterov,
                               .decoupled = t->optimizer.decoupled };
}

/* An update of several parameters, as it is put together. */
typedef struct batch {
    heed_node *in[HEED_UPDATE_INPUTS];
    int n; /* inputs */
} batch;

static void add_parameter(const building *b, int i, batch *to)
{
    const heed_update_rule *rule = b->t->optimizer.rule;
    heed_node *param = b->params[i];
    heed_scope *scope = heed_enter(heed_enter(heed_root(b->t->graph), "optimizer"), rule->name);
    scope = heed_enter(scope, param->name);
    if (to->n == 0) {
        to->in[HEED_UPDATE_RATES] = b->rates;
        to->in[HEED_UPDATE_SCALE] = b->scale;
        to->n = HEED_UPDATE_FIRST;
    }
    to->in[to->n++] = param;
    to->in[to->n++] = b->grads[i];
    for (int k = 0; k < rule->n_states; k++)
        to->in[to->n++] = heed_moment_shaped(scope, rule->state[k], HEED_ZEROS, param->shape);
}

static bool add_update(building *b, batch *of)
{
    const heed_update_attr attr = update_attr(b->t);
    int ignored;
    if (of->n == 0) return true;
    heed_node *update = heed_apply(b->t->optimizer.rule->op, &attr, of->n, of->in);
    of->n = 0;
    return add_output(b, update, &ignored);
}

/* A large parameter has an update of its own, small ones share them. */
static bool add_updates(building *b)
{
    const heed_op *op = b->t->optimizer.rule->op;
    batch small = { .n = 0 }, large = { .n = 0 };
    for (int i = 0; i < b->n; i++) {
        const bool is_small = heed_count(&b->params[i]->shape) <= HEED_UPDATE_SMALL;
        batch *to = is_small ? &small : &large;
        add_parameter(b, i, to);
        if ((!is_small || to->n == op->max_in) && !add_update(b, to)) return false;
    }
    return add_update(b, &small);
}

static bool build(building *b)
{
    heed_trainer *t = b->t;
    heed_graph *graph = t->graph;
    int ignored;
    if (!find_gradients(b)) return false;
    int most = b->n + t->options.n_outputs + heed_graph_assignments(graph, NULL, 0) + 2;
    b->outputs = heed_graph_memory(graph, (size_t)most * sizeof *b->outputs);
    if (!b->outputs || !add_output(b, b->loss, &t->loss_at)) return false;
    b->rates =
        heed_input_shaped(graph, "optimizer/rates", b->loss->dtype, HEED_SHAPE(HEED_N_RATES));
    b->scale = heed_full_shaped(graph, b->loss->dtype, heed_scalar(), 1);
    t->norm_at = -1;
    if (t->options.clip_norm > 0) {
        heed_node *norm = heed_global_norm(b->grads, b->n, t->options.clip_value);
        if (!add_output(b, norm, &t->norm_at)) return false;
        b->scale = heed_clip_factor(norm, t->options.clip_norm);
    }
    t->outputs_at = b->n_outputs;
    for (int i = 0; i < t->options.n_outputs; i++)
        if (!add_output(b, t->options.outputs[i], &ignored))
            return heed_graph_fail(graph, "trainer: output %d is NULL", i) != NULL;
    if (!add_updates(b)) return false;
    /* Running statistics and the like move with every step. */
    b->n_outputs += heed_graph_assignments(graph, b->outputs + b->n_outputs, most - b->n_outputs);
    return true;
}

static bool options_fit(heed_node *loss, const heed_optimizer *optimizer,
                        const heed_trainer_options *options)
{
    heed_graph *graph = loss->graph;
    heed_error error = { .set = false };
    char text[300];
    if (heed_count(&loss->shape) != 1 || !heed_is_real(loss->dtype))
        return heed_graph_fail(graph, "trainer: the loss must be one number, got %s",
                               heed_describe(loss, text, sizeof text)) != NULL;
    if (!(optimizer->options.lr > 0) || !isfinite(optimizer->options.lr))
        return heed_graph_fail(graph, "trainer: the learning rate %g is not a positive number",
                               optimizer->options.lr) != NULL;
    if (options->clip_norm < 0 || options->clip_value < 0)
        return heed_graph_fail(graph, "trainer: clip_norm and clip_value must not be negative") !=
               NULL;
    if (!heed_schedule_check(&options->schedule, &error))
        return heed_graph_fail(graph, "trainer: %s", error.text) != NULL;
    return true;
}

heed_trainer *heed_trainer_make(heed_node *loss, heed_optimizer optimizer,
                                heed_trainer_options options)
{
    if (!loss || heed_graph_failed(loss->graph) || !options_fit(loss, &optimizer, &options))
        return NULL;
    heed_trainer *t = heed_alloc(sizeof *t);
    if (!t) {
        heed_graph_fail(loss->graph, "no memory for a trainer");
        return NULL;
    }
    *t = (heed_trainer){ .graph = loss->graph, .optimizer = optimizer, .options = options };
    building b = { .t = t, .loss = loss };
    if (build(&b))
        t->program = heed_compile(t->graph, b.outputs, b.n_outputs, .threads = options.threads,
                                  .seed = options.seed, .passes = options.passes,
                                  .flush_subnormals = !options.keep_subnormals);
    if (!t->program) {
        heed_trainer_free(t);
        return NULL;
    }
    t->rates = heed_program_input(t->program, "optimizer/rates");
    return t;
}

void heed_trainer_free(heed_trainer *t)
{
    if (!t) return;
    heed_program_free(t->program);
    heed_free(t);
}

double heed_trainer_rate(const heed_trainer *t)
{
    return t->optimizer.options.lr * heed_schedule_factor(&t->options.schedule, t->steps);
}

bool heed_trainer_step(heed_trainer *t)
{
    const heed_optimizer_options *o = &t->optimizer.options;
    double n = (double)t->steps + 1;
    heed_set(&t->rates, HEED_RATE, heed_trainer_rate(t));
    heed_set(&t->rates, HEED_UNBIAS_1, 1 / (1 - pow(o->beta1, n)));
    heed_set(&t->rates, HEED_UNBIAS_2, 1 / sqrt(1 - pow(o->beta2, n)));
    heed_program_set_step(t->program, (uint64_t)t->steps);
    if (!heed_program_run(t->program)) return false;
    t->steps++;
    return true;
}

heed_view heed_trainer_input(heed_trainer *t, const char *name)
{
    return heed_program_input(t->program, name);
}

static double number_at(const heed_trainer *t, int at)
{
    heed_view view = heed_program_output(t->program, at);
    return heed_get(&view, 0);
}

double heed_trainer_loss(const heed_trainer *t)
{
    return number_at(t, t->loss_at);
}

double heed_trainer_norm(const heed_trainer *t)
{
    return t->norm_at < 0 ? NAN : number_at(t, t->norm_at);
}

heed_view heed_trainer_output(const heed_trainer *t, int i)
{
    return heed_program_output(t->program, t->outputs_at + i);
}

int64_t heed_trainer_steps(const heed_trainer *t)
{
    return t->steps;
}
heed_program *heed_trainer_program(heed_trainer *t)
{
    return t->program;
}
