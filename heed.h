/* heed.h - the whole library: tensors, graphs, operations, optimizers, layers. */
#ifndef HEED_H
#define HEED_H

#include "tensor/memory.h"
#include "tensor/rng.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"

#include "graph/gradcheck.h"
#include "graph/graph.h"
#include "graph/op.h"
#include "graph/program.h"
#include "graph/store.h"

#include "ops/ops.h"

#include "optim/optim.h"

#include "models/layers/layers.h"

#endif
