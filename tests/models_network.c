/* Networks: from files, made up, and what is refused. */
#include <criterion/criterion.h>
#include <stdarg.h>

#include "models/data/network.h"

static char folder[64];

static void enter(void)
{
    strcpy(folder, "/tmp/heed-network-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void leave(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(models_network, .init = enter, .fini = leave, .timeout = 60);

static void put(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* Five nodes, one alone, one without features or label; an edge that stands twice, and a loop. */
static void put_all(void)
{
    put("meta.txt", "5 5 6 7 2\n");
    put("edges.txt", "0 3\n0 1\n3 1\n1 3\n3 3\n");
    put("features.txt", "2 0 5\n1 3\n0\n3 1 2 4\n1 0\n");
    put("labels.txt", "1\n0\n-1\n1\n0\n");
    put("split_planetoid.txt", "train 2 0 1\nval 1 3\ntest 1 4\n");
}

static void expect_list(const int32_t *list, int64_t n, const int32_t *right, const char *what)
{
    for (int64_t k = 0; k < n; k++)
        cr_expect_eq(list[k], right[k], "%s[%d]: %d", what, (int)k, list[k]);
}

Test(models_network, reads_what_is_written)
{
    static const int32_t from[] = { 0, 1, 3, 0, 1, 3, 2, 0, 1, 3, 4 };
    static const int32_t to[] = { 0, 0, 0, 1, 1, 1, 2, 3, 3, 3, 4 };
    heed_network w;
    heed_error error = { .set = false };
    put_all();
    cr_assert(heed_network_read(&w, folder, &error), "%s", error.text);
    cr_expect(w.nodes == 5 && w.features == 6 && w.classes == 2);
    cr_assert_eq(w.edges, 11, "both ways, loops, each once");
    expect_list(w.from, 11, from, "from");
    expect_list(w.to, 11, to, "to");
    expect_list(w.row, 6, (const int32_t[]){ 0, 2, 3, 3, 6, 7 }, "row");
    expect_list(w.column, 7, (const int32_t[]){ 0, 5, 3, 1, 2, 4, 0 }, "column");
    expect_list(w.label, 5, (const int32_t[]){ 1, 0, -1, 1, 0 }, "label");
    cr_assert(w.members[HEED_TRAIN] == 2 && w.members[HEED_VALIDATE] == 1);
    cr_expect(w.member[HEED_TRAIN][1] == 1 && w.member[HEED_VALIDATE][0] == 3);
    cr_expect(w.members[HEED_EVALUATE] == 1 && w.member[HEED_EVALUATE][0] == 4);
    heed_network_free(&w);
}

/* The file `name` with `text` in it is refused in a sentence with both words. */
static void expect_refusal(const char *name, const char *text, const char *word, const char *other)
{
    heed_network w;
    heed_error error = { .set = false };
    put_all();
    put(name, text);
    cr_expect_not(heed_network_read(&w, folder, &error), "%s: %s", name, text);
    cr_expect(strstr(error.text, word) && strstr(error.text, other), "'%s', '%s' in: %s", word,
              other, error.text);
    heed_network_free(&w);
}

Test(models_network, wrong_lines_are_named)
{
    expect_refusal("meta.txt", "5 5 6 7\n", "meta.txt, line 1", "classes must be");
    expect_refusal("meta.txt", "0 5 6 7 2\n", "the number of nodes", "1 to");
    expect_refusal("meta.txt", "5 5 6 7 2 9\n", "meta.txt, line 1", "more than");
    expect_refusal("edges.txt", "0 3\n0 5\n3 1\n1 3\n3 3\n", "edges.txt, line 2", "0 to 4");
    expect_refusal("edges.txt", "0 3\n0 1\n", "edges.txt, line 3", "a node must");
    expect_refusal("edges.txt", "0 3\n0 1\n3 1\n1 3\n3 3\n2 2\n", "edges.txt, line 6", "meta.txt");
    expect_refusal("edges.txt", "0 3\n0 1 2\n", "edges.txt, line 2", "more than");
    expect_refusal("edges.txt", "0 3\nx 1\n", "edges.txt, line 2", "whole number");
    expect_refusal("edges.txt", "0 99999999999999999999\n", "edges.txt, line 1", "whole number");
    expect_refusal("features.txt", "2 0 6\n1 3\n0\n3 1 2 4\n1 0\n", "features.txt, line 1",
                   "0 to 5");
    expect_refusal("features.txt", "2 0 5\n1 3\n0\n9 1 2 4\n", "features.txt, line 4", "0 to 4");
    expect_refusal("features.txt", "1 0\n1 3\n0\n3 1 2 4\n1 0\n", "6 non-zero", "meta.txt says 7");
    expect_refusal("labels.txt", "1\n0\n2\n1\n0\n", "labels.txt, line 3", "-1 to 1");
    expect_refusal("split_planetoid.txt", "train 1 2\nval 1 3\ntest 1 4\n", "line 1",
                   "node 2 has no label");
    expect_refusal("split_planetoid.txt", "train 1 0\ntest 1 4\n", "line 2", "'val'");
}

Test(models_network, missing_files)
{
    static const char *const needed[] = { "meta.txt", "edges.txt", "features.txt", "labels.txt" };
    char path[200];
    heed_network w;
    for (int i = 0; i < 4; i++) {
        heed_error error = { .set = false };
        put_all();
        snprintf(path, sizeof path, "%s/%s", folder, needed[i]);
        remove(path);
        cr_expect_not(heed_network_read(&w, folder, &error));
        cr_expect(strstr(error.text, needed[i]) && strstr(error.text, "No such file"), "%s",
                  error.text);
        heed_network_free(&w);
    }
}

/* Without features.txt where none are announced; without a split where 20 of each class are left
 * for training. */
Test(models_network, what_may_be_missing)
{
    enum { NODES = 100 };
    char text[NODES * 3] = "";
    char path[200];
    heed_network w;
    heed_error error = { .set = false };
    put_all();
    put("meta.txt", "100 1 0 0 2\n");
    put("edges.txt", "0 99");
    for (int i = 0; i < NODES; i++) strcat(text, i % 2 ? "1\n" : "0\n");
    put("labels.txt", text);
    snprintf(path, sizeof path, "%s/split_planetoid.txt", folder);
    remove(path);
    cr_assert(heed_network_read(&w, folder, &error), "%s", error.text);
    cr_expect(w.features == 0 && w.edges == NODES + 2);
    cr_expect_eq(w.members[HEED_TRAIN], 40);
    cr_expect_eq(w.members[HEED_VALIDATE], 20);
    cr_expect_eq(w.members[HEED_EVALUATE], 40);
    cr_expect_eq(w.member[HEED_VALIDATE][0], 40);
    heed_rng rng = heed_rng_new(3, 0);
    cr_assert(heed_network_add_features(&w, &rng, 50, 7, &error));
    cr_expect(w.features == 50 && w.row[NODES] == 7 * NODES);
    heed_network_free(&w);
}

/* ---- made up ---- */

static const heed_network_kind kind = { .nodes = 2000,
                                        .edges = 8000,
                                        .classes = 4,
                                        .features = 64,
                                        .words = 6,
                                        .per_class = 30,
                                        .within = 0.75,
                                        .signal = 0.4,
                                        .general = 0.3 };

typedef bool generator(heed_network *network, heed_rng *rng, const heed_network_kind *kind,
                       heed_error *error);

static void generate(heed_network *w, generator *of, uint64_t seed)
{
    heed_error error = { .set = false };
    heed_rng rng = heed_rng_new(seed, 0);
    cr_assert(of(w, &rng, &kind, &error), "%s", error.text);
}

/* Every node has a loop, every edge its way back, and lists are in order without repetition. */
static void expect_sound(const heed_network *w)
{
    int64_t loops = 0, back = 0;
    uint8_t *joined = calloc((size_t)(w->nodes * w->nodes), 1);
    cr_assert_not_null(joined);
    for (int64_t e = 0; e < w->edges; e++) {
        joined[w->from[e] * w->nodes + w->to[e]] = 1;
        loops += w->from[e] == w->to[e];
        if (e > 0)
            cr_assert(w->to[e - 1] < w->to[e] ||
                      (w->to[e - 1] == w->to[e] && w->from[e - 1] < w->from[e]));
    }
    for (int64_t e = 0; e < w->edges; e++) back += joined[w->to[e] * w->nodes + w->from[e]];
    free(joined);
    cr_expect_eq(loops, w->nodes);
    cr_expect_eq(back, w->edges);
    for (int64_t i = 0; i < w->nodes; i++)
        for (int32_t k = w->row[i] + 1; k < w->row[i + 1]; k++)
            cr_assert_lt(w->column[k - 1], w->column[k]);
}

/* Each node with a label stands in one part, and no other does. */
static void expect_split(const heed_network *w)
{
    uint8_t *parts = calloc((size_t)w->nodes, 1);
    cr_assert_not_null(parts);
    for (int s = 0; s < 3; s++)
        for (int64_t k = 0; k < w->members[s]; k++) parts[w->member[s][k]]++;
    for (int64_t i = 0; i < w->nodes; i++) cr_assert_eq(parts[i], w->label[i] >= 0);
    cr_expect_eq(w->members[HEED_TRAIN], kind.per_class * kind.classes);
    free(parts);
}

Test(models_network, made_up_networks_are_sound)
{
    generator *const of[] = { heed_network_random, heed_network_blocks };
    for (int i = 0; i < 2; i++) {
        heed_network w, again, other;
        generate(&w, of[i], 5);
        generate(&again, of[i], 5);
        generate(&other, of[i], 6);
        expect_sound(&w);
        expect_split(&w);
        cr_expect_eq(w.edges, again.edges);
        cr_expect_eq(memcmp(w.from, again.from, (size_t)w.edges * sizeof *w.from), 0);
        cr_expect(w.edges != other.edges ||
                  memcmp(w.from, other.from, (size_t)w.edges * sizeof *w.from) != 0);
        heed_network_free(&w);
        heed_network_free(&again);
        heed_network_free(&other);
    }
}

Test(models_network, random_edges_and_words_are_as_many_as_asked)
{
    heed_network w;
    generate(&w, heed_network_random, 1);
    /* 8000 of 2 million pairs: some 16 come twice */
    cr_expect(w.edges <= 2 * 8000 + 2000 && w.edges > 2 * 7960 + 2000, "%d", (int)w.edges);
    cr_expect_eq(w.row[w.nodes], 6 * w.nodes);
    heed_network_free(&w);
}

/* Shares of what blocks promise, counted. */
Test(models_network, blocks_keep_together)
{
    heed_network w;
    int64_t general = 0, same = 0, between = 0, own = 0, words = 0, marked = 0, of_general = 0;
    generate(&w, heed_network_blocks, 1);
    for (int64_t i = 0; i < w.nodes; i++) {
        general += w.label[i] < 0;
        if (w.label[i] >= 0) cr_assert_eq(w.label[i], i % 4);
        for (int32_t k = w.row[i]; k < w.row[i + 1]; k++) {
            const int32_t word = w.column[k];
            if (w.label[i] < 0) {
                marked += word >= 60;
                of_general++;
            } else {
                cr_assert_lt(word, 60);
                own += word % 4 == w.label[i];
                words++;
            }
        }
    }
    for (int64_t e = 0; e < w.edges; e++) {
        const int32_t a = w.label[w.from[e]], b = w.label[w.to[e]];
        if (a < 0 || b < 0 || w.from[e] == w.to[e]) continue;
        same += a == b;
        between++;
    }
    heed_network_free(&w);
    cr_expect_float_eq((double)general / 2000, 0.3, 0.05);
    cr_expect_float_eq((double)own / (double)words, 0.4 + 0.6 / 4, 0.05);
    cr_expect_float_eq((double)marked / (double)of_general, 0.5, 0.1);
    /* of 100 edges that begin at a node with a label, 75 try to stay and 70 % of these can; all
     * others go anywhere, 70 % to a node with a label, 1 in 4 of which is of the block */
    const double stay = 0.75 * 0.7, anywhere = (1 - stay) * 0.7;
    cr_expect_float_eq((double)same / (double)between, (stay + anywhere / 4) / (stay + anywhere),
                       0.03);
}

Test(models_network, what_cannot_be_made)
{
    heed_network w;
    heed_error error = { .set = false };
    heed_rng rng = heed_rng_new(1, 0);
    heed_network_kind few = kind;
    few.features = 3;
    cr_expect_not(heed_network_blocks(&w, &rng, &few, &error));
    cr_expect(strstr(error.text, "too few words"), "%s", error.text);
    error.set = false;
    few = kind;
    few.per_class = 5000;
    cr_expect_not(heed_network_random(&w, &rng, &few, &error));
    cr_expect(strstr(error.text, "too small for 5000"), "%s", error.text);
    heed_network_free(&w);
    error.set = false;
    few = kind;
    few.words = 2000000;
    cr_expect_not(heed_network_random(&w, &rng, &few, &error));
    cr_expect(strstr(error.text, "too many"), "%s", error.text);
    heed_network_free(&w);
}
