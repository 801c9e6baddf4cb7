/* reduce_tile.c - the end of an elementwise program: a tile's elements join the results so far.
 *
 * A tile has about a thousand elements. Those of one result add up in the element type, in several
 * chains; results of tiles add up in f64, so the error does not grow with the number of tiles. */
#include "ops/kernel.h"
#include "ops/micro/reduce.h"

#define JOIN_ARGUMENTS (int64_t n, int64_t m, const void *x, double *total)
#define FINISH_ARGUMENTS (int64_t n, const double *total, double scale, void *y)

#ifdef HEED_STAMP
#include "ops/micro/reduce_join.h"

#define HEED_JOIN(name)                \
    void HEED_FN(name) JOIN_ARGUMENTS; \
    void HEED_FN(name) JOIN_ARGUMENTS

static inline void join_runs(kind_of kind, int64_t n, int64_t run, const real *x, double *total)
{
    int64_t i = 0;
    for (; run < SHORT && i + 8 <= n; i += 8) {
        real result[8];
        join_short_rows(kind, x + i * run, run, run, result);
        for (int r = 0; r < 8; r++) total[i + r] = join_wide(kind, total[i + r], (double)result[r]);
    }
    for (; i < n; i++)
        total[i] = join_wide(kind, total[i], (double)join_block(kind, x + i * run, run));
}

static inline void join_to_totals(kind_of kind, int64_t n, const real *x, double *total)
{
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) total[i] = join_wide(kind, total[i], (double)x[i]);
}

static inline void join_columns(kind_of kind, int64_t n, int64_t rows, const real *x, double *total)
{
    if (rows == 1) {
        join_to_totals(kind, n, x, total);
        return;
    }
    for (int64_t i = 0; i < n; i += WIDTH) {
        real joined[WIDTH];
        int64_t width = heed_smaller(WIDTH, n - i);
        join_rows(kind, joined, x + i, n, rows, width, true);
        join_to_totals(kind, width, joined, total + i);
    }
}

HEED_JOIN(sum_runs)
{
    join_runs(HEED_REDUCE_SUM, n, m, x, total);
}

HEED_JOIN(max_runs)
{
    join_runs(HEED_REDUCE_MAX, n, m, x, total);
}

HEED_JOIN(min_runs)
{
    join_runs(HEED_REDUCE_MIN, n, m, x, total);
}

HEED_JOIN(prod_runs)
{
    join_runs(HEED_REDUCE_PROD, n, m, x, total);
}

HEED_JOIN(sum_columns)
{
    join_columns(HEED_REDUCE_SUM, n, m, x, total);
}

HEED_JOIN(max_columns)
{
    join_columns(HEED_REDUCE_MAX, n, m, x, total);
}

HEED_JOIN(min_columns)
{
    join_columns(HEED_REDUCE_MIN, n, m, x, total);
}

HEED_JOIN(prod_columns)
{
    join_columns(HEED_REDUCE_PROD, n, m, x, total);
}

void HEED_FN(finish_totals) FINISH_ARGUMENTS;
void HEED_FN(finish_totals) FINISH_ARGUMENTS
{
    real *to = y;
    HEED_INDEPENDENT
    for (int64_t i = 0; i < n; i++) to[i] = (real)(total[i] * scale);
}

#else
#include <math.h>

static unsigned reduced_axes(const heed_node *node)
{
    const heed_reduce_attr *attr = node->attr;
    unsigned mask = 0;
    for (int i = 0; i < attr->n; i++) mask |= 1u << attr->axes[i];
    return mask;
}

static double share_of_mean(const heed_node *node)
{
    return (double)heed_count(&node->shape) / (double)heed_count(&node->in[0]->shape);
}

#define DECLARE(name)                               \
    HEED_DECLARE_STAMPS(name, f32, JOIN_ARGUMENTS); \
    HEED_DECLARE_STAMPS(name, f64, JOIN_ARGUMENTS)
DECLARE(sum_runs);
DECLARE(max_runs);
DECLARE(min_runs);
DECLARE(prod_runs);
DECLARE(sum_columns);
DECLARE(max_columns);
DECLARE(min_columns);
DECLARE(prod_columns);
HEED_DECLARE_STAMPS(finish_totals, f32, FINISH_ARGUMENTS);
HEED_DECLARE_STAMPS(finish_totals, f64, FINISH_ARGUMENTS);

#define STAMPS_OF(name)                                                          \
    {                                                                            \
        [HEED_F32] = HEED_STAMPS(name, f32), [HEED_F64] = HEED_STAMPS(name, f64) \
    }

const heed_reduction heed_sum_reduction = { .axes = reduced_axes,
                                            .runs = STAMPS_OF(sum_runs),
                                            .columns = STAMPS_OF(sum_columns),
                                            .finish = STAMPS_OF(finish_totals) };
const heed_reduction heed_mean_reduction = { .axes = reduced_axes,
                                             .scale = share_of_mean,
                                             .runs = STAMPS_OF(sum_runs),
                                             .columns = STAMPS_OF(sum_columns),
                                             .finish = STAMPS_OF(finish_totals) };
const heed_reduction heed_max_reduction = { .start = -INFINITY,
                                            .axes = reduced_axes,
                                            .runs = STAMPS_OF(max_runs),
                                            .columns = STAMPS_OF(max_columns),
                                            .finish = STAMPS_OF(finish_totals) };
const heed_reduction heed_min_reduction = { .start = INFINITY,
                                            .axes = reduced_axes,
                                            .runs = STAMPS_OF(min_runs),
                                            .columns = STAMPS_OF(min_columns),
                                            .finish = STAMPS_OF(finish_totals) };
const heed_reduction heed_prod_reduction = { .start = 1,
                                             .axes = reduced_axes,
                                             .runs = STAMPS_OF(prod_runs),
                                             .columns = STAMPS_OF(prod_columns),
                                             .finish = STAMPS_OF(finish_totals) };

#endif
