/* shapes.h - the catalogue, parts, places and indices: views and copies, gathering, segments,
 * sparse products. */
#ifndef HEED_OPS_SHAPES_H
#define HEED_OPS_SHAPES_H

#include "graph/graph.h"

/* ---- shape ---- */

heed_node *heed_reshape_to(heed_node *x, heed_shape shape); /* one dimension may be -1 */
#define heed_reshape(x, ...) HEED_AT(heed_reshape_to(x, HEED_SHAPE(__VA_ARGS__)))
heed_node *heed_flatten(heed_node *x);             /* to rank 1 */
heed_node *heed_squeeze(heed_node *x, int axis);   /* the axis has size 1 */
heed_node *heed_unsqueeze(heed_node *x, int axis); /* new axis of size 1 at `axis` of out */
heed_node *heed_permute_axes(heed_node *x, const int *axes, int n); /* out axis i is x's axes[i] */
#define heed_permute(x, ...)                             \
    HEED_AT(heed_permute_axes(x, (int[]){ __VA_ARGS__ }, \
                              (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))))
heed_node *heed_transpose(heed_node *x, int axis_a, int axis_b);
heed_node *heed_expand_to(heed_node *x, heed_shape shape); /* NumPy broadcast_to */
#define heed_expand(x, ...) HEED_AT(heed_expand_to(x, HEED_SHAPE(__VA_ARGS__)))
/* start, start + step, ... < stop along axis; negative ones count from the end. step < 0: start,
 * start + step, ... > stop, where -(size + 1) as stop goes down to the first element (as NumPy). */
heed_node *heed_slice_step(heed_node *x, int axis, int64_t start, int64_t stop, int64_t step);
heed_node *heed_slice(heed_node *x, int axis, int64_t start, int64_t stop);
heed_node *heed_index(heed_node *x, int axis, int64_t i); /* slice of one, axis removed */
heed_node *heed_concat(heed_node *const *x, int n, int axis);
heed_node *heed_stack(heed_node *const *x, int n, int axis); /* a new axis of size n at `axis` */
heed_node *heed_pad(heed_node *x, int axis, int64_t before, int64_t after, double value);
/* Several axes: amounts are before, after of the last axis, then of the one before it, ...
 * (PyTorch's pad; amounts below 0, which cut there, are refused). Reflection leaves the edge out:
 * fewer than size; circular: at most size. */
typedef enum heed_pad_mode {
    HEED_PAD_CONSTANT,
    HEED_PAD_REFLECT,
    HEED_PAD_REPLICATE,
    HEED_PAD_CIRCULAR
} heed_pad_mode;
heed_node *heed_pad_axes(heed_node *x, const int64_t *amounts, int n, heed_pad_mode mode,
                         double value);

/* Parts of x as views, into parts[0 .. n - 1]; all NULL when it fails. return: the last one, or
 * NULL. chunk: n parts, the first ones longer by one where n does not divide the axis (NumPy's
 * array_split; PyTorch's chunk makes the last one shorter). unstack: the axis goes. */
heed_node *heed_split_sizes(heed_node *x, int axis, const int64_t *sizes, int n, heed_node **parts);
heed_node *heed_chunk(heed_node *x, int n, int axis, heed_node **parts);
heed_node *heed_unstack(heed_node *x, int axis, heed_node **parts);
heed_node *heed_moveaxis(heed_node *x, int from, int to);
#define heed_swapaxes(x, axis_a, axis_b) heed_transpose(x, axis_a, axis_b)
#define heed_broadcast_to(x, ...) heed_expand(x, __VA_ARGS__)
/* The order of elements reversed along the axes (n = 0: all): a view, as diagonal and unfold. */
heed_node *heed_flip_axes(heed_node *x, const int *axes, int n);
#define heed_flip(x, ...)                             \
    HEED_AT(heed_flip_axes(x, (int[]){ __VA_ARGS__ }, \
                           (int)(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int))))
heed_node *heed_roll(heed_node *x, int64_t shift, int axis); /* out[(i + shift) mod n] = x[i] */
/* NumPy's tile: all of x, times[i] times along axis i; more counts than axes add axes in front. */
heed_node *heed_repeat_times(heed_node *x, const int64_t *times, int n);
#define heed_repeat(x, ...)                                  \
    HEED_AT(heed_repeat_times(x, (int64_t[]){ __VA_ARGS__ }, \
                              (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))))
/* NumPy's repeat: each element along the axis `times` times in a row. */
heed_node *heed_repeat_interleave(heed_node *x, int64_t times, int axis);
/* grids[k][i0, i1, ..] = x[k][i_k], for x[k] of rank 1 (indexing "ij"). return: as split. */
heed_node *heed_meshgrid(heed_node *const *x, int n, heed_node **grids);
/* y[.., i] = x[.., i + max(-offset, 0), .., i + max(offset, 0), ..]: axes row and column become
 * one, the last. diag_embed: the reverse, zeros elsewhere, square, new axes at row and column of
 * out. */
heed_node *heed_diagonal(heed_node *x, int64_t offset, int row, int column);
heed_node *heed_diag_embed(heed_node *x, int64_t offset, int row, int column);
/* Windows: y[.., w, .., k] = x[.., w step + k, ..]; axis counts windows, the new last one has
 * `size` (PyTorch's Tensor.unfold). fold_windows: its reverse, windows added up; `length` along
 * axis. */
heed_node *heed_unfold(heed_node *x, int axis, int64_t size, int64_t step);
heed_node *heed_fold_windows(heed_node *windows, int axis, int64_t length, int64_t step);
#define HEED_NODES(...)             \
    (heed_node *[]){ __VA_ARGS__ }, \
        (int)(sizeof((heed_node *[]){ __VA_ARGS__ }) / sizeof(heed_node *))

/* ---- by index (i32). An index out of range reads as 0 and adds nothing: see ops/gather.c ---- */

/* out[p.., i.., s..] = x[p.., index[p.. (first `batch` axes), i..], s..]: x's axes before `axis`,
 * index's axes from `batch` on, x's axes after `axis`; the first `batch` axes of x and index are
 * equal. batch <= axis. */
heed_node *heed_gather(heed_node *x, heed_node *index, int axis, int batch);
/* The reverse: out has `size` along axis, zero but for dy added where gather read it. */
heed_node *heed_scatter_add(heed_node *dy, heed_node *index, int axis, int batch, int64_t size);
/* x, but for x[a.., index, b..], which is row[a.., b..]; index []. A state of a loop that becomes
 * this is written in place: a step costs a row. What reads the state is to be built before. */
heed_node *heed_replace_row(heed_node *x, heed_node *row, heed_node *index, int axis);
heed_node *heed_embedding(heed_node *table, heed_node *index); /* [V, d], [..] -> [.., d] */
/* out[a.., i.., b..] = x[a.., index[i..], b..] (PyTorch's index_select, NumPy's take) */
heed_node *heed_index_select(heed_node *x, heed_node *index, int axis);
/* With an index of x's rank, not longer than x but along axis. take: out[.., i, ..] =
 * x[.., index[.., i, ..], ..] (PyTorch's gather). scatter: x with src[.., i, ..] put at
 * [.., index[.., i, ..], ..], the last of several (PyTorch leaves open which); or added there. */
heed_node *heed_take_along_axis(heed_node *x, heed_node *index, int axis);
heed_node *heed_scatter(heed_node *x, heed_node *index, heed_node *src, int axis);
heed_node *heed_scatter_add_along_axis(heed_node *x, heed_node *index, heed_node *src, int axis);
heed_node *heed_one_hot(heed_node *index, int64_t classes); /* [..] -> [.., classes], graph dtype */

/* ---- segments and sparse matrices: graphs as lists of edges ----
 *
 * index i32 [E] says which of n segments each edge (row of x [E, ..]) belongs to, in any order; one
 * out of range belongs to none. Additions are in the order of edges: the same bits for any number
 * of threads. The edges are sorted once for all operations on one index and n, at compile when the
 * index is a constant. */

heed_node *heed_segment_sum(heed_node *x, heed_node *index, int64_t n);  /* [E, ..] -> [n, ..] */
heed_node *heed_segment_mean(heed_node *x, heed_node *index, int64_t n); /* empty: 0 */
/* Empty: 0, as where PyTorch's scatter_reduce finds nothing; ties share dy evenly; NaN wins. */
heed_node *heed_segment_max(heed_node *x, heed_node *index, int64_t n);
heed_node *heed_segment_min(heed_node *x, heed_node *index, int64_t n);
heed_node *heed_segment_count(heed_node *index, int64_t n); /* bincount: [n], graph dtype */
/* Each edge's share: exp(x - max) / sum over its segment, column by column, [E, ..]; 0 out of range
 * and where all of a segment is -inf. Attention over a node's neighbours: Velickovic 2018. */
heed_node *heed_segment_softmax(heed_node *x, heed_node *index, int64_t n);
/* Sparse times dense. CSR: row r of the n has the entries row_offsets[r] <= e < row_offsets[r + 1]
 * (i32 [n + 1]), each with a value and a column (i32 [E]); values [E], dense [m, d] -> [n, d], or,
 * of H heads, [E, H], [m, H, d] -> [n, H, d]. coo: each entry with its row, in any order; dense is
 * the neighbours' features, values their attention. Gradients for values and dense. With values of
 * ones it is a sum of table rows: a bag of embeddings. Entries out of range add nothing. */
heed_node *heed_sparse_matmul(heed_node *values, heed_node *row_offsets, heed_node *columns,
                              heed_node *dense);
heed_node *heed_coo_matmul(heed_node *values, heed_node *rows, heed_node *columns, heed_node *dense,
                           int64_t n);
/* y[e] = <a[rows[e]], b[columns[e]]>: a [n, d], b [m, d] -> [E], or [n, H, d], [m, H, d] -> [E, H];
 * 0 out of range. Entries of a b^T: scores of attention over edges. */
heed_node *heed_sampled_matmul(heed_node *a, heed_node *b, heed_node *rows, heed_node *columns);
/* What these share: i32 [n + 1 + E], where each segment begins, then the edges sorted by segment
 * (stable; those out of range last). csr_rows: row offsets [rows + 1] -> each entry's row [E]. */
heed_node *heed_csr(heed_node *index, int64_t n);
heed_node *heed_csr_rows(heed_node *row_offsets, int64_t entries);

#endif
