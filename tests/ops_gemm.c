/* ops_gemm.c - the matrix product of every instruction set against the triple loop that defines
 * it. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "ops/kernel.h"
#include "ops/micro/gemm.h"
#include "ops/ops.h"
#include "tensor/memory.h"
#include "tensor/rng.h"

typedef void (*gemm_fn)(const heed_gemm *g);
static const gemm_fn gemm_table[2][HEED_N_ISA] = { HEED_STAMPS(gemm, f32), HEED_STAMPS(gemm, f64) };
typedef void (*pack_fn)(const heed_gemm *g, int64_t column, int64_t begin, int64_t end, void *to);
HEED_DECLARE_STAMPS(gemm_pack, f32, (const heed_gemm *, int64_t, int64_t, int64_t, void *));
HEED_DECLARE_STAMPS(gemm_pack, f64, (const heed_gemm *, int64_t, int64_t, int64_t, void *));
static const pack_fn pack_table[2][HEED_N_ISA] = { HEED_STAMPS(gemm_pack, f32),
                                                   HEED_STAMPS(gemm_pack, f64) };
static const heed_dtype dtypes[2] = { HEED_F32, HEED_F64 };

/* ---- matrices in buffers ---- */

typedef enum layout { ROWS, COLUMNS, GAPS, SCATTERED, REVERSED, REPEATED, N_LAYOUTS } layout;

typedef struct matrix {
    double *buffer; /* what every element of the buffer is */
    int64_t size, first, row, column;
} matrix;

static matrix matrix_new(int64_t rows, int64_t columns, layout form, heed_rng *rng)
{
    matrix x = { .row = columns, .column = 1 };
    if (form == COLUMNS) x = (matrix){ .row = 1, .column = rows };
    if (form == GAPS) x = (matrix){ .row = columns + 5, .column = 1 };
    if (form == SCATTERED) x = (matrix){ .row = 3 * columns + 1, .column = 3 };
    if (form == REVERSED) x = (matrix){ .first = rows * columns, .row = -columns, .column = 1 };
    if (form == REPEATED) x = (matrix){ .row = 0, .column = 1 };
    x.size = (form == SCATTERED ? 4 : 1) * (rows + 1) * (columns + 6);
    x.buffer = heed_alloc_array((size_t)x.size, sizeof(double));
    cr_assert_not_null(x.buffer);
    for (int64_t i = 0; i < x.size; i++) x.buffer[i] = heed_random_uniform(rng) * 2 - 1;
    return x;
}

static double *element(const matrix *x, int64_t i, int64_t j)
{
    return x->buffer + x->first + i * x->row + j * x->column;
}

/* The buffer in the kernel's own dtype; and rounded to it, so that both sides multiply the same. */
static void *to_dtype(matrix *x, heed_dtype dtype)
{
    void *copy = heed_alloc_array((size_t)x->size, heed_dtype_size(dtype));
    cr_assert_not_null(copy);
    for (int64_t i = 0; i < x->size; i++)
        if (dtype == HEED_F32)
            x->buffer[i] = ((float *)copy)[i] = (float)x->buffer[i];
        else
            ((double *)copy)[i] = x->buffer[i];
    return copy;
}

static void *at_first(const matrix *x, void *copy, heed_dtype dtype)
{
    return (char *)copy + (size_t)x->first * heed_dtype_size(dtype);
}

/* ---- one product ---- */

/* What is added to the product: nothing, what C holds, a row, another matrix. */
typedef enum addend { NOTHING, ITSELF, ROW, MATRIX, N_ADDENDS } addend;

typedef struct product_case {
    int64_t m, n, k;
    layout a, b, c;
    addend added;
    bool packed; /* B is copied into panels beforehand */
} product_case;

static void expect(const product_case *p, const matrix *a, const matrix *b, const matrix *d,
                   matrix *c)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double sum = p->added == ITSELF ? *element(c, i, j) : 0;
            if (p->added > ITSELF) sum = *element(d, p->added == ROW ? 0 : i, j);
            for (int64_t q = 0; q < p->k; q++) sum += *element(a, i, q) * *element(b, q, j);
            *element(c, i, j) = sum;
        }
}

/* B in panels, each copied in two parts. */
static void pack(heed_gemm *g, heed_dtype dtype, heed_isa isa, void *copy)
{
    const int64_t panel = g->k * HEED_GEMM_PANEL, half = g->k / 2;
    for (int64_t j = 0; j < g->n; j += HEED_GEMM_PANEL) {
        char *to = (char *)copy + j / HEED_GEMM_PANEL * panel * (int64_t)heed_dtype_size(dtype);
        pack_table[dtype == HEED_F64][isa](g, j, half, g->k, to);
        pack_table[dtype == HEED_F64][isa](g, j, 0, half, to);
    }
    g->b = copy;
    g->b_row = HEED_GEMM_PANEL;
    g->b_column = 1;
    g->b_panel = panel;
}

static void check_product(const product_case *p, heed_dtype dtype, heed_isa isa, heed_rng *rng)
{
    matrix a = matrix_new(p->m, p->k, p->a, rng), b = matrix_new(p->k, p->n, p->b, rng);
    matrix c = matrix_new(p->m, p->n, p->c, rng);
    matrix d = matrix_new(p->m, p->n, p->a, rng); /* in any layout */
    void *dd = to_dtype(&d, dtype);
    void *da = to_dtype(&a, dtype), *db = to_dtype(&b, dtype), *dc = to_dtype(&c, dtype);
    const size_t bytes = heed_gemm_scratch(dtype, p->m, p->n, p->k);
    char *scratch = heed_alloc(bytes + 64);
    memset(scratch, 0xff, bytes + 64);
    const int64_t panels = heed_gemm_panels(p->n);
    void *copy = heed_alloc((size_t)(panels * p->k) * HEED_GEMM_PANEL * heed_dtype_size(dtype));
    heed_gemm g = { .m = p->m,
                    .n = p->n,
                    .k = p->k,
                    .a = at_first(&a, da, dtype),
                    .a_row = a.row,
                    .a_column = a.column,
                    .b = at_first(&b, db, dtype),
                    .b_row = b.row,
                    .b_column = b.column,
                    .c = at_first(&c, dc, dtype),
                    .c_row = c.row,
                    .c_column = c.column,
                    .block_rows = heed_gemm_block_rows(dtype),
                    .scratch = scratch };
    if (p->added) g.d = p->added == ITSELF ? g.c : at_first(&d, dd, dtype);
    g.d_row = p->added == ITSELF ? c.row : p->added == ROW ? 0 : d.row;
    g.d_column = p->added == ITSELF ? c.column : d.column;
    if (p->packed) pack(&g, dtype, isa, copy);
    gemm_table[dtype == HEED_F64][isa](&g);
    expect(p, &a, &b, &d, &c);
    const double tolerance = (dtype == HEED_F32 ? 6e-7 : 1e-15) * ((double)p->k + 2);
    int64_t wrong = -1;
    for (int64_t i = 0; i < c.size && wrong < 0; i++) { /* also what is outside of C */
        const double got = dtype == HEED_F32 ? (double)((float *)dc)[i] : ((double *)dc)[i];
        if (!(fabs(got - c.buffer[i]) <= tolerance)) wrong = i;
    }
    for (size_t i = bytes; i < bytes + 64; i++)
        cr_assert_eq(scratch[i], (char)0xff, "scratch overrun");
    cr_assert_lt(wrong, 0,
                 "%s %s: [%lld x %lld] x [%lld x %lld], layouts %d %d %d, added %d, packed "
                 "%d: element %lld differs",
                 heed_dtype_name(dtype), heed_isa_name(isa), (long long)p->m, (long long)p->k,
                 (long long)p->k, (long long)p->n, p->a, p->b, p->c, p->added, p->packed,
                 (long long)wrong);
    void *blocks[] = { a.buffer, b.buffer, c.buffer, d.buffer, da, db, dc, dd, scratch, copy };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) heed_free(blocks[i]);
}

static int check_everywhere(const product_case *p, heed_rng *rng)
{
    int checked = 0;
    for (int isa = 0; isa < HEED_N_ISA; isa++)
        for (int d = 0; d < 2; d++)
            if (heed_isa_supported((heed_isa)isa) && gemm_table[d][isa]) {
                check_product(p, dtypes[d], (heed_isa)isa, rng);
                checked++;
            }
    return checked;
}

Test(gemm, every_layout_of_small_and_odd_sizes)
{
    static const int64_t sizes[][3] = {
        { 1, 1, 1 },    { 2, 2, 2 },    { 1, 1, 300 },  { 1, 70, 3 },    { 1, 300, 40 },
        { 70, 1, 3 },   { 70, 1, 53 },  { 2, 90, 33 },  { 3, 5, 100 },   { 4, 130, 20 },
        { 13, 7, 33 },  { 14, 32, 16 }, { 15, 33, 17 }, { 28, 64, 1 },   { 29, 47, 65 },
        { 100, 3, 10 }, { 33, 20, 31 }, { 8, 8, 8 },    { 40, 96, 257 }, { 5, 17, 520 },
    };
    heed_rng rng = heed_rng_new(1, 0);
    int checked = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int form = 0; form < N_LAYOUTS * N_LAYOUTS * 3; form++) {
            static const layout of_c[3] = { ROWS, COLUMNS, SCATTERED };
            const product_case p = { .m = sizes[s][0],
                                     .n = sizes[s][1],
                                     .k = sizes[s][2],
                                     .a = (layout)(form / 3 % N_LAYOUTS),
                                     .b = (layout)(form / 3 / N_LAYOUTS),
                                     .c = of_c[form % 3],
                                     .added = (addend)((form / 3 + form) % N_ADDENDS),
                                     .packed = form / 3 % 3 == 1 };
            checked += check_everywhere(&p, &rng);
        }
    cr_assert_gt(checked, 0);
}

Test(gemm, zero_sizes_write_zeros_or_nothing)
{
    heed_rng rng = heed_rng_new(2, 0);
    for (int zero = 1; zero < 8; zero++)
        for (int added = 0; added < N_ADDENDS; added++) {
            const product_case p = {
                zero & 1 ? 0 : 21, zero & 2 ? 0 : 37, zero & 4 ? 0 : 19, ROWS, ROWS, GAPS,
                (addend)added,     added == ITSELF
            };
            cr_assert_gt(check_everywhere(&p, &rng), 0);
        }
}

Test(gemm, large_products_with_distant_rows)
{
    static const product_case cases[] = {
        { 300, 1050, 300, ROWS, ROWS, ROWS, NOTHING, false },
        { 1050, 270, 40, COLUMNS, ROWS, ROWS, ITSELF, false },
        { 270, 300, 1100, ROWS, COLUMNS, GAPS, MATRIX, false },
        { 140, 140, 600, COLUMNS, COLUMNS, ROWS, MATRIX, false },
        { 135, 200, 530, COLUMNS, ROWS, ROWS, NOTHING, false },
        { 1100, 300, 270, COLUMNS, COLUMNS, COLUMNS, ROW, false },
    };
    heed_rng rng = heed_rng_new(3, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        product_case packed = cases[i];
        packed.packed = true;
        cr_assert_gt(check_everywhere(&cases[i], &rng), 0);
        cr_assert_gt(check_everywhere(&packed, &rng), 0);
    }
}

/* The overlap of the last vectors in a dot product must not meet an infinity twice. */
Test(gemm, infinity_is_not_multiplied_by_a_made_up_zero)
{
    for (int isa = 0; isa < HEED_N_ISA; isa++) {
        if (!heed_isa_supported((heed_isa)isa) || !gemm_table[0][isa]) continue;
        float a[40 * 19], x[19], c[40];
        for (int i = 0; i < 40 * 19; i++) a[i] = i % 19 == 12 ? INFINITY : 1;
        for (int i = 0; i < 19; i++) x[i] = 1;
        char *scratch = heed_alloc(heed_gemm_scratch(HEED_F32, 40, 1, 19));
        const heed_gemm g = { .m = 40,
                              .n = 1,
                              .k = 19,
                              .a = a,
                              .a_row = 19,
                              .a_column = 1,
                              .b = x,
                              .b_row = 1,
                              .b_column = 1,
                              .c = c,
                              .c_row = 1,
                              .c_column = 1,
                              .block_rows = 64,
                              .scratch = scratch };
        gemm_table[0][isa](&g);
        for (int i = 0; i < 40; i++) cr_assert(isinf(c[i]), "%s", heed_isa_name((heed_isa)isa));
        heed_free(scratch);
    }
}

/* ---- work units of the op ---- */

static void run_units(const heed_call *call, heed_isa isa, int64_t units, int64_t step)
{
    const heed_kernel_fn kernel = heed_op_matmul.kernel->fn[call->out.dtype][isa];
    for (int64_t u = units; u > 0; u -= step) kernel(call, u > step ? u - step : 0, u);
}

/* return: number of units */
static int64_t check_grouping(heed_shape a, heed_shape b, heed_shape out, heed_dtype dtype,
                              heed_isa isa)
{
    heed_rng rng = heed_rng_new(4, 0);
    heed_tensor *x[2] = { heed_tensor_new(dtype, &a, NULL), heed_tensor_new(dtype, &b, NULL) };
    heed_tensor *y[3];
    for (int i = 0; i < 3; i++) y[i] = heed_tensor_new(dtype, &out, NULL);
    for (int i = 0; i < 2; i++) heed_fill_uniform(&rng, &x[i]->view, -1, 1);
    const heed_view in[2] = { x[0]->view, x[1]->view };
    heed_call call = { .n_in = 2, .in = in, .out = y[0]->view };
    void *plan = heed_alloc(heed_op_matmul.plan_size);
    heed_op_matmul.prepare(&call, plan);
    call.plan = plan;
    call.scratch = heed_alloc(heed_op_matmul.scratch(&call));
    const int64_t units = heed_op_matmul.units(&call);
    for (int i = 0; i < 3; i++) {
        heed_view_fill(&y[i]->view, NAN);
        call.out = y[i]->view;
        run_units(&call, isa, units, i == 0 ? units : i == 1 ? 1 : 3);
    }
    const size_t bytes = (size_t)heed_count(&out) * heed_dtype_size(dtype);
    for (int i = 1; i < 3; i++) cr_assert_eq(memcmp(y[0]->view.data, y[i]->view.data, bytes), 0);
    for (int64_t i = 0; i < heed_count(&out); i++)
        cr_assert(isfinite(heed_get(&y[0]->view, i)), "element %lld was not written", (long long)i);
    for (int i = 0; i < 2; i++) heed_tensor_free(x[i]);
    for (int i = 0; i < 3; i++) heed_tensor_free(y[i]);
    heed_free(plan);
    heed_free(call.scratch);
    return units;
}

Test(gemm, bits_do_not_depend_on_how_units_are_grouped)
{
    const struct {
        heed_shape a, b, out;
        int64_t least_units, most_units;
    } cases[] = {
        { HEED_SHAPE(3, 4), HEED_SHAPE(4, 5), HEED_SHAPE(3, 5), 1, 1 },
        { HEED_SHAPE(128, 128), HEED_SHAPE(128, 512), HEED_SHAPE(128, 512), 4, 16 },
        { HEED_SHAPE(64, 700), HEED_SHAPE(700, 65), HEED_SHAPE(64, 65), 2, 16 },
        { HEED_SHAPE(3000, 129), HEED_SHAPE(129, 1), HEED_SHAPE(3000, 1), 2, 16 },
        { HEED_SHAPE(1, 3000), HEED_SHAPE(3000, 129), HEED_SHAPE(1, 129), 2, 16 },
        { HEED_SHAPE(600, 3), HEED_SHAPE(3, 301), HEED_SHAPE(600, 301), 2, 16 },
        { HEED_SHAPE(70, 2, 30, 17), HEED_SHAPE(2, 17, 21), HEED_SHAPE(70, 2, 30, 21), 2, 16 },
        { HEED_SHAPE(500, 5, 9), HEED_SHAPE(1, 9, 31), HEED_SHAPE(500, 5, 31), 2, 16 },
        { HEED_SHAPE(5, 9), HEED_SHAPE(500, 9, 31), HEED_SHAPE(500, 5, 31), 2, 16 },
    };
    for (int isa = 0; isa < HEED_N_ISA; isa++)
        for (int d = 0; d < 2; d++)
            for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                if (!heed_isa_supported((heed_isa)isa) || !gemm_table[d][isa]) continue;
                const int64_t units =
                    check_grouping(cases[i].a, cases[i].b, cases[i].out, dtypes[d], (heed_isa)isa);
                cr_assert(units >= cases[i].least_units && units <= cases[i].most_units,
                          "case %zu: %lld units", i, (long long)units);
            }
}
