/* tensor_shape.c - shapes, broadcasting, views. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tensor/memory.h"
#include "tensor/tensor.h"

static heed_shape shape_of(const char *text) /* "2 3" */
{
    heed_shape shape = { 0 };
    for (char *end; *text; text = *end ? end + 1 : end) {
        shape.dim[shape.rank++] = strtoll(text, &end, 10);
    }
    return shape;
}

/* ---- shapes ---- */

Test(tensor_shape, macro_counts_its_arguments)
{
    heed_shape s = HEED_SHAPE(2, 3, 4);
    cr_expect_eq(s.rank, 3);
    cr_expect_eq(s.dim[2], 4);
    cr_expect_eq(heed_count(&s), 24);
    heed_shape scalar = heed_scalar();
    cr_expect_eq(heed_count(&scalar), 1);
    heed_shape nine = HEED_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1);
    size_t bytes;
    cr_expect_eq(nine.rank, -1);
    cr_expect_not(heed_count_checked(&nine, 4, &bytes));
}

Test(tensor_shape, sizes_are_checked_for_overflow)
{
    static const struct {
        const char *shape;
        bool good;
        size_t bytes; /* of f32 */
    } cases[] = {
        { "", true, 4 },
        { "3", true, 12 },
        { "2 0 5", true, 0 },
        { "4611686018427387904", false, 0 },
        { "3037000500 3037000500", false, 0 },
        { "4294967296 4294967296", false, 0 },
        { "4294967296 4294967296 0", false, 0 }, /* its strides would overflow */
        { "0 4294967296 4294967296", false, 0 },
        { "-1", false, 0 },
        { "0 -1", false, 0 },
        { "-2 -2", false, 0 },
        { "9223372036854775807", false, 0 },
        { "2305843009213693951", true, 9223372036854775804u },
        { "2305843009213693952", false, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_shape s = shape_of(cases[i].shape);
        size_t bytes = 99;
        cr_expect_eq(heed_count_checked(&s, 4, &bytes), cases[i].good, "[%s]", cases[i].shape);
        if (cases[i].good) cr_expect_eq(bytes, cases[i].bytes, "[%s]", cases[i].shape);
    }
}

Test(tensor_shape, axes_may_be_negative)
{
    heed_shape s = HEED_SHAPE(2, 3), scalar = heed_scalar();
    static const int cases[][3] = { { 0, 1, 0 },  { 1, 1, 1 }, { -1, 1, 1 },
                                    { -2, 1, 0 }, { 2, 0, 2 }, { -3, 0, -3 } };
    for (int i = 0; i < 6; i++) {
        int axis = cases[i][0];
        cr_expect_eq(heed_axis(&s, &axis), cases[i][1] == 1, "axis %d", cases[i][0]);
        cr_expect_eq(axis, cases[i][2], "axis %d", cases[i][0]);
    }
    int axis = 0;
    cr_expect_not(heed_axis(&scalar, &axis));
    axis = -1;
    cr_expect_not(heed_axis(&scalar, &axis));
}

Test(tensor_shape, broadcasting_is_numpys)
{
    static const char *const cases[][3] = {
        { "2 3", "3", "2 3" }, { "3", "2 3", "2 3" },   { "2 1", "1 3", "2 3" },
        { "", "2 3", "2 3" },  { "1", "", "1" },        { "5 1 4", "3 1", "5 3 4" },
        { "0", "1", "0" },     { "2 0", "2 1", "2 0" }, { "2 3", "2", NULL },
        { "0", "2", NULL },    { "2 3", "3 2", NULL },  { "4", "4", "4" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        heed_shape a = shape_of(cases[i][0]), b = shape_of(cases[i][1]), out;
        bool fits = heed_broadcast(&a, &b, &out);
        cr_expect_eq(fits, cases[i][2] != NULL, "[%s] and [%s]", cases[i][0], cases[i][1]);
        if (!cases[i][2] || !fits) continue;
        heed_shape expected = shape_of(cases[i][2]);
        cr_expect(heed_shape_equal(&out, &expected), "[%s] and [%s]", cases[i][0], cases[i][1]);
    }
}

Test(tensor_shape, equality_looks_at_rank_and_dimensions)
{
    heed_shape a = HEED_SHAPE(2, 1), b = HEED_SHAPE(2), c = HEED_SHAPE(2, 3);
    cr_expect(heed_shape_equal(&a, &a));
    cr_expect_not(heed_shape_equal(&a, &b));
    cr_expect_not(heed_shape_equal(&a, &c));
}

Test(tensor_shape, text_fits_its_room)
{
    char text[HEED_SHAPE_TEXT], small[6];
    heed_shape s = HEED_SHAPE(2, 3), scalar = heed_scalar(), widest = { .rank = 8 };
    cr_expect_str_eq(heed_shape_print(&s, text, sizeof text), "[2, 3]");
    cr_expect_str_eq(heed_shape_print(&scalar, text, sizeof text), "[]");
    for (int i = 0; i < 8; i++) widest.dim[i] = INT64_MIN;
    heed_shape_print(&widest, text, sizeof text);
    cr_expect_eq(strlen(text), 8 * 20 + 7 * 2 + 2);
    cr_expect_str_eq(heed_shape_print(&s, small, sizeof small), "[2, 3");
}

Test(tensor_shape, dtypes_have_names_and_sizes)
{
    cr_expect_str_eq(heed_dtype_name(HEED_F32), "f32");
    cr_expect_str_eq(heed_dtype_name(HEED_F64), "f64");
    cr_expect_str_eq(heed_dtype_name(HEED_I32), "i32");
    cr_expect_eq(heed_dtype_size(HEED_F32), 4);
    cr_expect_eq(heed_dtype_size(HEED_F64), 8);
    cr_expect_eq(heed_dtype_size(HEED_I32), 4);
    cr_expect(heed_is_real(HEED_F64) && !heed_is_real(HEED_I32));
}

/* ---- tensors ---- */

Test(tensor_tensor, new_is_dense_aligned_and_zero)
{
    heed_shape s = HEED_SHAPE(3, 5);
    for (int dtype = 0; dtype < HEED_N_DTYPES; dtype++) {
        heed_tensor *t = heed_tensor_new((heed_dtype)dtype, &s, NULL);
        cr_assert_not_null(t);
        cr_expect_eq((uintptr_t)t->view.data % HEED_ALIGNMENT, 0);
        cr_expect(heed_is_dense(&t->view));
        for (int i = 0; i < 15; i++) cr_expect_eq(heed_get(&t->view, i), 0);
        heed_tensor_free(t);
    }
    heed_tensor_free(NULL);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

Test(tensor_tensor, new_explains_what_is_wrong)
{
    heed_shape negative = HEED_SHAPE(2, -3), large = HEED_SHAPE(INT64_MAX, 8), fine = HEED_SHAPE(9);
    heed_error a = { 0 }, b = { 0 }, c = { 0 };
    cr_expect_null(heed_tensor_new(HEED_F32, &negative, &a));
    cr_expect(strstr(a.text, "[2, -3]") && strstr(a.text, "axis 1"), "%s", a.text);
    cr_expect_null(heed_tensor_new(HEED_F64, &large, &b));
    cr_expect(strstr(b.text, "too large") && strstr(b.text, "f64"), "%s", b.text);
    heed_memory_fail(1);
    cr_expect_null(heed_tensor_new(HEED_F32, &fine, &c));
    cr_expect(strstr(c.text, "no memory for 36 bytes"), "%s", c.text);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

/* ---- views: compared with index arithmetic on 0, 1, 2, ... ---- */

static int32_t numbers[720];
static heed_view count_up(const char *shape)
{
    heed_shape s = shape_of(shape);
    for (int i = 0; i < 720; i++) numbers[i] = i;
    return heed_view_of(numbers, HEED_I32, &s);
}

Test(tensor_view, permute_moves_axes)
{
    heed_view v = count_up("2 3 4"), p = heed_view_permute(&v, (int[]){ 2, 0, 1 });
    cr_expect_eq(p.shape.dim[0], 4);
    cr_expect_not(heed_is_dense(&p));
    int64_t index = 0;
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 2; j++) {
            for (int k = 0; k < 3; k++) cr_expect_eq(heed_get(&p, index++), j * 12 + k * 4 + i);
        }
    }
}

Test(tensor_view, slice_steps_in_both_directions)
{
    heed_view v = count_up("3 10");
    heed_view s = heed_view_slice(&v, 1, 1, 3, 3), back = heed_view_slice(&v, 1, 9, -2, 4);
    double forth_values[] = { 1, 4, 7, 11, 14, 17 }, back_values[] = { 9, 7, 5, 3, 19, 17 };
    for (int i = 0; i < 6; i++) {
        cr_expect_eq(heed_get(&s, i), forth_values[i]);
        cr_expect_eq(heed_get(&back, i), back_values[i]);
    }
    heed_view rows = heed_view_slice(&v, 0, 1, 1, 2);
    cr_expect(heed_is_dense(&rows));
    cr_expect_eq(heed_get(&rows, 0), 10);
    heed_view row = heed_view_slice(&v, 0, 2, -3, 1); /* the stride of one row does not matter */
    cr_expect(heed_is_dense(&row));
    heed_view none = heed_view_slice(&v, 0, 3, 1, 0);
    cr_expect_eq(heed_count(&none.shape), 0);
    cr_expect(heed_is_dense(&none));
}

/* Every reshape that is granted must show the same elements in the same order. */
static void expect_reshape(heed_view v, const char *to, bool possible)
{
    heed_shape s = shape_of(to);
    heed_view out;
    cr_expect_eq(heed_view_reshape(&v, &s, &out), possible, "to [%s]", to);
    if (!possible || !heed_view_reshape(&v, &s, &out)) return;
    cr_expect(heed_shape_equal(&out.shape, &s));
    for (int64_t i = 0; i < heed_count(&s); i++) {
        cr_expect_eq(heed_get(&out, i), heed_get(&v, i), "to [%s], element %d", to, (int)i);
    }
}

Test(tensor_view, reshape_without_copy_where_strides_allow)
{
    heed_view v = count_up("4 6 5"), t = heed_view_permute(&v, (int[]){ 1, 0, 2 });
    heed_view every = heed_view_slice(&v, 0, 0, 2, 2), last = heed_view_slice(&v, 2, 4, -1, 5);
    heed_shape wide_shape = HEED_SHAPE(4, 6, 5, 3);
    heed_view narrow = heed_view_of(numbers, HEED_I32, &(heed_shape){ 4, { 4, 6, 5, 1 } });
    heed_view wide = heed_view_expand(&narrow, &wide_shape);
    expect_reshape(v, "120", true);
    expect_reshape(v, "8 15", true);
    expect_reshape(v, "2 2 1 3 2 5 1", true);
    expect_reshape(v, "7 17", false);
    expect_reshape(t, "6 20", false);
    expect_reshape(t, "6 2 2 5", true);
    expect_reshape(t, "24 5", false);
    expect_reshape(t, "120", false);
    expect_reshape(t, "2 3 4 5 1", true);
    expect_reshape(every, "2 30", true);
    expect_reshape(every, "60", false);
    expect_reshape(last, "24 5", true);
    expect_reshape(last, "120", false);
    expect_reshape(wide, "120 3", true);
    expect_reshape(wide, "360", false);
    expect_reshape(heed_view_slice(&v, 0, 0, 1, 0), "0 7", true);
    expect_reshape(heed_view_of(numbers, HEED_I32, &(heed_shape){ 0 }), "1 1", true);
    expect_reshape(heed_view_of(numbers, HEED_I32, &(heed_shape){ 2, { 1, 1 } }), "", true);
}

Test(tensor_view, expand_repeats_without_copying)
{
    heed_view v = count_up("3 1");
    heed_shape s = HEED_SHAPE(2, 3, 4);
    heed_view e = heed_view_expand(&v, &s);
    cr_expect_eq(e.data, v.data);
    for (int64_t i = 0; i < 24; i++) cr_expect_eq(heed_get(&e, i), i / 4 % 3);
    cr_expect_not(heed_is_dense(&e));
}

Test(tensor_view, copy_converts_and_follows_strides)
{
    heed_shape s = HEED_SHAPE(6, 5, 24);
    for (int from = 0; from < HEED_N_DTYPES; from++) {
        for (int to = 0; to < HEED_N_DTYPES; to++) {
            heed_tensor *a = heed_tensor_new((heed_dtype)from, &s, NULL);
            heed_tensor *b = heed_tensor_new((heed_dtype)to, &s, NULL);
            for (int64_t i = 0; i < 720; i++) heed_set(&a->view, i, (double)i - 300);
            int axes[] = { 2, 0, 1 };
            heed_view p = heed_view_permute(&a->view, axes), q = b->view;
            cr_assert(heed_view_reshape(&b->view, &p.shape, &q));
            heed_view_copy(&q, &p);
            for (int64_t i = 0; i < 720; i++) {
                cr_assert_eq(heed_get(&q, i), heed_get(&p, i), "%d -> %d at %d", from, to, (int)i);
            }
            heed_view_copy(&b->view, &a->view); /* dense, longer than the conversion buffer */
            for (int64_t i = 0; i < 720; i++) cr_assert_eq(heed_get(&b->view, i), (double)i - 300);
            heed_tensor_free(a);
            heed_tensor_free(b);
        }
    }
}

Test(tensor_view, copy_of_equal_dtype_keeps_every_bit)
{
    uint32_t bits[3] = { 0x7F800001u, 0xFFC12345u, 0x80000000u }, copy[3] = { 0 }, back[3] = { 0 };
    heed_shape s = HEED_SHAPE(3);
    heed_view from = heed_view_of(bits, HEED_F32, &s), to = heed_view_of(copy, HEED_F32, &s);
    heed_view reversed = heed_view_slice(&from, 0, 2, -1, 3);
    heed_view_copy(&to, &from);
    cr_expect_arr_eq(copy, bits, sizeof bits);
    to.data = back;
    heed_view_copy(&to, &reversed);
    for (int i = 0; i < 3; i++) cr_expect_eq(back[i], bits[2 - i]);
}

Test(tensor_view, fill_touches_the_view_and_nothing_else)
{
    heed_view v = count_up("6 6"), inner = heed_view_slice(&v, 0, 1, 2, 2);
    inner = heed_view_slice(&inner, 1, 1, 1, 4);
    heed_view_fill(&inner, -5);
    for (int i = 0; i < 40; i++) {
        bool inside = (i / 6 == 1 || i / 6 == 3) && i % 6 >= 1 && i % 6 <= 4;
        cr_expect_eq(numbers[i], inside ? -5 : i, "element %d", i);
    }
    double real[4] = { 0 };
    heed_shape s = HEED_SHAPE(4);
    heed_view r = heed_view_of(real, HEED_F64, &s);
    heed_view_fill(&r, 0.1);
    for (int i = 0; i < 4; i++) cr_expect_eq(real[i], 0.1);
}

Test(tensor_view, integers_take_reals_without_undefined_behaviour)
{
    static const double values[] = { 2.9, -2.9, 1e300, -1e300, INFINITY, -INFINITY, NAN };
    static const int32_t expected[] = { 2, -2, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN, 0 };
    int32_t stored;
    heed_shape s = heed_scalar();
    heed_view v = heed_view_of(&stored, HEED_I32, &s);
    for (int i = 0; i < 7; i++) {
        heed_set(&v, 0, values[i]);
        cr_expect_eq(stored, expected[i], "%g", values[i]);
    }
}

Test(tensor_view, empty_views_may_have_no_memory)
{
    heed_shape s = HEED_SHAPE(0, 3);
    heed_view a = heed_view_of(NULL, HEED_F32, &s), b = a;
    heed_view_copy(&a, &b);
    heed_view_fill(&a, 1);
    heed_view part = heed_view_slice(&a, 1, 1, 1, 2);
    cr_expect_eq(heed_count(&part.shape), 0);
    cr_expect(heed_is_dense(&a));
}
