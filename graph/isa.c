/* isa.c - which kernels this processor can run, and how large its caches are. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/isa.h"

static const char *const names[HEED_N_ISA] = {
    [HEED_PORTABLE] = "portable",
    [HEED_AVX2] = "avx2",
    [HEED_AVX512] = "avx512",
    [HEED_NEON] = "neon",
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static heed_isa current;
static char complaint[200];
static size_t cache[4];

const char *heed_isa_name(heed_isa isa)
{
    return names[isa];
}

bool heed_isa_supported(heed_isa isa)
{
    if (isa == HEED_PORTABLE) return true;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (isa == HEED_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (isa == HEED_AVX512)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
    if (isa == HEED_NEON) return true;
#endif
    return false;
}

static heed_isa best(void)
{
    for (int isa = HEED_N_ISA - 1; isa > 0; isa--)
        if (heed_isa_supported((heed_isa)isa)) return (heed_isa)isa;
    return HEED_PORTABLE;
}

static void read_caches(void)
{
    static const size_t guess[4] = { 0, 32 << 10, 512 << 10, 4 << 20 };
    memcpy(cache, guess, sizeof cache);
#ifdef _SC_LEVEL1_DCACHE_SIZE
    static const int names_of[4] = { 0, _SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE,
                                     _SC_LEVEL3_CACHE_SIZE };
    for (int level = 1; level <= 3; level++) {
        long size = sysconf(names_of[level]);
        if (size > 0) cache[level] = (size_t)size;
    }
#endif
}

static void start(void)
{
    const char *wanted = getenv("HEED_ISA");
    current = best();
    read_caches();
    if (!wanted || !*wanted) return;
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        if (strcmp(wanted, names[isa]) != 0) continue;
        if (heed_isa_supported((heed_isa)isa))
            current = (heed_isa)isa;
        else
            snprintf(complaint, sizeof complaint, "HEED_ISA: this processor or build has no %s",
                     wanted);
        return;
    }
    snprintf(complaint, sizeof complaint,
             "HEED_ISA: '%.60s' is unknown; there are portable, avx2, avx512, neon", wanted);
}

heed_isa heed_isa_current(void)
{
    pthread_once(&once, start);
    return current;
}

const char *heed_isa_complaint(void)
{
    pthread_once(&once, start);
    return *complaint ? complaint : NULL;
}

size_t heed_cache_size(int level)
{
    pthread_once(&once, start);
    return level >= 1 && level <= 3 ? cache[level] : 0;
}
