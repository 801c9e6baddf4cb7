"""Products, convolutions, normalisations, attention, losses."""
import torch
from torch.nn import functional as F

from golden import case, index, real

inf, nan = float('inf'), float('nan')


def conv(function, **options):
    return lambda x, w: function(x, w, **options)


def uneven(function, pads, **options):
    return lambda x, w: function(F.pad(x, pads), w, **options)


def attention(scale=None, causal=False, keep=None, bias=None):
    """The formula itself: PyTorch's flash kernels have no second order."""
    def run(q, k, v, *rest):
        scores = q @ k.transpose(-1, -2) * (scale or q.shape[-1] ** -0.5)
        if bias is not None:
            scores = scores + rest[bias]
        if keep is not None:
            scores = scores.masked_fill(rest[keep] == 0, -inf)
        if causal:
            t, s = scores.shape[-2:]
            scores = scores.masked_fill(~torch.ones(t, s).tril(s - t).bool(), -inf)
        return torch.softmax(scores, -1) @ v
    return run


def layer_norm(eps):
    return lambda x, gain=None, bias=None: F.layer_norm(x, x.shape[-1:], gain, bias, eps)


def rms_norm(eps):
    return lambda x, gain=None: F.rms_norm(x, x.shape[-1:], gain, eps)


SOFTMAX = [('softmax', torch.softmax), ('log_softmax', torch.log_softmax)]
KEEP = [1, 1, 0, 1, 1, 0, 1, 1, 1, 1]

CASES = [
    case('matmul/plain', torch.matmul, real(5, 7), real(7, 3)),
    case('matmul/vectors', torch.matmul, real(9), real(9)),
    case('matmul/row', torch.matmul, real(4), real(4, 6)),
    case('matmul/column', torch.matmul, real(2, 3, 4), real(4)),
    case('matmul/batch', torch.matmul, real(3, 2, 5), real(3, 5, 4)),
    case('matmul/broadcast', torch.matmul, real(2, 1, 3, 4), real(3, 4, 2)),
    case('matmul/large', torch.matmul, real(17, 33), real(33, 19), second=False),

    case('conv1d/plain', conv(F.conv1d), real(2, 3, 9), real(4, 3, 3)),
    case('conv1d/stride', conv(F.conv1d, stride=2, padding=1), real(2, 2, 9), real(3, 2, 4),
         stride=2, pad=1),
    case('conv1d/dilation', conv(F.conv1d, dilation=3, groups=2), real(1, 4, 11), real(2, 2, 3),
         dilation=3, groups=2),
    case('conv1d/uneven', uneven(F.conv1d, (2, 0)), real(2, 2, 6), real(2, 2, 3), pad_left=2),
    case('conv2d/plain', conv(F.conv2d), real(2, 2, 5, 4), real(3, 2, 3, 2)),
    case('conv2d/stride', conv(F.conv2d, stride=(2, 1), padding=(1, 2)), real(1, 2, 6, 5),
         real(2, 2, 3, 3), stride_h=2, pad_top=1, pad_bottom=1, pad_left=2, pad_right=2),
    case('conv2d/depthwise', conv(F.conv2d, groups=3, padding=1), real(2, 3, 4, 4),
         real(3, 1, 3, 3), groups=3, pad=1),
    case('conv2d/dilation', conv(F.conv2d, dilation=2, groups=2), real(1, 4, 6, 5),
         real(4, 2, 2, 2), dilation=2, groups=2),
    case('conv_transpose1d/plain', conv(F.conv_transpose1d), real(2, 3, 5), real(3, 2, 3)),
    case('conv_transpose1d/stride', conv(F.conv_transpose1d, stride=3, padding=1, output_padding=2),
         real(1, 2, 5), real(2, 2, 4), stride=3, pad=1, output_pad=2),
    case('conv_transpose1d/groups', conv(F.conv_transpose1d, groups=2, dilation=2), real(1, 4, 4),
         real(4, 1, 2), groups=2, dilation=2),
    case('conv_transpose2d/plain', conv(F.conv_transpose2d), real(1, 2, 3, 4), real(2, 3, 2, 3)),
    case('conv_transpose2d/stride', conv(F.conv_transpose2d, stride=2, padding=1, output_padding=1),
         real(1, 2, 3, 3), real(2, 2, 3, 3), stride=2, pad=1, output_pad=1),

    *[case(f'{name}/{how}', lambda x, f=f, axis=axis: f(x, axis), real(*shape), axis=axis)
      for name, f in SOFTMAX for how, shape, axis in [('last', (4, 7), -1), ('first', (6, 3), 0),
                                                      ('middle', (2, 5, 3), 1)]],
    *[case(f'{name}/edges', lambda x, f=f: f(x, -1),
           real(3, 4, values=[-inf, 1, 2, -inf, 1e30, 0, 0, -1e30, 500, 501, 499, -inf]), axis=-1,
           diff=False) for name, f in SOFTMAX],
    case('layer_norm/plain', layer_norm(1e-5), real(4, 9), real(9), real(9), eps=0),
    case('layer_norm/bare', layer_norm(1e-2), real(2, 3, 5), eps=1e-2),
    case('layer_norm/gain', layer_norm(1e-5), real(5, 6), real(6), eps=1e-5),
    case('rms_norm/plain', rms_norm(1e-5), real(4, 9), real(9), eps=0),
    case('rms_norm/bare', rms_norm(1e-2), real(2, 3, 5), eps=1e-2),

    case('attention/plain', attention(), real(2, 4, 3), real(2, 5, 3), real(2, 5, 2)),
    case('attention/causal', attention(causal=True), real(2, 4, 3), real(2, 4, 3), real(2, 4, 3),
         causal=True),
    case('attention/longer', attention(causal=True, scale=0.3), real(1, 3, 4), real(1, 6, 4),
         real(1, 6, 4), causal=True, scale=0.3),
    case('attention/keep', attention(keep=0), real(2, 3, 4, 3), real(2, 1, 5, 3), real(2, 1, 5, 3),
         real(2, 1, 1, 5, values=KEEP, diff=False), keep=3),
    case('attention/bias', attention(bias=0), real(2, 4, 3), real(2, 5, 3), real(2, 5, 3),
         real(4, 5), bias=3),
    case('attention/everything', attention(causal=True, scale=0.7, bias=0, keep=1),
         real(2, 2, 5, 3), real(2, 2, 5, 3), real(2, 2, 5, 3), real(2, 1, 5, 5),
         real(2, 1, 1, 5, values=[1, 0, 1, 1, 1, 1, 1, 1, 1, 0], diff=False), causal=True,
         scale=0.7, bias=3, keep=4),

    case('cross_entropy/plain', F.cross_entropy, real(5, 7), index(5, below=7)),
    case('cross_entropy/ignored', lambda x, t: F.cross_entropy(x, t, ignore_index=-1), real(5, 4),
         index(5, values=[1, -1, 3, 0, -1])),
    case('cross_entropy/more_axes', lambda x, t: F.cross_entropy(x.reshape(-1, 5), t.reshape(-1)),
         real(2, 3, 5), index(2, 3, below=5)),
]
