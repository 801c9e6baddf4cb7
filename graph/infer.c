/* infer.c - what shape rules lean on: refusals that name op, inputs and shapes. */
#include <stdio.h>
#include <string.h>

#include "graph/internal.h"

bool heed_refuse(heed_infer *infer, const char *format, ...)
{
    if (infer->graph->error.set) return false;
    char why[400], inputs[500] = "";
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    size_t used = 0;
    for (int i = 0; i < infer->n_in; i++) {
        char text[300];
        heed_describe(infer->in[i], text, sizeof text);
        if (used + strlen(text) + 8 > sizeof inputs) {
            snprintf(inputs + used, sizeof inputs - used, ", ...");
            break;
        }
        used += (size_t)snprintf(inputs + used, sizeof inputs - used, "%s%s", i ? ", " : "", text);
    }
    heed_graph_fail(infer->graph, "%s: %s; inputs: %s", infer->op->name, why, inputs);
    return false;
}

bool heed_need_real(heed_infer *infer, int i)
{
    if (heed_is_real(infer->in[i]->dtype)) return true;
    return heed_refuse(infer, "input %d must be f32 or f64, not i32 (heed_cast converts)", i);
}

bool heed_need_index(heed_infer *infer, int i)
{
    if (infer->in[i]->dtype == HEED_I32) return true;
    return heed_refuse(infer, "input %d must be i32 indices, not %s", i,
                       heed_dtype_name(infer->in[i]->dtype));
}

bool heed_need_same_dtype(heed_infer *infer)
{
    int first = -1;
    for (int i = 0; i < infer->n_in; i++) {
        if (!heed_is_real(infer->in[i]->dtype)) continue;
        if (first < 0) first = i;
        if (infer->in[i]->dtype != infer->in[first]->dtype)
            return heed_refuse(infer, "inputs %d and %d have different dtypes, %s and %s", first, i,
                               heed_dtype_name(infer->in[first]->dtype),
                               heed_dtype_name(infer->in[i]->dtype));
    }
    return true;
}

bool heed_need_axis(heed_infer *infer, const heed_shape *shape, int *axis)
{
    int asked = *axis;
    if (heed_axis(shape, axis)) return true;
    char text[HEED_SHAPE_TEXT];
    return heed_refuse(infer, "axis %d is out of range for %s", asked,
                       heed_shape_print(shape, text, sizeof text));
}
