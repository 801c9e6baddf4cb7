/* execute.c - running a compiled program.
 *
 * With one thread, instruction after instruction. With several, every thread takes a chunk of the
 * current parallel stage after another, half of the threads from its front and half from its back:
 * so, from stage to stage, a core mostly finds the rows that it made itself. Whoever finishes the
 * stage's last chunk runs the serial stages that follow and opens the next parallel one. Nobody
 * waits for a thread that has nothing to do, so more threads than processors do little harm. A
 * chunk computes the same, whoever takes it. */
#include "graph/fused.h"
#include "graph/loop_run.h"
#include "graph/profile.h"
#include "graph/subnormals.h"

/* A program under way; of a body: for which instruction of the program around it. */
typedef struct frame {
    heed_program *program;
    const heed_instruction *loop;
    int64_t start;
    int stage; /* the next one */
} frame;

typedef struct runner {
    heed_program *p;
    _Atomic uint64_t state; /* parallel stage << 32 | items taken from its back << 16 | front */
    _Atomic int done;       /* items of the stage that are finished   */
    /* Whoever finishes a stage goes on from here: */
    frame frames[HEED_MOST_NESTED + 1];
    int depth;
    bool stopped; /* HEED_CHECK has found something */
} runner;

#define CLOSED 0x4000u /* items taken: nothing is left */

/* Items taken off either end; a stage has far less than CLOSED. */
static int taken_front(uint64_t state)
{
    return (int)(state & 0xffff);
}

static int taken_back(uint64_t state)
{
    return (int)(state >> 16 & 0xffff);
}

static bool is_empty(uint64_t state, const heed_stage *stage)
{
    return taken_front(state) + taken_back(state) >= stage->items;
}

/* HEED_CHECK looks at one instruction after the other: then one thread does all. */
static bool uses_threads(const heed_program *root)
{
    return root->pool && !root->check_nan;
}

static void *scratch_of(const heed_program *p, int thread)
{
    while (p->outer) p = p->outer;
    return p->scratch ? p->scratch + (size_t)thread * p->scratch_bytes : NULL;
}

void heed_run_instruction(heed_program *p, const heed_instruction *it, int thread, int64_t begin,
                          int64_t end)
{
    int64_t start = p->profile ? heed_profile_now() : 0;
    if (it->fused) {
        heed_fused_run(it->fused, scratch_of(p, thread), begin, end);
    } else {
        heed_call call = it->call;
        call.scratch = scratch_of(p, thread);
        it->fn(&call, begin, end);
    }
    if (p->profile) heed_profile_note(p, it, thread, start);
}

/* ---- HEED_CHECK=nan ---- */

static void check(runner *r, heed_program *p, const heed_instruction *it)
{
    if (!p->check_nan || heed_check_instruction(p, it)) return;
    r->stopped = true;
    r->p->run_error = p->run_error; /* of a body: its program's */
}

/* ---- one stage after the other ---- */

static void run_serial(runner *r, heed_program *p, const heed_stage *stage, int thread)
{
    for (int k = stage->begin; k < stage->end && !r->stopped; k++) {
        heed_run_instruction(p, &p->instructions[k], thread, 0, p->instructions[k].units);
        check(r, p, &p->instructions[k]);
    }
}

static void enter_loop(runner *r, heed_program *p, const heed_instruction *it)
{
    heed_loop_start(p, it);
    r->frames[++r->depth] = (frame){ .program = heed_loop_body(it->loop),
                                     .loop = it,
                                     .start = p->profile ? heed_profile_now() : 0 };
    r->frames[r->depth].stage = r->frames[r->depth].program->n_stages;
}

/* The body's stages are through: once more, or back to the program around it. */
static void next_iteration(runner *r, int thread)
{
    frame *f = &r->frames[r->depth];
    heed_program *around = r->frames[r->depth - 1].program;
    if (heed_loop_next(around, f->loop)) {
        f->stage = heed_loop_first_stage(f->loop->loop);
        return;
    }
    if (around->profile) heed_profile_note(around, f->loop, thread, f->start);
    check(r, around, f->loop);
    r->depth--;
}

/* Go on until there is a parallel stage for all threads, or nothing left. With one thread, or when
 * values are checked, there is never one. return: the stage, or NULL */
static const heed_stage *advance(runner *r, int thread)
{
    while (!r->stopped) {
        frame *f = &r->frames[r->depth];
        heed_program *p = f->program;
        if (f->stage == p->n_stages) {
            if (r->depth == 0) return NULL;
            next_iteration(r, thread);
            continue;
        }
        const heed_stage *stage = &p->stages[f->stage++];
        if (stage->loop)
            enter_loop(r, p, &p->instructions[stage->begin]);
        else if (stage->parallel && uses_threads(r->p))
            return stage;
        else
            run_serial(r, p, stage, thread);
    }
    return NULL;
}

/* Open the next parallel stage, or say that all is done. */
static void open_next(runner *r, int thread)
{
    const heed_stage *stage = advance(r, thread);
    uint64_t number = (uint64_t)(stage ? stage->number : r->p->n_parallel_stages);
    atomic_store(&r->done, 0);
    atomic_store(&r->state, number << 32);
    heed_pool_wake(r->p->pool);
}

static void take_stages(runner *r, int thread)
{
    const heed_program *root = r->p;
    const bool from_back = 2 * thread >= heed_pool_threads(root->pool);
    if (thread == 0) open_next(r, 0);
    for (;;) {
        uint64_t state = atomic_load_explicit(&r->state, memory_order_acquire);
        int number = (int)(state >> 32);
        if (number >= root->n_parallel_stages) return;
        if (is_empty(state, root->parallel_stages[number].stage)) {
            heed_pool_wait(root->pool, &r->state, state);
            continue;
        }
        state = atomic_fetch_add(&r->state, from_back ? 1 << 16 : 1);
        number = (int)(state >> 32);
        if (number >= root->n_parallel_stages) continue;
        heed_program *p = root->parallel_stages[number].program;
        const heed_stage *stage = root->parallel_stages[number].stage;
        if (is_empty(state, stage)) continue;
        const int k = from_back ? stage->items - 1 - taken_back(state) : taken_front(state);
        const heed_item *item = &p->items[stage->first_item + k];
        heed_run_instruction(p, &p->instructions[item->instruction], thread, item->begin,
                             item->end);
        if (atomic_fetch_add(&r->done, 1) + 1 == stage->items) open_next(r, thread);
    }
}

/* A thread's share of a run, in the run's floating-point mode. */
static void take_part(void *context, int thread)
{
    runner *r = context;
    const uint64_t before = heed_flush_subnormals(r->p->options.flush_subnormals);
    if (uses_threads(r->p))
        take_stages(r, thread);
    else
        advance(r, thread);
    heed_set_float_mode(before);
}

/* Tests: whatever a kernel forgets to write shows. All bits set is a NaN in f32 and f64. */
static void fill_with_nan(heed_program *p)
{
    for (size_t i = 0; i < p->planned_bytes; i++) p->block[i] = (char)0xff;
}

bool heed_program_run(heed_program *p)
{
    runner r = { .p = p, .state = CLOSED };
    r.frames[0].program = p;
    if (p->options.fill_nan) fill_with_nan(p);
    if (uses_threads(p))
        heed_pool_run(p->pool, take_part, &r);
    else
        take_part(&r, 0);
    p->step++;
    if (p->profile) heed_profile_ran(p);
    return !r.stopped;
}
