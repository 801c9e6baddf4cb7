/* model.h - finding a model by name, for subcommands. */
#ifndef HEED_TOOLS_MODEL_H
#define HEED_TOOLS_MODEL_H

#include "models/harness.h"
#include "tools/tool.h"

const heed_model *heed_tool_model_at(int index); /* NULL past the last */
/* NULL: unknown, and the sentence with near matches is on stderr. */
const heed_model *heed_tool_find_model(const heed_tool *tool, const char *name);

#endif
