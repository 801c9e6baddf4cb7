/* reduce_plan.c - in which order a reduction goes through memory, and how it is split. */
#include "ops/common.h"
#include "ops/micro/reduce.h"

static int64_t magnitude(int64_t stride)
{
    return stride < 0 ? -stride : stride;
}

/* Add a loop inside the others, or make the innermost one longer when both strides allow it. */
static void add_loop(heed_loops *loops, int64_t dim, int64_t in, int64_t out)
{
    int last = loops->n - 1;
    if (dim == 1) return;
    loops->count *= dim;
    if (last >= 0 && loops->in[last] == dim * in && loops->out[last] == dim * out) {
        loops->dim[last] *= dim;
        loops->in[last] = in;
        loops->out[last] = out;
        return;
    }
    loops->dim[loops->n] = dim;
    loops->in[loops->n] = in;
    loops->out[loops->n++] = out;
}

/* Take loop i, or none (-1), out of a nest: it becomes the run. */
static void take_run(heed_reduce_plan *plan, heed_loops *loops, int i)
{
    if (i < 0) return;
    plan->run = loops->dim[i];
    plan->stride = loops->in[i];
    plan->run_out = loops->out[i];
    loops->count = loops->dim[i] > 0 ? loops->count / loops->dim[i] : 1;
    loops->n--;
    for (; i < loops->n; i++) {
        loops->dim[i] = loops->dim[i + 1];
        loops->in[i] = loops->in[i + 1];
        loops->out[i] = loops->out[i + 1];
    }
}

static int contiguous(const heed_loops *loops)
{
    for (int i = loops->n - 1; i >= 0; i--) {
        if (loops->in[i] == 1) return i;
    }
    return -1;
}

/* Reduced loops from large steps to small ones, whatever the order of the axes. */
static void add_reduced(heed_loops *loops, const heed_view *x, unsigned mask)
{
    for (;;) {
        int most = -1;
        for (int i = 0; i < x->shape.rank; i++) {
            if (!(mask & 1u << i)) continue;
            if (most < 0 || magnitude(x->stride[i]) > magnitude(x->stride[most])) most = i;
        }
        if (most < 0) return;
        add_loop(loops, x->shape.dim[most], x->stride[most], 0);
        mask &= ~(1u << most);
    }
}

/* Kept loops, in the order of the output: its axes are x's, or without keep those left of them. */
static void add_kept(heed_loops *loops, const heed_view *x, const heed_view *y, unsigned reduced)
{
    bool keep = y->shape.rank == x->shape.rank;
    for (int i = 0, axis = 0; i < x->shape.rank; i++) {
        bool kept = !(reduced & 1u << i);
        if (kept) add_loop(loops, x->shape.dim[i], x->stride[i], y->stride[axis]);
        axis += kept || keep;
    }
}

static void split_work(heed_reduce_plan *plan)
{
    int64_t outputs = plan->kept.count, work = plan->run * plan->reduced.count;
    plan->part = plan->run;
    plan->parts = 1;
    plan->group = heed_rows_per_unit(work);
    if (plan->rows && plan->group > 8) plan->group &= ~(int64_t)7;
    if (!plan->rows && plan->group == 1) { /* whole cache lines */
        plan->part = heed_round_up(heed_rows_per_unit(plan->reduced.count), 128);
        plan->part = heed_smaller(plan->part, plan->run);
        plan->parts = heed_units_of(plan->run, plan->part);
    }
    plan->units = heed_units_of(outputs, plan->group) * plan->parts;
}

static heed_reduce_plan plan_of(const heed_call *call)
{
    heed_reduce_plan plan = { .scale = 1, .run = 1, .stride = 1, .run_out = 1 };
    const heed_reduce_attr *attr = call->attr;
    const heed_view *x = &call->in[0];
    unsigned mask = 0;
    for (int i = 0; i < attr->n; i++) mask |= 1u << attr->axes[i];
    plan.kept.count = plan.reduced.count = 1;
    add_kept(&plan.kept, x, &call->out, mask);
    add_reduced(&plan.reduced, x, mask);
    int kept = contiguous(&plan.kept), reduced = contiguous(&plan.reduced);
    plan.rows = reduced >= 0 || kept < 0 || plan.reduced.count == 0;
    if (plan.reduced.count == 0) { /* nothing to add: one empty run */
        plan.reduced = (heed_loops){ .count = 1 };
        plan.run = 0;
    } else if (plan.rows) {
        take_run(&plan, &plan.reduced, reduced >= 0 ? reduced : plan.reduced.n - 1);
    } else {
        take_run(&plan, &plan.kept, kept);
    }
    split_work(&plan);
    return plan;
}

void heed_reduce_prepare(const heed_call *call, heed_reduce_kind kind, double scale, void *plan)
{
    heed_reduce_plan *to = plan;
    *to = plan_of(call);
    to->kind = kind;
    to->scale = scale;
}

int64_t heed_reduce_units(const heed_call *call)
{
    const heed_reduce_plan *plan = call->plan;
    return plan->units;
}
