/* tensor_print.c - the text of tensors; the expected ones were printed by NumPy 2. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/memory.h"
#include "tensor/tensor.h"

static heed_tensor *tensor_of(heed_dtype dtype, const char *dims)
{
    heed_shape shape = { 0 };
    for (char *end; *dims; dims = *end ? end + 1 : end) {
        shape.dim[shape.rank++] = strtoll(dims, &end, 10);
    }
    return heed_tensor_new(dtype, &shape, NULL);
}

Test(tensor_print, text_is_numpys)
{
    static const struct {
        heed_dtype dtype;
        const char *shape;
        double values[12];
        const char *text;
    } cases[] = {
        { HEED_F32,
          "2 3",
          { 1.5, 2.25, -3.0, 0.0, 100.0, 0.125 },
          "[[  1.5     2.25   -3.   ]\n [  0.    100.      0.125]]" },
        { HEED_F32, "3", { 0.1, 0.2, 0.3 }, "[0.1 0.2 0.3]" },
        { HEED_F64,
          "3",
          { 0.1, 0.3333333333333333, 0.6666666666666666 },
          "[0.1        0.33333333 0.66666667]" },
        { HEED_F32, "", { 3.14159274 }, "3.1415927" },
        { HEED_F32, "4", { NAN, INFINITY, -INFINITY, 1.5 }, "[ nan  inf -inf  1.5]" },
        { HEED_F32, "2", { NAN, INFINITY }, "[nan inf]" },
        { HEED_F64, "3", { 10000000000.0, 1.5, -2e-07 }, "[ 1.0e+10  1.5e+00 -2.0e-07]" },
        { HEED_F64, "2", { 1e+100, 1.0 }, "[1.e+100 1.e+000]" },
        { HEED_F64, "1", { 10000000000.0 }, "[1.e+10]" },
        { HEED_F32, "2", { 1e-05, 2e-05 }, "[1.e-05 2.e-05]" },
        { HEED_F32, "1", { 16777216.0 }, "[1.6777216e+07]" },
        { HEED_I32,
          "2 2",
          { 1.0, -20.0, 300.0, 2147483647.0 },
          "[[         1        -20]\n [       300 2147483647]]" },
        { HEED_I32, "2 1 2", { 1.0, 2.0, 3.0, 4.0 }, "[[[1 2]]\n\n [[3 4]]]" },
        { HEED_F64, "1 1 1 2", { 1.0, 2.0 }, "[[[[1. 2.]]]]" },
        { HEED_F32, "3", { -0.0, 0.0, 1.0 }, "[-0.  0.  1.]" },
        { HEED_F64,
          "12",
          { 1.25, 2.5, 3.123456789, 4, 5, 6, 7, 8, 9, 10, 11, 12 },
          "[ 1.25        2.5         3.12345679  4.          5.          6.\n"
          "  7.          8.          9.         10.         11.         12.        ]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[600];
        heed_tensor *t = tensor_of(cases[i].dtype, cases[i].shape);
        for (int64_t k = 0; k < heed_count(&t->view.shape); k++) {
            heed_set(&t->view, k, cases[i].values[k]);
        }
        int length = heed_tensor_print(&t->view, text, sizeof text);
        cr_expect_str_eq(text, cases[i].text, "case %zu:\n%s\nexpected\n%s", i, text,
                         cases[i].text);
        cr_expect_eq((size_t)length, strlen(cases[i].text), "case %zu", i);
        heed_tensor_free(t);
    }
}

static heed_tensor *count_up(heed_dtype dtype, const char *dims)
{
    heed_tensor *t = tensor_of(dtype, dims);
    for (int64_t i = 0; i < heed_count(&t->view.shape); i++) heed_set(&t->view, i, (double)i);
    return t;
}

Test(tensor_print, long_axes_show_their_ends)
{
    char text[1000];
    heed_tensor *row = count_up(HEED_I32, "1001"), *matrix = count_up(HEED_F32, "40 50");
    heed_tensor_print(&row->view, text, sizeof text);
    cr_expect_str_eq(text, "[   0    1    2 ...  998  999 1000]");
    heed_tensor_print(&matrix->view, text, sizeof text);
    cr_expect_str_eq(text, "[[0.000e+00 1.000e+00 2.000e+00 ... 4.700e+01 4.800e+01 4.900e+01]\n"
                           " [5.000e+01 5.100e+01 5.200e+01 ... 9.700e+01 9.800e+01 9.900e+01]\n"
                           " [1.000e+02 1.010e+02 1.020e+02 ... 1.470e+02 1.480e+02 1.490e+02]\n"
                           " ...\n"
                           " [1.850e+03 1.851e+03 1.852e+03 ... 1.897e+03 1.898e+03 1.899e+03]\n"
                           " [1.900e+03 1.901e+03 1.902e+03 ... 1.947e+03 1.948e+03 1.949e+03]\n"
                           " [1.950e+03 1.951e+03 1.952e+03 ... 1.997e+03 1.998e+03 1.999e+03]]");
    heed_tensor_free(row);
    heed_tensor_free(matrix);
}

Test(tensor_print, lines_break_at_75_columns)
{
    static char text[5000];
    heed_tensor *t = count_up(HEED_I32, "1000");
    int length = heed_tensor_print(&t->view, text, sizeof text), column = 0, lines = 1;
    cr_expect_eq(length, 4056);
    for (const char *at = text; *at; at++) {
        column = *at == '\n' ? 0 : column + 1;
        lines += *at == '\n';
        cr_assert_leq(column, 75);
    }
    cr_expect_eq(lines, 56);
    heed_tensor_free(t);
}

Test(tensor_print, empty_and_strided_views)
{
    char text[100];
    heed_tensor *empty = tensor_of(HEED_F32, "2 0"), *t = count_up(HEED_F32, "2 3");
    heed_tensor_print(&empty->view, text, sizeof text);
    cr_expect_str_eq(text, "[]");
    heed_view across = heed_view_permute(&t->view, (int[]){ 1, 0 });
    heed_tensor_print(&across, text, sizeof text);
    cr_expect_str_eq(text, "[[0. 3.]\n [1. 4.]\n [2. 5.]]");
    heed_tensor_free(empty);
    heed_tensor_free(t);
}

Test(tensor_print, any_room_is_enough_not_to_overflow)
{
    char whole[100], text[100];
    heed_tensor *t = count_up(HEED_F32, "2 3");
    size_t length = (size_t)heed_tensor_print(&t->view, whole, sizeof whole);
    cr_expect_eq(length, strlen(whole));
    for (size_t size = 0; size <= length + 2; size++) {
        memset(text, '#', sizeof text);
        cr_expect_eq((size_t)heed_tensor_print(&t->view, text, size), length);
        size_t kept = size == 0 ? 0 : size - 1 < length ? size - 1 : length;
        cr_expect_eq(memcmp(text, whole, kept), 0, "size %zu", size);
        if (size) cr_expect_eq(text[kept], '\0', "size %zu", size);
        cr_expect_eq(text[size], '#', "size %zu", size);
    }
    cr_expect_eq((size_t)heed_tensor_print(&t->view, NULL, 0), length);
    heed_tensor_free(t);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}
