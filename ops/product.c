/* product.c - a product with one row or column, written as a sum of an elementwise product. */
#include "ops/product.h"

#include "ops/movement.h"
#include "ops/ops.h"

/* x with its last two axes, one of which has size 1, the other way round. */
static heed_node *turned(heed_node *x)
{
    heed_shape shape = x->shape;
    shape.dim[shape.rank - 2] = x->shape.dim[x->shape.rank - 1];
    shape.dim[shape.rank - 1] = x->shape.dim[x->shape.rank - 2];
    return heed_reshape_to(x, shape);
}

static bool is_transpose(const heed_node *x)
{
    const heed_permute_attr *attr = x->attr;
    int rank = x->shape.rank;
    if (x->op != &heed_op_permute) return false;
    for (int d = 0; d < rank - 2; d++)
        if (attr->axes[d] != d) return false;
    return attr->axes[rank - 1] == rank - 2;
}

/* y = a b. Of a matrix and a column, rows of the matrix are summed; of a row and a matrix, columns;
 * where the matrix is a transposed one, the same in the matrix as it lies. */
heed_node *heed_product_as_sum(heed_node *node, int i)
{
    heed_node *matrix = node->in[i], *vector = node->in[1 - i];
    const heed_shape *v = &vector->shape;
    heed_shape both;
    bool rows = i == 0;
    if (node->n_in != 2) return NULL;
    if (v->dim[v->rank - (rows ? 1 : 2)] != 1) return NULL;
    vector = turned(vector); /* of a matrix [m, k] a row [1, k]; of [k, n] a column [k, 1] */
    if (is_transpose(matrix)) {
        matrix = matrix->in[0];
        vector = turned(vector);
        rows = !rows;
    }
    if (!vector || !heed_broadcast(&matrix->shape, &vector->shape, &both) ||
        !heed_shape_equal(&both, &matrix->shape))
        return NULL;
    heed_node *sum = heed_sum(heed_mul(matrix, vector), rows ? -1 : -2, true);
    return sum ? heed_reshape_to(sum, node->shape) : NULL;
}
