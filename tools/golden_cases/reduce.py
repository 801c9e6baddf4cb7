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


nan, inf = float('nan'), float('inf')

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
]
