/* Schedules at the steps where their formulas are easy to work out by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "optim/optim.h"

static double at(heed_schedule s, int64_t t)
{
    return heed_schedule_factor(&s, t);
}

Test(optim_schedule, constant_with_warmup)
{
    heed_schedule s = { .rule = HEED_SCHEDULE_CONSTANT, .warmup = 4 };
    cr_assert_float_eq(at(s, 0), 0.25, 1e-15);
    cr_assert_float_eq(at(s, 3), 1, 1e-15);
    cr_assert_float_eq(at(s, 1000000), 1, 1e-15);
}

Test(optim_schedule, step_decay)
{
    heed_schedule s = { .rule = HEED_SCHEDULE_STEP, .every = 10, .factor = 0.5 };
    cr_assert_float_eq(at(s, 9), 1, 1e-15);
    cr_assert_float_eq(at(s, 10), 0.5, 1e-15);
    cr_assert_float_eq(at(s, 35), 0.125, 1e-15);
}

Test(optim_schedule, cosine)
{
    heed_schedule s = { .rule = HEED_SCHEDULE_COSINE, .warmup = 10, .steps = 110, .floor = 0.1 };
    cr_assert_float_eq(at(s, 4), 0.5, 1e-15);
    cr_assert_float_eq(at(s, 10), 1, 1e-15);
    cr_assert_float_eq(at(s, 60), 0.55, 1e-12);
    cr_assert_float_eq(at(s, 110), 0.1, 1e-12);
    cr_assert_float_eq(at(s, 9999), 0.1, 1e-12);
}

Test(optim_schedule, linear)
{
    heed_schedule s = { .rule = HEED_SCHEDULE_LINEAR, .steps = 100 };
    cr_assert_float_eq(at(s, 0), 1, 1e-15);
    cr_assert_float_eq(at(s, 25), 0.75, 1e-15);
    cr_assert_float_eq(at(s, 200), 0, 1e-15);
}

Test(optim_schedule, hold_before_the_fall)
{
    heed_schedule s = { .rule = HEED_SCHEDULE_LINEAR, .warmup = 10, .hold = 40, .steps = 100 };
    cr_assert_float_eq(at(s, 4), 0.5, 1e-15);
    cr_assert_float_eq(at(s, 49), 1, 1e-15);
    cr_assert_float_eq(at(s, 75), 0.5, 1e-15);
    s.rule = HEED_SCHEDULE_COSINE;
    cr_assert_float_eq(at(s, 30), 1, 1e-15);
    cr_assert_float_eq(at(s, 75), 0.5, 1e-12);
    cr_assert_float_eq(at(s, 100), 0, 1e-12);
}

Test(optim_schedule, inverse_square_root)
{
    heed_schedule s = { .rule = HEED_SCHEDULE_INVERSE_SQRT, .warmup = 100 };
    cr_assert_float_eq(at(s, 49), 0.5, 1e-15);
    cr_assert_float_eq(at(s, 99), 1, 1e-15);
    cr_assert_float_eq(at(s, 399), 0.5, 1e-15);
}

Test(optim_schedule, impossible_ones_are_refused)
{
    const heed_schedule wrong[] = {
        { .rule = HEED_SCHEDULE_CONSTANT, .warmup = -1 },
        { .rule = HEED_SCHEDULE_STEP },
        { .rule = HEED_SCHEDULE_COSINE },
        { .rule = HEED_SCHEDULE_LINEAR, .warmup = 10, .steps = 10 },
        { .rule = HEED_SCHEDULE_LINEAR, .hold = -1, .steps = 10 },
        { .rule = HEED_SCHEDULE_COSINE, .warmup = 4, .hold = 6, .steps = 10 },
        { .rule = HEED_SCHEDULE_INVERSE_SQRT },
        { .rule = (heed_schedule_rule)77 },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heed_error error = { .set = false };
        cr_assert_not(heed_schedule_check(&wrong[i], &error), "case %zu", i);
        cr_assert(strncmp(error.text, "schedule: ", 10) == 0, "%s", error.text);
    }
}
