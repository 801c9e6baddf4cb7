/* registry.c - every operation of the process: the built-in list, then those that applications add.
 *
 * Nodes point straight at descriptors; the registry serves whoever enumerates (gradcheck, `heed
 * ops`, tests) or reads a name from outside. */
#include <pthread.h>
#include <string.h>

#include "ops/ops.h"
#include "tensor/memory.h"

static const heed_op *const built_in[] = {
#define HEED_LIST_OP(name) &heed_op_##name,
    HEED_OPS(HEED_LIST_OP)
#undef HEED_LIST_OP
};
#define N_BUILT_IN ((int)(sizeof built_in / sizeof built_in[0]))

/* Applications' operations, in order of registration. They stay until the process ends, like the
 * descriptors they point at. */
typedef struct added_op {
    const heed_op *op;
    struct added_op *next;
} added_op;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static added_op *first_added;

/* ---- structural check ---- */

static bool has_variants(const heed_op *op, heed_dtype dtype)
{
    if (op->kernel) return op->kernel->fn[dtype][HEED_PORTABLE] != NULL;
    if (op->tile) return op->tile->fn[dtype][HEED_PORTABLE] != NULL;
    return true;
}

static bool check_computation(const heed_op *op, heed_error *error)
{
    int ways = (op->kernel != NULL) + (op->tile != NULL) + (op->view != NULL) + (op->body != NULL);
    if (op->flags & HEED_LEAF) {
        if (ways == 0) return true;
        return heed_fail(error, "operation %s: a leaf computes nothing", op->name);
    }
    if (ways != 1) {
        return heed_fail(error,
                         "operation %s has %d of kernel, tile, view and body; it needs exactly one",
                         op->name, ways);
    }
    if (!op->infer && !op->tile) {
        return heed_fail(error, "operation %s has no shape rule", op->name);
    }
    if (op->view && op->n_in < 1) {
        return heed_fail(error, "operation %s is a view of nothing", op->name);
    }
    if (!has_variants(op, HEED_F32) || (op->diff && !has_variants(op, HEED_F64))) {
        return heed_fail(error, "operation %s has no portable variant for %s", op->name,
                         has_variants(op, HEED_F32) ? "f64, which checks gradients" : "f32");
    }
    if ((op->plan_size != 0) != (op->prepare != NULL)) {
        return heed_fail(error, "operation %s: plan_size and prepare go together", op->name);
    }
    return true;
}

bool heed_op_check(const heed_op *op, heed_error *error)
{
    heed_sample sample = { .n_in = 0 };
    if (!op) return heed_fail(error, "no operation given");
    if (!op->name || !op->name[0]) return heed_fail(error, "an operation has no name");
    if (!op->doc || !op->doc[0]) {
        return heed_fail(error, "operation %s has no description", op->name);
    }
    if (op->n_in < 0 || (op->max_in != 0 && op->max_in < op->n_in)) {
        return heed_fail(error, "operation %s takes %d to %d inputs", op->name, op->n_in,
                         op->max_in);
    }
    if (!check_computation(op, error)) return false;
    if ((op->diff != 0) != (op->vjp != NULL)) {
        return heed_fail(error,
                         op->vjp ? "operation %s has a reverse rule, but no input in diff"
                                 : "operation %s has inputs in diff, but no reverse rule",
                         op->name);
    }
    if (op->flags & HEED_LEAF || op == &heed_op_aux || op->body) return true;
    if (!op->sample || !op->sample(0, &sample)) {
        return heed_fail(error, "operation %s has no test sample", op->name);
    }
    if (op->attr_size > sizeof sample.attr) {
        return heed_fail(error, "operation %s: attributes of %zu bytes exceed a sample's %zu",
                         op->name, op->attr_size, sizeof sample.attr);
    }
    return true;
}

/* ---- looking up ---- */

static const heed_op *find_built_in(const char *name)
{
    for (int i = 0; i < N_BUILT_IN; i++) {
        if (strcmp(built_in[i]->name, name) == 0) return built_in[i];
    }
    return NULL;
}

/* Under the lock: the link that holds `name`, or the free one at the end. */
static added_op **find_link(const char *name)
{
    added_op **link = &first_added;
    while (*link && strcmp((*link)->op->name, name) != 0) link = &(*link)->next;
    return link;
}

const heed_op *heed_find_op(const char *name)
{
    const heed_op *op = name ? find_built_in(name) : NULL;
    if (op || !name) return op;
    pthread_mutex_lock(&lock);
    const added_op *found = *find_link(name);
    pthread_mutex_unlock(&lock);
    return found ? found->op : NULL;
}

const heed_op *heed_op_at(int index)
{
    if (index < 0) return NULL;
    if (index < N_BUILT_IN) return built_in[index];
    pthread_mutex_lock(&lock);
    const added_op *added = first_added;
    for (int i = N_BUILT_IN; added && i < index; i++) added = added->next;
    pthread_mutex_unlock(&lock);
    return added ? added->op : NULL;
}

bool heed_register(const heed_op *op, heed_error *error)
{
    if (!heed_op_check(op, error)) return false;
    added_op *added = heed_alloc(sizeof *added);
    if (!added) return heed_fail(error, "no memory to register operation %s", op->name);
    added->op = op;
    pthread_mutex_lock(&lock);
    added_op **link = find_link(op->name);
    bool taken = *link != NULL || find_built_in(op->name) != NULL;
    bool again = *link && (*link)->op == op; /* registering twice is harmless */
    if (!taken) *link = added;
    pthread_mutex_unlock(&lock);
    if (taken) heed_free(added);
    if (taken && !again) {
        return heed_fail(error, "there is an operation named %s already", op->name);
    }
    return true;
}
