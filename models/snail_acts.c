/* snail_acts.c - SNAIL as an agent: in each step it sees what its last action brought, and so
 * learns within an episode what world it is in. Trained by policy gradient.
 *
 * Everything is time-major: [T, B, ..] for T steps in B worlds. */
#include <math.h>

#include "models/data/advantage.h"
#include "models/snail.h"

static int64_t actions(const snail *o)
{
    return o->task == SNAIL_BANDIT ? o->arms : HEED_MDP_ACTIONS;
}

static int64_t steps_of(const snail *o)
{
    return o->task == SNAIL_BANDIT ? o->pulls : o->episodes * HEED_MDP_STEPS;
}

/* The last action (one-hot), and its reward where that action stands; in an MDP also the state it
 * was taken in, the state now, and whether an episode begins. */
static int64_t features(const snail *o)
{
    return 2 * actions(o) + (o->task == SNAIL_MDP ? 2 * HEED_MDP_STATES + 1 : 0);
}

static int64_t state_at(const snail *o)
{
    return 2 * actions(o) + HEED_MDP_STATES;
}

/* ---- the network: linear(32), TC(T, 32), TC(T, 32), attention(32, 32), linear ----
 *
 * In an MDP, where a visit to a state is to be found among a hundred steps, what was done there
 * earlier and what it brought is looked up first; the paper's stack alone had learned nothing after
 * 700 steps of training. */

typedef struct opinion {
    heed_node *logits;  /* [B, T, A] */
    heed_node *value;   /* [B, T, 1]: regret from here on, by the deviation of regrets */
    heed_node *weights; /* of attention, [B, T, T], when asked for */
} opinion;

/* Mean of actions and rewards of those steps whose state before is the state now. One map makes
 * keys of the ones and queries of the others, at first: a state's score beside its own key is 4, of
 * others 0. */
static heed_node *looked_up(const snail *o, heed_scope *s, heed_node *observed, heed_past *past)
{
    const int64_t now = state_at(o), before = now - HEED_MDP_STATES, width = 16;
    heed_scope *own = heed_enter(s, "lookup");
    const heed_init start = { .rule = HEED_INIT_ORTHOGONAL,
                              .a = 4,
                              .as = heed_full_name(own, "query/weight") };
    heed_node *q = heed_linear(own, "query", heed_slice(observed, 2, now, now + HEED_MDP_STATES),
                               width, .weight = start, .no_bias = true);
    heed_node *k = heed_linear(own, "key", heed_slice(observed, 2, before, now), width,
                               .weight = start, .no_bias = true);
    return heed_look_back(q, k, heed_slice(observed, 2, 0, before), past, NULL);
}

static opinion opinion_on(const snail *o, heed_scope *s, heed_node *observed, heed_past *past,
                          bool attention)
{
    opinion r = { .weights = NULL };
    const int64_t steps = steps_of(o), width = o->filters;
    heed_node *x = observed;
    if (o->task == SNAIL_MDP) x = heed_concat(HEED_NODES(x, looked_up(o, s, observed, past)), 2);
    x = heed_linear(s, "in", x, width); /* [B, T, 32] */
    x = heed_temporal_block(s, "temporal0", x, past, steps, width);
    x = heed_temporal_block(s, "temporal1", x, past, steps, width);
    x = heed_causal_attention(s, "attention0", x, past, width, width,
                              attention ? &r.weights : NULL);
    r.logits = heed_linear(s, "action", x, actions(o));
    /* In units of as many steps as are worth something, so that it starts on the scale of what it
     * predicts. */
    const double far = o->discount < 1 ? 1 / (1 - o->discount) : (double)steps;
    r.value = heed_scale(heed_linear(s, "value", x, 1), fmin(far, (double)steps));
    return r;
}

/* ---- training: what was done is given, so all steps are computed together ---- */

/* What is to be small: the mean over steps of what actions miss. Its gradient has two parts. What
 * an action misses itself is known for all actions, q(a), and summed with their probabilities; what
 * it leads to is sampled, with advantages A of later steps:
 *
 *     -mean(sum_a pi(a) q(a)) - mean(A log pi(a taken)) + value mean((V - R)^2) / 2 T^2
 *     - entropy mean(H(pi))
 *
 * (Sutton et al. 2000; all actions: Asadi et al. 2017). The weight of entropy falls to 0: who is to
 * find what is best must try for long, and then do it. */
heed_node *snail_acting_loss(const snail *o, heed_scope *s, int64_t batch)
{
    heed_graph *g = heed_scope_graph(s);
    if (!g) return NULL;
    const int64_t steps = steps_of(o);
    const heed_dtype dtype = heed_graph_dtype(g);
    heed_node *observed = heed_input(g, "observed", dtype, steps, batch, features(o));
    heed_node *action = heed_input(g, "action", dtype, steps, batch, actions(o));
    heed_node *known = heed_input(g, "known", dtype, steps, batch, actions(o)); /* q */
    heed_node *advantage = heed_input(g, "advantage", dtype, steps, batch);     /* A */
    heed_node *target = heed_input(g, "target", dtype, steps, batch);           /* R */
    heed_node *entropy = heed_input_shaped(g, "entropy", dtype, (heed_shape){ .rank = 0 });

    opinion r = opinion_on(o, s, heed_transpose(observed, 0, 1), NULL, false);
    heed_node *log_pi = heed_transpose(heed_log_softmax(r.logits, -1), 0, 1); /* [T, B, A] */
    heed_node *pi = heed_exp(log_pi);
    heed_node *taken = heed_mul(action, heed_unsqueeze(advantage, -1));
    heed_node *better = heed_add(heed_mul(pi, known), heed_mul(log_pi, taken));
    heed_node *wrong = heed_sub(heed_transpose(heed_squeeze(r.value, -1), 0, 1), target);
    heed_node *off = heed_scale(heed_mean_all(heed_square(wrong)), 0.5 / (double)(steps * steps));
    heed_node *less_sure = heed_mul(entropy, heed_mean_all(heed_mul(pi, log_pi))); /* -H / A */
    heed_node *policy = heed_sub(less_sure, heed_mean_all(better));
    return heed_add(heed_scale(off, o->value_weight), heed_scale(policy, (double)actions(o)));
}

/* ---- acting: agent and worlds as one loop; all chance comes in with the inputs ---- */

enum { LAST_ACTION, LAST_REWARD, STATE, STATE_BEFORE, OWN_STATES };
enum { STEP, SO_FAR, CHOICE, OUTCOME, BEGINS = OUTCOME, MOVE, NOISE, PARTS };

typedef struct rollout {
    const snail *o;
    heed_scope *s;
    heed_past first;
    heed_node *world; /* of an MDP, see models/data/mdp.h */
    heed_node *sharp; /* []: what logits are multiplied by */
    bool attention;
    int own; /* states before those of the network */
} rollout;

/* One-hot of the first j with dice < up_to[j]: up_to [B, n], rising to 1, dice [B]. -> [B, n] */
static heed_node *thrown(heed_node *up_to, heed_node *dice)
{
    if (!up_to || !dice) return NULL;
    heed_node *under = heed_less(heed_unsqueeze(dice, -1), heed_slice(up_to, -1, 0, -1));
    return heed_sub(heed_pad(under, -1, 0, 1, 1), heed_pad(under, -1, 1, 0, 0));
}

/* reward [B, 1] of the action [B, A]; next[STATE] where there is a state. */
static heed_node *world_step(const rollout *r, heed_node *const *state, heed_node *const *x,
                             heed_node *action, heed_node **next)
{
    if (r->o->task == SNAIL_BANDIT)
        return heed_sum(heed_mul(x[OUTCOME], action), -1, true); /* [B, 1] */
    const int64_t batch = action ? action->shape.dim[0] : 0, n = HEED_MDP_STATES;
    heed_node *pair = heed_mul(heed_unsqueeze(state[STATE], 2), heed_unsqueeze(action, 1));
    pair = heed_reshape(pair, batch, 1, n * HEED_MDP_ACTIONS);      /* [B, 1, S A] */
    heed_node *row = heed_index(heed_matmul(pair, r->world), 1, 0); /* [B, S + 1] */
    next[STATE] = thrown(heed_slice(row, 1, 0, n), x[MOVE]);
    return heed_add(heed_slice(row, 1, n, n + 1), heed_unsqueeze(x[NOISE], -1));
}

/* Where an episode begins the state is the first one: x[BEGINS] [] is 1, else 0. */
static heed_node *state_now(heed_node *const *state, heed_node *const *x)
{
    heed_node *first = heed_slice(heed_eye(x[BEGINS]->graph, 1, HEED_MDP_STATES), 0, 0, 1);
    return heed_where(x[BEGINS], first, state[STATE]); /* [B, S] */
}

static bool act(void *context, heed_node *const *state, heed_node *const *x, heed_node **next,
                heed_node **y)
{
    const rollout *r = context;
    heed_node *own[OWN_STATES] = { state[LAST_ACTION], state[LAST_REWARD], NULL };
    heed_node *seen[5] = { own[LAST_ACTION], heed_mul(own[LAST_REWARD], own[LAST_ACTION]) };
    if (r->own > STATE) {
        seen[2] = state[STATE_BEFORE];
        seen[3] = next[STATE_BEFORE] = own[STATE] = state_now(state, x);
        seen[4] = heed_expand(x[BEGINS], seen[3]->shape.dim[0], 1);
    }
    y[SNAIL_OBSERVED] = heed_concat(seen, r->own > STATE ? 5 : 2, -1); /* [B, F] */
    heed_past past = heed_past_at(&r->first, state + r->own, x[STEP], x[SO_FAR]);
    opinion now = opinion_on(r->o, r->s, heed_unsqueeze(y[SNAIL_OBSERVED], 1), &past,
                             r->attention);                               /* [B, 1, ..] */
    heed_node *logits = heed_mul(heed_index(now.logits, 1, 0), r->sharp); /* [B, A] */
    heed_node *chance = heed_softmax(logits, -1);
    next[LAST_ACTION] = y[SNAIL_ACTION] = thrown(heed_cumsum(chance, -1), x[CHOICE]);
    next[LAST_REWARD] = y[SNAIL_REWARD] = world_step(r, own, x, y[SNAIL_ACTION], next);
    y[SNAIL_VALUE] = heed_index(now.value, 1, 0); /* [B, 1] */
    if (r->attention) y[SNAIL_WEIGHTS] = heed_index(now.weights, 1, 0);
    for (int i = 0; i < past.n; i++) next[r->own + i] = past.next[i];
    return y[SNAIL_REWARD] && y[SNAIL_VALUE];
}

/* [T]: 1 where an episode begins. */
static heed_node *begins(heed_graph *g, int64_t steps)
{
    heed_node *first = heed_pad(heed_full(g, 1, 1), 0, 0, HEED_MDP_STEPS - 1, 0);
    return heed_repeat(first, steps / HEED_MDP_STEPS);
}

/* The loop's sequences. return: how many */
static int parts_of(rollout *r, heed_graph *g, int64_t batch, heed_node **over)
{
    const heed_dtype dtype = heed_graph_dtype(g);
    const int64_t steps = steps_of(r->o);
    over[STEP] = heed_past_steps(g, steps);
    over[SO_FAR] = heed_causal_mask(g, steps, steps);
    over[CHOICE] = heed_input(g, "choice", dtype, steps, batch);
    r->sharp = heed_input_shaped(g, "sharpness", dtype, (heed_shape){ .rank = 0 });
    if (r->o->task == SNAIL_BANDIT) {
        over[OUTCOME] = heed_input(g, "outcome", dtype, steps, batch, r->o->arms);
        return OUTCOME + 1;
    }
    r->world = heed_input(g, "world", dtype, batch, HEED_MDP_STATES * HEED_MDP_ACTIONS,
                          HEED_MDP_STATES + 1);
    over[BEGINS] = begins(g, steps);
    over[MOVE] = heed_input(g, "move", dtype, steps, batch);
    over[NOISE] = heed_input(g, "noise", dtype, steps, batch);
    return PARTS;
}

int snail_rollout(const snail *o, heed_scope *s, int64_t batch, bool attention,
                  heed_output *outputs, int room)
{
    static const char *const names[SNAIL_OUT] = { "observed", "action", "reward", "value",
                                                  "weights" };
    heed_graph *g = heed_scope_graph(s);
    heed_node *initial[OWN_STATES + HEED_PAST_MOST], *over[PARTS], *y[SNAIL_OUT];
    rollout r = { .o = o, .s = s, .attention = attention };
    if (!g || room < SNAIL_OUT) return 0;
    r.own = o->task == SNAIL_BANDIT ? STATE : OWN_STATES;
    r.first = heed_past_first(g, steps_of(o));
    opinion_on(o, s, heed_full(g, 0, batch, 1, features(o)), &r.first, false);
    initial[LAST_ACTION] = heed_full(g, 0, batch, actions(o));
    initial[LAST_REWARD] = heed_full(g, 0, batch, 1);
    for (int i = STATE; i < r.own; i++) initial[i] = heed_full(g, 0, batch, HEED_MDP_STATES);
    for (int i = 0; i < r.first.n; i++) initial[r.own + i] = r.first.state[i];
    const int n_over = parts_of(&r, g, batch, over), n = attention ? SNAIL_OUT : SNAIL_WEIGHTS;
    if (!heed_scan(g, act, &r, initial, y, .initial = initial, .n_states = r.own + r.first.n,
                   .over = over, .n_over = n_over, .n_out = n))
        return 0;
    for (int i = 0; i < n; i++) outputs[i] = (heed_output){ names[i], y[i] };
    return n;
}

/* ---- data ---- */

/* In training it tries; in evaluation it does what it thinks best. */
static void fill_world(const snail *o, heed_program *program, const heed_draw *draw)
{
    const heed_view sharp = heed_program_input(program, "sharpness");
    heed_set(&sharp, 0, draw->split == HEED_TRAIN ? 1 : o->sharpness);
    heed_rng rng = heed_draw_rng(draw);
    const heed_view outcome = heed_program_input(program, "outcome");
    const heed_view world = heed_program_input(program, "world");
    const heed_view choice = heed_program_input(program, "choice");
    if (outcome.data) heed_bandit_draw(&rng, &outcome);
    if (world.data) {
        const heed_view move = heed_program_input(program, "move");
        const heed_view noise = heed_program_input(program, "noise");
        heed_mdp_draw(&rng, &world);
        heed_fill_uniform(&rng, &move, 0, 1);
        heed_fill_normal(&rng, &noise, 0, 1);
    }
    heed_fill_uniform(&rng, &choice, 0, 1);
}

/* Rewards differ by luck of which no action is to blame: what pays, where one lands. In the mean
 * over worlds, what an episode brings is what the best would bring plus the sum of regrets; so
 * training adds regrets up, which have the same gradient and less noise. To known [T, B, A]. */
static void blame(const snail *o, const heed_draw *draw, const heed_view *known)
{
    heed_rng rng = heed_draw_rng(draw);
    if (o->task == SNAIL_BANDIT) {
        heed_bandit_regret(&rng, known);
        return;
    }
    const heed_view world = heed_program_input(draw->actor, "world");
    const heed_view seen = heed_program_output(draw->actor, SNAIL_OBSERVED);
    const heed_view here = heed_view_slice(&seen, 2, state_at(o), 1, HEED_MDP_STATES);
    heed_mdp_regret(&world, &here, known);
}

/* For training the agent acts first, and is told how that went. */
bool snail_acting_fill(const snail *o, heed_program *program, const heed_draw *draw,
                       heed_error *error)
{
    const heed_view observed = heed_program_input(program, "observed");
    if (!observed.data) {
        fill_world(o, program, draw);
        return true;
    }
    fill_world(o, draw->actor, draw);
    if (!heed_program_run(draw->actor))
        return heed_fail(error, "acting: %s", heed_program_why(draw->actor));
    const heed_view seen = heed_program_output(draw->actor, SNAIL_OBSERVED);
    const heed_view done = heed_program_output(draw->actor, SNAIL_ACTION);
    const heed_view value = heed_program_output(draw->actor, SNAIL_VALUE);
    const heed_view action = heed_program_input(program, "action");
    const heed_view known = heed_program_input(program, "known");
    const heed_view advantage = heed_program_input(program, "advantage");
    const heed_view target = heed_program_input(program, "target");
    const heed_view entropy = heed_program_input(program, "entropy");
    const double left = draw->split == HEED_TRAIN ? 1 - (double)draw->index / (double)o->steps : 0;
    heed_set(&entropy, 0, o->entropy_weight * left);
    heed_view_copy(&observed, &seen);
    heed_view_copy(&action, &done);
    blame(o, draw, &known);
    heed_divide(&known, heed_deviation(&known) + 1e-8);
    heed_later_advantages(&known, &action, &value, o->discount, o->lambda, &advantage, &target);
    heed_center(&advantage);
    /* Chance must not drown what is known, at first: what an action leads to weighs less than it
     * is worth, and an agent that went on so would try too little. */
    heed_divide(&advantage, pow(fmax(heed_deviation(&advantage), 1), left));
    return true;
}

/* ---- score: the agent, who plays best (Gittins; who knows the MDP), who plays at random ----
 *
 * Published shares are of what value iteration with this discount finds, though rewards were summed
 * without one: only so is a random player's share the published 0.482. */
static const double PUBLISHED_DISCOUNT = 0.99;

static double reward_of(const heed_view *reward, int64_t b)
{
    const int64_t steps = reward->shape.dim[0], batch = reward->shape.dim[1];
    double sum = 0;
    for (int64_t t = 0; t < steps; t++) sum += heed_get(reward, t * batch + b);
    return sum;
}

void snail_acting_score(const snail *o, heed_program *program, int64_t count, heed_score *score)
{
    const heed_view reward = heed_program_output(program, SNAIL_REWARD);
    const heed_view outcome = heed_program_input(program, "outcome");
    const heed_view world = heed_program_input(program, "world");
    for (int64_t b = 0; b < count; b++) {
        score->sum[0] += reward_of(&reward, b);
        if (o->task == SNAIL_BANDIT) {
            score->sum[1] += heed_bandit_gittins(&o->gittins, &outcome, b);
            score->sum[2] += heed_bandit_random(&outcome, b);
            for (int i = 0; i < 3; i++) score->of[i]++;
        } else {
            const double episodes = (double)o->episodes;
            score->sum[2] += reward_of(&reward, b);
            score->sum[1] += episodes * heed_mdp_random(&world, b);
            for (int i = 0; i < 2; i++) score->of[i] += episodes * heed_mdp_best(&world, b, 1);
            score->of[2] += episodes * heed_mdp_best(&world, b, PUBLISHED_DISCOUNT);
        }
    }
}
