/* sort.c - numbers to be sorted, their order, and whether an answer is right. */
#include "models/data/sort.h"

void heed_sort_numbers(heed_rng *rng, const heed_view *x)
{
    heed_fill_uniform(rng, x, 0, 1);
}

static double number(const heed_view *x, int64_t i, int64_t b)
{
    return heed_get(x, i * x->shape.dim[1] + b);
}

/* Does element i come before element j? A strict order of all n elements, equal numbers too. */
static bool before(const heed_view *x, int64_t i, int64_t j, int64_t b)
{
    double p = number(x, i, b), q = number(x, j, b);
    return p < q || (p == q && i < j);
}

void heed_sort_order(const heed_view *x, const heed_view *order)
{
    const int64_t n = x->shape.dim[0], batch = x->shape.dim[1];
    int32_t *place = order->data;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t i = 0; i < n; i++) { /* insertion sort: the sets are small */
            int64_t t = i;
            for (; t > 0 && before(x, i, place[(t - 1) * batch + b], b); t--)
                place[t * batch + b] = place[(t - 1) * batch + b];
            place[t * batch + b] = (int32_t)i;
        }
}

static int64_t pick(const heed_view *picks, int64_t t, int64_t b)
{
    return (int64_t)heed_get(picks, t * picks->shape.dim[1] + b);
}

/* n picks, each strictly after the one before, are all n numbers in their order. */
bool heed_sort_is_right(const heed_view *x, const heed_view *picks, int64_t b)
{
    const int64_t n = x->shape.dim[0];
    for (int64_t t = 1; t < n; t++)
        if (!before(x, pick(picks, t - 1, b), pick(picks, t, b), b)) return false;
    return true;
}

int64_t heed_sort_places_right(const heed_view *x, const heed_view *picks, int64_t b)
{
    const int64_t n = x->shape.dim[0];
    int64_t right = 0;
    for (int64_t t = 0; t < n; t++) {
        int64_t rank = 0;
        for (int64_t i = 0; i < n; i++) rank += before(x, i, pick(picks, t, b), b);
        right += rank == t;
    }
    return right;
}
