/* models.h - the list of models. A new model is a file models/NAME.c and a line here. */
#ifndef HEED_MODELS_MODELS_H
#define HEED_MODELS_MODELS_H

#include "models/harness.h"

#define HEED_MODELS(M) M(ptrnet) M(ntm) M(gat) M(snail) M(sagan)

#define HEED_DECLARE_MODEL(name) extern const heed_model heed_model_##name;
HEED_MODELS(HEED_DECLARE_MODEL)
#undef HEED_DECLARE_MODEL

#endif
