/* Golden vectors of losses. */
#include <criterion/criterion.h>

#include "tests/golden.h"

static heed_loss_reduction reduction(golden *c)
{
    if (golden_is(c, "reduction", "sum")) return HEED_LOSS_SUM;
    return golden_is(c, "reduction", "none") ? HEED_LOSS_NONE : HEED_LOSS_MEAN;
}

/* Inputs: logits, target, and weights where there is a third. */
static heed_class_options class_options(golden *c)
{
    heed_class_options options = { .reduction = reduction(c) };
    options.ignore_index = (int)golden_number(c, "ignore");
    options.ignore = options.ignore_index >= 0;
    if (c->n_in > 2) options.weight = c->in[2];
    return options;
}

static heed_node *build_cross_entropy(golden *c)
{
    heed_class_options options = class_options(c);
    options.label_smoothing = golden_number(c, "smoothing");
    return heed_cross_entropy_with(c->in[0], c->in[1], options);
}

static heed_node *build_nll_loss(golden *c)
{
    return heed_nll_loss_with(c->in[0], c->in[1], class_options(c));
}

static heed_node *build_mean_squared_error(golden *c)
{
    return heed_mean_squared_error(c->in[0], c->in[1], .reduction = reduction(c));
}

static heed_node *build_l1_loss(golden *c)
{
    return heed_l1_loss(c->in[0], c->in[1], .reduction = reduction(c));
}

static heed_node *build_huber_loss(golden *c)
{
    return heed_huber_loss(c->in[0], c->in[1], .reduction = reduction(c),
                           .delta = golden_number(c, "delta"));
}

static heed_node *build_smooth_l1_loss(golden *c)
{
    return heed_smooth_l1_loss(c->in[0], c->in[1], .reduction = reduction(c),
                               .delta = golden_number(c, "delta"));
}

static heed_node *build_binary_cross_entropy(golden *c)
{
    heed_binary_options options = { .reduction = reduction(c) };
    if (c->n_in > 2) options.weight = c->in[2], options.pos_weight = c->in[3];
    return heed_binary_cross_entropy_with(c->in[0], c->in[1], options);
}

static heed_node *build_hinge_loss(golden *c)
{
    return heed_hinge_loss(c->in[0], c->in[1], .reduction = reduction(c),
                           .margin = golden_number(c, "margin"));
}

static heed_node *build_cosine_embedding_loss(golden *c)
{
    return heed_cosine_embedding_loss(c->in[0], c->in[1], c->in[2], .reduction = reduction(c),
                                      .margin = golden_number(c, "margin"));
}

static heed_node *build_triplet_margin_loss(golden *c)
{
    return heed_triplet_margin_loss(c->in[0], c->in[1], c->in[2], .reduction = reduction(c),
                                    .margin = golden_number(c, "margin"),
                                    .swap = golden_number(c, "swap") != 0);
}

static heed_node *build_kl_divergence(golden *c)
{
    return heed_kl_divergence(c->in[0], c->in[1], .reduction = reduction(c),
                              .log_target = golden_number(c, "log_target") != 0);
}

static heed_node *build_gaussian_nll_loss(golden *c)
{
    return heed_gaussian_nll_loss(c->in[0], c->in[1], c->in[2], .reduction = reduction(c),
                                  .full = golden_number(c, "full") != 0,
                                  .eps = golden_number(c, "eps"));
}

static heed_node *build_poisson_nll_loss(golden *c)
{
    return heed_poisson_nll_loss(c->in[0], c->in[1], .reduction = reduction(c),
                                 .full = golden_number(c, "full") != 0,
                                 .rate = golden_number(c, "rate") != 0);
}

static const golden_builder builders[] = {
    { "cross_entropy", .build = build_cross_entropy },
    { "nll_loss", .build = build_nll_loss },
    { "mean_squared_error", .build = build_mean_squared_error },
    { "l1_loss", .build = build_l1_loss },
    { "huber_loss", .build = build_huber_loss },
    { "smooth_l1_loss", .build = build_smooth_l1_loss },
    { "binary_cross_entropy", .build = build_binary_cross_entropy },
    { "hinge_loss", .build = build_hinge_loss },
    { "cosine_embedding_loss", .build = build_cosine_embedding_loss },
    { "triplet_margin_loss", .build = build_triplet_margin_loss },
    { "kl_divergence", .build = build_kl_divergence },
    { "gaussian_nll_loss", .build = build_gaussian_nll_loss },
    { "poisson_nll_loss", .build = build_poisson_nll_loss },
    { .name = NULL },
};

const golden_family golden_family_losses = { "losses", builders };

Test(ops_golden, losses)
{
    golden_check(&golden_family_losses);
}
