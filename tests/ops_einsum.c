/* ops_einsum.c - sums of products against plain loops over all letters, in f32 and f64, of permuted
 * operands; what is built for them; distances, patterns and their gradients. */
#include "tests/graph_kit.h"

/* ---- an equation, read plainly: letters only, no axis of size 1 that stretches ---- */

typedef struct plain {
    const char *term[6]; /* operands, then the result */
    int length[6], n;    /* operands */
    int64_t size[128];
} plain;

static plain read_plain(const char *equation, heed_node *const *operands, int n)
{
    plain p = { .n = n };
    for (int i = 0; i <= n; i++) {
        p.term[i] = equation;
        p.length[i] = (int)strcspn(equation, ",-");
        equation += p.length[i] + (equation[p.length[i]] == '-' ? 2 : 1);
        for (int k = 0; i < n && k < p.length[i]; k++)
            p.size[(int)p.term[i][k]] = operands[i]->shape.dim[k];
    }
    return p;
}

static int64_t offset(const plain *p, int i, const int64_t *index)
{
    int64_t at = 0;
    for (int k = 0; k < p->length[i]; k++) {
        int letter = p->term[i][k];
        at = at * p->size[letter] + index[letter];
    }
    return at;
}

/* operands[i] points to the values of the i-th. */
static void evaluate(const plain *p, const double *const *operands, double *y, int64_t count)
{
    int64_t index[128] = { 0 }, steps = 1;
    int letters[128], n = 0;
    for (int c = 0; c < 128; c++) {
        if (p->size[c] == 0) continue;
        letters[n++] = c;
        steps *= p->size[c];
    }
    for (int64_t i = 0; i < count; i++) y[i] = 0;
    for (int64_t s = 0; s < steps; s++) {
        double product = 1;
        int64_t rest = s;
        for (int k = 0; k < n; k++) {
            index[letters[k]] = rest % p->size[letters[k]];
            rest /= p->size[letters[k]];
        }
        for (int i = 0; i < p->n; i++) product *= operands[i][offset(p, i, index)];
        y[offset(p, p->n, index)] += product;
    }
}

typedef struct einsum_case {
    const char *equation, *plainly; /* plainly NULL: the same */
    heed_shape operand[4];
} einsum_case;

static const einsum_case cases[] = {
    { "ij,jk->ik", NULL, { { 2, { 3, 4 } }, { 2, { 4, 5 } } } },
    { "ij,jk", "ij,jk->ik", { { 2, { 7, 13 } }, { 2, { 13, 33 } } } },
    { "ba", "ba->ab", { { 2, { 3, 4 } } } },
    { "Ba,cB", "Ba,cB->ac", { { 2, { 3, 4 } }, { 2, { 2, 3 } } } },
    { "ii", "ii->", { { 2, { 5, 5 } } } },
    { "ii->i", NULL, { { 2, { 5, 5 } } } },
    { "ibi->b", NULL, { { 3, { 4, 3, 4 } } } },
    { "iii->i", NULL, { { 3, { 3, 3, 3 } } } },
    { "ijij->ji", NULL, { { 4, { 2, 3, 2, 3 } } } },
    { "iji,j->", NULL, { { 3, { 3, 4, 3 } }, { 1, { 4 } } } },
    { "i,i->", NULL, { { 1, { 7 } }, { 1, { 7 } } } },
    { "i,j->ji", NULL, { { 1, { 7 } }, { 1, { 2 } } } },
    { "bi,bi->b", NULL, { { 2, { 3, 7 } }, { 2, { 3, 7 } } } },
    { "ij,ij->", NULL, { { 2, { 3, 7 } }, { 2, { 3, 7 } } } },
    { "ij->", NULL, { { 2, { 3, 7 } } } },
    { "ij,kl->il", NULL, { { 2, { 3, 2 } }, { 2, { 4, 3 } } } },
    { "bhtd,bhsd->bhts", NULL, { { 4, { 2, 3, 4, 5 } }, { 4, { 2, 3, 6, 5 } } } },
    { "bthd,bshd->bhts", NULL, { { 4, { 2, 4, 3, 5 } }, { 4, { 2, 6, 3, 5 } } } },
    { "bhts,bshd->bthd", NULL, { { 4, { 2, 3, 4, 6 } }, { 4, { 2, 6, 3, 5 } } } },
    { "bqd,hdk->bhqk", NULL, { { 3, { 2, 3, 4 } }, { 3, { 3, 4, 5 } } } },
    { "abcd,defc->abef", NULL, { { 4, { 2, 3, 4, 5 } }, { 4, { 5, 3, 2, 4 } } } },
    { "ab,cab->c", NULL, { { 2, { 3, 4 } }, { 3, { 2, 3, 4 } } } },
    { "ij,jk,kl->il", NULL, { { 2, { 3, 4 } }, { 2, { 4, 5 } }, { 2, { 5, 6 } } } },
    { "bn,anm,bm->ba", NULL, { { 2, { 2, 3 } }, { 3, { 4, 3, 5 } }, { 2, { 2, 5 } } } },
    { "i,j,k,il->ljk", NULL, { { 1, { 2 } }, { 1, { 3 } }, { 1, { 4 } }, { 2, { 2, 5 } } } },
    { " i j , j k -> k i ", "ij,jk->ki", { { 2, { 3, 4 } }, { 2, { 4, 5 } } } },
    { "...ij,...jk->...ik", "aij,ajk->aik", { { 3, { 2, 3, 4 } }, { 3, { 2, 4, 5 } } } },
    { "...ij,jk->...ik", "abij,jk->abik", { { 4, { 2, 3, 3, 4 } }, { 2, { 4, 5 } } } },
    { "i...,...i", "iab,bi->ab", { { 3, { 3, 4, 2 } }, { 2, { 2, 3 } } } },
    { "...i->i", "abi->i", { { 3, { 3, 4, 2 } } } },
    { "...ii->...", "aii->a", { { 3, { 3, 4, 4 } } } },
    { ",i->i", ",i->i", { { 0, { 0 } }, { 1, { 3 } } } },
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

/* An input of this shape; every other one is the permuted view of another order in memory. */
static heed_node *operand(heed_graph *g, int i, heed_shape shape)
{
    char name[8];
    int order[HEED_MAX_RANK];
    heed_shape stored = shape;
    snprintf(name, sizeof name, "x%d", i);
    for (int d = 0; d < shape.rank; d++) {
        order[d] = i % 2 ? shape.rank - 1 - d : d;
        stored.dim[order[d]] = shape.dim[d];
    }
    heed_node *x = heed_input_shaped(g, name, heed_graph_dtype(g), stored);
    return heed_permute_axes(x, order, shape.rank);
}

static void check_case(const einsum_case *c, heed_dtype dtype, int turned, double tolerance)
{
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_node *all[5];
    const double *values[4];
    int n = 1;
    for (const char *at = c->equation; *at && *at != '-'; at++) n += *at == ',';
    for (int i = 0; i < n; i++) all[i] = operand(g, i + turned, c->operand[i]);
    all[n] = heed_einsum_of(c->equation, all, n);
    cr_assert_not_null(all[n], "%s", heed_why(g));
    kit_values got = kit_run(g, all, n + 1, (heed_compile_options){ .threads = 2 });
    const double *at = got.value;
    for (int i = 0; i < n; i++) {
        values[i] = at;
        at += heed_count(&all[i]->shape);
    }
    const plain p = read_plain(c->plainly ? c->plainly : c->equation, all, n);
    const int64_t count = heed_count(&all[n]->shape);
    double *wanted = heed_alloc_array((size_t)count, sizeof *wanted);
    cr_assert_not_null(wanted);
    cr_assert_eq(p.length[n], all[n]->shape.rank, "%s", c->equation);
    for (int k = 0; k < p.length[n]; k++)
        cr_assert_eq(all[n]->shape.dim[k], p.size[(int)p.term[n][k]], "%s", c->equation);
    evaluate(&p, values, wanted, count);
    for (int64_t i = 0; i < count; i++)
        cr_assert_float_eq(at[i], wanted[i], tolerance, "%s [%lld]: %g, not %g", c->equation,
                           (long long)i, at[i], wanted[i]);
    heed_free(wanted);
    heed_free(got.value);
    heed_graph_free(g);
}

Test(einsum, agrees_with_loops)
{
    for (int i = 0; i < 2 * N_CASES; i++) {
        check_case(&cases[i / 2], HEED_F64, i % 2, 1e-12);
        check_case(&cases[i / 2], HEED_F32, i % 2, 1e-5);
    }
}

/* Axes of size 1 stretch, also where the letter is summed: then they count once for each. */
Test(einsum, stretches_axes_of_one)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *a = heed_input(g, "a", HEED_F64, 3, 1), *b = heed_input(g, "b", HEED_F64, 4, 2);
    heed_node *c = heed_input(g, "c", HEED_F64, 1, 5, 4);
    heed_node *pairs[][2] = {
        { heed_einsum("ij,jk->ik", a, b), heed_matmul(heed_expand(a, 3, 4), b) },
        { heed_einsum("ij,ij->ij", a, heed_expand(a, 3, 4)), heed_mul(a, heed_expand(a, 3, 4)) },
        { heed_einsum("...ij,...jk->...ik", c, heed_expand(b, 7, 4, 2)),
          heed_matmul(c, heed_expand(b, 7, 4, 2)) },
    };
    for (int i = 0; i < 3; i++) {
        kit_values x = kit_run(g, &pairs[i][0], 1, (heed_compile_options){ .threads = 1 });
        kit_values y = kit_run(g, &pairs[i][1], 1, (heed_compile_options){ .threads = 1 });
        cr_assert(x.n > 0 && kit_difference(x, y, 1e-12) < 0, "%d", i);
        heed_free(x.value);
        heed_free(y.value);
    }
    heed_graph_free(g);
}

/* ---- what is built ---- */

static int count_of(const heed_graph *g, const heed_op *op)
{
    int n = 0;
    for (int id = 0; id < heed_graph_size(g); id++) n += heed_graph_node(g, id)->op == op;
    return n;
}

/* Scores of attention are one product that reads both operands where they lie. */
Test(einsum, attention_needs_no_copy)
{
    heed_graph *g = heed_graph_new();
    heed_node *q = heed_input(g, "q", HEED_F32, 2, 40, 3, 16);
    heed_node *k = heed_input(g, "k", HEED_F32, 2, 50, 3, 16);
    heed_node *y = heed_einsum("bqhd,bkhd->bhqk", q, k);
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    heed_program_facts facts = heed_program_describe(p);
    cr_assert_eq(facts.instructions, 1, "%d instructions", facts.instructions);
    cr_assert_eq(facts.flops, 2.0 * 2 * 3 * 40 * 50 * 16);
    heed_program_free(p);
    heed_graph_free(g);
}

/* A column at the end of a chain of matrices: from the right, 100 times cheaper than from left. */
Test(einsum, contracts_the_cheapest_pair_first)
{
    heed_graph *g = heed_graph_new();
    heed_node *a = heed_input(g, "a", HEED_F32, 200, 200),
              *v = heed_input(g, "v", HEED_F32, 200, 1);
    heed_node *y = heed_einsum("ij,jk,kl,lm->im", a, a, a, v);
    heed_program *p = heed_compile(g, &y, 1, .threads = 1);
    cr_assert_not_null(p, "%s", heed_why(g));
    cr_assert_leq(heed_program_describe(p).flops, 3 * 2.0 * 200 * 200 + 1);
    heed_program_free(p);
    heed_graph_free(g);
}

Test(einsum, dot_products_are_not_matrix_products)
{
    heed_graph *g = heed_graph_new();
    heed_node *a = heed_input(g, "a", HEED_F32, 20, 30), *b = heed_input(g, "b", HEED_F32, 20, 30);
    cr_assert_not_null(heed_einsum("bi,bi->b", a, b));
    cr_assert_eq(count_of(g, &heed_op_matmul), 0);
    cr_assert_not_null(heed_einsum("bi,ci->bc", a, b));
    cr_assert_eq(count_of(g, &heed_op_matmul), 1);
    heed_graph_free(g);
}

Test(einsum, refusals)
{
    static const struct {
        const char *equation, *why;
    } wrong[] = {
        { "ij,jk->ik", "'j' is 4 in operand 0 and 5 in operand 1" },
        { "ii,jk", "'i' is 3 in operand 0 and 4 in operand 0" },
        { "ij,kl->im", "a letter that no operand has" },
        { "ij,kl->ii", "a letter twice" },
        { "ij", "more operands are given than named" },
        { "ij,kl,m", "fewer operands are given than named" },
        { "ijk,kl", "operand 0, input 'a' [3, 4] f32, has 2 axes; 3 are named" },
        { "i...jk,kl", "has 2 axes; 3 are named" },
        { "i$,kl", "only letters" },
        { "i.j,kl", "only letters" },
        { "...i...,kl", "two ellipses" },
        { "ij,kl->i->k", "behind the result" },
        { "abcdefghij,kl", "too many axes" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        heed_graph *g = heed_graph_new();
        heed_node *a = heed_input(g, "a", HEED_F32, 3, 4), *b = heed_input(g, "b", HEED_F32, 5, 6);
        cr_assert_null(heed_einsum(wrong[i].equation, a, b));
        cr_assert(strstr(heed_why(g), wrong[i].why), "%s: %s", wrong[i].equation, heed_why(g));
        cr_assert(strstr(heed_why(g), wrong[i].equation), "%s", heed_why(g));
        heed_graph_free(g);
    }
    cr_assert_null(heed_einsum("ij,jk->ik", NULL, NULL));
}

/* ---- gradients of what is composed ---- */

static heed_node *some(heed_scope *s, const char *name, heed_shape shape)
{
    return heed_param_shaped(s, name, (heed_init){ .rule = HEED_INIT_UNIFORM, .a = -1, .b = 1 },
                             shape);
}

/* <y, a fixed pattern>, so that no part of the gradient hides. */
static heed_node *weighed(heed_node *y)
{
    cr_assert_not_null(y);
    int64_t n = heed_count(&y->shape);
    heed_node *weight = heed_sin(heed_linspace(y->graph, 1, 1 + 2.5 * (double)n, n));
    return heed_dot(heed_flatten(y), weight);
}

Test(einsum, gradients_of_compositions)
{
    heed_store *store = heed_store_new(3);
    heed_graph *g = heed_graph_new(.store = store, .dtype = HEED_F64);
    heed_scope *s = heed_root(g);
    heed_node *a = some(s, "a", HEED_SHAPE(5, 7)), *b = some(s, "b", HEED_SHAPE(3, 7));
    heed_node *m = some(s, "m", HEED_SHAPE(2, 4, 4)), *many = some(s, "many", HEED_SHAPE(27, 7));
    heed_node *c = heed_slice(a, 0, 0, 3);
    heed_node *far = heed_affine(b, -1, 3), *large = heed_affine(a, 1, 2); /* from the kinks at 0 */
    heed_node *parts[] = {
        heed_einsum("ij,kj,kl->il", a, b, b),
        heed_einsum("...ii->...i", m),
        heed_trace(m),
        heed_outer(heed_index(a, 0, 1), heed_index(b, 0, 2)),
        heed_cosine_similarity(c, b, -1, 0),
        heed_cosine_similarity(c, b, 0, 0),
        heed_normalize(a, 2, 1, 0),
        heed_normalize(large, 3, 0, 0),
        heed_pairwise_distance(c, b, 2, 0, false),
        heed_pairwise_distance(c, far, 1, 0, true),
        heed_cdist(a, b, 2),
        heed_cdist(a, far, 1),
        heed_cdist(a, far, 3),
        heed_cdist(many, b, 2),
        heed_cdist(many, b, 2, .exact = true),
        heed_tril(m, -1),
        heed_triu(m, 1),
        heed_std(a, 0, true),
        heed_vector_norm(large, 2.5, -1, false),
        heed_vector_norm(large, -1.5, -1, false),
        heed_logsumexp_axes(m, (int[]){ 0, 2 }, 2, false),
        heed_var_axes(m, (int[]){ 2, 0 }, 2, true, 1),
        heed_prod_axes(m, (int[]){ 0, 2 }, 2, false),
    };
    heed_node *loss = NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        loss = loss ? heed_add(loss, weighed(parts[i])) : weighed(parts[i]);
    heed_gradcheck_result r =
        heed_gradcheck_loss(loss, 0, NULL, NULL, (heed_gradcheck_options){ .order = 0 });
    cr_assert(r.passed, "%s", r.why);
    cr_assert_eq(r.compared, 5 * 7 + 3 * 7 + 2 * 4 * 4 + 27 * 7);
    heed_graph_free(g);
    heed_store_free(store);
}

/* ---- distances ---- */

static double distance(const double *a, const double *b, int n, double p)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum = isinf(p) ? fmax(sum, fabs(a[i] - b[i])) : sum + pow(fabs(a[i] - b[i]), p);
    return isinf(p) ? sum : pow(sum, 1 / p);
}

static void check_distances(heed_dtype dtype, int m, int n, int d, double tolerance)
{
    heed_graph *g = heed_graph_new(.dtype = dtype);
    heed_node *a = heed_input(g, "a", dtype, d, m), *b = heed_input(g, "b", dtype, 2, n, d);
    a = heed_transpose(a, 0, 1); /* [m, d], broadcast over b's two sets */
    static const double p[] = { 2, 2, 1, 3, INFINITY };
    heed_node *all[7] = { heed_reshape(a, -1), b };
    for (int i = 0; i < 5; i++) all[2 + i] = heed_cdist(a, b, p[i], .exact = i == 1);
    kit_values got = kit_run(g, all, 7, (heed_compile_options){ .threads = 2 });
    const double *x = got.value, *y = x + m * d, *z = y + 2 * n * d;
    cr_assert_eq(got.n, m * d + 2 * n * d + 5 * 2 * m * n);
    for (int k = 0; k < 5 * 2 * m * n; k++) {
        int j = k % n, i = k / n % m, set = k / n / m % 2;
        double exact = distance(x + i * d, y + (set * n + j) * d, d, p[k / n / m / 2]);
        cr_assert_float_eq(z[k], exact, tolerance, "p %g [%d]: %g, not %g", p[k / n / m / 2], k,
                           z[k], exact);
    }
    heed_free(got.value);
    heed_graph_free(g);
}

Test(einsum, distances)
{
    check_distances(HEED_F64, 3, 7, 13, 1e-12);
    check_distances(HEED_F64, 33, 7, 5, 1e-12);
    check_distances(HEED_F32, 3, 40, 13, 1e-4);
    check_distances(HEED_F32, 1, 1, 1, 1e-5);
}

/* Rounding makes some |a_i|^2 + |a_i|^2 - 2 a_i a_i negative: no distance is. */
Test(einsum, no_negative_distance)
{
    heed_graph *g = heed_graph_new();
    heed_node *a = heed_input(g, "a", HEED_F32, 60, 5), *y = heed_cdist(a, heed_affine(a, 1, 0), 2);
    kit_values got = kit_run(g, &y, 1, (heed_compile_options){ .threads = 1 });
    for (int64_t i = 0; i < got.n; i++) cr_assert(got.value[i] >= 0 && got.value[i] < 5);
    heed_free(got.value);
    heed_graph_free(g);
}

/* Equal points: distance 0 and slope 0, in either form. */
Test(einsum, distance_to_itself)
{
    for (int exact = 0; exact < 2; exact++) {
        heed_graph *g = heed_graph_new(.dtype = HEED_F64);
        heed_node *a = heed_full(g, 2, 30, 3), *b = heed_full(g, 2, 30, 3), *out[2];
        out[0] = heed_cdist(a, b, 2, .exact = exact);
        cr_assert(heed_gradient(heed_sum_all(out[0]), NULL, &a, 1, &out[1]));
        kit_values got = kit_run(g, out, 2, (heed_compile_options){ .threads = 1 });
        for (int64_t i = 0; i < got.n; i++) cr_assert_eq(got.value[i], 0);
        heed_free(got.value);
        heed_graph_free(g);
    }
}

Test(einsum, similarity_of_nothing)
{
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_node *zero = heed_full(g, 0, 1, 2), *b = heed_full(g, 3, 1, 2), *dx;
    heed_node *y = heed_cosine_similarity(zero, b, -1, 0);
    cr_assert(heed_gradient(heed_sum_all(y), NULL, &zero, 1, &dx));
    heed_node *out[] = { y, dx, heed_normalize(zero, 2, -1, 0) };
    kit_values got = kit_run(g, out, 3, (heed_compile_options){ .threads = 1 });
    const double wanted[] = { 0, sqrt(0.5) * 1e8, sqrt(0.5) * 1e8, 0, 0 };
    for (int i = 0; i < 5; i++) cr_expect_float_eq(got.value[i], wanted[i], 1e-6 * fabs(wanted[i]));
    heed_free(got.value);
    heed_graph_free(g);
}

/* ---- patterns ---- */

static void expect_values(heed_node *y, heed_shape shape, const double *wanted)
{
    cr_assert_not_null(y);
    cr_assert(heed_shape_equal(&y->shape, &shape));
    kit_values got = kit_run(y->graph, &y, 1, (heed_compile_options){ .threads = 1 });
    for (int64_t i = 0; i < got.n; i++)
        cr_expect(isnan(wanted[i]) ? isnan(got.value[i]) : got.value[i] == wanted[i],
                  "[%lld] is %.17g, not %.17g", (long long)i, got.value[i], wanted[i]);
    heed_free(got.value);
}

Test(einsum, ranges_and_triangles)
{
    static const double x[] = { 1, NAN, INFINITY, 4, 5, 6 };
    heed_graph *g = heed_graph_new(.dtype = HEED_F64);
    heed_view view = heed_view_of((void *)(uintptr_t)x, HEED_F64, &(heed_shape){ 2, { 2, 3 } });
    heed_node *m = heed_constant(g, &view);
    expect_values(heed_arange(g, 0, 1, 0.25), HEED_SHAPE(4), (double[]){ 0, .25, .5, .75 });
    expect_values(heed_arange(g, 5, 0, -2), HEED_SHAPE(3), (double[]){ 5, 3, 1 });
    expect_values(heed_arange(g, 3, 1, 1), HEED_SHAPE(0), NULL);
    expect_values(heed_linspace(g, -1, 0.7, 2), HEED_SHAPE(2), (double[]){ -1, 0.7 });
    expect_values(heed_linspace(g, 0, 1, 5), HEED_SHAPE(5), (double[]){ 0, .25, .5, .75, 1 });
    expect_values(heed_linspace(g, 3, 4, 1), HEED_SHAPE(1), (double[]){ 3 });
    expect_values(heed_linspace(g, 3, 4, 0), HEED_SHAPE(0), NULL);
    expect_values(heed_eye(g, 2, 3), HEED_SHAPE(2, 3), (double[]){ 1, 0, 0, 0, 1, 0 });
    expect_values(heed_causal_mask(g, 2, 3), HEED_SHAPE(2, 3), (double[]){ 1, 1, 0, 1, 1, 1 });
    expect_values(heed_tril(m, 0), HEED_SHAPE(2, 3), (double[]){ 1, 0, 0, 4, 5, 0 });
    expect_values(heed_tril(m, -2), HEED_SHAPE(2, 3), (double[]){ 0, 0, 0, 0, 0, 0 });
    expect_values(heed_tril(m, 1), HEED_SHAPE(2, 3), (double[]){ 1, NAN, 0, 4, 5, 6 });
    expect_values(heed_triu(m, 1), HEED_SHAPE(2, 3), (double[]){ 0, NAN, INFINITY, 0, 0, 6 });
    expect_values(heed_triu(m, -1), HEED_SHAPE(2, 3), x);
    heed_graph_free(g);
}

static heed_node *vector(heed_graph *g)
{
    return heed_input(g, "v", HEED_F32, 3);
}

Test(einsum, refusals_of_the_others)
{
    heed_graph *g = heed_graph_new();
    kit_refused(g, heed_arange(g, 0, 1, 0), "arange: from 0 to 1 in steps of 0");
    g = heed_graph_new();
    kit_refused(g, heed_linspace(g, 0, 1, -1), "linspace: -1 numbers");
    g = heed_graph_new();
    kit_refused(g, heed_eye(g, -1, 2), "eye: [-1, 2]");
    g = heed_graph_new();
    kit_refused(g, heed_causal_mask(g, 1, -2), "causal_mask: [1, -2]");
    g = heed_graph_new();
    kit_refused(g, heed_tril(vector(g), 0), "tril: input 'v' [3] f32");
    g = heed_graph_new();
    kit_refused(g, heed_trace(vector(g)), "trace: input 'v' [3] f32");
    g = heed_graph_new();
    kit_refused(g, heed_dot(vector(g), heed_input(g, "w", HEED_F32, 4)), "dot: input 'w' [4]");
    g = heed_graph_new();
    kit_refused(g, heed_outer(heed_input(g, "m", HEED_F32, 2, 2), vector(g)), "outer: input 'm'");
    g = heed_graph_new();
    heed_node *a = heed_input(g, "a", HEED_F32, 2, 3);
    kit_refused(g, heed_cdist(a, heed_input(g, "b", HEED_F32, 2, 4), 2), "cdist: input 'b' [2, 4]");
    g = heed_graph_new();
    a = heed_input(g, "a", HEED_F32, 2, 3);
    kit_refused(g, heed_cdist(a, a, -1), "cdist: p is -1");
    cr_assert_null(heed_cdist(NULL, NULL, 2));
    cr_assert_null(heed_cosine_similarity(NULL, NULL, 0, 0));
    cr_assert_null(heed_normalize(NULL, 2, 0, 0));
    cr_assert_null(heed_pairwise_distance(NULL, NULL, 2, 0, false));
    cr_assert_null(heed_dot(NULL, NULL));
    cr_assert_null(heed_triu(NULL, 0));
    cr_assert_null(heed_eye(NULL, 2, 2));
}
