"""Reductions."""
import torch

from golden import case, real


def amax(x, axes, keep):
    return torch.amax(x, axes, keepdim=keep)


def amin(x, axes, keep):
    return torch.amin(x, axes, keepdim=keep)


def total(x, axes, keep):
    return torch.sum(x, axes, keepdim=keep)


def mean(x, axes, keep):
    return torch.mean(x, axes, keepdim=keep)


ALL = [('sum', total), ('mean', mean), ('max', amax), ('min', amin)]
SHAPES = [('rows', (3, 7), [1], False), ('columns', (7, 3), [0], True),
          ('middle', (2, 5, 3), [1], False), ('two', (2, 3, 4), [0, 2], True),
          ('all', (3, 1, 5), [0, 1, 2], False)]


def of(f, axes, keep):
    return lambda x: f(x, axes, keep)


def prod(x, axes, keep):
    for axis in sorted(axes, reverse=True):
        x = torch.prod(x, axis, keepdim=keep)
    return x


def logsumexp(x, axes, keep):
    return torch.logsumexp(x, axes, keepdim=keep)


def nonzero(x, axes, keep):
    return (x != 0).double().sum(axes, keepdim=keep)


def some(x, axes, keep):
    return nonzero(x, axes, keep).ne(0).double()


def every(x, axes, keep):
    return (x == 0).double().sum(axes, keepdim=keep).eq(0).double()


def spread(f, correction):
    return lambda x, axes, keep: f(x, axes, correction=correction, keepdim=keep)


def norm(p):
    return lambda x, axes, keep: torch.linalg.vector_norm(x, p, axes, keepdim=keep)


nan, inf = float('nan'), float('inf')
COUNTS = [('count_nonzero', nonzero), ('any', some), ('all', every)]
SPARSE = [0, 0, 0, 0, 1, 0, 2, nan, -3, 1, 2, 0]

CASES = [
    *[case(f'{name}_axes/{how}', of(f, axes, keep), real(*shape, distinct=True), axes=axes,
           keep=keep) for name, f in ALL for how, shape, axes, keep in SHAPES],
    *[case(f'{name}/{how}', of(f, axis, keep), real(4, 6, distinct=True), axis=axis, keep=keep)
      for name, f in ALL for how, axis, keep in [('last', -1, False), ('first', 0, True)]],
    *[case(f'{name}/edges', of(f, -1, False),
           real(3, 4, values=[1, nan, 2, 3, -inf, -inf, -inf, -inf, inf, 1, 2, 3]), diff=False,
           axis=-1, keep=False) for name, f in ALL],
    *[case(f'{name}/ties', of(f, -1, False), real(2, 4, values=[1, 2, 2, 1, 0, 0, 0, 0]), axis=-1,
           keep=False) for name, f in ALL[2:]],
    case('sum_all/plain', torch.sum, real(3, 5)),
    case('sum_all/long', torch.sum, real(300)),
    case('mean_all/plain', torch.mean, real(3, 5)),
    *[case(f'{name}/{how}', lambda x, f=f, axis=axis: f(x, axis), real(3, 4, 5), axis=axis)
      for name, f in [('argmax', torch.argmax), ('argmin', torch.argmin)]
      for how, axis in [('last', -1), ('first', 0), ('middle', 1)]],
    case('argmax/ties', lambda x: torch.tensor([1, 0], dtype=torch.int32),
         real(2, 4, values=[1, 2, 2, 1, 0, 0, 0, 0]), axis=1),
    case('argmin/ties', lambda x: torch.tensor([0, 2], dtype=torch.int32),
         real(2, 4, values=[1, 2, 2, 1, 0, 0, -1, -1]), axis=1),
    *[case(f'{name}_axes/{how}', of(f, axes, keep), real(*shape), axes=axes, keep=keep)
      for name, f in [('prod', prod), ('logsumexp', logsumexp)]
      for how, shape, axes, keep in SHAPES],
    *[case(f'{name}/{how}', of(f, [axis], keep), real(4, 6), axis=axis, keep=keep)
      for name, f in [('prod', prod), ('logsumexp', logsumexp)]
      for how, axis, keep in [('last', -1, False), ('first', 0, True)]],
    case('prod/zeros', of(prod, [1], False),
         real(4, 3, values=[0, 2, 3, 0, 0, 3, 0, 0, 0, 1, 2, 3]), axis=1, keep=False),
    case('logsumexp/edges', of(logsumexp, [1], False), diff=False,
         *[real(7, 3, values=[1, nan, 2, -inf, -inf, -inf, inf, 1, 2, -inf, 1, 2, 1e4, -1e4, 0,
                              inf, -inf, 1, inf, inf, 0])], axis=1, keep=False),
    case('logsumexp/large', of(logsumexp, [1], False), real(3, 5, low=990.0, high=1000.0), axis=1,
         keep=False, f32=1e-4),
    case('prod_all/plain', torch.prod, real(3, 5)),
    case('logsumexp_all/plain', lambda x: torch.logsumexp(x, (0, 1)), real(3, 5)),
    *[case(f'{name}_axes/{how}', of(spread(f, correction), axes, keep), real(*shape), axes=axes,
           keep=keep, correction=correction)
      for name, f in [('var', torch.var), ('std', torch.std)]
      for (how, shape, axes, keep), correction in zip(SHAPES, [1.0, 0.0, 0.5, 1.0, 2.0])],
    *[case(f'{name}/{how}', of(spread(f, 1), [axis], keep), real(4, 6), axis=axis, keep=keep)
      for name, f in [('var', torch.var), ('std', torch.std)]
      for how, axis, keep in [('last', -1, False), ('first', 0, True)]],
    case('std/constant', of(spread(torch.std, 1), [1], False),
         real(2, 3, values=[1, 1, 1, 1, 2, 4]), second=False, axis=1, keep=False),
    case('var/one', of(spread(torch.var, 1), [1], False), real(3, 1), diff=False, axis=1,
         keep=False),
    case('var_all/plain', torch.var, real(3, 5)),
    case('std_all/plain', torch.std, real(3, 5)),
    *[case(f'vector_norm_axes/{how}_{p}', of(norm(p), axes, keep),
           real(*shape, distinct=True, avoid=0.2), axes=axes, keep=keep, p=p)
      for p in [1.0, 2.0, 2.5, inf] for how, shape, axes, keep in SHAPES[1:4]],
    *[case(f'vector_norm/{p}', of(norm(p), [1], False), real(3, 5, distinct=True, avoid=0.2),
           axis=1, keep=False, p=p, **extra)
      for p, extra in [(0.0, dict(diff=False)), (0.5, {}), (-1.0, {}), (3.0, {}), (-inf, {})]],
    *[case(f'vector_norm/zeros_{p}', of(norm(p), [1], False),
           real(3, 2, values=[0, 0, 3, -4, 0, 4]), second=False, axis=1, keep=False, p=p)
      for p in [0.5, 1.0, 2.0, 3.0, inf]],
    case('vector_norm_all/plain', lambda x: torch.linalg.vector_norm(x, 3.0), real(3, 5), p=3.0),
    *[case(f'{name}_axes/{how}', of(f, axes, keep), real(*shape, values=values), diff=False,
           axes=axes, keep=keep)
      for name, f in COUNTS
      for how, shape, axes, keep, values in [('rows', (3, 4), [1], False, SPARSE),
                                             ('two', (2, 3, 2), [0, 2], True, SPARSE)]],
    *[case(f'{name}/columns', of(f, [0], True), real(3, 4, values=SPARSE), diff=False, axis=0,
           keep=True) for name, f in COUNTS],
]
