/* peak.c - the machine's own limit in arithmetic: multiply-adds in registers, for `heed bench`. */
#include "ops/kernel.h"
#include "ops/micro/peak.h"
#ifdef HEED_STAMP

/* Enough independent sums to hide the latency of two units, few enough to stay in registers. */
#if HEED_VECTOR_BYTES == 64 || defined(__aarch64__)
enum { SUMS = 24 };
#else
enum { SUMS = 12 };
#endif

void HEED_FN(peak)(heed_peak *peak);
void HEED_FN(peak)(heed_peak *peak)
{
    vec x = { 0 }, y = { 0 }, sum[SUMS], all = { 0 };
    x += (real)peak->factor;
    y += (real)peak->addend;
#pragma GCC unroll 32
    for (int i = 0; i < SUMS; i++) sum[i] = y * (real)i;
    for (int64_t n = 0; n < peak->rounds; n++) {
#pragma GCC unroll 32
        for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * x + y;
    }
#pragma GCC unroll 32
    for (int i = 0; i < SUMS; i++) all += sum[i];
    peak->result = (double)all[0];
    peak->flops = 2.0 * SUMS * HEED_LANES * (double)peak->rounds;
}

#else

typedef void peak_fn(heed_peak *peak);
HEED_DECLARE_STAMPS(peak, f32, (heed_peak * peak));

void heed_peak_run(heed_peak *peak)
{
    static peak_fn *const variant[HEED_N_ISA] = HEED_STAMPS(peak, f32);
    heed_isa isa = heed_isa_current();
    (variant[isa] ? variant[isa] : variant[HEED_PORTABLE])(peak);
}

#endif
