/* No memory, at every single request of a program's life: a sentence, no crash, no leak. */
#include <unistd.h>

#include "tests/graph_examples.h"
#include "tests/graph_kit.h"

typedef struct cycle {
    bool done;
    char why[1000];
} cycle;

static void keep_why(cycle *c, const char *why)
{
    if (why) snprintf(c->why, sizeof c->why, "%s", why);
}

/* Build, differentiate, compile, run, save, free. */
static cycle live_once(const graph_example *example, const char *path)
{
    cycle c = { .done = false };
    heed_error error = { .set = false };
    heed_program *p = NULL;
    heed_node *outputs[2 * EXAMPLE_OUTPUTS];
    heed_store *store = heed_store_new(1);
    heed_graph *g = store ? heed_graph_new(.store = store, .training = true) : NULL;
    int n = g ? example->build(g, outputs) : 0;
    if (n > 0) p = heed_compile(g, outputs, n, .threads = 2);
    if (p && heed_profile_start(p)) {
        kit_fill(p, g, 1);
        c.done = heed_program_run(p) && heed_store_save(store, path, NULL, 0, &error) &&
                 heed_store_load(store, path, &error);
    } else if (p) {
        keep_why(&c, "no memory to profile"); /* heed_profile_start() has no sentence */
    }
    keep_why(&c, error.set ? error.text : heed_why(g));
    heed_program_free(p);
    heed_graph_free(g);
    heed_store_free(store);
    return c;
}

static void fail_everywhere(const graph_example *example)
{
    char path[100];
    snprintf(path, sizeof path, "/tmp/heed_no_memory_%d", (int)getpid());
    long before = heed_memory_requests();
    cycle c = live_once(example, path);
    cr_assert(c.done, "%s: %s", example->name, c.why);
    long requests = heed_memory_requests() - before;
    cr_assert(requests > 20, "%ld requests", requests);
    size_t blocks = heed_memory_live_blocks();
    for (long n = 1; n <= requests; n++) {
        heed_memory_fail(n);
        c = live_once(example, path);
        heed_memory_fail(0);
        cr_assert_eq(heed_memory_live_blocks(), blocks, "%s: request %ld of %ld leaks",
                     example->name, n, requests);
        if (c.done) continue; /* a request that the library can do without */
        cr_assert(*c.why, "%s: request %ld of %ld fails without a sentence", example->name, n,
                  requests);
        cr_assert(strstr(c.why, "memory") || strstr(c.why, "cannot start"), "%s: request %ld: %s",
                  example->name, n, c.why);
    }
    unlink(path);
}

Test(graph_no_memory, lstm, .timeout = 60)
{
    fail_everywhere(graph_example_at(0));
}

Test(graph_no_memory, attention, .timeout = 60)
{
    fail_everywhere(graph_example_at(1));
}

Test(graph_no_memory, all_other_examples, .timeout = 120)
{
    for (int i = 2; graph_example_at(i); i++) fail_everywhere(graph_example_at(i));
}

Test(graph_no_memory, trainer, .timeout = 60)
{
    size_t blocks = heed_memory_live_blocks();
    int failed = 0, done = 0;
    for (long n = 1; !done && n < 5000; n++) {
        heed_memory_fail(n);
        heed_store *store = heed_store_new(1);
        heed_graph *g = store ? heed_graph_new(.store = store, .training = true) : NULL;
        heed_trainer *t = NULL;
        if (g) {
            heed_node *x = heed_input(g, "x", HEED_F32, 4, 3);
            heed_node *y = heed_linear(heed_root(g), "w", x, 2);
            t = heed_trainer_new(heed_mean_all(heed_square(y)), heed_adam(.lr = 1e-2),
                                 .clip_norm = 1, .threads = 1);
        }
        bool failing = heed_memory_requests() > 0;
        if (t)
            done = heed_trainer_step(t);
        else if (g)
            cr_assert(failing && heed_why(g), "request %ld: no sentence", n);
        failed += !t;
        heed_memory_fail(0);
        heed_trainer_free(t);
        heed_graph_free(g);
        heed_store_free(store);
        cr_assert_eq(heed_memory_live_blocks(), blocks, "request %ld leaks", n);
        if (!t) done = 0;
    }
    cr_expect(done && failed > 20, "%d failures", failed);
}
