/* ops_conv1d.c - the convolution of every instruction set against its defining sum, and its two
 * reverse kernels against <conv(x, w), dy> = <x, dx(dy, w)> = <w, dw(dy, x)>. */
#include <criterion/criterion.h>
#include <math.h>

#include "ops/conv1d.h"
#include "ops/ops.h"
#include "tensor/memory.h"
#include "tensor/rng.h"

typedef struct conv_case {
    heed_shape x, w, y;
    conv1d_attr attr;
} conv_case;

static heed_tensor *run(const heed_op *op, const heed_tensor *a, const heed_tensor *b,
                        heed_shape out, const conv1d_attr *attr, heed_isa isa)
{
    heed_tensor *y = heed_tensor_new(a->view.dtype, &out, NULL);
    heed_view_fill(&y->view, NAN);
    const heed_view in[2] = { a->view, b->view };
    heed_call call = { .n_in = 2, .in = in, .out = y->view, .attr = attr };
    void *plan = heed_alloc(op->plan_size);
    op->prepare(&call, plan);
    call.plan = plan;
    call.scratch = heed_alloc(op->scratch(&call));
    for (int64_t u = op->units(&call) - 1; u >= 0; u--)
        op->kernel->fn[y->view.dtype][isa](&call, u, u + 1);
    heed_free(call.scratch);
    heed_free(plan);
    return y;
}

static heed_tensor *random_tensor(heed_dtype dtype, heed_shape shape, uint64_t stream)
{
    heed_rng rng = heed_rng_new(7, stream);
    heed_tensor *x = heed_tensor_new(dtype, &shape, NULL);
    heed_fill_uniform(&rng, &x->view, -1, 1);
    return x;
}

static double dot(const heed_tensor *a, const heed_tensor *b)
{
    double sum = 0;
    for (int64_t i = 0; i < heed_count(&a->view.shape); i++)
        sum += heed_get(&a->view, i) * heed_get(&b->view, i);
    return sum;
}

/* y[b, o, l] by its definition. */
static double defined(const conv_case *c, const heed_tensor *x, const heed_tensor *w, int64_t b,
                      int64_t o, int64_t l)
{
    const conv1d_attr *s = &c->attr;
    const int64_t in = c->w.dim[1], taps = c->w.dim[2], length = c->x.dim[2];
    const int64_t group = o / (c->w.dim[0] / s->groups);
    double sum = 0;
    for (int64_t i = 0; i < in; i++)
        for (int64_t t = 0; t < taps; t++) {
            const int64_t at = l * s->stride + t * s->dilation - s->pad_left;
            if (at < 0 || at >= length) continue;
            sum += heed_get(&w->view, (o * in + i) * taps + t) *
                   heed_get(&x->view, (b * c->x.dim[1] + group * in + i) * length + at);
        }
    return sum;
}

static void check(const conv_case *c, heed_dtype dtype, heed_isa isa)
{
    heed_tensor *x = random_tensor(dtype, c->x, 1), *w = random_tensor(dtype, c->w, 2);
    heed_tensor *dy = random_tensor(dtype, c->y, 3);
    heed_tensor *y = run(&heed_op_conv1d, x, w, c->y, &c->attr, isa);
    heed_tensor *dx = run(&heed_op_conv1d_dx, dy, w, c->x, &c->attr, isa);
    heed_tensor *dw = run(&heed_op_conv1d_dw, dy, x, c->w, &c->attr, isa);
    const double tolerance = dtype == HEED_F32 ? 1e-4 : 1e-12;
    int64_t i = 0;
    for (int64_t b = 0; b < c->y.dim[0]; b++)
        for (int64_t o = 0; o < c->y.dim[1]; o++)
            for (int64_t l = 0; l < c->y.dim[2]; l++, i++)
                cr_assert(fabs(heed_get(&y->view, i) - defined(c, x, w, b, o, l)) <= tolerance,
                          "%s %s: y[%lld, %lld, %lld]", heed_dtype_name(dtype), heed_isa_name(isa),
                          (long long)b, (long long)o, (long long)l);
    const double whole = dot(y, dy), many = 1 + (double)heed_count(&c->y);
    cr_assert(fabs(dot(x, dx) - whole) <= tolerance * many, "dx %s", heed_isa_name(isa));
    cr_assert(fabs(dot(w, dw) - whole) <= tolerance * many, "dw %s", heed_isa_name(isa));
    heed_tensor *all[] = { x, w, dy, y, dx, dw };
    for (size_t t = 0; t < sizeof all / sizeof all[0]; t++) heed_tensor_free(all[t]);
}

static int check_everywhere(const conv_case *c)
{
    int checked = 0;
    for (int dtype = HEED_F32; dtype <= HEED_F64; dtype++)
        for (int isa = 0; isa < HEED_N_ISA; isa++)
            if (heed_isa_supported((heed_isa)isa) && heed_op_conv1d.kernel->fn[dtype][isa]) {
                check(c, (heed_dtype)dtype, (heed_isa)isa);
                checked++;
            }
    return checked;
}

static conv_case conv(int64_t batch, int64_t in, int64_t length, int64_t out, int64_t taps,
                      conv1d_attr o)
{
    const int64_t padded = length + o.pad_left + o.pad_right;
    return (conv_case){ .x = HEED_SHAPE(batch, in, length),
                        .w = HEED_SHAPE(out, in / o.groups, taps),
                        .y = HEED_SHAPE(batch, out,
                                        (padded - o.dilation * (taps - 1) - 1) / o.stride + 1),
                        .attr = o };
}

Test(conv1d, agrees_with_its_definition)
{
    for (int64_t stride = 1; stride < 4; stride++)
        for (int64_t dilation = 1; dilation < 4; dilation++)
            for (int64_t groups = 1; groups < 4; groups++)
                for (int64_t pad = 0; pad < 5; pad += 2) {
                    const conv1d_attr o = { .stride = stride,
                                            .dilation = dilation,
                                            .groups = groups,
                                            .pad_left = pad,
                                            .pad_right = 4 - pad };
                    const conv_case c = conv(2, 6, 21, 12, 4, o);
                    cr_assert_gt(check_everywhere(&c), 0);
                }
}

Test(conv1d, sizes_that_are_cut_into_units)
{
    const conv1d_attr same = { 1, 1, 1, 2, 2, 0 }, strided = { 2, 1, 1, 1, 0, 0 };
    const conv_case cases[] = { conv(1, 40, 700, 70, 5, same), conv(2, 70, 301, 40, 3, strided),
                                conv(0, 4, 9, 4, 3, same), conv(3, 1, 1, 1, 5, same) };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_gt(check_everywhere(&cases[i]), 0);
}
