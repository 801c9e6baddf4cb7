/* golden.h - golden vectors: cases that tools/golden.py computed with PyTorch, agreed with here.
 *
 * A family is one file of cases (tests/data/golden_FAMILY.safetensors) and one table of builders
 * (tests/ops_golden_FAMILY.c). tools/golden.py says how to add cases. */
#ifndef HEED_TESTS_GOLDEN_H
#define HEED_TESTS_GOLDEN_H

#include "heed.h"

/* Every family: tests/ops_golden_NAME.c defines golden_family_NAME. */
#define GOLDEN_FAMILIES(FAMILY) \
    FAMILY(activations)         \
    FAMILY(elementwise)         \
    FAMILY(losses)              \
    FAMILY(network)             \
    FAMILY(neural)              \
    FAMILY(rearrange)           \
    FAMILY(order)               \
    FAMILY(products)            \
    FAMILY(reduce)              \
    FAMILY(segments)            \
    FAMILY(shape)

enum { GOLDEN_INPUTS = 8, GOLDEN_OUTPUTS = 4, GOLDEN_ATTRIBUTES = 24 };

typedef struct golden {
    const char *name; /* "softmax/axis0" */
    heed_graph *graph;
    heed_node *in[GOLDEN_INPUTS];
    int n_in;
    heed_node *y[GOLDEN_OUTPUTS]; /* a builder of several outputs fills y[1] .. and returns y[0] */
    struct {
        char name[24], value[40];
        bool asked;
    } attribute[GOLDEN_ATTRIBUTES];
    int n_attributes;
} golden;

/* One builder of ops/ops.h; what comes before the slash in names of cases. One of the functions is
 * given. */
typedef struct golden_builder {
    const char *name;
    heed_node *(*unary)(heed_node *x);
    heed_node *(*binary)(heed_node *a, heed_node *b);
    heed_node *(*with_axis)(heed_node *x, int axis); /* attribute axis */
    heed_node *(*build)(golden *c);
} golden_builder;

typedef struct golden_family {
    const char *name;
    const golden_builder *builders; /* ended by one without a name */
} golden_family;

#define GOLDEN_DECLARE(family) extern const golden_family golden_family_##family;
GOLDEN_FAMILIES(GOLDEN_DECLARE)
#undef GOLDEN_DECLARE

/* Attributes of a case. One that is not there fails the test, where no other value is offered. */
double golden_number(golden *c, const char *name);
double golden_number_or(golden *c, const char *name, double otherwise);
const char *golden_text(golden *c, const char *name);
bool golden_is(golden *c, const char *name, const char *value); /* a string is `value` */
int golden_list(golden *c, const char *name, int *values);      /* at most HEED_MAX_RANK */
heed_shape golden_shape(golden *c, const char *name);

/* Every case of the family: f64 with all passes to 1e-10 of each tensor's largest number, f32 to
 * the case's own bound. */
void golden_check(const golden_family *family);

/* Build each case of the family, with gradients of both orders; `see` is called with its graph. */
void golden_each_graph(const golden_family *family, void (*see)(void *context, const golden *c),
                       void *context);

/* Whether the family's file has a case NAME/... */
bool golden_has_case(const golden_family *family, const char *name);

#endif
