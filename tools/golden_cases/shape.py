"""Operations that move numbers: views, slices, concatenation, padding; and by index."""
import torch
from torch.nn import functional as F

from golden import case, index, real


def gather(axis, batch):
    """Axes of x before `axis`, of index from `batch` on, of x after; the first `batch` shared."""
    def one(x, at, axis):
        return torch.index_select(x, axis, at.reshape(-1)).reshape(
            x.shape[:axis] + at.shape + x.shape[axis + 1:])

    def deep(x, at, left, axis):
        if left == 0:
            return one(x, at, axis)
        return torch.stack([deep(a, b, left - 1, axis - 1) for a, b in zip(x, at)])
    return lambda x, at: deep(x, at, batch, axis)


def scatter_add(axis, size):
    return lambda dy, at: torch.zeros(dy.shape[:axis] + (size,) + dy.shape[axis + 1:],
                                      dtype=dy.dtype).index_add(axis, at, dy)


def scatter_batch(size):
    return lambda dy, at: torch.stack([torch.zeros((size,) + d.shape[1:], dtype=d.dtype).index_add(
        0, i, d) for d, i in zip(dy, at)])


def replace_row(axis):
    return lambda x, row, at: torch.index_copy(x, axis, at.reshape(1), row.unsqueeze(axis))


CASES = [
    case('reshape/plain', lambda x: x.reshape(4, 3), real(2, 6), shape=[4, 3]),
    case('reshape/any', lambda x: x.reshape(2, 3, 2), real(12), shape=[2, -1, 2]),
    case('reshape/scalar', lambda x: x.reshape(()), real(1, 1), shape=[]),
    case('flatten/plain', torch.flatten, real(2, 3, 2)),
    case('squeeze/plain', lambda x: x.squeeze(1), real(3, 1, 4), axis=1),
    case('unsqueeze/front', lambda x: x.unsqueeze(0), real(3, 4), axis=0),
    case('unsqueeze/back', lambda x: x.unsqueeze(-1), real(3, 4), axis=-1),
    case('permute/turn', lambda x: x.permute(2, 0, 1), real(2, 3, 4), axes=[2, 0, 1]),
    case('permute/swap', lambda x: x.permute(0, 2, 1, 3), real(2, 3, 2, 3), axes=[0, 2, 1, 3]),
    case('transpose/plain', lambda x: x.transpose(0, -1), real(2, 3, 4), a=0, b=-1),
    case('expand/front', lambda x: x.expand(3, 2, 4), real(2, 4), shape=[3, 2, 4]),
    case('expand/ones', lambda x: x.expand(3, 2, 4), real(3, 1, 4), shape=[3, 2, 4]),
    case('expand/scalar', lambda x: x.expand(5), real(), shape=[5]),
    case('slice_step/two', lambda x: x[:, 1:8:2], real(2, 9), axis=1, start=1, stop=8, step=2),
    case('slice_step/three', lambda x: x[0:7:3], real(7, 2), axis=0, start=0, stop=7, step=3),
    case('slice/plain', lambda x: x[:, 2:5], real(3, 7), axis=1, start=2, stop=5),
    case('slice/from_the_end', lambda x: x[-3:-1], real(5, 3), axis=0, start=-3, stop=-1),
    case('index/plain', lambda x: x[:, 2], real(3, 4, 2), axis=1, i=2),
    case('index/from_the_end', lambda x: x[..., -1], real(3, 4), axis=-1, i=-1),
    case('concat/two', lambda a, b: torch.cat([a, b], 0), real(2, 3), real(4, 3), axis=0),
    case('concat/three', lambda a, b, c: torch.cat([a, b, c], -1), real(2, 3), real(2, 1),
         real(2, 5), axis=-1),
    case('stack/front', lambda a, b: torch.stack([a, b]), real(3, 4), real(3, 4), axis=0),
    case('stack/back', lambda a, b, c: torch.stack([a, b, c], -1), real(3, 2), real(3, 2),
         real(3, 2), axis=-1),
    case('pad/last', lambda x: F.pad(x, (1, 2)), real(3, 4), axis=-1, before=1, after=2, value=0),
    case('pad/first', lambda x: F.pad(x, (0, 0, 2, 0), value=1.5), real(2, 4), axis=0, before=2,
         after=0, value=1.5),

    case('gather/rows', gather(0, 0), real(5, 3), index(4, below=5), axis=0, batch=0),
    case('gather/columns', gather(1, 0), real(2, 5, 3), index(2, 2, below=5), axis=1, batch=0),
    case('gather/batch', gather(1, 1), real(3, 5, 2), index(3, 4, below=5), axis=1, batch=1),
    case('gather/batch_inner', gather(2, 1), real(3, 2, 5), index(3, 4, below=5), axis=2, batch=1),
    case('gather/repeated', gather(0, 0), real(3, 2), index(5, values=[1, 1, 2, 1, 2]), axis=0,
         batch=0),
    case('scatter_add/rows', scatter_add(0, 4), real(6, 3), index(6, below=4), axis=0, batch=0,
         size=4),
    case('scatter_add/columns', scatter_add(1, 3), real(2, 5, 2), index(5, below=3), axis=1,
         batch=0, size=3),
    case('scatter_add/batch', scatter_batch(4), real(3, 6, 2), index(3, 6, below=4), axis=1,
         batch=1, size=4),
    case('replace_row/first_axis', replace_row(0), real(5, 3), real(3), index(values=3), axis=0),
    case('replace_row/middle', replace_row(1), real(2, 4, 3), real(2, 3), index(values=0), axis=1),
    case('replace_row/last', replace_row(2), real(2, 3, 4), real(2, 3), index(values=3), axis=2),
    case('embedding/plain', lambda t, i: F.embedding(i, t), real(6, 3), index(2, 4, below=6)),
    case('one_hot/plain', lambda i: F.one_hot(i, 5).double(), index(2, 4, below=5), classes=5),
]
