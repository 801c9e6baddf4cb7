/* check.c - HEED_CHECK=nan: the first bad value of a run, in order of execution.
 *
 * Such a program is compiled without fusion and without overwriting, so that every node has a value
 * of its own and its operands still hold what it was computed from. Bad is a NaN, and an infinity
 * unless a constant brought it in (a mask of -inf, and what is computed from it while it lasts). */
#include <float.h>
#include <math.h>

#include "graph/plan.h"

typedef struct tally {
    double low, high; /* of finite numbers; low > high: there are none */
    int64_t count, nan, infinite;
    int64_t first; /* NaN, or else infinity; -1 */
} tally;

static tally tally_of(const heed_view *view)
{
    tally t = { .low = DBL_MAX, .high = -DBL_MAX, .count = heed_count(&view->shape), .first = -1 };
    for (int64_t i = 0; i < t.count; i++) {
        double value = heed_get(view, i);
        if ((isnan(value) && !t.nan) || (isinf(value) && !t.nan && !t.infinite)) t.first = i;
        t.nan += isnan(value) != 0;
        t.infinite += isinf(value) != 0;
        if (isfinite(value) && value < t.low) t.low = value;
        if (isfinite(value) && value > t.high) t.high = value;
    }
    return t;
}

/* "log 'y' [2, 3] f32 in -1 .. 4.5, 2 NaN and 1 infinite of 6" */
static const char *tell_operand(const heed_program *p, const heed_node *x, char *text, size_t size)
{
    char what[200];
    size_t used = (size_t)snprintf(text, size, "%s", heed_describe(x, what, sizeof what));
    if (p->values[x->id].buffer < 0 || used >= size) return text;
    heed_view view = heed_value_view(p, x);
    tally t = tally_of(&view);
    if (t.low <= t.high)
        used += (size_t)snprintf(text + used, size - used, " in %g .. %g", t.low, t.high);
    if (t.nan + t.infinite && used < size)
        snprintf(text + used, size - used, ", %lld NaN and %lld infinite of %lld", (long long)t.nan,
                 (long long)t.infinite, (long long)t.count);
    return text;
}

static bool tell(heed_program *p, const heed_node *node, const tally *t, double value)
{
    char what[300], inputs[900] = "none", operand[300];
    size_t used = 0;
    for (int i = 0; i < node->n_in && used < sizeof inputs; i++)
        used += (size_t)snprintf(inputs + used, sizeof inputs - used, "%s%s", i ? "; " : "",
                                 tell_operand(p, node->in[i], operand, sizeof operand));
    return heed_fail(&p->run_error,
                     "%s: element %lld is %g, %lld of %lld numbers are not finite, in run %llu "
                     "(%s:%d); inputs: %s",
                     heed_describe(node, what, sizeof what), (long long)t->first, value,
                     (long long)(t->nan + t->infinite), (long long)t->count,
                     (unsigned long long)p->step, node->file ? node->file : "?", node->line,
                     inputs);
}

/* Has x, perhaps through views, infinities that come from a constant? What a body is given has been
 * looked at outside. */
static bool brings_infinity(const heed_program *p, const heed_node *x)
{
    while (x->op->view) x = x->in[0];
    int slot;
    bool from_outside = heed_is_constant(x) || heed_is_slot(x, &slot);
    if (!from_outside || p->values[x->id].buffer < 0) return p->values[x->id].infinite;
    heed_view view = heed_value_view(p, x);
    return tally_of(&view).infinite > 0;
}

static bool check_node(heed_program *p, const heed_node *node)
{
    heed_value *value = &p->values[node->id];
    if (value->buffer < 0 || !heed_is_real(node->dtype)) return true;
    heed_view view = heed_value_view(p, node);
    tally t = tally_of(&view);
    value->infinite = false;
    for (int i = 0; t.infinite && i < node->n_in; i++)
        value->infinite |= brings_infinity(p, node->in[i]);
    if (!t.nan && (!t.infinite || value->infinite)) return true;
    return tell(p, node, &t, heed_get(&view, t.first));
}

bool heed_check_instruction(heed_program *p, const heed_instruction *instruction)
{
    for (int k = 0; k < instruction->n_nodes; k++)
        if (!check_node(p, instruction->nodes[k])) return false;
    return true;
}
