/* memory.c - blocks, counters and arenas. The only file of the library that calls malloc and free.
 *
 * A block is cut out of a larger one from calloc, so that big blocks are zeroed lazily by the
 * system:
 *
 *   raw ... | prefix { raw, bytes } | block (aligned to HEED_ALIGNMENT) ... bytes | slack
 *
 * Under the address sanitizer prefix and slack are poisoned, so a kernel that reads one element too
 * many is caught although the allocation is larger than the block. */
#if defined(__linux__)
#define _GNU_SOURCE /* madvise */
#include <sys/mman.h>
#endif
#include "tensor/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define HEED_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEED_POISON 1
#endif
#endif
#ifdef HEED_POISON
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

typedef struct prefix {
    void *raw;    /* what calloc returned   */
    size_t bytes; /* what the caller asked  */
} prefix;

/* Room for the prefix and for moving up to the next aligned address. */
#define OVERHEAD (2 * (size_t)HEED_ALIGNMENT)

static atomic_long fail_in; /* requests until one fails; 0: none will */
static atomic_long requests;
static atomic_size_t live_blocks;
static atomic_size_t live_bytes;

/* Count the request; true when the test hook wants it to fail. */
static bool must_fail(void)
{
    atomic_fetch_add_explicit(&requests, 1, memory_order_relaxed);
    long left = atomic_load_explicit(&fail_in, memory_order_relaxed);
    while (left > 0 && !atomic_compare_exchange_weak(&fail_in, &left, left - 1)) {}
    return left == 1;
}

static prefix *prefix_of(void *block)
{
    return (prefix *)block - 1;
}

/* Pages of 2 MB inside big blocks, where the system grants them on request: streaming through
 * memory then takes 5 % less time, since 512 times fewer addresses have to be translated. */
static void ask_for_large_pages(char *raw, size_t bytes)
{
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    const size_t page = (size_t)2 << 20, before = (page - (uintptr_t)raw % page) % page;
    if (bytes >= before + page)
        madvise(raw + before, (bytes - before) / page * page, MADV_HUGEPAGE);
#else
    (void)raw, (void)bytes;
#endif
}

void *heed_alloc(size_t bytes)
{
    if (must_fail() || bytes > PTRDIFF_MAX - OVERHEAD) return NULL;
    char *raw = calloc(1, bytes + OVERHEAD);
    if (!raw) return NULL;
    ask_for_large_pages(raw, bytes + OVERHEAD);

    size_t past = ((uintptr_t)raw + sizeof(prefix)) % HEED_ALIGNMENT;
    char *block = raw + sizeof(prefix) + (past ? HEED_ALIGNMENT - past : 0);
    *prefix_of(block) = (prefix){ .raw = raw, .bytes = bytes };
    ASAN_POISON_MEMORY_REGION(raw, (size_t)(block - raw));
    ASAN_POISON_MEMORY_REGION(block + bytes, (size_t)(raw + OVERHEAD - block));

    atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&live_bytes, bytes, memory_order_relaxed);
    return block;
}

void *heed_alloc_array(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) return NULL;
    return heed_alloc(bytes);
}

void *heed_resize(void *block, size_t old_bytes, size_t bytes)
{
    void *larger = heed_alloc(bytes);
    if (!larger) return NULL;
    size_t kept = old_bytes < bytes ? old_bytes : bytes;
    if (block && kept) memcpy(larger, block, kept);
    heed_free(block);
    return larger;
}

void heed_free(void *block)
{
    if (!block) return;
    ASAN_UNPOISON_MEMORY_REGION(prefix_of(block), sizeof(prefix));
    prefix at = *prefix_of(block);
    ASAN_UNPOISON_MEMORY_REGION(at.raw, at.bytes + OVERHEAD);
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&live_bytes, at.bytes, memory_order_relaxed);
    free(at.raw);
}

void heed_memory_fail(long n)
{
    atomic_store(&fail_in, n);
}

long heed_memory_requests(void)
{
    return atomic_load(&requests);
}

size_t heed_memory_live_blocks(void)
{
    return atomic_load(&live_blocks);
}

size_t heed_memory_live_bytes(void)
{
    return atomic_load(&live_bytes);
}

/* ---- arena ----
 * Blocks double from FIRST to LARGEST bytes. The head is the one being filled; a request that does
 * not fit and is large gets a block of its own behind the head, so the head's rest is not lost. */

#define FIRST ((size_t)16 << 10)
#define LARGEST ((size_t)1 << 20)
#define WIDE 4096 /* requests from here on are aligned to HEED_ALIGNMENT */

struct heed_arena_block {
    _Alignas(HEED_ALIGNMENT) heed_arena_block *next;
    size_t used, capacity;
}; /* followed by `capacity` bytes of data */

static char *data_of(heed_arena_block *block)
{
    return (char *)(block + 1);
}

/* Bytes at the end of a block when the next request starts at a multiple of `alignment`. */
static size_t room(const heed_arena_block *block, size_t alignment)
{
    size_t start = (block->used + alignment - 1) / alignment * alignment;
    return start > block->capacity ? 0 : block->capacity - start;
}

static heed_arena_block *block_new(size_t capacity)
{
    if (capacity > PTRDIFF_MAX) return NULL;
    heed_arena_block *block = heed_alloc(sizeof *block + capacity);
    if (block) block->capacity = capacity;
    return block;
}

/* A block with room for `bytes`, linked into the arena. */
static heed_arena_block *find_block(heed_arena *arena, size_t bytes, size_t alignment)
{
    heed_arena_block *head = arena->head;
    if (head && room(head, alignment) >= bytes) return head;

    size_t next = head ? 2 * head->capacity : FIRST;
    if (next > LARGEST) next = LARGEST;
    bool own = head && bytes > next / 4;
    heed_arena_block *block = block_new(own || bytes > next ? bytes : next);
    if (!block) return NULL;
    if (own) {
        block->next = head->next;
        head->next = block;
    } else {
        block->next = head;
        arena->head = block;
    }
    return block;
}

void *heed_arena_alloc(heed_arena *arena, size_t bytes)
{
    size_t alignment = bytes >= WIDE ? HEED_ALIGNMENT : 16;
    size_t taken = bytes ? bytes : 1; /* an address of its own for an empty request, too */
    heed_arena_block *block = find_block(arena, taken, alignment);
    if (!block) return NULL;
    size_t start = (block->used + alignment - 1) / alignment * alignment;
    block->used = start + taken;
    arena->bytes += bytes;
    return data_of(block) + start;
}

void *heed_arena_copy(heed_arena *arena, const void *from, size_t bytes)
{
    void *to = heed_arena_alloc(arena, bytes);
    if (to && bytes) memcpy(to, from, bytes);
    return to;
}

char *heed_arena_print(heed_arena *arena, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    char *text = length < 0 ? NULL : heed_arena_alloc(arena, (size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(list);
    return text;
}

void heed_arena_free(heed_arena *arena)
{
    heed_arena_block *block = arena->head;
    while (block) {
        heed_arena_block *next = block->next;
        heed_free(block);
        block = next;
    }
    *arena = (heed_arena){ 0 };
}
