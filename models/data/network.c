/* network.c - networks: edges in order, splits, and networks that are made up. */
#include <stdlib.h>

#include "models/data/network.h"

void heed_network_free(heed_network *network)
{
    heed_arena_free(&network->memory);
    *network = (heed_network){ .nodes = 0 };
}

int32_t *heed_network_numbers(heed_network *network, int64_t n, heed_error *error)
{
    int32_t *block = heed_arena_alloc(&network->memory, (size_t)n * sizeof *block);
    if (!block)
        heed_fail(error, "no memory for a network of %lld nodes", (long long)network->nodes);
    return block;
}

/* ---- edges ---- */

/* Lists of neighbours: those of node i are to[begin[i]] .. to[begin[i + 1] - 1]. */
typedef struct neighbours {
    int64_t *begin; /* [nodes + 1] */
    int32_t *to;
} neighbours;

static void count_neighbours(const int32_t *u, const int32_t *v, int64_t n, int64_t nodes,
                             int64_t *begin)
{
    for (int64_t i = 0; i < nodes; i++) begin[i + 1] = 1; /* the loop */
    for (int64_t k = 0; k < n; k++) {
        begin[u[k] + 1]++;
        begin[v[k] + 1]++;
    }
    for (int64_t i = 0; i < nodes; i++) begin[i + 1] += begin[i];
}

/* Both directions and loops, in any order; `next` says where each list goes on. */
static void list_neighbours(const int32_t *u, const int32_t *v, int64_t n, int64_t nodes,
                            neighbours lists, int64_t *next)
{
    for (int64_t i = 0; i < nodes; i++) {
        next[i] = lists.begin[i];
        lists.to[next[i]++] = (int32_t)i;
    }
    for (int64_t k = 0; k < n; k++) {
        lists.to[next[u[k]]++] = v[k];
        lists.to[next[v[k]]++] = u[k];
    }
}

/* Every neighbour is told of node 0, then of node 1, ..: so lists come out sorted. */
static void sort_neighbours(neighbours lists, int64_t nodes, int64_t *next, int32_t *sorted)
{
    for (int64_t i = 0; i < nodes; i++) next[i] = lists.begin[i];
    for (int64_t i = 0; i < nodes; i++)
        for (int64_t k = lists.begin[i]; k < lists.begin[i + 1]; k++)
            sorted[next[lists.to[k]]++] = (int32_t)i;
}

static void take_edges(heed_network *network, const int64_t *begin, const int32_t *sorted)
{
    int64_t edges = 0;
    for (int64_t i = 0; i < network->nodes; i++)
        for (int64_t k = begin[i]; k < begin[i + 1]; k++) {
            if (k > begin[i] && sorted[k] == sorted[k - 1]) continue;
            network->from[edges] = sorted[k];
            network->to[edges++] = (int32_t)i;
        }
    network->edges = edges;
}

bool heed_network_connect(heed_network *network, const int32_t *u, const int32_t *v, int64_t n,
                          heed_error *error)
{
    const int64_t nodes = network->nodes, most = 2 * n + nodes;
    if (most > INT32_MAX)
        return heed_fail(error, "%lld edges and %lld nodes are more than a network can have",
                         (long long)n, (long long)nodes);
    neighbours lists = { heed_alloc_array((size_t)nodes + 1, sizeof *lists.begin),
                         heed_alloc_array((size_t)most, sizeof *lists.to) };
    int64_t *next = heed_alloc_array((size_t)nodes + 1, sizeof *next);
    int32_t *sorted = heed_alloc_array((size_t)most, sizeof *sorted);
    network->from = heed_network_numbers(network, most, error);
    network->to = heed_network_numbers(network, most, error);
    const bool fine = lists.begin && lists.to && next && sorted && network->from && network->to;
    if (fine) {
        count_neighbours(u, v, n, nodes, lists.begin);
        list_neighbours(u, v, n, nodes, lists, next);
        sort_neighbours(lists, nodes, next, sorted);
        take_edges(network, lists.begin, sorted);
    } else {
        heed_fail(error, "no memory for %lld edges", (long long)n);
    }
    heed_free(lists.begin);
    heed_free(lists.to);
    heed_free(next);
    heed_free(sorted);
    return fine;
}

/* ---- split ---- */

bool heed_network_split(heed_network *network, int64_t per_class, heed_error *error)
{
    int32_t *chosen = heed_network_numbers(network, network->classes, error);
    int64_t others = 0;
    if (!chosen) return false;
    for (int i = 0; i < 3; i++) {
        network->members[i] = 0;
        network->member[i] = heed_network_numbers(network, network->nodes, error);
        if (!network->member[i]) return false;
    }
    for (int64_t i = 0; i < network->nodes; i++) {
        const int32_t class = network->label[i];
        if (class < 0) continue;
        const bool trains = chosen[class]++ < per_class;
        const heed_split split = trains              ? HEED_TRAIN
                                 : others++ % 3 == 0 ? HEED_VALIDATE
                                                     : HEED_EVALUATE;
        network->member[split][network->members[split]++] = (int32_t)i;
    }
    if (network->members[HEED_TRAIN] > 0 && network->members[HEED_EVALUATE] > 0) return true;
    return heed_fail(error,
                     "a network of %lld nodes with a label is too small for %lld training nodes of "
                     "each class and others to evaluate on",
                     (long long)(network->members[HEED_TRAIN] + others), (long long)per_class);
}

/* ---- features ---- */

static bool has(const int32_t *words, int64_t n, int32_t word)
{
    for (int64_t k = 0; k < n; k++)
        if (words[k] == word) return true;
    return false;
}

static int by_number(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

typedef int32_t draw_word(const void *context, heed_rng *rng, int64_t node);

/* Each node gets `words` features from `draw`, ascending. A word that comes again is drawn again,
 * but not for ever: a node of few possible words has fewer. */
static bool draw_features(heed_network *network, heed_rng *rng, const heed_network_kind *kind,
                          draw_word *draw, const void *context, heed_error *error)
{
    enum { TRIES = 16 };
    const int64_t nodes = network->nodes, words = kind->words;
    if (words * nodes > INT32_MAX)
        return heed_fail(error, "%lld words for each of %lld nodes are too many", (long long)words,
                         (long long)nodes);
    network->features = kind->features;
    network->row = heed_network_numbers(network, nodes + 1, error);
    network->column = heed_network_numbers(network, nodes * words, error);
    if (!network->row || !network->column) return false;
    for (int64_t i = 0; i < nodes; i++) {
        int32_t *own = network->column + network->row[i];
        int64_t n = 0;
        for (int64_t tries = 0; n < words && tries < TRIES * words; tries++) {
            own[n] = draw(context, rng, i);
            if (!has(own, n, own[n])) n++;
        }
        qsort(own, (size_t)n, sizeof *own, by_number);
        network->row[i + 1] = network->row[i] + (int32_t)n;
    }
    return true;
}

static int32_t below(heed_rng *rng, int64_t n)
{
    return (int32_t)heed_random_below(rng, (uint32_t)n);
}

static int32_t any_word(const void *context, heed_rng *rng, int64_t node)
{
    const heed_network_kind *kind = context;
    (void)node;
    return below(rng, kind->features);
}

bool heed_network_add_features(heed_network *network, heed_rng *rng, int64_t features,
                               int64_t words, heed_error *error)
{
    const heed_network_kind kind = { .features = features, .words = words };
    return draw_features(network, rng, &kind, any_word, &kind, error);
}

/* ---- random networks ---- */

typedef void draw_edge(const void *context, heed_rng *rng, int32_t *u, int32_t *v);

static bool draw_edges(heed_network *network, heed_rng *rng, int64_t n, draw_edge *draw,
                       const void *context, heed_error *error)
{
    int32_t *u = heed_alloc_array((size_t)n, sizeof *u),
            *v = heed_alloc_array((size_t)n, sizeof *v);
    bool fine = u && v;
    if (!fine) heed_fail(error, "no memory for %lld edges", (long long)n);
    for (int64_t k = 0; fine && k < n; k++) draw(context, rng, &u[k], &v[k]);
    fine = fine && heed_network_connect(network, u, v, n, error);
    heed_free(u);
    heed_free(v);
    return fine;
}

static void any_edge(const void *context, heed_rng *rng, int32_t *u, int32_t *v)
{
    const heed_network *network = context;
    *u = below(rng, network->nodes);
    do *v = below(rng, network->nodes);
    while (*v == *u && network->nodes > 1);
}

static bool begin_network(heed_network *network, const heed_network_kind *kind, heed_error *error)
{
    *network = (heed_network){ .nodes = kind->nodes, .classes = kind->classes };
    network->label = heed_network_numbers(network, kind->nodes, error);
    return network->label != NULL;
}

bool heed_network_random(heed_network *network, heed_rng *rng, const heed_network_kind *kind,
                         heed_error *error)
{
    if (!begin_network(network, kind, error)) return false;
    for (int64_t i = 0; i < kind->nodes; i++) network->label[i] = below(rng, kind->classes);
    return draw_edges(network, rng, kind->edges, any_edge, network, error) &&
           draw_features(network, rng, kind, any_word, kind, error) &&
           heed_network_split(network, kind->per_class, error);
}

/* ---- blocks ----
 *
 * Node i is in block i modulo the number of classes, unless it is general. Of the words, the last
 * sixteenth are those of general nodes; word w of the others is block w modulo classes' own. Half
 * of general node i's words are block i modulo classes' own, though it has nothing to do with
 * it. */

typedef struct blocks {
    heed_network_kind kind;
    const int32_t *label;
} blocks;

static void block_edge(const void *context, heed_rng *rng, int32_t *u, int32_t *v)
{
    const blocks *b = context;
    const int64_t classes = b->kind.classes;
    *u = below(rng, b->kind.nodes);
    const bool within = heed_random_uniform(rng) < b->kind.within;
    const int64_t block = *u % classes, size = (b->kind.nodes - block + classes - 1) / classes;
    *v = (int32_t)(block + classes * below(rng, size));
    if (!within || b->label[*u] < 0 || b->label[*v] < 0) *v = below(rng, b->kind.nodes);
}

static int32_t block_word(const void *context, heed_rng *rng, int64_t node)
{
    const blocks *b = context;
    const int64_t classes = b->kind.classes, blocks_words = b->kind.features * 15 / 16;
    const bool general = b->label[node] < 0;
    if (heed_random_uniform(rng) < (general ? 0.5 : b->kind.signal))
        return (int32_t)(node % classes + classes * below(rng, blocks_words / classes));
    return (int32_t)(general ? blocks_words + below(rng, b->kind.features - blocks_words)
                             : below(rng, blocks_words));
}

bool heed_network_blocks(heed_network *network, heed_rng *rng, const heed_network_kind *kind,
                         heed_error *error)
{
    if (kind->features * 15 / 16 < kind->classes)
        return heed_fail(error, "%lld features are too few words for %lld classes",
                         (long long)kind->features, (long long)kind->classes);
    if (!begin_network(network, kind, error)) return false;
    for (int64_t i = 0; i < kind->nodes; i++) {
        const bool general = heed_random_uniform(rng) < kind->general;
        network->label[i] = general ? -1 : (int32_t)(i % kind->classes);
    }
    const blocks b = { *kind, network->label };
    return draw_edges(network, rng, kind->edges, block_edge, &b, error) &&
           draw_features(network, rng, kind, block_word, &b, error) &&
           heed_network_split(network, kind->per_class, error);
}
