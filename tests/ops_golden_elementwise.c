/* Golden vectors of elementwise operations. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static heed_node *build_affine(golden *c)
{
    return heed_affine(c->in[0], golden_number(c, "scale"), golden_number(c, "shift"));
}

static heed_node *build_scale(golden *c)
{
    return heed_scale(c->in[0], golden_number(c, "scale"));
}

static heed_node *build_where(golden *c)
{
    return heed_where(c->in[0], c->in[1], c->in[2]);
}

static heed_node *build_masked_fill(golden *c)
{
    return heed_masked_fill(c->in[0], c->in[1], golden_number(c, "value"));
}

static heed_node *build_stop_gradient(golden *c)
{
    return heed_mul(c->in[0], heed_stop_gradient(c->in[0]));
}

static heed_node *build_cast(golden *c)
{
    heed_dtype real = heed_graph_dtype(c->graph);
    return heed_cast(c->in[0], golden_is(c, "dtype", "i32") ? HEED_I32 : real);
}

static heed_node *build_mean_squared_error(golden *c)
{
    return heed_mean_squared_error(c->in[0], c->in[1]);
}

static const golden_builder builders[] = {
    { "neg", .unary = heed_neg },
    { "abs", .unary = heed_abs },
    { "sign", .unary = heed_sign },
    { "square", .unary = heed_square },
    { "sqrt", .unary = heed_sqrt },
    { "rsqrt", .unary = heed_rsqrt },
    { "exp", .unary = heed_exp },
    { "log", .unary = heed_log },
    { "erf", .unary = heed_erf },
    { "sin", .unary = heed_sin },
    { "cos", .unary = heed_cos },
    { "tanh", .unary = heed_tanh },
    { "sigmoid", .unary = heed_sigmoid },
    { "relu", .unary = heed_relu },
    { "gelu", .unary = heed_gelu },
    { "softplus", .unary = heed_softplus },
    { "silu", .unary = heed_silu },
    { "add", .binary = heed_add },
    { "sub", .binary = heed_sub },
    { "mul", .binary = heed_mul },
    { "div", .binary = heed_div },
    { "pow", .binary = heed_pow },
    { "minimum", .binary = heed_minimum },
    { "maximum", .binary = heed_maximum },
    { "equal", .binary = heed_equal },
    { "not_equal", .binary = heed_not_equal },
    { "less", .binary = heed_less },
    { "less_equal", .binary = heed_less_equal },
    { "greater", .binary = heed_greater },
    { "greater_equal", .binary = heed_greater_equal },
    { "mean_squared_error", .build = build_mean_squared_error },
    { "affine", .build = build_affine },
    { "scale", .build = build_scale },
    { "where", .build = build_where },
    { "masked_fill", .build = build_masked_fill },
    { "stop_gradient", .build = build_stop_gradient },
    { "cast", .build = build_cast },
    { .name = NULL },
};

const golden_family golden_family_elementwise = { "elementwise", builders };

Test(ops_golden, elementwise)
{
    golden_check(&golden_family_elementwise);
}
