/* memory.h - the one place that asks the system for memory.
 *
 * Every block of the library comes from heed_alloc(), so that one test hook can make any request
 * fail and one counter shows a leak. Arenas hold what lives and dies together (a graph's nodes). */
#ifndef HEED_TENSOR_MEMORY_H
#define HEED_TENSOR_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

#define HEED_ALIGNMENT 64 /* bytes; a cache line, and the widest vector register */

/* Zeroed block aligned to HEED_ALIGNMENT. return: NULL when there is no memory (bytes = 0 gives a
 * block too). The caller owns it. */
void *heed_alloc(size_t bytes);

/* Zeroed array of `count` elements of `size` bytes; NULL also when the product overflows. */
void *heed_alloc_array(size_t count, size_t size);

/* Block of `bytes` holding the first `old_bytes` of `block` (rest zeroed). On failure NULL, and
 * `block` is unchanged; on success `block` is gone. `block` may be NULL. */
void *heed_resize(void *block, size_t old_bytes, size_t bytes);

void heed_free(void *block); /* NULL is allowed */

/* Test hooks: let the n-th request from now fail (1 = the next; 0 = none fails). Requests after it
 * succeed again. */
void heed_memory_fail(long n);
long heed_memory_requests(void);      /* requests made so far by this process         */
size_t heed_memory_live_blocks(void); /* blocks allocated and not yet freed           */
size_t heed_memory_live_bytes(void);  /* bytes in those blocks                        */

/* ---- arena: many small blocks, freed together ---- */

typedef struct heed_arena_block heed_arena_block;
typedef struct heed_arena {
    heed_arena_block *head; /* newest block; zero-initialised arena is empty and valid */
    size_t bytes;           /* handed out so far                                       */
} heed_arena;

/* Zeroed, aligned to 16 bytes (64 from 4096 bytes on); NULL when there is no memory. */
void *heed_arena_alloc(heed_arena *arena, size_t bytes);
void *heed_arena_copy(heed_arena *arena, const void *from, size_t bytes);
char *heed_arena_print(heed_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void heed_arena_free(heed_arena *arena);

#endif
