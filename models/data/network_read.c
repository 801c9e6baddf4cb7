/* network_read.c - networks from text files; a line that is wrong is named. */
#include <errno.h>
#include <string.h>

#include "models/data/network.h"

enum { MOST = 1000000000 }; /* of anything that meta.txt may announce */

typedef struct reader {
    FILE *file;
    char path[1024];
    long line;
    heed_error *error;
} reader;

static bool exists(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file) fclose(file);
    return file != NULL;
}

static bool open_reader(reader *r, const char *folder, const char *name, heed_error *error)
{
    *r = (reader){ .line = 1, .error = error };
    const int length = snprintf(r->path, sizeof r->path, "%s/%s", folder, name);
    if (length >= (int)sizeof r->path) return heed_fail(error, "--data: the path is too long");
    r->file = fopen(r->path, "rb");
    return r->file || heed_fail(error, "%s: %s", r->path, strerror(errno));
}

static bool wrong(const reader *r, const char *what, int64_t low, int64_t high)
{
    return heed_fail(r->error, "%s, line %ld: %s must be a whole number of %lld to %lld", r->path,
                     r->line, what, (long long)low, (long long)high);
}

/* The next character that is no space. Ends of lines are left to end_line(). */
static int next_character(reader *r)
{
    int c = getc(r->file);
    while (c == ' ' || c == '\t' || c == '\r') c = getc(r->file);
    return c;
}

static bool read_number(reader *r, const char *what, int64_t low, int64_t high, int64_t *value)
{
    int c = next_character(r), digits = 0;
    const bool negative = c == '-';
    *value = 0;
    for (c = negative ? getc(r->file) : c; c >= '0' && c <= '9' && digits < 18; digits++) {
        *value = *value * 10 + (c - '0');
        c = getc(r->file);
    }
    ungetc(c, r->file);
    if (negative) *value = -*value;
    const bool ends = c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == EOF;
    return (digits > 0 && ends && *value >= low && *value <= high) || wrong(r, what, low, high);
}

static bool end_line(reader *r)
{
    const int c = next_character(r);
    if (c != '\n' && c != EOF)
        return heed_fail(r->error, "%s, line %ld: more than was expected", r->path, r->line);
    r->line++;
    return true;
}

/* `n` numbers of a line. */
static bool read_numbers(reader *r, const char *what, int64_t low, int64_t high, int64_t n,
                         int32_t *to)
{
    for (int64_t k = 0; k < n; k++) {
        int64_t value;
        if (!read_number(r, what, low, high, &value)) return false;
        to[k] = (int32_t)value;
    }
    return true;
}

/* Nothing but space is left, when everything was fine so far. */
static bool close_reader(reader *r, bool fine)
{
    int c = next_character(r);
    while (fine && c == '\n') c = next_character(r);
    if (fine && c != EOF)
        fine = heed_fail(r->error, "%s, line %ld: more lines than meta.txt announces", r->path,
                         r->line);
    fclose(r->file);
    return fine;
}

/* ---- the files ---- */

typedef struct announced {
    int64_t nodes, edges, features, entries, classes;
} announced;

static bool read_meta(announced *meta, const char *folder, heed_error *error)
{
    reader r;
    if (!open_reader(&r, folder, "meta.txt", error)) return false;
    return close_reader(
        &r, read_number(&r, "the number of nodes", 1, MOST, &meta->nodes) &&
                read_number(&r, "the number of edges", 0, MOST, &meta->edges) &&
                read_number(&r, "the number of features", 0, MOST, &meta->features) &&
                read_number(&r, "the number of non-zero features", 0, MOST, &meta->entries) &&
                read_number(&r, "the number of classes", 1, MOST, &meta->classes) && end_line(&r));
}

static bool read_pairs(reader *r, heed_network *network, int64_t n, int32_t *u, int32_t *v)
{
    const int64_t last = network->nodes - 1;
    for (int64_t k = 0; k < n; k++)
        if (!read_numbers(r, "a node", 0, last, 1, u + k) ||
            !read_numbers(r, "a node", 0, last, 1, v + k) || !end_line(r))
            return false;
    return true;
}

static bool read_edges(heed_network *network, const announced *meta, const char *folder,
                       heed_error *error)
{
    reader r;
    const size_t n = (size_t)meta->edges;
    if (!open_reader(&r, folder, "edges.txt", error)) return false;
    int32_t *u = heed_alloc_array(n, sizeof *u), *v = heed_alloc_array(n, sizeof *v);
    bool fine = (u && v) || heed_fail(error, "%s: no memory for it", r.path);
    fine = close_reader(&r, fine && read_pairs(&r, network, meta->edges, u, v)) &&
           heed_network_connect(network, u, v, meta->edges, error);
    heed_free(u);
    heed_free(v);
    return fine;
}

static bool read_rows(reader *r, heed_network *network, const announced *meta)
{
    for (int64_t i = 0; i < meta->nodes; i++) {
        int64_t n;
        const int64_t left = meta->entries - network->row[i];
        int32_t *to = network->column + network->row[i];
        if (!read_number(r, "the number of a node's features", 0, left, &n) ||
            !read_numbers(r, "a feature", 0, meta->features - 1, n, to) || !end_line(r))
            return false;
        network->row[i + 1] = network->row[i] + (int32_t)n;
    }
    return network->row[meta->nodes] == meta->entries ||
           heed_fail(r->error, "%s has %d non-zero features, meta.txt says %lld", r->path,
                     network->row[meta->nodes], (long long)meta->entries);
}

static bool read_features(heed_network *network, const announced *meta, const char *folder,
                          heed_error *error)
{
    reader r;
    if (meta->features == 0) return true;
    network->features = meta->features;
    network->row = heed_network_numbers(network, meta->nodes + 1, error);
    network->column = heed_network_numbers(network, meta->entries, error);
    return network->row && network->column && open_reader(&r, folder, "features.txt", error) &&
           close_reader(&r, read_rows(&r, network, meta));
}

static bool read_labels(heed_network *network, const char *folder, heed_error *error)
{
    reader r;
    bool fine = true;
    network->label = heed_network_numbers(network, network->nodes, error);
    if (!network->label || !open_reader(&r, folder, "labels.txt", error)) return false;
    for (int64_t i = 0; fine && i < network->nodes; i++)
        fine = read_numbers(&r, "a label", -1, network->classes - 1, 1, network->label + i) &&
               end_line(&r);
    return close_reader(&r, fine);
}

static bool read_part(reader *r, heed_network *network, const char *name, heed_split split)
{
    char word[16] = "";
    if (fscanf(r->file, "%15s", word) != 1 || strcmp(word, name) != 0)
        return heed_fail(r->error, "%s, line %ld: must begin with '%s'", r->path, r->line, name);
    if (!read_number(r, "the number of nodes", 1, network->nodes, &network->members[split]))
        return false;
    const int64_t n = network->members[split];
    int32_t *member = network->member[split] = heed_network_numbers(network, n, r->error);
    if (!member || !read_numbers(r, "a node", 0, network->nodes - 1, n, member)) return false;
    for (int64_t k = 0; k < n; k++)
        if (network->label[member[k]] < 0)
            return heed_fail(r->error, "%s, line %ld: node %d has no label", r->path, r->line,
                             member[k]);
    return end_line(r);
}

static bool read_split(heed_network *network, const char *folder, heed_error *error)
{
    reader r;
    if (!exists(folder, "split_planetoid.txt")) return heed_network_split(network, 20, error);
    return open_reader(&r, folder, "split_planetoid.txt", error) &&
           close_reader(&r, read_part(&r, network, "train", HEED_TRAIN) &&
                                read_part(&r, network, "val", HEED_VALIDATE) &&
                                read_part(&r, network, "test", HEED_EVALUATE));
}

bool heed_network_read(heed_network *network, const char *folder, heed_error *error)
{
    announced meta;
    *network = (heed_network){ .nodes = 0 };
    if (!read_meta(&meta, folder, error)) return false;
    network->nodes = meta.nodes;
    network->classes = meta.classes;
    return read_edges(network, &meta, folder, error) &&
           read_features(network, &meta, folder, error) && read_labels(network, folder, error) &&
           read_split(network, folder, error);
}
