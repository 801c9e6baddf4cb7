/* scan_vjp.c - the reverse rule of a loop: a loop over the same steps in the other order.
 *
 * A step's graph is copied and differentiated: what the gradients read of the step's own values is
 * either kept by the forward loop, which gets it as a further result, or computed anew in the
 * reverse step (views and constants always, everything with .recompute). Cotangents of states are
 * the reverse loop's states. What reaches an outside value is summed in a state, too; a matrix's
 * share, a product in each step, becomes one product of all steps. The reverse loop is a scan
 * itself, so it can be differentiated again. */
#include <string.h>

#include "ops/accumulate.h"
#include "ops/common.h"
#include "ops/movement.h"
#include "ops/scan.h"

/* A contribution to an outside value's gradient that is a product in each step. */
typedef struct product {
    heed_node *a, *d; /* in the working graph */
    bool transposed;
} product;

typedef struct reverse {
    heed_vjp *v;
    heed_graph *outer, *work; /* work: a step, and its gradients */
    heed_body *body;          /* the forward loop's */
    heed_node **origin;       /* by id in work: the body's node; NULL: a gradient */
    int n_forward;            /* nodes of work that are the step's */
    heed_node **d_final, **d_history, **d_step; /* by state, by state, by result; NULL: zero */
    heed_node **d_slot;                         /* in work, by slot; NULL: zero or not wanted */
    heed_node **carry, **along;                 /* leaves of work, by state: cotangents of what
                                                   comes after the step, of the histories */
    heed_node **put;                            /* leaves of work, by result: of outputs */
    /* the reverse loop: */
    heed_graph *graph;
    heed_body back;
    bool *needed;     /* by id in work */
    heed_node **made; /* by id in work: the reverse step's node */
    heed_node **operand;
    int n_slots, slot_room;
    heed_node **sum; /* by slot of the forward loop: what is summed in a state, in work */
    product *products;
    int *product_of, n_products; /* which slot's */
} reverse;

static void *memory(reverse *r, int n, size_t size)
{
    return heed_graph_memory(r->outer, ((size_t)n + 1) * size);
}

/* ---- cotangents of the results ---- */

/* Take the last term off a sum; *rest is what is left of it, NULL at its end. */
static heed_node *next_term(heed_node **rest)
{
    heed_node *x = *rest;
    *rest = NULL;
    if (x->op != &heed_op_add || !heed_shape_equal(&x->in[0]->shape, &x->in[1]->shape)) return x;
    *rest = x->in[0];
    return x->in[1];
}

/* Something smaller that numbers begin .. end - 1 of x are part of, where it is easily found; its
 * first number is x's number *from. NULL: they are zero. */
static heed_node *around(heed_node *x, int64_t begin, int64_t end, int64_t *from)
{
    *from = 0;
    if (x->op == &heed_op_pad) {
        const heed_pad_attr *pad = x->attr;
        if (pad->step != 1) return x;
        const int64_t last = x->shape.dim[0] - pad->after;
        if (pad->value == 0 && (last <= begin || pad->before >= end)) return NULL;
        if (begin < pad->before || end > last) return x;
        *from = pad->before;
        return x->in[0];
    }
    if (x->op == &heed_op_concat) {
        int64_t first = 0;
        int i = 0;
        while (i < x->n_in && first + x->in[i]->shape.dim[0] <= begin)
            first += x->in[i++]->shape.dim[0];
        if (i == x->n_in || end > first + x->in[i]->shape.dim[0]) return x;
        *from = first;
        return x->in[i];
    }
    return x;
}

/* Numbers begin .. end - 1 of x, or NULL where they are known to be zero. */
static heed_node *part_of(heed_node *x, int64_t begin, int64_t end)
{
    heed_node *sum = NULL;
    for (heed_node *rest = x; rest;) {
        double filled;
        int64_t from;
        heed_node *term = around(next_term(&rest), begin, end, &from);
        if (!term || (heed_is_filled_with(term, &filled) && filled == 0)) continue;
        term = heed_slice(term, 0, begin - from, end - from);
        sum = sum ? heed_add(sum, term) : term;
    }
    return sum;
}

static heed_node *cotangent_of(reverse *r, const heed_result *result)
{
    const heed_shape shape = heed_scan_shape(r->body, result);
    return heed_reshape_to(part_of(r->v->dy, result->offset, result->offset + heed_count(&shape)),
                           shape);
}

static bool find_cotangents(reverse *r)
{
    const heed_body *body = r->body;
    r->d_final = memory(r, body->n_states, sizeof(heed_node *));
    r->d_history = memory(r, body->n_states, sizeof(heed_node *));
    r->d_step = memory(r, body->n_results, sizeof(heed_node *));
    if (!r->d_final || !r->d_history || !r->d_step) return false;
    for (int i = 0; i < body->n_results; i++) {
        const heed_result *result = &body->results[i];
        heed_node *d = cotangent_of(r, result);
        if (result->kind == HEED_RESULT_FINAL) r->d_final[result->state] = d;
        if (result->kind == HEED_RESULT_HISTORY) r->d_history[result->state] = d;
        if (result->kind == HEED_RESULT_STEP) r->d_step[i] = d;
    }
    return !heed_graph_failed(r->outer);
}

/* ---- one step and its gradients ---- */

static bool copy_step(reverse *r)
{
    const heed_graph *from = r->body->graph;
    int n = heed_graph_size(from);
    heed_node **copy = memory(r, n, sizeof *copy);
    r->origin = memory(r, n, sizeof *r->origin);
    if (!copy || !r->origin) return false;
    for (int id = 0; id < n; id++) {
        heed_node *node = heed_graph_node(from, id);
        heed_node **in = memory(r, node->n_in, sizeof *in);
        if (!in) return false;
        for (int i = 0; i < node->n_in; i++) in[i] = copy[node->in[i]->id];
        /* An inner loop that is kept gets what its gradients read, here and there. */
        copy[id] = heed_copy_node(r->work, node, in, r->body->recompute);
        if (!copy[id]) return false;
        r->origin[id] = node;
    }
    r->n_forward = n;
    return true;
}

static void share_growth(reverse *r)
{
    for (int id = 0; id < r->n_forward && !r->body->recompute; id++)
        if (r->origin[id]->op->body) r->origin[id]->shape = heed_graph_node(r->work, id)->shape;
}

static heed_node *in_work(const reverse *r, const heed_node *of_body)
{
    return heed_graph_node(r->work, of_body->id);
}

static heed_node *work_leaf(reverse *r, const heed_node *like)
{
    return heed_slot_leaf(r->work, -1, like->dtype, &like->shape);
}

/* Leaves for the cotangents, then the gradients of a step. */
static bool differentiate(reverse *r)
{
    const heed_body *body = r->body;
    int n_y = 0, n_x = 0, most = body->n_states + body->n_results;
    heed_node **y = memory(r, most, sizeof *y), **dy = memory(r, most, sizeof *dy);
    heed_node **x = memory(r, body->n_slots, sizeof *x), **dx = memory(r, body->n_slots, sizeof *x);
    int *slot = memory(r, body->n_slots, sizeof *slot);
    r->carry = memory(r, body->n_states, sizeof *r->carry);
    r->along = memory(r, body->n_states, sizeof *r->along);
    r->put = memory(r, body->n_results, sizeof *r->put);
    r->d_slot = memory(r, body->n_slots, sizeof *r->d_slot);
    if (!y || !dy || !x || !dx || !slot || !r->carry || !r->along || !r->put || !r->d_slot)
        return false;
    for (int k = 0; k < body->n_states; k++, n_y++) {
        y[n_y] = in_work(r, body->next[k]);
        dy[n_y] = r->carry[k] = work_leaf(r, y[n_y]);
        if (!r->d_history[k]) continue;
        r->along[k] = work_leaf(r, y[n_y]);
        dy[n_y] = heed_add(dy[n_y], r->along[k]);
    }
    for (int i = 0; i < body->n_results; i++) {
        if (!r->d_step[i]) continue;
        y[n_y] = in_work(r, body->results[i].value);
        dy[n_y++] = r->put[i] = work_leaf(r, body->results[i].value);
    }
    for (int i = 0; i < body->n_slots; i++) {
        const heed_slot *s = &body->slots[i];
        if (!heed_is_real(s->leaf->dtype)) continue;
        if (s->kind != HEED_SLOT_STATE && !r->v->want[i]) continue;
        slot[n_x] = i;
        x[n_x++] = in_work(r, s->leaf);
    }
    for (int i = 0; i < n_y; i++)
        if (!dy[i]) return false;
    if (!heed_gradient_of_all(y, dy, n_y, x, n_x, dx)) return false;
    for (int i = 0; i < n_x; i++) r->d_slot[slot[i]] = dx[i];
    share_growth(r);
    return true;
}

/* ---- sums over the steps ---- */

/* Is it worth it to keep both sides of a product, for all steps? A loop that saves memory does so
 * only if they are there anyway: a state or a part of a sequence, and a sequence's gradient. */
static bool is_gathered(const reverse *r, const product *p)
{
    int slot;
    if (r->body->steps == 1) return false;
    if (!r->body->recompute) return true;
    bool there = false;
    for (int i = 0; i < r->body->n_slots; i++)
        there |= r->body->slots[i].kind == HEED_SLOT_STEP && r->d_slot[i] == p->d;
    return there && heed_is_slot(p->a, &slot) && p->a->id < r->n_forward;
}

/* Divide an outside value's gradient into products and the rest. */
static bool divide_sum(reverse *r, int slot)
{
    for (heed_node *rest = r->d_slot[slot]; rest;) {
        heed_node *term = next_term(&rest);
        product *p = &r->products[r->n_products];
        if (heed_step_product(term, &p->a, &p->d, &p->transposed) && is_gathered(r, p)) {
            r->product_of[r->n_products++] = slot;
            continue;
        }
        r->sum[slot] = r->sum[slot] ? heed_add(r->sum[slot], term) : term;
        if (!r->sum[slot]) return false;
    }
    return true;
}

static bool divide_sums(reverse *r)
{
    int n = heed_graph_size(r->work); /* more than there can be terms */
    r->sum = memory(r, r->body->n_slots, sizeof *r->sum);
    r->products = memory(r, n, sizeof *r->products);
    r->product_of = memory(r, n, sizeof *r->product_of);
    if (!r->sum || !r->products || !r->product_of) return false;
    for (int i = 0; i < r->body->n_slots; i++)
        if (r->body->slots[i].kind == HEED_SLOT_WHOLE && r->d_slot[i] && !divide_sum(r, i))
            return false;
    return true;
}

/* ---- the reverse step ---- */

/* Is a value of the step computed again, rather than kept? */
static bool is_repeated(const reverse *r, const heed_node *node)
{
    int slot;
    if (heed_is_slot(node, &slot)) return false;
    if (node->n_in == 0 || r->body->recompute) return true;
    return node->op->view != NULL;
}

static void need(const reverse *r, const heed_node *node)
{
    if (node) r->needed[node->id] = true;
}

/* All that the reverse step consists of. */
static bool find_needed(reverse *r)
{
    int n = heed_graph_size(r->work);
    r->needed = memory(r, n, sizeof *r->needed);
    r->made = memory(r, n, sizeof *r->made);
    if (!r->needed || !r->made) return false;
    for (int i = 0; i < r->body->n_slots; i++)
        need(r, r->body->slots[i].kind == HEED_SLOT_WHOLE ? r->sum[i] : r->d_slot[i]);
    for (int i = 0; i < r->n_products; i++) {
        const heed_node *a = r->products[i].a;
        need(r, r->products[i].d);
        if (a->id >= r->n_forward || is_repeated(r, a)) need(r, a);
    }
    for (int id = n - 1; id >= 0; id--) {
        const heed_node *node = heed_graph_node(r->work, id);
        if (!r->needed[id] || (id < r->n_forward && !is_repeated(r, node))) continue;
        for (int i = 0; i < node->n_in; i++) need(r, node->in[i]);
    }
    return true;
}

/* One more slot of the reverse step. */
static heed_node *add_slot(reverse *r, heed_slot_kind kind, int state, const heed_node *like,
                           heed_node *operand)
{
    if (!operand) return NULL;
    if (r->n_slots == r->slot_room) {
        int room = 2 * r->slot_room + 16;
        heed_slot *slots = memory(r, room, sizeof *slots);
        heed_node **operands = memory(r, room, sizeof *operands);
        if (!slots || !operands) return NULL;
        if (r->n_slots) {
            memcpy(slots, r->back.slots, (size_t)r->n_slots * sizeof *slots);
            memcpy(operands, r->operand, (size_t)r->n_slots * sizeof *operands);
        }
        r->back.slots = slots;
        r->operand = operands;
        r->slot_room = room;
    }
    heed_node *leaf = heed_slot_leaf(r->graph, r->n_slots, like->dtype, &like->shape);
    if (!leaf) return NULL;
    r->operand[r->n_slots] = operand;
    r->back.slots[r->n_slots++] = (heed_slot){ .kind = kind, .state = state, .leaf = leaf };
    return leaf;
}

/* An i32 value of the step in the dtype of results: the cast that is a result already, or one more
 * node of the step. */
static heed_node *as_number(const heed_body *body, heed_node *value)
{
    for (int i = 0; i < body->n_results; i++) {
        heed_node *result = body->results[i].value;
        if (result->op == &heed_op_cast && result->in[0] == value) return result;
    }
    return heed_cast(value, body->dtype);
}

/* All steps of a value of the step, as the forward loop has them outside: [steps, ..]. */
static heed_node *kept(reverse *r, const heed_node *node)
{
    heed_node *scan = r->v->y, *value = r->origin[node->id];
    const heed_body *body = r->body;
    int slot;
    if (heed_is_slot(node, &slot)) {
        if (body->slots[slot].kind == HEED_SLOT_STATE)
            return heed_scan_states(scan, body->slots[slot].state, false);
        return r->v->in[slot];
    }
    for (int k = 0; k < body->n_states; k++)
        if (body->next[k] == value) return heed_scan_states(scan, k, true);
    if (!heed_is_real(value->dtype)) value = as_number(body, value);
    return value ? heed_scan_result(scan, HEED_RESULT_STEP, -1, value) : NULL;
}

/* A value of the step as a slot of the reverse step. */
static heed_node *kept_slot(reverse *r, const heed_node *node)
{
    int slot;
    bool is_slot = heed_is_slot(node, &slot);
    if (is_slot && r->body->slots[slot].kind == HEED_SLOT_WHOLE)
        return add_slot(r, HEED_SLOT_WHOLE, 0, node, r->v->in[slot]);
    heed_node *all = kept(r, node), like = *node;
    if (!all) return NULL;
    like.dtype = all->dtype;
    heed_node *leaf = add_slot(r, HEED_SLOT_STEP, 0, &like, all);
    return all->dtype == node->dtype ? leaf : heed_cast(leaf, node->dtype);
}

/* Cotangents: states and sequences of the reverse loop. */
static heed_node *cotangent_slot(reverse *r, const heed_node *node)
{
    const heed_body *body = r->body;
    for (int k = 0; k < body->n_states; k++) {
        if (node == r->carry[k]) {
            heed_node *initial = r->d_final[k];
            if (!initial) initial = heed_full_shaped(r->outer, node->dtype, node->shape, 0);
            return add_slot(r, HEED_SLOT_STATE, k, node, initial);
        }
        int64_t from = !body->backwards;
        if (node == r->along[k])
            return add_slot(r, HEED_SLOT_STEP, 0, node,
                            heed_slice(r->d_history[k], 0, from, from + body->steps));
    }
    for (int i = 0; i < body->n_results; i++)
        if (node == r->put[i]) return add_slot(r, HEED_SLOT_STEP, 0, node, r->d_step[i]);
    return heed_graph_fail(r->outer, "scan: a cotangent has no source");
}

static heed_node *make(reverse *r, const heed_node *node)
{
    int slot;
    if (node->id < r->n_forward && !is_repeated(r, node)) return kept_slot(r, node);
    if (heed_is_slot(node, &slot)) return cotangent_slot(r, node);
    heed_node **in = memory(r, node->n_in, sizeof *in);
    if (!in) return NULL;
    for (int i = 0; i < node->n_in; i++) in[i] = r->made[node->in[i]->id];
    return heed_copy_node(r->graph, node, in, false);
}

/* The next states: of the cotangents; then sums. */
static bool make_states(reverse *r)
{
    heed_body *back = &r->back;
    const heed_body *body = r->body;
    back->next = memory(r, body->n_states + body->n_slots, sizeof *back->next);
    if (!back->next) return false;
    for (int i = 0; i < body->n_slots; i++) {
        const heed_slot *s = &body->slots[i];
        if (s->kind != HEED_SLOT_STATE) continue;
        const heed_node *d = r->d_slot[i];
        back->next[s->state] =
            d ? r->made[d->id] : heed_full_shaped(r->graph, s->leaf->dtype, s->leaf->shape, 0);
        if (!back->next[s->state]) return false;
        bool read = r->made[r->carry[s->state]->id] != NULL;
        if (!read && !cotangent_slot(r, r->carry[s->state])) return false;
    }
    back->n_states = body->n_states;
    for (int i = 0; i < body->n_slots; i++) {
        if (body->slots[i].kind != HEED_SLOT_WHOLE || !r->sum[i]) continue;
        heed_node *term = r->made[r->sum[i]->id];
        heed_node *zero = heed_full_shaped(r->outer, term->dtype, term->shape, 0);
        heed_node *so_far = add_slot(r, HEED_SLOT_STATE, back->n_states, term, zero);
        back->next[back->n_states++] = heed_add(so_far, term);
        if (!back->next[back->n_states - 1]) return false;
    }
    return true;
}

static heed_node *make_loop(reverse *r)
{
    r->graph = r->back.graph = heed_graph_child(r->outer);
    if (!r->graph) return NULL;
    for (int id = 0; id < heed_graph_size(r->work); id++) {
        if (!r->needed[id]) continue;
        r->made[id] = make(r, heed_graph_node(r->work, id));
        if (!r->made[id]) return NULL;
    }
    if (!make_states(r)) return NULL;
    r->back.n_slots = r->n_slots;
    r->back.dtype = r->body->dtype;
    r->back.steps = r->body->steps;
    r->back.counted = r->body->counted;
    r->back.backwards = !r->body->backwards;
    r->back.recompute = r->body->recompute;
    heed_scan_attr attr = { .body = memory(r, 1, sizeof(heed_body)) };
    if (!attr.body) return NULL;
    for (int k = 0; k < r->back.n_states; k++)
        if (!heed_body_add(&r->back, r->outer,
                           (heed_result){ HEED_RESULT_FINAL, k, r->back.next[k], 0 }))
            return NULL;
    *attr.body = r->back;
    heed_node **in = memory(r, r->n_slots + 1, sizeof *in);
    if (!in) return NULL;
    memcpy(in, r->operand, (size_t)r->n_slots * sizeof *in);
    if (r->back.counted) in[r->n_slots] = r->v->in[r->body->n_slots];
    return heed_apply(&heed_op_scan, &attr, r->n_slots + r->back.counted, in);
}

/* ---- what the reverse loop leaves behind ---- */

/* The row of a history's cotangent that the initial state gets. */
static heed_node *of_initial(reverse *r, heed_node *d_history)
{
    if (!r->body->backwards) return heed_index(d_history, 0, 0);
    if (!r->body->counted) return heed_index(d_history, 0, r->body->steps);
    heed_node *count = r->v->in[r->body->n_slots];
    heed_node *most =
        heed_full_shaped(r->outer, r->body->dtype, heed_scalar(), (double)r->body->steps);
    heed_node *none = heed_full_shaped(r->outer, r->body->dtype, heed_scalar(), 0);
    heed_node *row = heed_minimum(heed_maximum(heed_cast(count, r->body->dtype), none), most);
    return heed_gather(d_history, heed_cast(row, HEED_I32), 0, 0);
}

static heed_node *gradient_of_state(reverse *r, heed_node *loop, int state)
{
    heed_node *d = heed_scan_result(loop, HEED_RESULT_FINAL, state, NULL);
    if (!r->d_history[state]) return d;
    return heed_add(d, of_initial(r, r->d_history[state]));
}

static heed_node *stacked(reverse *r, heed_node *loop, const heed_node *node)
{
    heed_node *inside = r->made[node->id];
    if (inside && (node->id >= r->n_forward || is_repeated(r, node)))
        return heed_scan_result(loop, HEED_RESULT_STEP, -1, inside);
    return kept(r, node);
}

static heed_node *gradient_of_whole(reverse *r, heed_node *loop, int slot, int state)
{
    heed_node *sum = state < 0 ? NULL : heed_scan_result(loop, HEED_RESULT_FINAL, state, NULL);
    for (int i = 0; i < r->n_products; i++) {
        const product *p = &r->products[i];
        if (r->product_of[i] != slot) continue;
        heed_node *term =
            heed_sum_step_products(stacked(r, loop, p->a), stacked(r, loop, p->d), p->transposed);
        sum = sum ? heed_add(sum, term) : term;
    }
    return sum;
}

static void take_gradients(reverse *r, heed_node *loop)
{
    const heed_body *body = r->body;
    int state = body->n_states;
    for (int i = 0; i < body->n_slots; i++) {
        const heed_slot *s = &body->slots[i];
        int sum = s->kind == HEED_SLOT_WHOLE && r->sum[i] ? state++ : -1;
        if (!r->v->want[i]) continue;
        heed_node **dx = &r->v->dx[i];
        if (s->kind == HEED_SLOT_STATE)
            *dx = gradient_of_state(r, loop, s->state);
        else if (!r->d_slot[i])
            *dx = heed_zeros_like(r->v->in[i]);
        else if (s->kind == HEED_SLOT_STEP)
            *dx = heed_scan_result(loop, HEED_RESULT_STEP, -1, r->made[r->d_slot[i]->id]);
        else
            *dx = gradient_of_whole(r, loop, i, sum);
    }
}

void heed_scan_vjp(heed_vjp *v)
{
    reverse r = { .v = v, .outer = v->y->graph, .body = heed_scan_body_of(v->y) };
    r.work = heed_graph_child(r.outer);
    heed_node *loop = NULL;
    if (r.work && find_cotangents(&r) && copy_step(&r) && differentiate(&r) && divide_sums(&r) &&
        find_needed(&r))
        loop = make_loop(&r);
    if (loop) take_gradients(&r, loop);
    const char *why = r.work ? heed_why(r.work) : NULL;
    if (!why && r.graph) why = heed_why(r.graph);
    if (why) heed_graph_fail(r.outer, "scan: %s", why);
}
