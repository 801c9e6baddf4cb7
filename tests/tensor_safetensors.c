/* tensor_safetensors.c - round trips, the bytes of written files, what reading an entry checks. */
#include "tensor/rng.h"
#include "tests/tensor_temp.h"

TestSuite(tensor_safetensors, .init = enter, .fini = leave);

/* The header as the reference implementation (0.8.0) writes it for the same tensors. */
Test(tensor_safetensors, bytes_are_the_references)
{
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"m\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]},"
        "\"bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[16,28]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[28,52]},"
        "\"step\":{\"dtype\":\"I32\",\"shape\":[],\"data_offsets\":[52,56]}}";
    size_t size, n = (sizeof header - 1 + 7) / 8 * 8;
    uint64_t length;
    cr_assert(write_three(NULL));
    char *bytes = slurp(&size);
    cr_assert_eq(size, 8 + n + 56);
    memcpy(&length, bytes, 8);
    cr_expect_eq(length, n);
    cr_expect_eq(memcmp(bytes + 8, header, sizeof header - 1), 0, "%.*s", (int)n, bytes + 8);
    for (size_t i = sizeof header - 1; i < n; i++) cr_expect_eq(bytes[8 + i], ' ');
    cr_expect_eq(memcmp(bytes + 8 + n, moment, 16), 0);
    cr_expect_eq(memcmp(bytes + 8 + n + 16, weights, 12), 0);
    cr_expect_eq(memcmp(bytes + 8 + n + 28, weights, 24), 0);
    cr_expect_eq(memcmp(bytes + 8 + n + 52, step, 4), 0);
    free(bytes);
    cr_expect_eq(files_in_directory(), 1);
}

Test(tensor_safetensors, entries_come_in_order_and_by_name)
{
    static const char *const order[] = { "m", "bias", "w", "step" };
    cr_assert(write_three(NULL));
    heed_file *file = heed_file_open(path, NULL);
    cr_assert_not_null(file);
    cr_expect_eq(heed_file_count(file), 4);
    for (int i = 0; i < 4; i++) {
        const heed_file_entry *entry = heed_file_entry_at(file, i);
        cr_expect_str_eq(entry->name, order[i]);
        cr_expect_eq(heed_file_find(file, order[i]), entry);
        cr_expect(entry->readable);
    }
    const heed_file_entry *w = heed_file_find(file, "w");
    heed_shape expected = HEED_SHAPE(2, 3);
    cr_expect_eq(w->dtype, HEED_F32);
    cr_expect_str_eq(w->dtype_name, "F32");
    cr_expect(heed_shape_equal(&w->shape, &expected));
    cr_expect(w->begin == 28 && w->end == 52);
    cr_expect_null(heed_file_find(file, "W"));
    cr_expect_null(heed_file_find(file, ""));
    cr_expect_null(heed_file_entry_at(file, 4));
    cr_expect_null(heed_file_entry_at(file, -1));
    heed_file_close(file);
    heed_file_close(NULL);
}

Test(tensor_safetensors, metadata_survives_with_any_text)
{
    static const heed_metadata metadata[] = {
        { "z", "" },
        { "", "empty key" },
        { "quote\"back\\slash/", "line\nfeed\ttab\b\f\r" },
        { "control \x01\x1f\x7f", "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80" },
        { "step", "12345" },
    };
    cr_assert(heed_file_write(path, NULL, 0, metadata, 5, NULL));
    heed_file *file = heed_file_open(path, NULL);
    cr_assert_not_null(file);
    cr_expect_eq(heed_file_count(file), 0);
    cr_expect_null(heed_file_find(file, "z"));
    cr_expect_eq(heed_file_metadata_count(file), 5);
    for (int i = 0; i < 5; i++) {
        const char *value = heed_file_metadata(file, metadata[i].key);
        cr_assert_not_null(value, "%s", metadata[i].key);
        cr_expect_str_eq(value, metadata[i].value);
    }
    for (int i = 1; i < 5; i++) {
        cr_expect_lt(strcmp(heed_file_metadata_key(file, i - 1), heed_file_metadata_key(file, i)),
                     0);
    }
    cr_expect_null(heed_file_metadata(file, "absent"));
    cr_expect_null(heed_file_metadata_key(file, 5));
    cr_expect_null(heed_file_metadata_key(file, -1));
    heed_file_close(file);
}

Test(tensor_safetensors, an_empty_file_is_fine)
{
    size_t size;
    cr_assert(heed_file_write(path, NULL, 0, NULL, 0, NULL));
    char *bytes = slurp(&size);
    cr_expect_eq(size, 16);
    cr_expect_eq(memcmp(bytes, "\x08\0\0\0\0\0\0\0{}      ", 16), 0);
    free(bytes);
    heed_file *file = heed_file_open(path, NULL);
    cr_assert_not_null(file);
    cr_expect_eq(heed_file_count(file), 0);
    cr_expect_eq(heed_file_metadata_count(file), 0);
    cr_expect_null(heed_file_metadata(file, "x"));
    heed_file_close(file);
}

/* ---- round trips ---- */

/* Write `view` under an awkward name, read it back, compare bit by bit with a dense copy. */
static void round_trip(const heed_view *view)
{
    static const char name[] = "layer \"0\"\\\n\xF0\x9F\x98\x80/w";
    heed_named_view tensor = { name, *view };
    heed_error error = { 0 };
    cr_assert(heed_file_write(path, &tensor, 1, NULL, 0, &error), "%s", error.text);
    heed_file *file = heed_file_open(path, &error);
    cr_assert_not_null(file, "%s", error.text);
    const heed_file_entry *entry = heed_file_find(file, name);
    cr_assert_not_null(entry);
    heed_tensor *back = heed_tensor_new(view->dtype, &view->shape, NULL);
    heed_tensor *dense = heed_tensor_new(view->dtype, &view->shape, NULL);
    heed_view_fill(&back->view, 77);
    cr_assert(heed_file_read(file, entry, &back->view, &error), "%s", error.text);
    heed_view_copy(&dense->view, view);
    size_t bytes = (size_t)heed_count(&view->shape) * heed_dtype_size(view->dtype);
    cr_expect_eq(memcmp(back->view.data, dense->view.data, bytes), 0);
    heed_tensor_free(back);
    heed_tensor_free(dense);
    heed_file_close(file);
}

Test(tensor_safetensors, every_dtype_shape_and_stride_round_trips)
{
    static const heed_shape shapes[] = {
        { 0, { 0 } },        { 1, { 1 } },           { 1, { 1000 } },
        { 2, { 3, 0 } },     { 3, { 30, 40, 50 } },  { 2, { 3, 40000 } },
        { 2, { 40000, 3 } }, { 3, { 2, 30000, 2 } }, { 8, { 1, 2, 1, 3, 1, 2, 1, 2 } },
    };
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        for (int dtype = 0; dtype < HEED_N_DTYPES; dtype++) {
            heed_tensor *t = heed_tensor_new((heed_dtype)dtype, &shapes[s], NULL);
            heed_rng rng = heed_rng_new(s, 0);
            int last = shapes[s].rank - 1, axes[8] = { 7, 6, 5, 4, 3, 2, 1, 0 };
            for (int64_t i = 0; i < heed_count(&shapes[s]); i++) {
                heed_set(&t->view, i, (int32_t)heed_random(&rng));
            }
            round_trip(&t->view);
            if (last >= 0) { /* backwards, and across */
                int64_t n = shapes[s].dim[last];
                heed_view back = heed_view_slice(&t->view, last, n ? n - 1 : 0, -1, n);
                heed_view across = heed_view_permute(&t->view, axes + 7 - last);
                heed_view every = heed_view_slice(&t->view, 0, 0, 2, (shapes[s].dim[0] + 1) / 2);
                round_trip(&back);
                round_trip(&across);
                round_trip(&every);
            }
            heed_tensor_free(t);
        }
    }
    float one = 3;
    heed_view wide = view_of(&one, HEED_F32, HEED_SHAPE(1));
    heed_shape repeated = HEED_SHAPE(50, 1000);
    wide = heed_view_expand(&wide, &repeated); /* all strides 0 */
    round_trip(&wide);
}

Test(tensor_safetensors, nan_payloads_and_infinities_survive)
{
    uint32_t bits[4] = { 0x7F800001u, 0xFFFFFFFFu, 0x7F800000u, 0x80000000u };
    heed_view view = view_of(bits, HEED_F32, HEED_SHAPE(4));
    round_trip(&view);
}

/* ---- refusals ---- */

Test(tensor_safetensors, reading_checks_what_it_is_given)
{
    cr_assert(write_three(NULL));
    heed_file *file = heed_file_open(path, NULL);
    const heed_file_entry *w = heed_file_find(file, "w");
    double wide[6];
    float narrow[12];
    heed_error a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
    heed_view other_dtype = view_of(wide, HEED_F64, HEED_SHAPE(2, 3));
    heed_view other_shape = view_of(narrow, HEED_F32, HEED_SHAPE(3, 2));
    heed_view gaps = view_of(narrow, HEED_F32, HEED_SHAPE(2, 6));
    gaps = heed_view_slice(&gaps, 1, 0, 2, 3);
    cr_expect_not(heed_file_read(file, w, &other_dtype, &a));
    cr_expect(strstr(a.text, "\"w\": is f32 [2, 3], expected f64 [2, 3]"), "%s", a.text);
    cr_expect_not(heed_file_read(file, w, &other_shape, &b));
    cr_expect(strstr(b.text, "is f32 [2, 3], expected f32 [3, 2]"), "%s", b.text);
    cr_expect_not(heed_file_read(file, w, &gaps, &c));
    cr_expect(strstr(c.text, "dense"), "%s", c.text);
    heed_file_entry forged = *w;
    forged.begin += 1000;
    forged.end += 1000;
    heed_view fine = view_of(narrow, HEED_F32, HEED_SHAPE(2, 3));
    cr_expect_not(heed_file_read(file, &forged, &fine, &d));
    cr_expect(strstr(d.text, "not an entry of this file"), "%s", d.text);
    cr_expect(heed_file_read(file, w, &fine, NULL));
    cr_expect_arr_eq(narrow, weights, sizeof weights);
    heed_file_close(file);
}

Test(tensor_safetensors, a_foreign_dtype_is_listed_but_not_read)
{
    static const char header[] =
        "{\"h\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}";
    uint64_t n = sizeof header - 1;
    FILE *out = fopen(path, "wb");
    fwrite(&n, 8, 1, out);
    fwrite(header, 1, n, out);
    fwrite("\0\0\0\0", 1, 4, out);
    fclose(out);
    heed_file *file = heed_file_open(path, NULL);
    cr_assert_not_null(file);
    const heed_file_entry *h = heed_file_find(file, "h");
    cr_expect_not(h->readable);
    cr_expect_str_eq(h->dtype_name, "BF16");
    heed_error error = { 0 };
    float data[2];
    heed_view view = view_of(data, HEED_F32, HEED_SHAPE(2));
    cr_expect_not(heed_file_read(file, h, &view, &error));
    cr_expect(strstr(error.text, "tensor \"h\": holds BF16"), "%s", error.text);
    heed_file_close(file);
}

Test(tensor_safetensors, a_file_that_shrinks_is_an_error)
{
    cr_assert(write_three(NULL));
    heed_file *file = heed_file_open(path, NULL);
    float data[6];
    heed_view view = view_of(data, HEED_F32, HEED_SHAPE(2, 3));
    heed_error error = { 0 };
    cr_assert_eq(truncate(path, 300), 0);
    cr_expect_not(heed_file_read(file, heed_file_find(file, "w"), &view, &error));
    cr_expect(strstr(error.text, "as when it was opened"), "%s", error.text);
    heed_file_close(file);
}
