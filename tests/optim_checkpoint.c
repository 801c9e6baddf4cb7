/* A run that goes on from a checkpoint makes the bits of one that was never interrupted. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ops/ops.h"
#include "optim/optim.h"
#include "tensor/memory.h"
#include "tensor/rng.h"

enum { B = 16, D = 12 };

typedef struct run {
    heed_store *store;
    heed_graph *graph;
    heed_trainer *trainer;
} run;

static char path[200];

static void make_path(void)
{
    snprintf(path, sizeof path, "/tmp/heed_checkpoint_%d", getpid());
}
static void drop_path(void)
{
    unlink(path);
}

static run begin(double lr, uint64_t seed, int width)
{
    run q = { .store = heed_store_new(5) };
    q.graph = heed_graph_new(.store = q.store, .training = true);
    heed_scope *s = heed_root(q.graph);
    heed_node *x = heed_input(q.graph, "x", HEED_F32, B, D);
    heed_node *h = heed_tanh(heed_matmul(x, heed_param(s, "W", ((heed_init){ .a = 0 }), D, width)));
    heed_node *y =
        heed_matmul(heed_dropout(h, 0.3), heed_param(s, "v", ((heed_init){ .a = 0 }), width, 1));
    heed_node *loss = heed_mean_all(heed_square(heed_sub(y, heed_sum(x, 1, true))));
    q.trainer =
        heed_trainer_new(loss, heed_adamw(.lr = lr), .clip_norm = 1, .seed = seed, .threads = 2,
                         .schedule = { .rule = HEED_SCHEDULE_COSINE, .warmup = 5, .steps = 60 });
    cr_assert_not_null(q.trainer, "%s", heed_why(q.graph));
    return q;
}

static void end(run *q)
{
    heed_trainer_free(q->trainer);
    heed_graph_free(q->graph);
    heed_store_free(q->store);
}

static void train(run *q, int steps)
{
    for (int i = 0; i < steps; i++) {
        heed_rng rng = heed_rng_new(9, (uint64_t)heed_trainer_steps(q->trainer));
        heed_view x = heed_trainer_input(q->trainer, "x");
        heed_fill_uniform(&rng, &x, -1, 1);
        cr_assert(heed_trainer_step(q->trainer));
    }
}

static bool same_bits(const heed_store *a, const heed_store *b)
{
    if (heed_store_count(a) != heed_store_count(b)) return false;
    for (int i = 0; i < heed_store_count(a); i++) {
        const heed_entry *x = heed_store_at(a, i), *y = heed_store_find(b, x->name);
        if (!y) return false;
        size_t bytes =
            (size_t)heed_count(&x->tensor->view.shape) * heed_dtype_size(x->tensor->view.dtype);
        if (memcmp(x->tensor->view.data, y->tensor->view.data, bytes) != 0) return false;
    }
    return true;
}

static void keep_note(void *context, const char *key, const char *value)
{
    if (strcmp(key, "data") == 0) snprintf(context, 40, "%s", value);
}

Test(optim_checkpoint, resumed_run_has_the_same_bits, .init = make_path, .fini = drop_path)
{
    heed_error error = { .set = false };
    run whole = begin(1e-2, 7, 8), first = begin(1e-2, 7, 8), second = begin(1e-2, 7, 8);
    char data[40] = "";
    train(&whole, 40);
    train(&first, 23);
    heed_metadata note = { "data", "position 23" };
    cr_assert(heed_checkpoint_save(first.trainer, path, &note, 1, &error), "%s", error.text);
    cr_assert(heed_checkpoint_load(second.trainer, path, keep_note, data, &error), "%s",
              error.text);
    cr_assert_str_eq(data, "position 23");
    cr_assert_eq(heed_trainer_steps(second.trainer), 23);
    cr_assert(same_bits(first.store, second.store));
    cr_assert_not(same_bits(whole.store, second.store), "23 steps are not 40");
    train(&second, 17);
    cr_assert(same_bits(whole.store, second.store));
    end(&whole), end(&first), end(&second);
}

static void expect_refusal(run q, const char *word)
{
    heed_error error = { .set = false };
    run untouched = begin(1e-2, 7, 8);
    cr_assert_not(heed_checkpoint_load(q.trainer, path, NULL, NULL, &error));
    cr_assert(strstr(error.text, word), "'%s' lacks '%s'", error.text, word);
    cr_assert(strstr(error.text, path), "%s", error.text);
    cr_assert_eq(heed_trainer_steps(q.trainer), 0);
    end(&q), end(&untouched);
}

Test(optim_checkpoint, another_run_is_refused_by_name, .init = make_path, .fini = drop_path)
{
    heed_error error = { .set = false };
    run q = begin(1e-2, 7, 8);
    train(&q, 3);
    cr_assert(heed_checkpoint_save(q.trainer, path, NULL, 0, &error), "%s", error.text);
    expect_refusal(begin(2e-2, 7, 8), "optimizer");
    expect_refusal(begin(1e-2, 8, 8), "seed");
    expect_refusal(begin(1e-2, 7, 9), "shape");
    end(&q);
}

Test(optim_checkpoint, parameters_alone_are_no_checkpoint, .init = make_path, .fini = drop_path)
{
    heed_error error = { .set = false };
    run q = begin(1e-2, 7, 8);
    cr_assert(heed_store_save_parameters(q.store, path, NULL, 0, &error));
    expect_refusal(begin(1e-2, 7, 8), "not a checkpoint");
    FILE *file = fopen(path, "w");
    fputs("rubbish", file);
    fclose(file);
    expect_refusal(begin(1e-2, 7, 8), "");
    unlink(path);
    expect_refusal(begin(1e-2, 7, 8), "");
    end(&q);
}

Test(optim_checkpoint, every_failing_allocation_is_reported, .init = make_path, .fini = drop_path)
{
    heed_error error = { .set = false };
    run q = begin(1e-2, 7, 8);
    train(&q, 2);
    cr_assert(heed_checkpoint_save(q.trainer, path, NULL, 0, &error));
    long before = heed_memory_requests();
    cr_assert(heed_checkpoint_load(q.trainer, path, NULL, NULL, &error));
    long needed = heed_memory_requests() - before;
    size_t blocks = heed_memory_live_blocks();
    cr_assert_gt(needed, 5);
    for (long n = 1; n <= needed; n++) {
        heed_error why = { .set = false };
        heed_memory_fail(n);
        cr_assert_not(heed_checkpoint_load(q.trainer, path, NULL, NULL, &why), "request %ld", n);
        heed_memory_fail(0);
        cr_assert(why.set, "request %ld: no sentence", n);
        cr_assert_eq(heed_memory_live_blocks(), blocks, "request %ld leaks", n);
    }
    end(&q);
}
