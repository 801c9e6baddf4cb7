/* `heed bench`: rows of operations. How fast they are is nobody's business here. */
#include "tests/tools_run.h"

Test(tools_bench, any_operation_on_a_large_input, .timeout = 120)
{
    cr_expect_eq(heed("bench ops/abs ops/slice ops/gather --threads 1 --seconds 0.001"), 0);
    expect_said("peak, 1 thread: ");
    expect_said("\nops/abs ");
    expect_said("  [32768, 512]\n"); /* a sample enlarged */
    expect_said("\nops/slice ");
    expect_said("  [8192, 4096]\n"); /* the descriptor's large case */
    expect_said("\nops/gather ");
    expect_said("  [32768, 512] [32768]\n");
}

Test(tools_bench, one_object_a_line, .timeout = 120)
{
    cr_expect_eq(heed("bench ops/sum --threads 1 --seconds 0.001 --json"), 0);
    const char *row = strstr(said, "{\"name\":\"ops/sum\",\"threads\":1,\"us\":");
    cr_assert_not_null(row, "%s", said);
    const char *share = strstr(row, "\"share_of_peak\":");
    cr_expect(share && strtod(share + 16, NULL) > 0, "%s", row);
    cr_expect_not_null(strstr(row, "\"inputs\":\"["), "%s", row);
}

/* Two trainers; what they share counts once. PyTorch's peak for this step is 874 MiB. */
Test(tools_bench, a_step_of_two_networks, .timeout = 300)
{
    cr_expect_eq(heed("bench step/sagan --threads 1 --seconds 0.001 --json"), 0);
    const char *row = strstr(said, "\"step/sagan\"");
    const char *planned = row ? strstr(row, "\"planned_bytes\":") : NULL;
    cr_assert_not_null(planned, "%s", said);
    cr_expect_gt(strtod(planned + 16, NULL), 30e6, "%s", said);
    cr_expect_lt(strtod(planned + 16, NULL), 874.0 / 10 * 1024 * 1024, "%s", said);
}

Test(tools_bench, profile_of_a_step, .timeout = 120)
{
    cr_expect_eq(heed("bench step/ptrnet_small --threads 1 --seconds 0.001 --profile"), 0);
    expect_said("adam_update");
    expect_said("step/ptrnet_small ");
}

Test(tools_bench, unknown_operation)
{
    cr_expect_eq(heed("bench ops/nothing --threads 1 --seconds 0.001"), 1);
    expect_said("there is no operation nothing");
    cr_expect_eq(heed("bench ops/input --threads 1 --seconds 0.001"), 1);
    expect_said("has no input that could be large");
}
