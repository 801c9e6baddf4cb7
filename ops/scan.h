/* scan.h - loops: what scan.c, scan_vjp.c and scan_segments.c share. */
#ifndef HEED_OPS_SCAN_H
#define HEED_OPS_SCAN_H

#include "graph/loop.h"
#include "ops/ops.h"

typedef struct heed_scan_attr {
    heed_body *body;
} heed_scan_attr;

/* The body of a scan. */
heed_body *heed_scan_body_of(const heed_node *scan);
/* What the result is as a value of the graph around: [..], [steps, ..] or [steps + 1, ..]. */
heed_shape heed_scan_shape(const heed_body *body, const heed_result *result);
/* The result `kind` of a state (`value` is its next one) or of a step's value, as such a value: a
 * view. The loop gets it if it has not got it yet. NULL on failure. */
heed_node *heed_scan_result(heed_node *scan, heed_result_kind kind, int state, heed_node *value);

/* The same along the steps: states before each step, or after it. NULL on failure. */
heed_node *heed_scan_states(heed_node *scan, int state, bool after);

void heed_scan_vjp(heed_vjp *v);

/* As heed_scan_with, for `every` steps at a time: a loop of loops. */
bool heed_scan_segments(heed_graph *graph, heed_scan_step *step, void *context,
                        heed_scan_options options, heed_node **final, heed_node **y);

#endif
