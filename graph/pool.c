/* pool.c - the thread pool. */
#if defined(__linux__)
#define _GNU_SOURCE /* sched_getaffinity */
#include <sched.h>
#endif
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "graph/pool.h"
#include "tensor/memory.h"
#ifdef HEED_OPENMP
#include <omp.h>
#endif

enum { SPIN_NANOSECONDS = 50000 };

struct heed_pool {
    int threads;
    bool spins; /* false when there are more threads than processors */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    _Atomic int sleepers;
    _Atomic uint64_t generation; /* counts jobs; its change wakes workers */
    _Atomic uint64_t gate;       /* bit 0: the job may be entered; the rest: 2 x workers inside */
    _Atomic bool stop;
    void (*fn)(void *context, int thread);
    void *context;
    pthread_t *workers;
    int n_workers;
    _Atomic int next_thread; /* numbers handed to workers as they start */
};

/* ---- how many processors ---- */

/* Whole processors that the control group's quota grants; 0: no limit known. */
static int quota(void)
{
    double limit = 0, period = 0;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (file) {
        if (fscanf(file, "%lf %lf", &limit, &period) != 2) limit = 0;
        fclose(file);
    } else if ((file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r"))) {
        if (fscanf(file, "%lf", &limit) != 1 || limit < 0) limit = 0;
        fclose(file);
        file = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r");
        if (file && fscanf(file, "%lf", &period) != 1) period = 0;
        if (file) fclose(file);
    }
    return limit > 0 && period > 0 ? (int)(limit / period + 0.999) : 0;
}

int heed_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
#endif
    int limit = quota();
    if (limit && limit < n) n = limit;
    return n > 0 ? (int)n : 1;
}

/* ---- waiting ---- */

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void heed_pool_wait(heed_pool *pool, _Atomic uint64_t *word, uint64_t value)
{
    for (int64_t start = pool->spins ? now() : 0; pool->spins;) {
        for (int i = 0; i < 32; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != value) return;
            pause_briefly();
        }
        if (now() - start > SPIN_NANOSECONDS) break;
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1); /* before the check: a waker sees one or the other */
    while (atomic_load(word) == value) pthread_cond_wait(&pool->changed, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

void heed_pool_wake(heed_pool *pool)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&pool->sleepers) == 0) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->mutex);
}

/* ---- running a job ---- */

#ifdef HEED_OPENMP

void heed_pool_run(heed_pool *pool, void (*fn)(void *context, int thread), void *context)
{
#pragma omp parallel num_threads(pool->threads)
    fn(context, omp_get_thread_num());
}

static bool start_workers(heed_pool *pool)
{
    (void)pool;
    return true;
}

static void stop_workers(heed_pool *pool)
{
    (void)pool;
}

#else

/* Enter the job if it is still open; a worker that comes late finds it closed and does nothing. */
static void join_job(heed_pool *pool, int thread)
{
    uint64_t gate = atomic_load(&pool->gate);
    do {
        if (!(gate & 1)) return;
    } while (!atomic_compare_exchange_weak(&pool->gate, &gate, gate + 2));
    pool->fn(pool->context, thread);
    if (atomic_fetch_sub(&pool->gate, 2) == 2) heed_pool_wake(pool);
}

static void *work(void *argument)
{
    heed_pool *pool = argument;
    int thread = atomic_fetch_add(&pool->next_thread, 1);
    for (uint64_t seen = 0; !atomic_load(&pool->stop);) {
        heed_pool_wait(pool, &pool->generation, seen);
        seen = atomic_load(&pool->generation);
        if (!atomic_load(&pool->stop)) join_job(pool, thread);
    }
    return NULL;
}

void heed_pool_run(heed_pool *pool, void (*fn)(void *context, int thread), void *context)
{
    pool->fn = fn;
    pool->context = context;
    atomic_store(&pool->gate, 1);
    atomic_fetch_add(&pool->generation, 1);
    heed_pool_wake(pool);
    fn(context, 0);
    uint64_t gate = atomic_fetch_sub(&pool->gate, 1) - 1;
    for (; gate; gate = atomic_load(&pool->gate)) heed_pool_wait(pool, &pool->gate, gate);
}

static bool start_workers(heed_pool *pool)
{
    pool->workers = heed_alloc_array((size_t)pool->threads, sizeof *pool->workers);
    if (!pool->workers) return false;
    for (; pool->n_workers < pool->threads - 1; pool->n_workers++)
        if (pthread_create(&pool->workers[pool->n_workers], NULL, work, pool) != 0) return false;
    return true;
}

static void stop_workers(heed_pool *pool)
{
    atomic_store(&pool->stop, true);
    atomic_fetch_add(&pool->generation, 1);
    heed_pool_wake(pool);
    for (int i = 0; i < pool->n_workers; i++) pthread_join(pool->workers[i], NULL);
    heed_free(pool->workers);
}

#endif

heed_pool *heed_pool_new(int threads)
{
    heed_pool *pool = heed_alloc(sizeof *pool);
    if (!pool) return NULL;
    pool->threads = threads < 1 ? 1 : threads;
    pool->spins = pool->threads <= heed_processors();
    atomic_store(&pool->next_thread, 1);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->changed, NULL);
    if (start_workers(pool)) return pool;
    heed_pool_free(pool);
    return NULL;
}

void heed_pool_free(heed_pool *pool)
{
    if (!pool) return;
    stop_workers(pool);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->mutex);
    heed_free(pool);
}

int heed_pool_threads(const heed_pool *pool)
{
    return pool->threads;
}
