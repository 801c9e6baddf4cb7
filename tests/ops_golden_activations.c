/* Golden vectors of activations, rounding and logic. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static heed_node *build_leaky_relu(golden *c)
{
    return heed_leaky_relu(c->in[0], golden_number(c, "slope"));
}

static heed_node *build_elu(golden *c)
{
    return heed_elu(c->in[0], golden_number(c, "alpha"));
}

static heed_node *build_celu(golden *c)
{
    return heed_celu(c->in[0], golden_number(c, "alpha"));
}

static heed_node *build_clamp(golden *c)
{
    return heed_clamp(c->in[0], golden_number(c, "low"), golden_number(c, "high"));
}

static heed_node *build_straight_through(golden *c)
{
    return heed_straight_through(heed_round(c->in[0]), c->in[0]);
}

static const golden_builder builders[] = {
    { "expm1", .unary = heed_expm1 },
    { "log1p", .unary = heed_log1p },
    { "atan", .unary = heed_atan },
    { "sinh", .unary = heed_sinh },
    { "cosh", .unary = heed_cosh },
    { "reciprocal", .unary = heed_reciprocal },
    { "gelu_tanh", .unary = heed_gelu_tanh },
    { "mish", .unary = heed_mish },
    { "softsign", .unary = heed_softsign },
    { "log_sigmoid", .unary = heed_log_sigmoid },
    { "selu", .unary = heed_selu },
    { "hard_tanh", .unary = heed_hard_tanh },
    { "hard_sigmoid", .unary = heed_hard_sigmoid },
    { "hard_swish", .unary = heed_hard_swish },
    { "floor", .unary = heed_floor },
    { "ceil", .unary = heed_ceil },
    { "round", .unary = heed_round },
    { "trunc", .unary = heed_trunc },
    { "is_finite", .unary = heed_is_finite },
    { "is_inf", .unary = heed_is_inf },
    { "is_nan", .unary = heed_is_nan },
    { "logical_not", .unary = heed_logical_not },
    { "logical_and", .binary = heed_logical_and },
    { "logical_or", .binary = heed_logical_or },
    { "logical_xor", .binary = heed_logical_xor },
    { "leaky_relu", .build = build_leaky_relu },
    { "elu", .build = build_elu },
    { "celu", .build = build_celu },
    { "clamp", .build = build_clamp },
    { "straight_through", .build = build_straight_through },
    { .name = NULL },
};

const golden_family golden_family_activations = { "activations", builders };

Test(ops_golden, activations)
{
    golden_check(&golden_family_activations);
}
