"""Golden vectors: what PyTorch computes in f64, for tests/ops_golden*.c to agree with.

    python3 tools/golden.py [FAMILY ...]
        tools/golden_cases/FAMILY.py -> tests/data/golden_FAMILY.safetensors; default: all

Needs torch; neither the build nor the tests do. A case holds inputs, outputs y, a random cotangent
r, the gradients dx of <y, r>, and of second order, random q of dx's shape: jvp = d <dx, q> / dr
(the derivative of y along q) and h = d <dx, q> / dx where it is not 0. Numbers that go in are f32,
so that both dtypes start from the same; numbers that come out are f64. The same case gives the same
bytes on every run; adding one changes no other. All files together stay below 1 MB.

To add a case:
 1. tools/golden_cases/FAMILY.py, list CASES:
        case('softmax/axis0', lambda x: torch.softmax(x, 0), real(4, 5), axis=0)
    Before the slash: the builder's name without heed_. Then PyTorch's function of the
    inputs (one tensor, or a tuple of them), the inputs, and the attributes: numbers, booleans,
    strings without blanks, lists of whole numbers. Shapes of a few dozen elements.
    Then `python3 tools/golden.py FAMILY`.
 2. tests/ops_golden_FAMILY.c has one line for each builder's name: heed_NAME itself, or a function
    of c->in[] that asks for the attributes by name (tests/golden.h). An attribute nobody asks for,
    or one that is asked for and is not there, fails the test; so do a case without a line, a line
    without a case, a builder in the headers of ops/ without a case, and an operation of the
    registry that is in no case's graph.
 3. A new family: both files, a Test in the C file, its name in GOLDEN_FAMILIES (tests/golden.h).

Inputs:  real(2, 3)            uniform in -2 .. 2; low=, high=; avoid=0.1: so far from 0;
                               distinct=True: for max and sort; diff=False: no gradient of it;
                               values=[..]: these numbers
         index(2, 3, below=4)  i32 in 0 .. 3; values=[..]
Options: second=False          no second order (PyTorch has none, or it is infinite)
         diff=False            no gradient at all
         f32=1e-4              what f32 may differ by; default 1e-5 of that tensor's largest number
"""
import importlib
import json
import os
import struct
import sys
import zlib

import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.path.dirname(HERE), 'tests', 'data')


# ---- what a family's table is written with ----

def real(*shape, low=-2.0, high=2.0, avoid=0.0, distinct=False, diff=True, values=None):
    def draw(rng):
        if values is not None:
            return np.array(values, np.float32).reshape(shape)
        count = int(np.prod(shape))
        x = rng.uniform(low, high, count)
        if distinct:
            x = low + (high - low) * (rng.permutation(count) + 0.5) / max(count, 1)
        x = np.where(np.abs(x) < avoid, np.where(x < 0, -1, 1) * (np.abs(x) + avoid), x)
        return x.reshape(shape).astype(np.float32)
    return draw, diff


def index(*shape, below=0, values=None):
    def draw(rng):
        if values is not None:
            return np.array(values, np.int32).reshape(shape)
        return rng.integers(0, below, shape).astype(np.int32)
    return draw, False


def case(name, function, *inputs, second=True, diff=True, f32=1e-5, **attributes):
    return dict(name=name, function=function, inputs=inputs, second=second, diff=diff,
                attributes=dict(attributes, f32=f32))


# ---- one case's tensors ----

def as_tensor(array, diff):
    if array.dtype == np.int32:
        return torch.tensor(array, dtype=torch.int64)
    return torch.tensor(array, dtype=torch.float64, requires_grad=diff)


def cotangent(rng, like):
    array = rng.uniform(-1, 1, tuple(like.shape)).astype(np.float32)
    return array, torch.tensor(array, dtype=torch.float64)


def total(terms):
    return sum((a * b).sum() for a, b in terms)


def gradients(of, x, **options):
    """Those of x that are not zero by structure, with their numbers."""
    found = torch.autograd.grad(of, x, allow_unused=True, **options)
    return [(k, g) for k, g in enumerate(found) if g is not None]


def second_order(rng, tensors, dx, x, where, r):
    q = []
    for k, g in dx:
        array, tensor = cotangent(rng, g)
        tensors[f'q{where[k]}'] = array
        q.append((g, tensor))
    of = total(q)
    for k, jvp in gradients(of, r, retain_graph=True):
        tensors[f'jvp{k}'] = jvp.detach()
    for k, h in gradients(of, x):
        if h.any():  # else PyTorch knows no better than that
            tensors[f'h{where[k]}'] = h.detach()


def tensors_of(c):
    rng = np.random.default_rng(zlib.crc32(c['name'].encode()))
    arrays = [draw(rng) for draw, _ in c['inputs']]
    inputs = [as_tensor(a, diff and c['diff']) for a, (_, diff) in zip(arrays, c['inputs'])]
    tensors = {f'x{i}': a for i, a in enumerate(arrays)}
    y = c['function'](*inputs)
    y = y if isinstance(y, tuple) else (y,)
    for k, one in enumerate(y):
        tensors[f'y{k}'] = one.detach() if one.is_floating_point() else one.to(torch.int32)
    where = [i for i, x in enumerate(inputs) if x.requires_grad]
    moving = [k for k, one in enumerate(y) if one.requires_grad]
    if not where or not moving:
        return tensors
    x, r, terms = [inputs[i] for i in where], [], []
    for k in moving:
        array, tensor = cotangent(rng, y[k])
        tensors[f'r{k}'] = array
        r.append(tensor.requires_grad_())
        terms.append((y[k], r[-1]))
    dx = gradients(total(terms), x, create_graph=c['second'])
    for k, g in dx:
        tensors[f'dx{where[k]}'] = g.detach()
    if c['second']:
        second_order(rng, tensors, dx, x, where, r)
    return tensors


# ---- safetensors ----

def attribute(value):
    if isinstance(value, (list, tuple)):
        return ','.join(str(int(v)) for v in value)
    return repr(value) if isinstance(value, float) else str(int(value) if isinstance(value, bool)
                                                            else value)


def safetensors(cases):
    names = {np.dtype(np.float64): 'F64', np.dtype(np.float32): 'F32', np.dtype(np.int32): 'I32'}
    arrays, metadata = {}, {}
    for c in cases:
        assert c['name'] not in metadata, f'{c["name"]} is there twice'
        metadata[c['name']] = ' '.join(f'{k}={attribute(v)}' for k, v in c['attributes'].items())
        for name, value in tensors_of(c).items():
            value = value.numpy(force=True) if torch.is_tensor(value) else value
            arrays[f'{c["name"]}:{name}'] = np.ascontiguousarray(value).reshape(value.shape)
    header, data = {'__metadata__': metadata}, b''
    for name, a in sorted(arrays.items(), key=lambda item: -item[1].itemsize):
        header[name] = {'dtype': names[a.dtype], 'shape': list(a.shape),
                        'data_offsets': [len(data), len(data) + a.nbytes]}
        data += a.tobytes()
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    return struct.pack('<Q', len(text)) + text + data


def main(families):
    torch.set_num_threads(1)
    sys.path.insert(0, os.path.join(HERE, 'golden_cases'))
    here = sorted(f[:-3] for f in os.listdir(sys.path[0]) if f.endswith('.py'))
    for family in families or here:
        if family not in here:
            raise SystemExit(f'golden.py: no family {family}; there are {", ".join(here)}')
        cases = importlib.import_module(family).CASES
        content = safetensors(cases)
        path = os.path.join(DATA, f'golden_{family}.safetensors')
        with open(path, 'wb') as file:
            file.write(content)
        print(f'{os.path.relpath(path)}: {len(cases)} cases, {len(content)} bytes')


if __name__ == '__main__':
    main(sys.argv[1:])
