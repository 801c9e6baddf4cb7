/* The thread pool: every thread takes part, nobody is left behind, and idle threads sleep. */
#include <pthread.h>
#include <time.h>

#include "graph/pool.h"
#include "tests/graph_kit.h"

enum { MOST_THREADS = 16, JOBS = 2000 };

typedef struct job {
    _Atomic int inside, calls[MOST_THREADS];
    _Atomic uint64_t phase;
    heed_pool *pool;
} job;

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void count_me(void *context, int thread)
{
    job *j = context;
    atomic_fetch_add(&j->inside, 1);
    atomic_fetch_add(&j->calls[thread], 1);
    atomic_fetch_sub(&j->inside, 1);
}

Test(graph_pool, nobody_is_inside_after_a_job)
{
    for (int threads = 1; threads <= 8; threads *= 2) {
        job j = { .pool = heed_pool_new(threads) };
        cr_assert_not_null(j.pool);
        cr_expect_eq(heed_pool_threads(j.pool), threads);
        for (int i = 0; i < JOBS; i++) {
            heed_pool_run(j.pool, count_me, &j);
            cr_assert_eq(atomic_load(&j.inside), 0);
            cr_assert_eq(atomic_load(&j.calls[0]), i + 1, "the caller takes part in every job");
        }
        for (int t = 1; t < threads; t++) cr_expect_leq(atomic_load(&j.calls[t]), JOBS);
        heed_pool_free(j.pool);
    }
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

/* Thread 0 waits until all the others are in the job too. */
static void meet(void *context, int thread)
{
    job *j = context;
    atomic_fetch_add(&j->calls[thread], 1);
    atomic_fetch_add(&j->phase, 1);
    heed_pool_wake(j->pool);
    uint64_t here;
    while ((here = atomic_load(&j->phase)) % (uint64_t)heed_pool_threads(j->pool))
        heed_pool_wait(j->pool, &j->phase, here);
}

Test(graph_pool, every_thread_can_take_part, .timeout = 60)
{
    job j = { .pool = heed_pool_new(4) };
    for (int i = 0; i < 50; i++) {
        heed_pool_run(j.pool, meet, &j);
        for (int t = 0; t < 4; t++) cr_assert_eq(atomic_load(&j.calls[t]), i + 1);
    }
    heed_pool_free(j.pool);
}

/* 2 threads: no more than processors, mostly, so that workers spin first; 4 sleep at once. */
static void check_idle(int threads)
{
    job j = { .pool = heed_pool_new(threads) };
    heed_pool_run(j.pool, count_me, &j);
    struct timespec settle = { 0, 20000000 }, sleep = { 0, 200000000 };
    nanosleep(&settle, NULL); /* workers spin for a moment before they sleep */
    double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
    nanosleep(&sleep, NULL);
    double used = seconds(CLOCK_PROCESS_CPUTIME_ID) - before;
    cr_expect(used < 0.002, "%.3f ms of processor time in 200 ms of sleep", used * 1e3);
    heed_pool_run(j.pool, count_me, &j);
    cr_expect_eq(atomic_load(&j.calls[0]), 2, "and it wakes up again");
    heed_pool_free(j.pool);
}

Test(graph_pool, idle_pool_uses_no_processor_time)
{
    check_idle(2);
    check_idle(4);
}

static heed_node *busy_graph(heed_graph *g)
{
    heed_node *x = heed_input(g, "x", HEED_F32, 300, 64), *y = x;
    for (int i = 0; i < 6; i++) {
        heed_node *u = heed_matmul(y, heed_transpose(y, 0, 1)); /* [300, 300] */
        y = heed_add(heed_matmul(heed_softmax(u, -1), y), heed_tanh(y));
    }
    return y;
}

Test(graph_pool, oversubscription_stays_right, .timeout = 120)
{
    heed_graph *g = heed_graph_new();
    heed_node *y = busy_graph(g);
    kit_values one = kit_run(g, &y, 1, (heed_compile_options){ .threads = 1 });
    for (int threads = 2; threads <= 16; threads *= 2) {
        heed_program *p = heed_compile(g, &y, 1, .threads = threads, .fill_nan = true);
        kit_fill(p, g, 1);
        for (int i = 0; i < 10; i++) {
            cr_assert(heed_program_run(p));
            kit_values many = kit_take(p, 1);
            cr_assert(kit_same_bits(one, many), "%d threads, run %d", threads, i);
            heed_free(many.value);
        }
        heed_program_free(p);
    }
    heed_free(one.value);
    heed_graph_free(g);
}

static void *run_program(void *argument)
{
    heed_program *p = argument;
    for (int i = 0; i < 20; i++) heed_program_run(p);
    return NULL;
}

/* Programs with pools of their own, driven by different threads of the application. */
Test(graph_pool, programs_run_side_by_side, .timeout = 120)
{
    heed_graph *g[3];
    heed_program *p[3];
    pthread_t thread[3];
    for (int i = 0; i < 3; i++) {
        g[i] = heed_graph_new();
        heed_node *y = busy_graph(g[i]);
        p[i] = heed_compile(g[i], &y, 1, .threads = 2);
        cr_assert_not_null(p[i], "%s", heed_why(g[i]));
        kit_fill(p[i], g[i], 1);
    }
    for (int i = 0; i < 3; i++) pthread_create(&thread[i], NULL, run_program, p[i]);
    for (int i = 0; i < 3; i++) pthread_join(thread[i], NULL);
    kit_values first = kit_take(p[0], 1);
    for (int i = 0; i < 3; i++) {
        kit_values v = kit_take(p[i], 1);
        cr_expect(kit_same_bits(first, v) && kit_finite(v));
        heed_free(v.value);
        heed_program_free(p[i]);
        heed_graph_free(g[i]);
    }
    heed_free(first.value);
}

Test(graph_pool, processors_are_counted)
{
    cr_expect(heed_processors() >= 1);
    heed_graph *g = heed_graph_new();
    heed_node *y = heed_number(g, 1);
    heed_program *p = heed_compile(g, &y, 1);
    cr_expect_eq(heed_program_describe(p).threads, heed_processors(), "0 means one per processor");
    heed_program_free(p);
    cr_expect_null(heed_compile(g, &y, 1, .threads = -1));
    cr_expect_not_null(strstr(heed_why(g), "threads: -1"), "%s", heed_why(g));
    heed_graph_free(g);
}
