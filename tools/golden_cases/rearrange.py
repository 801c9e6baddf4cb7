"""Operations that rearrange: parts, repetitions, windows, diagonals, padding; along one axis."""
import torch
from torch.nn import functional as F

from golden import case, index, real


def fold_windows(axis, length, step):
    def fold(w):
        out = torch.zeros(w.shape[:axis] + (length,) + w.shape[axis + 1:-1], dtype=w.dtype)
        for k in range(w.shape[axis]):
            at = torch.arange(k * step, k * step + w.shape[-1])
            out = out.index_add(axis, at, w.select(axis, k).movedim(-1, axis))
        return out
    return fold


def pad(mode, amounts, rank_added):
    """PyTorch pads by these modes only behind one or two axes of its own."""
    def padded(x):
        wide = x[(None,) * rank_added]
        return F.pad(wide, amounts, mode=mode)[(0,) * rank_added]
    return padded


CASES = [
    case('flip/first', lambda x: x.flip(0), real(5, 3), axes=[0]),
    case('flip/two', lambda x: x.flip(0, 2), real(2, 3, 7), axes=[0, -1]),
    case('flip/all', lambda x: x.flip(0, 1), real(3, 4), axes=[]),
    case('roll/plain', lambda x: x.roll(2, 0), real(7, 2), shift=2, axis=0),
    case('roll/backwards', lambda x: x.roll(-8, 1), real(3, 5), shift=-8, axis=-1),
    case('slice_step/downwards', lambda x: x.flip(1)[:, 1::3], real(2, 9), axis=1, start=7,
         stop=-10, step=-3),
    case('split_sizes/plain', lambda x: torch.split(x, [1, 4, 2], 1), real(2, 7), axis=1,
         sizes=[1, 4, 2]),
    case('chunk/plain', lambda x: torch.tensor_split(x, 3, 0), real(7, 2), axis=0, n=3),
    case('unstack/plain', lambda x: torch.unbind(x, 1), real(2, 3, 4), axis=1),
    case('moveaxis/plain', lambda x: x.movedim(0, 2), real(2, 3, 4), a=0, b=2),
    case('moveaxis/back', lambda x: x.movedim(-1, 1), real(2, 3, 2, 3), a=-1, b=1),
    case('swapaxes/plain', lambda x: x.swapaxes(0, 2), real(2, 3, 4), a=0, b=2),
    case('broadcast_to/plain', lambda x: x.broadcast_to(3, 2, 4), real(2, 1), shape=[3, 2, 4]),
    case('repeat/plain', lambda x: x.repeat(2, 3), real(3, 4), times=[2, 3]),
    case('repeat/front', lambda x: x.repeat(2, 1, 3), real(3, 1), times=[2, 1, 3]),
    case('repeat_interleave/plain', lambda x: x.repeat_interleave(3, 0), real(4, 2), times=3,
         axis=0),
    case('repeat_interleave/last', lambda x: x.repeat_interleave(2, -1), real(3, 5), times=2,
         axis=-1),
    case('meshgrid/plain', lambda a, b, c: torch.meshgrid(a, b, c, indexing='ij'), real(2), real(3),
         real(4)),
    case('diagonal/plain', lambda x: x.diagonal(), real(4, 5), offset=0, a=0, b=1),
    case('diagonal/above', lambda x: x.diagonal(1, 2, 0), real(3, 2, 4), offset=1, a=2, b=0),
    case('diagonal/below', lambda x: x.diagonal(-2, -2, -1), real(2, 5, 4), offset=-2, a=-2, b=-1),
    case('diag_embed/plain', torch.diag_embed, real(2, 3), offset=0, a=-2, b=-1),
    case('diag_embed/below', lambda x: torch.diag_embed(x, -1, 2, 0), real(3, 4), offset=-1, a=2,
         b=0),
    case('unfold/overlap', lambda x: x.unfold(1, 3, 2), real(2, 9), axis=1, size=3, step=2),
    case('unfold/first', lambda x: x.unfold(0, 4, 1), real(7, 2), axis=0, size=4, step=1),
    case('unfold/gaps', lambda x: x.unfold(-1, 2, 5), real(2, 13), axis=-1, size=2, step=5),
    case('fold_windows/overlap', fold_windows(1, 9, 2), real(2, 4, 3), axis=1, length=9, step=2),
    case('fold_windows/inner', fold_windows(0, 6, 1), real(4, 2, 3), axis=0, length=6, step=1),
    case('pad_axes/constant', lambda x: F.pad(x, (1, 2, 0, 3), value=1.5), real(3, 4),
         mode='constant', amounts=[1, 2, 0, 3], value=1.5),
    case('pad_axes/reflect', pad('reflect', (1, 3, 2, 0), 2), real(3, 5), mode='reflect',
         amounts=[1, 3, 2, 0], value=0),
    case('pad_axes/replicate', pad('replicate', (4, 1, 0, 2), 2), real(3, 2), mode='replicate',
         amounts=[4, 1, 0, 2], value=0),
    case('pad_axes/circular', pad('circular', (2, 4, 1, 0), 2), real(3, 4), mode='circular',
         amounts=[2, 4, 1, 0], value=0),
    case('index_select/plain', lambda x, i: torch.index_select(x, 1, i), real(2, 5, 3),
         index(4, below=5), axis=1),
    case('take_along_axis/last', lambda x, i: torch.gather(x, 1, i), real(3, 5),
         index(3, 7, below=5), axis=-1),
    case('take_along_axis/shorter', lambda x, i: torch.gather(x, 0, i), real(4, 3, 5),
         index(6, 2, 3, below=4), axis=0),
    case('scatter/last', lambda x, s, i: torch.scatter(x, 1, i, s), real(2, 5), real(2, 3),
         index(2, 3, values=[4, 0, 2, 1, 3, 0]), axis=1),
    case('scatter/shorter', lambda x, s, i: torch.scatter(x, 0, i, s[:2, :2]), real(4, 3),
         real(3, 3),
         index(2, 2, values=[3, 1, 0, 2]), axis=0),
    case('scatter_add_along_axis/last', lambda x, s, i: torch.scatter_add(x, 1, i, s), real(2, 4),
         real(2, 6), index(2, 6, below=4), axis=-1),
    case('scatter_add_along_axis/shorter', lambda x, s, i: torch.scatter_add(x, 0, i, s[:, :3]),
         real(3, 4, 2), real(5, 4, 2), index(5, 3, 2, below=3), axis=0),
]
