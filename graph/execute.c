/* execute.c - running a compiled program.
 *
 * With one thread, instruction after instruction. With several, every thread takes the next chunk
 * of the current parallel stage; whoever finishes the stage's last chunk runs the serial stages
 * that follow and opens the next parallel one. Nobody waits for a thread that has nothing to do, so
 * more threads than processors do little harm. A chunk computes the same, whoever takes it. */
#include "graph/fused.h"
#include "graph/profile.h"

typedef struct runner {
    heed_program *p;
    _Atomic uint64_t state; /* parallel stage << 32 | next item of it */
    _Atomic int done;       /* items of the stage that are finished   */
} runner;

#define CLOSED 0x40000000u /* as an item number: nothing to take */

static void *scratch_of(const heed_program *p, int thread)
{
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

static void run_serial(heed_program *p, const heed_stage *stage, int thread)
{
    for (int k = stage->begin; k < stage->end; k++)
        heed_run_instruction(p, &p->instructions[k], thread, 0, p->instructions[k].units);
}

/* Run serial stages from `stage` on; then open the next parallel one, or say that all is done. */
static void open_from(runner *r, int stage, int thread)
{
    heed_program *p = r->p;
    while (stage < p->n_stages && !p->stages[stage].parallel)
        run_serial(p, &p->stages[stage++], thread);
    atomic_store(&r->done, 0);
    atomic_store(&r->state, (uint64_t)stage << 32);
    heed_pool_wake(p->pool);
}

static void take_part(void *context, int thread)
{
    runner *r = context;
    heed_program *p = r->p;
    if (thread == 0) open_from(r, 0, 0);
    for (;;) {
        uint64_t state = atomic_load_explicit(&r->state, memory_order_acquire);
        int stage = (int)(state >> 32);
        if (stage >= p->n_stages) return;
        if ((uint32_t)state >= (uint32_t)p->stages[stage].items || !p->stages[stage].parallel) {
            heed_pool_wait(p->pool, &r->state, state);
            continue;
        }
        state = atomic_fetch_add(&r->state, 1);
        stage = (int)(state >> 32);
        if (stage >= p->n_stages || (uint32_t)state >= (uint32_t)p->stages[stage].items) continue;
        const heed_item *item = &p->items[p->stages[stage].first_item + (int)(uint32_t)state];
        heed_run_instruction(p, &p->instructions[item->instruction], thread, item->begin,
                             item->end);
        if (atomic_fetch_add(&r->done, 1) + 1 == p->stages[stage].items)
            open_from(r, stage + 1, thread);
    }
}

/* ---- HEED_CHECK=nan ---- */

static bool run_checked(heed_program *p)
{
    for (int k = 0; k < p->n_instructions; k++) {
        heed_run_instruction(p, &p->instructions[k], 0, 0, p->instructions[k].units);
        if (!heed_check_instruction(p, &p->instructions[k])) return false;
    }
    return true;
}

/* Tests: whatever a kernel forgets to write shows. All bits set is a NaN in f32 and f64. */
static void fill_with_nan(heed_program *p)
{
    for (size_t i = 0; i < p->planned_bytes; i++) p->block[i] = (char)0xff;
}

bool heed_program_run(heed_program *p)
{
    bool done = true;
    if (p->options.fill_nan) fill_with_nan(p);
    if (p->check_nan) {
        done = run_checked(p);
    } else if (!p->pool) {
        for (int s = 0; s < p->n_stages; s++) run_serial(p, &p->stages[s], 0);
    } else {
        runner r = { .p = p, .state = CLOSED };
        heed_pool_run(p->pool, take_part, &r);
    }
    p->step++;
    if (p->profile) heed_profile_ran(p);
    return done;
}
