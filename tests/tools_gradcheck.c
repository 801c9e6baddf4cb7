/* `heed gradcheck`: the table, its exit status, JSON. That broken rules fail is shown in
 * graph_gradcheck.c; here a tolerance that no rule can meet stands for them. */
#include "tests/tools_run.h"

Test(tools_gradcheck, one_operation)
{
    cr_expect_eq(heed("gradcheck --op softmax"), 0);
    expect_said("\nsoftmax ");
    expect_said("1 checked, 0 failed; ");
    expect_said("worst relative error ");
    expect_said("(softmax: sample ");
    cr_expect_eq(lines_said(), 3);
}

Test(tools_gradcheck, failure_is_exit_status_1)
{
    cr_expect_eq(heed("gradcheck --op softmax --tolerance 1e-15"), 1);
    expect_said("FAILED");
    expect_said("the graph says ");
    expect_said("1 checked, 1 failed: softmax; ");
    cr_expect_eq(heed("gradcheck --op softmax --tolerance 1e-15 --json"), 1);
    cr_expect(said_one_object(), "%s", said);
    expect_said("\"passed\":false");
}

Test(tools_gradcheck, orders_and_seeds)
{
    cr_expect_eq(heed("gradcheck --op tanh --order 1"), 0);
    expect_said("order 1, inputs {0}");
    cr_expect_eq(heed("gradcheck --op tanh --order 2"), 0);
    expect_said("order 2, inputs {0}");
    cr_expect_not(says("order 1, inputs"));
    char first[200] = "";
    cr_expect_eq(heed("gradcheck --op tanh"), 0);
    memcpy(first, said, sizeof first - 1);
    cr_expect_eq(heed("gradcheck --op tanh"), 0);
    cr_expect_eq(strncmp(first, said, sizeof first - 1), 0, "the same every time");
    cr_expect_eq(heed("gradcheck --op tanh --seed 5"), 0);
    cr_expect_neq(strncmp(first, said, sizeof first - 1), 0, "another seed, other numbers");
}

Test(tools_gradcheck, operation_without_gradient)
{
    cr_expect_eq(heed("gradcheck --op argmax"), 0);
    expect_said("it has no gradient");
    expect_said("1 checked, 0 failed");
}

Test(tools_gradcheck, a_whole_model)
{
    cr_expect_eq(heed("gradcheck --model ptrnet"), 0);
    expect_said("\nptrnet 1 ");
    expect_said("d loss / d ");
    expect_said(" 0 failed");
}

Test(tools_gradcheck, everything, .timeout = 120)
{
    cr_expect_eq(heed("gradcheck"), 0);
    expect_said("\nadd ");
    expect_said("\nlayer_norm_vjp ");
    expect_said("\nptrnet 1 ");
    expect_said(" 0 failed; ");
    cr_expect_not(says("FAILED"));
    cr_expect_eq(heed("gradcheck --json"), 0);
    cr_expect(said_one_object(), "%.300s", said);
    expect_said("\"name\":\"conv\"");
    expect_said("\"kind\":\"model\"");
    const char *worst = strstr(said, "\"worst\":");
    double error = worst ? strtod(worst + 8, NULL) : -1;
    cr_expect(error > 0 && error <= 1e-6, "worst relative error %g", error);
}
