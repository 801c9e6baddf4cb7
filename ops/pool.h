/* pool.h - windows over the last one or two axes: shape rules that pooling operations share. */
#ifndef HEED_OPS_POOL_H
#define HEED_OPS_POOL_H

#include "graph/op.h"

/* [0] is height, as if 1 high where there is none; [1] is width or length. */
typedef struct heed_max_pool_attr {
    int64_t axes;
    int64_t kernel[2], stride[2], dilation[2], pad[2];
    int64_t ceil; /* the last window may be incomplete */
} heed_max_pool_attr;

/* Each returns false when it has refused. `extent`: elements from a window's first to its last. */
bool heed_window_check(heed_infer *infer, const char *axis, int64_t kernel, int64_t stride,
                       int64_t dilation, int64_t pad);
bool heed_window_outputs(heed_infer *infer, const char *axis, int64_t in, int64_t extent,
                         int64_t stride, int64_t pad, bool ceil, int64_t *out);
/* Sizes of input 0's last one or two axes. */
bool heed_plane_sizes(heed_infer *infer, int64_t axes, int64_t *size);
void heed_plane_set(heed_shape *shape, int64_t axes, const int64_t *size);
const char *heed_plane_axis(int64_t axes, int axis);

#endif
