/* tensor_memory.c - blocks, counters, the failure hook, arenas, error sentences. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "tensor/error.h"
#include "tensor/memory.h"

static bool all_zero(const void *block, size_t bytes)
{
    const unsigned char *at = block;
    for (size_t i = 0; i < bytes; i++) {
        if (at[i]) return false;
    }
    return true;
}

Test(tensor_memory, blocks_are_zeroed_and_aligned)
{
    for (int round = 0; round < 2; round++) { /* the second round gets used memory back */
        for (size_t bytes = 0; bytes < 5000; bytes = bytes * 2 + 1) {
            unsigned char *block = heed_alloc(bytes);
            cr_assert_not_null(block);
            cr_expect_eq((uintptr_t)block % HEED_ALIGNMENT, 0, "%zu bytes", bytes);
            cr_expect(all_zero(block, bytes), "%zu bytes", bytes);
            memset(block, 0xAB, bytes);
            heed_free(block);
        }
    }
}

Test(tensor_memory, counters_follow_blocks)
{
    size_t blocks = heed_memory_live_blocks(), bytes = heed_memory_live_bytes();
    long requests = heed_memory_requests();
    void *a = heed_alloc(100), *b = heed_alloc_array(10, 7);
    cr_expect_eq(heed_memory_live_blocks(), blocks + 2);
    cr_expect_eq(heed_memory_live_bytes(), bytes + 170);
    heed_free(a);
    heed_free(NULL);
    cr_expect_eq(heed_memory_live_blocks(), blocks + 1);
    cr_expect_eq(heed_memory_live_bytes(), bytes + 70);
    heed_free(b);
    cr_expect_eq(heed_memory_live_blocks(), blocks);
    cr_expect_eq(heed_memory_live_bytes(), bytes);
    cr_expect_eq(heed_memory_requests(), requests + 2);
}

Test(tensor_memory, overflow_is_refused)
{
    size_t blocks = heed_memory_live_blocks();
    cr_expect_null(heed_alloc(SIZE_MAX));
    cr_expect_null(heed_alloc(SIZE_MAX - 100));
    cr_expect_null(heed_alloc(PTRDIFF_MAX));
    cr_expect_null(heed_alloc_array(SIZE_MAX / 2 + 1, 2));
    cr_expect_null(heed_alloc_array((size_t)1 << 33, (size_t)1 << 33));
    cr_expect_eq(heed_memory_live_blocks(), blocks);
}

Test(tensor_memory, resize_keeps_the_start_and_zeroes_the_rest)
{
    unsigned char *block = heed_resize(NULL, 0, 10);
    cr_assert_not_null(block);
    memset(block, 7, 10);
    block = heed_resize(block, 10, 1000);
    cr_assert_not_null(block);
    for (int i = 0; i < 10; i++) cr_expect_eq(block[i], 7);
    cr_expect(all_zero(block + 10, 990));
    block = heed_resize(block, 1000, 4);
    cr_assert_not_null(block);
    for (int i = 0; i < 4; i++) cr_expect_eq(block[i], 7);
    heed_memory_fail(1);
    cr_expect_null(heed_resize(block, 4, 2000));
    cr_expect_eq(block[3], 7, "a failed resize leaves the block alone");
    heed_free(block);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

Test(tensor_memory, the_nth_request_fails_and_only_that)
{
    for (int n = 1; n <= 4; n++) {
        heed_memory_fail(n);
        for (int i = 1; i <= 6; i++) {
            void *block = heed_alloc(8);
            cr_expect_eq(block == NULL, i == n, "request %d of a hook at %d", i, n);
            heed_free(block);
        }
    }
    heed_memory_fail(2);
    heed_memory_fail(0); /* taken back */
    for (int i = 0; i < 4; i++) {
        void *block = heed_alloc(8);
        cr_expect_not_null(block);
        heed_free(block);
    }
}

enum { THREADS = 4, ROUNDS = 5000 };

static void *allocate_much(void *unused)
{
    (void)unused;
    long failed = 0;
    for (int i = 0; i < ROUNDS; i++) {
        void *block = heed_alloc((size_t)i % 50);
        failed += block == NULL;
        heed_free(block);
    }
    return (void *)(intptr_t)failed;
}

Test(tensor_memory, counters_and_hook_hold_across_threads)
{
    pthread_t thread[THREADS];
    long requests = heed_memory_requests(), failed = 0;
    heed_memory_fail(THREADS * ROUNDS / 2);
    for (int i = 0; i < THREADS; i++) {
        cr_assert_eq(pthread_create(&thread[i], NULL, allocate_much, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(thread[i], &result);
        failed += (long)(intptr_t)result;
    }
    cr_expect_eq(failed, 1, "exactly one request fails, not %ld", failed);
    cr_expect_eq(heed_memory_requests() - requests, THREADS * ROUNDS);
    cr_expect_eq(heed_memory_live_blocks(), 0);
    cr_expect_eq(heed_memory_live_bytes(), 0);
}

/* ---- arena ---- */

Test(tensor_arena, pieces_are_aligned_zeroed_and_apart)
{
    enum { PIECES = 2000 };
    static unsigned char *piece[PIECES];
    static size_t size[PIECES];
    heed_arena arena = { 0 };
    size_t total = 0;
    for (int i = 0; i < PIECES; i++) {
        size[i] = i % 100 == 99 ? 4096 + (size_t)i * 50 : (size_t)(i * 7 % 300);
        total += size[i];
        piece[i] = heed_arena_alloc(&arena, size[i]);
        cr_assert_not_null(piece[i]);
        cr_assert_eq((uintptr_t)piece[i] % (size[i] >= 4096 ? 64 : 16), 0, "piece %d", i);
        cr_assert(all_zero(piece[i], size[i]), "piece %d", i);
        memset(piece[i], i % 251 + 1, size[i]);
    }
    for (int i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < size[i]; k++) cr_assert_eq(piece[i][k], i % 251 + 1);
    }
    cr_expect_eq(arena.bytes, total);
    cr_expect_lt(heed_memory_live_blocks(), 60, "an arena asks the system rarely");
    cr_expect_lt(heed_memory_live_bytes(), 2 * total + (2u << 20), "and wastes little");
    heed_arena_free(&arena);
    cr_expect_eq(heed_memory_live_blocks(), 0);
    cr_expect_null(arena.head);
    cr_expect_eq(arena.bytes, 0);
}

Test(tensor_arena, empty_pieces_have_addresses_of_their_own)
{
    heed_arena arena = { 0 };
    void *a = heed_arena_alloc(&arena, 0), *b = heed_arena_alloc(&arena, 0);
    cr_expect_not_null(a);
    cr_expect_neq(a, b);
    heed_arena_free(&arena);
}

Test(tensor_arena, copies_and_prints)
{
    heed_arena arena = { 0 };
    int numbers[3] = { 1, 2, 3 }, *copy = heed_arena_copy(&arena, numbers, sizeof numbers);
    cr_assert_not_null(copy);
    cr_expect_arr_eq(copy, numbers, sizeof numbers);
    cr_expect_not_null(heed_arena_copy(&arena, NULL, 0));
    cr_expect_str_eq(heed_arena_print(&arena, "%s/%d", "layer", 12), "layer/12");
    char *wide = heed_arena_print(&arena, "%20000d", 1);
    cr_assert_not_null(wide);
    cr_expect_eq(strlen(wide), 20000);
    heed_arena_free(&arena);
}

Test(tensor_arena, stays_usable_after_a_failed_request)
{
    heed_arena arena = { 0 };
    heed_memory_fail(1);
    cr_expect_null(heed_arena_alloc(&arena, 8));
    cr_expect_null(heed_arena_alloc(&arena, SIZE_MAX - 8));
    char *kept = heed_arena_print(&arena, "kept");
    heed_memory_fail(1);
    cr_expect_null(heed_arena_print(&arena, "%100000d", 0));
    cr_expect_str_eq(kept, "kept");
    cr_expect_not_null(heed_arena_alloc(&arena, 100000));
    heed_arena_free(&arena);
    cr_expect_eq(heed_memory_live_blocks(), 0);
}

/* ---- error ---- */

Test(tensor_error, the_first_sentence_stays)
{
    heed_error error = { 0 };
    cr_expect_not(heed_fail(&error, "axis %d of %s", 3, "x"));
    cr_expect_not(heed_fail(&error, "and more"));
    cr_expect(error.set);
    cr_expect_str_eq(error.text, "axis 3 of x");
    cr_expect_not(heed_fail(NULL, "nobody listens"));
}

Test(tensor_error, long_sentences_are_cut_between_characters)
{
    for (int shift = 0; shift < 2; shift++) {
        char text[3000] = "";
        if (shift) strcpy(text, "x");
        while (strlen(text) < 2500) strcat(text, "\xC3\xA9"); /* e with an acute accent */
        heed_error error = { 0 };
        heed_fail(&error, "%s", text);
        size_t length = strlen(error.text);
        cr_expect_gt(length, sizeof error.text - 8);
        cr_expect_str_eq(error.text + length - 3, "...");
        cr_expect_eq((length - 3 - (size_t)shift) % 2, 0, "no half character before the dots");
        cr_expect_eq(memcmp(error.text, text, length - 3), 0);
    }
}
