/* embedding.c - a table of learned rows. */
#include <math.h>

#include "models/layers/layers.h"
#include "ops/ops.h"

heed_node *heed_embedding_table_with(heed_scope *scope, const char *name, heed_node *index,
                                     int64_t classes, int64_t width, heed_embedding_options options)
{
    if (!scope || !index) return NULL;
    if (classes < 1 || width < 1)
        return heed_graph_fail(index->graph,
                               "embedding '%s%s': the table [%lld, %lld] would be empty",
                               heed_scope_prefix(scope), name, (long long)classes,
                               (long long)width);
    if (options.table.rule == HEED_INIT_DEFAULT)
        options.table = (heed_init){ .rule = HEED_INIT_NORMAL, .b = 1 / sqrt((double)width) };
    heed_node *table = heed_param(heed_enter(scope, name), "table", options.table, classes, width);
    return heed_embedding(table, index);
}
