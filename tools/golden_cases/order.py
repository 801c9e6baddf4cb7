"""Running results, linear scans, order along an axis."""
import torch

from golden import case, real

nan, inf = float('nan'), float('inf')
FLAGS = [(False, False), (True, False), (False, True), (True, True)]


def running(f, first, axis, reverse, exclusive):
    def of(x):
        x = x.flip(axis) if reverse else x
        y = f(x, axis)
        if exclusive:
            head = torch.full_like(y.narrow(axis, 0, 1), first)
            y = torch.cat([head, y.narrow(axis, 0, y.shape[axis] - 1)], axis)
        return y.flip(axis) if reverse else y
    return of


def linear_scan(axis, reverse, late):
    def of(a, b):
        a, b = (v.movedim(axis, 0) for v in torch.broadcast_tensors(a, b))
        a, b = (v.flip(0) if reverse else v for v in (a, b))
        h = [b[0]]
        for t in range(1, b.shape[0]):
            h.append(a[t - 1 if late else t] * h[-1] + b[t])
        h = torch.stack(h)
        return (h.flip(0) if reverse else h).movedim(0, axis)
    return of


def in_order(axis, descending):
    return lambda x: tuple(torch.sort(x, dim=axis, descending=descending, stable=True))


def positions(axis, descending):
    return lambda x: torch.sort(x, dim=axis, descending=descending, stable=True)[1].int()


def best(k, axis, smallest):
    def of(x):
        y, at = torch.sort(x, dim=axis, descending=not smallest, stable=True)
        return y.narrow(axis, 0, k), at.narrow(axis, 0, k)
    return of


EDGES = [3, nan, 1, inf, -inf, 1, 0, -0.0, 0, nan, -3, 1]

CASES = [
    *[case(f'{name}/axis{axis}_{reverse:d}{exclusive:d}',
           running(f, first, axis, reverse, exclusive), real(*shape), axis=axis, reverse=reverse, exclusive=exclusive)
      for name, f, first in [('cumsum', torch.cumsum, 0.0), ('cumprod', torch.cumprod, 1.0)]
      for axis, shape in [(1, (3, 7)), (0, (5, 2))]
      for reverse, exclusive in FLAGS],
    *[case(f'{name}/middle', running(f, first, 1, False, False), real(2, 4, 3), axis=1,
           reverse=False, exclusive=False)
      for name, f, first in [('cumsum', torch.cumsum, 0.0), ('cumprod', torch.cumprod, 1.0)]],
    *[case(f'cumprod/zeros_{reverse:d}{exclusive:d}',
           running(torch.cumprod, 1.0, 1, reverse, exclusive),
           real(4, 3, values=[0, 2, 3, 0, 0, 3, 1, 2, 3, 2, 0, 3]), axis=1, reverse=reverse,
           exclusive=exclusive) for reverse, exclusive in FLAGS],
    *[case(f'{name}/{len(shape)}_axis{axis}', lambda x, f=f, axis=axis: tuple(f(x, axis)),
           real(*shape, distinct=True), axis=axis)
      for name, f in [('cummax', torch.cummax), ('cummin', torch.cummin)]
      for axis, shape in [(1, (3, 7)), (0, (7, 3)), (1, (2, 5, 3))]],
    *[case(f'{name}/edges', lambda x, f=f: tuple(f(x, 0)), real(12, values=EDGES), diff=False,
           axis=0) for name, f in [('cummax', torch.cummax), ('cummin', torch.cummin)]],
    *[case(f'linear_scan/axis{axis}_{reverse:d}{late:d}', linear_scan(axis, reverse, late),
           real(*shape, low=-1.0, high=1.0), real(*shape), axis=axis, reverse=reverse, late=late)
      for axis, shape in [(1, (3, 5)), (0, (6, 2))] for reverse, late in FLAGS],
    case('linear_scan/broadcast', linear_scan(1, False, False), real(4, 1, low=-1.0, high=1.0),
         real(2, 4, 3), axis=1, reverse=False, late=False),
    *[case(f'sort/axis{axis}_{descending:d}', in_order(axis, descending),
           real(*shape, distinct=True), axis=axis, descending=descending)
      for axis, shape in [(-1, (3, 7)), (0, (6, 2)), (1, (2, 5, 3))]
      for descending in [False, True]],
    *[case(f'{name}/edges_{descending:d}', f(0, descending), real(12, values=EDGES), diff=False,
           axis=0, descending=descending)
      for name, f in [('sort', in_order), ('argsort', positions)] for descending in [False, True]],
    case('argsort/middle', positions(1, True), real(2, 5, 3), diff=False, axis=1, descending=True),
    *[case(f'topk/{k}_axis{axis}_{smallest:d}', best(k, axis, smallest),
           real(*shape, distinct=True), k=k, axis=axis, smallest=smallest)
      for k, axis, shape in [(3, -1, (2, 7)), (1, 0, (5, 3)), (5, 1, (2, 5, 2))]
      for smallest in [False, True]],
    *[case(f'topk/edges_{smallest:d}', best(5, 0, smallest), real(12, values=EDGES), diff=False,
           k=5, axis=0, smallest=smallest) for smallest in [False, True]],
    case('topk/few_of_many', best(2, 0, False), real(150, distinct=True), k=2, axis=0,
         smallest=False),
]
