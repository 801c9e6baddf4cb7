"""Pooling, upsampling, normalisations over channels, weights' norms, positions."""
import torch
from torch.nn import functional as F

from golden import case, index, real


def pool(function, *kernel, **options):
    return lambda x: function(x, kernel, **options)


def flat(function, kernel, **options):
    return lambda x: function(x[None], kernel, **options)[0] if x.dim() == 1 else \
        function(x, kernel, **options)


def resize(size, mode, **options):
    return lambda x: F.interpolate(x, size=size, mode=mode, **options)


def batch_norm(training, eps=1e-5):
    def run(x, gain=None, bias=None, mean=None, variance=None):
        return F.batch_norm(x, mean, variance, gain, bias, training, 0.1, eps)
    return run


def pooled_norm(eps=1e-5):
    def run(x, gain, bias):
        return F.max_pool2d(F.batch_norm(x, None, None, gain, bias, True, 0.1, eps), 2)
    return run


def group_norm(groups, eps=1e-5):
    return lambda x, gain=None, bias=None: F.group_norm(x, groups, gain, bias, eps)


def instance_norm(x, gain, bias):
    return F.instance_norm(x, weight=gain, bias=bias)


def weight_norm(axis):
    def run(v, g):
        shape = [1] * v.dim()
        shape[axis] = -1
        others = [i for i in range(v.dim()) if i != axis % v.dim()]
        return g.reshape(shape) * v / (v * v).sum(others, keepdim=True).sqrt()
    return run


def spectral_norm(w, u, v):
    return w / (u @ w.flatten(1) @ v)


def circular_conv(first):
    def run(x, s):
        return sum(s[..., k:k + 1] * torch.roll(x, first + k, -1) for k in range(s.shape[-1]))
    return run


def memory_look(reads, least_share=1e-16):
    def run(memory, before, heads):
        width, slots = memory.shape[1:]
        shifts = heads.shape[2] - width - 3
        key, beta, g, s, gamma = heads.split([width, 1, 1, shifts, 1], -1)
        norm = (memory * memory).sum(1, keepdim=True).sqrt()
        length = (key * key).sum(-1, keepdim=True).sqrt()
        cosine = (key @ memory) / (length * norm)
        content = torch.softmax(F.softplus(beta) * cosine, -1)
        m = torch.sigmoid(g) * content + (1 - torch.sigmoid(g)) * before
        s = torch.softmax(s, -1)
        v = sum(s[..., j:j + 1] * torch.roll(m, j - shifts // 2, -1) for j in range(shifts))
        w = torch.softmax((1 + F.softplus(gamma)) * torch.log(v + least_share), -1)
        found = (w[:, :reads] @ memory.transpose(1, 2)).flatten(1)
        return w, found
    return run


def memory_write(memory, where, erase, add):
    keep = torch.ones_like(memory)
    for j in range(where.shape[1]):
        keep = keep * (1 - erase[:, j, :, None] * where[:, j, None, :])
    return memory * keep + add.transpose(1, 2) @ where


def rotary(base=10000.0, offset=0, width=0, interleaved=False):
    def run(x, positions=None):
        t, d = x.shape[-2:]
        n = width or d
        at = offset + (torch.arange(t) if positions is None else positions).double()
        angle = at[..., None] * base ** (-torch.arange(0, n, 2).double() / n)
        turn = torch.polar(torch.ones_like(angle), angle)
        if interleaved:
            z = torch.complex(x[..., 0:n:2], x[..., 1:n:2]) * turn
            y = torch.stack((z.real, z.imag), -1).flatten(-2)
        else:
            z = torch.complex(x[..., :n // 2], x[..., n // 2:n]) * turn
            y = torch.cat((z.real, z.imag), -1)
        return torch.cat((y, x[..., n:]), -1)
    return run


def sinusoids(t, width, offset):
    def run(x):
        at = (offset + torch.arange(t).double())[:, None]
        angle = at / 10000 ** (2 * torch.arange((width + 1) // 2).double() / width)
        return x + torch.stack((angle.sin(), angle.cos()), -1).flatten(-2)[:, :width]
    return run


def slopes(heads):
    n = 2 ** (heads.bit_length() - 1)
    first = [2 ** (-8 * (i + 1) / n) for i in range(n)]
    more = [2 ** (-8 * (i + 1) / (2 * n)) for i in range(0, 2 * n, 2)]
    return torch.tensor(first + more[:heads - n], dtype=torch.float64)


def alibi_bias(heads, t, s):
    distance = (torch.arange(t)[:, None] + s - t - torch.arange(s)).abs()
    return lambda x: x - slopes(heads)[:, None, None] * distance


def causal(dilation=1, stride=1):
    def run(x, w):
        return F.conv1d(F.pad(x, (dilation * (w.shape[-1] - 1), 0)), w, stride=stride,
                        dilation=dilation)
    return run


CASES = [
    case('max_pool1d/plain', flat(F.max_pool1d, 3), real(2, 3, 11, distinct=True), kernel=3),
    case('max_pool1d/dilated', flat(F.max_pool1d, 3, stride=2, padding=1, dilation=2),
         real(2, 13, distinct=True), kernel=3, stride=2, pad=1, dilation=2),
    case('max_pool1d/ceil', flat(F.max_pool1d, 3, stride=2, ceil_mode=True),
         real(1, 2, 8, distinct=True), kernel=3, stride=2, ceil_mode=True),
    case('max_pool2d/plain', pool(F.max_pool2d, 2, 2), real(2, 2, 4, 6, distinct=True),
         kernel=(2, 2)),
    case('max_pool2d/overlap', pool(F.max_pool2d, 3, 3, stride=1, padding=1),
         real(1, 2, 5, 7, distinct=True), kernel=(3, 3), stride=1, pad=1),
    case('max_pool2d/uneven', pool(F.max_pool2d, 3, 2, stride=(2, 3), padding=(1, 0),
                                   dilation=(1, 2), ceil_mode=True),
         real(1, 2, 6, 8, distinct=True), kernel=(3, 2), stride_h=2, stride_w=3, pad_h=1,
         dilation_w=2, ceil_mode=True),
    case('max_pool2d/ties', pool(F.max_pool2d, 3, 3, stride=1), real(1, 1, 4, 4, values=[
        1, 1, 0, 2, 1, 1, 2, 2, 0, 1, 1, 1, 2, 0, 2, 1]), kernel=(3, 3), stride=1),
    case('avg_pool1d/plain', flat(F.avg_pool1d, 3, stride=2, padding=1), real(2, 2, 9), kernel=3,
         stride=2, pad=1),
    case('avg_pool1d/ceil', flat(F.avg_pool1d, 4, stride=3, padding=2, ceil_mode=True),
         real(1, 2, 9), kernel=4, stride=3, pad=2, ceil_mode=True),
    case('avg_pool2d/plain', pool(F.avg_pool2d, 2, 2), real(1, 2, 4, 6), kernel=(2, 2)),
    case('avg_pool2d/overlap', pool(F.avg_pool2d, 3, 3, stride=1, padding=1), real(1, 2, 5, 7),
         kernel=(3, 3), stride=1, pad=1),
    case('avg_pool2d/leave_out_pad', pool(F.avg_pool2d, 3, 2, stride=(2, 1), padding=(1, 1),
                                          count_include_pad=False), real(1, 2, 6, 5),
         kernel=(3, 2), stride_h=2, stride_w=1, pad=1, leave_out_pad=True),
    case('avg_pool2d/ceil', pool(F.avg_pool2d, 3, 3, stride=2, padding=1, ceil_mode=True),
         real(1, 1, 6, 8), kernel=(3, 3), stride=2, pad=1, ceil_mode=True),
    case('avg_pool2d/ceil_leave_out', pool(F.avg_pool2d, 3, 3, stride=2, padding=1,
                                           ceil_mode=True, count_include_pad=False),
         real(1, 1, 6, 8), kernel=(3, 3), stride=2, pad=1, ceil_mode=True, leave_out_pad=True),
    case('adaptive_avg_pool1d/fewer', lambda x: F.adaptive_avg_pool1d(x, 3), real(1, 2, 7), size=3),
    case('adaptive_avg_pool1d/more', lambda x: F.adaptive_avg_pool1d(x, 7), real(1, 2, 3), size=7),
    case('adaptive_avg_pool2d/one', lambda x: F.adaptive_avg_pool2d(x, 1), real(2, 2, 3, 5),
         size=(1, 1)),
    case('adaptive_avg_pool2d/some', lambda x: F.adaptive_avg_pool2d(x, (3, 2)), real(1, 2, 7, 5),
         size=(3, 2)),

    case('upsample1d/nearest', resize(8, 'nearest'), real(2, 2, 4), size=8, mode=0),
    case('upsample1d/linear', resize(9, 'linear'), real(1, 2, 4), size=9, mode=1),
    case('upsample1d/corners', resize(9, 'linear', align_corners=True), real(1, 2, 4), size=9,
         mode=2),
    case('upsample2d/nearest', resize((6, 7), 'nearest'), real(1, 2, 3, 4), size=(6, 7), mode=0),
    case('upsample2d/linear', resize((6, 8), 'bilinear'), real(1, 2, 3, 4), size=(6, 8), mode=1),
    case('upsample2d/smaller', resize((3, 2), 'bilinear'), real(1, 2, 5, 7), size=(3, 2), mode=1),
    case('upsample2d/corners', resize((5, 1), 'bilinear', align_corners=True), real(1, 2, 3, 4),
         size=(5, 1), mode=2),
    case('pixel_shuffle/3', lambda x: F.pixel_shuffle(x, 3), real(2, 9, 2, 3), factor=3),
    case('pixel_unshuffle/2', lambda x: F.pixel_unshuffle(x, 2), real(2, 2, 4, 6), factor=2),

    case('batch_norm/plain', batch_norm(True), real(5, 3)),
    case('batch_norm/image', batch_norm(True, 1e-3), real(2, 3, 2, 4), real(3), real(3), eps=1e-3),
    case('batch_norm/long', batch_norm(True), real(2, 3, 17), real(3), real(3)),
    case('batch_norm/running', batch_norm(False), real(3, 4, 5), real(4), real(4),
         real(4, diff=False), real(4, low=0.5, diff=False)),
    case('pooled_norm/even', pooled_norm(), real(3, 2, 4, 6), real(2), real(2)),
    case('pooled_norm/odd', pooled_norm(1e-2), real(2, 3, 7, 5), real(3), real(3), eps=1e-2),
    case('pooled_norm/wide', pooled_norm(), real(2, 2, 2, 70), real(2), real(2)),
    case('group_norm/plain', group_norm(2), real(2, 4, 3, 3), real(4), real(4), groups=2),
    case('group_norm/long', group_norm(2), real(2, 4, 16), real(4), real(4), groups=2),
    case('group_norm/one', group_norm(1, 0.1), real(3, 6), real(6), real(6), groups=1, eps=0.1),
    case('instance_norm/plain', instance_norm, real(2, 3, 7), real(3), real(3)),
    case('instance_norm/long', instance_norm, real(2, 2, 4, 4), real(2), real(2)),
    case('weight_norm/rows', weight_norm(0), real(4, 3, 2), real(4), axis=0),
    case('weight_norm/last', weight_norm(-1), real(3, 5), real(5), axis=-1),
    case('spectral_norm/matrix', spectral_norm, real(4, 3), real(4, diff=False),
         real(3, diff=False)),
    case('spectral_norm/filters', spectral_norm, real(3, 2, 2, 2), real(3, diff=False),
         real(8, diff=False)),

    case('circular_conv/ntm', circular_conv(-1), real(2, 7), real(2, 3), first=-1),
    case('circular_conv/all', circular_conv(0), real(5), real(5), first=0),
    case('circular_conv/broadcast', circular_conv(-3), real(2, 3, 6), real(3, 2), first=-3),
    case('rotary/halves', rotary(), real(2, 3, 5, 8)),
    case('rotary/interleaved', rotary(interleaved=True), real(2, 5, 6), interleaved=True),
    case('rotary/part', rotary(base=100.0, offset=7, width=4), real(3, 4, 6), base=100.0, offset=7,
         width=4),
    case('rotary/positions', rotary(interleaved=True, offset=1), real(2, 3, 4, 4),
         index(4, below=20), interleaved=True, offset=1, positions=True),
    case('sinusoids/even', sinusoids(5, 6, 0), real(5, 6), offset=0),
    case('sinusoids/odd', sinusoids(4, 7, 30), real(4, 7), offset=30),
    case('alibi_slopes/8', lambda x: x * slopes(8), real(8), heads=8),
    case('alibi_slopes/6', lambda x: x * slopes(6), real(6), heads=6),
    case('alibi_bias/queries', alibi_bias(3, 4, 6), real(3, 4, 6), heads=3, queries=4, keys=6),
    case('memory_look/read', memory_look(1), real(1, 2, 4), real(1, 2, 4, low=0.1, high=0.9),
         real(1, 2, 8), reads=1),
    case('memory_look/shifts', memory_look(2), real(2, 3, 5), real(2, 2, 5, low=0.1, high=0.9),
         real(2, 2, 7), reads=2),
    case('memory_write/heads', memory_write, real(2, 3, 4), real(2, 2, 4), real(2, 2, 3),
         real(2, 2, 3)),
    case('conv1d/causal', causal(dilation=2), real(2, 2, 7), real(3, 2, 3), dilation=2),
    case('conv1d/causal_stride', causal(stride=2), real(1, 2, 7), real(2, 2, 4), stride=2),
]
