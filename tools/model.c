/* model.c - the list of models, as data. */
#include <string.h>

#include "models/models.h"
#include "tools/model.h"

static const heed_model *const models[] = {
#define HEED_LIST_MODEL(name) &heed_model_##name,
    HEED_MODELS(HEED_LIST_MODEL)
#undef HEED_LIST_MODEL
};
enum { N_MODELS = sizeof models / sizeof models[0] };

const heed_model *heed_tool_model_at(int index)
{
    return index >= 0 && index < N_MODELS ? models[index] : NULL;
}

static const char *model_name_at(const void *context, int index)
{
    (void)context;
    return index < N_MODELS ? models[index]->name : NULL;
}

const heed_model *heed_tool_find_model(const heed_tool *tool, const char *name)
{
    for (int i = 0; i < N_MODELS; i++)
        if (strcmp(models[i]->name, name) == 0) return models[i];
    heed_tool_unknown(tool, "model", name, model_name_at, NULL);
    return NULL;
}
