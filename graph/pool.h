/* pool.h - threads that run one function together, and sleep in between.
 *
 * Built on pthreads, or on OpenMP with OPENMP=1. Workers spin for some microseconds after a job,
 * then sleep; a sleeping pool uses no processor time. */
#ifndef HEED_GRAPH_POOL_H
#define HEED_GRAPH_POOL_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct heed_pool heed_pool;

/* Processors that this process may use (affinity mask and cgroup quota respected), at least 1. */
int heed_processors(void);

/* threads >= 1, the caller's own included. return: NULL without memory or threads. */
heed_pool *heed_pool_new(int threads);
void heed_pool_free(heed_pool *pool);
int heed_pool_threads(const heed_pool *pool);

/* Call fn(context, t) on every thread t of the pool, t = 0 being the caller. Returns when thread 0
 * has returned and no other thread is inside fn any more. */
void heed_pool_run(heed_pool *pool, void (*fn)(void *context, int thread), void *context);

/* Wait until *word != value: spin briefly, then sleep. Who changes *word calls heed_pool_wake. */
void heed_pool_wait(heed_pool *pool, _Atomic uint64_t *word, uint64_t value);
void heed_pool_wake(heed_pool *pool);

#endif
