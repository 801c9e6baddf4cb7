"""PyTorch reference operations, named as in `heed bench`, for side-by-side timing.

    python3 torch_ops.py [NAME...] [--threads N] [--seconds S] [--json]

One line per operation: time, and its rate: GFLOP/s where arithmetic is the limit, GB/s of what has
to move where memory is, elements per nanosecond for elementwise operations, which write into an
array that is there (out=).  Without names: a list that covers the kinds.

    matmul/MxKxN   batched/BxMxKxN   conv1d/BxCxLxK   conv2d/BxCxHxW/OxKxK
    attention/BxHxTxD[/causal]   softmax/RxC   log_softmax/RxC   layer_norm/RxC   rms_norm/RxC
    cross_entropy/RxC   sum/RxC   sum_columns/RxC   OP/N: exp, tanh, sigmoid, gelu, add, ...

Convolutions (stride 1, output as large as the input), attention, softmax, norms and cross entropy
are forward and reverse: the result, and the gradients of its product with a fixed array.
"""
import re

import timing

ARGS = timing.arguments(__doc__, names=True) if __name__ == '__main__' else None
torch = timing.module('torch')
import torch.nn.functional as F

DEFAULT = ['matmul/64x64x64', 'matmul/256x256x256', 'matmul/1024x1024x1024', 'matmul/1x512x512',
           'conv2d/32x64x32x32/64x3x3', 'attention/8x8x1024x64/causal', 'softmax/4096x512',
           'layer_norm/4096x512', 'exp/4096', 'tanh/4096', 'sigmoid/4096', 'gelu/4096']
BINARY = ('add', 'sub', 'mul', 'div', 'pow', 'maximum', 'minimum')


# Each kind: sizes -> (run, amount of work, unit of the rate); the rate is work / time.

def product(*sizes):
    """[.., m, k] x [.., k, n]"""
    *batch, m, k, n = sizes
    a, b, y = torch.rand(*batch, m, k), torch.rand(*batch, k, n), torch.empty(*batch, m, n)
    return lambda: torch.matmul(a, b, out=y), 2 * y.numel() * k, 'GFLOP/s'


def with_reverse(f, *x):
    """y = f(x) and the gradients of <y, r> with respect to every x."""
    for one in x:
        one.requires_grad_()
    r = torch.rand_like(f(*x))
    return lambda: torch.autograd.grad(f(*x), x, r)


def rows(f):
    """Forward reads x and writes y; reverse reads two arrays and writes one: five passes."""
    def build(r, c):
        return with_reverse(lambda x: f(x, c), torch.rand(r, c)), 5 * 4 * r * c, 'GB/s'
    return build


def cross_entropy(r, c):
    y = torch.randint(0, c, (r,))
    return with_reverse(lambda x: F.cross_entropy(x, y), torch.rand(r, c)), 3 * 4 * r * c, 'GB/s'


def total(axis):
    def build(r, c):
        x, y = torch.rand(r, c), torch.empty(c if axis == 0 else r)
        return lambda: torch.sum(x, axis, out=y), 4 * r * c, 'GB/s'
    return build


def conv1d(b, c, length, k):
    x, w = torch.rand(b, c, length), torch.rand(c, c, k)
    return (with_reverse(lambda x, w: F.conv1d(x, w, padding='same'), x, w),
            6 * b * c * length * c * k, 'GFLOP/s')


def conv2d(b, c, h, w, out, k, l):
    x, kernel = torch.rand(b, c, h, w), torch.rand(out, c, k, l)
    return (with_reverse(lambda x, kernel: F.conv2d(x, kernel, padding='same'), x, kernel),
            6 * b * c * h * w * out * k * l, 'GFLOP/s')


def attention(b, heads, t, d, causal=False):
    """Two products forward and five reverse (one recomputes the scores), as FlashAttention counts;
    the causal mask leaves half."""
    q, k, v = (torch.rand(b, heads, t, d) for _ in 'qkv')
    return (with_reverse(lambda *qkv: F.scaled_dot_product_attention(*qkv, is_causal=causal),
                         q, k, v),
            14 * b * heads * t * t * d // (2 if causal else 1), 'GFLOP/s')


def elementwise(op, n):
    f = getattr(torch, op, None) or getattr(torch._C._nn, op)
    x, y = [torch.rand(n) for _ in range(2 if op in BINARY else 1)], torch.empty(n)
    f(*x, out=y)
    return lambda: f(*x, out=y), n, 'elements/ns'


KINDS = dict(
    matmul=(3, product), batched=(4, product), conv1d=(4, conv1d), conv2d=(7, conv2d),
    attention=(4, attention), cross_entropy=(2, cross_entropy), sum=(2, total(1)),
    sum_columns=(2, total(0)), softmax=(2, rows(lambda x, c: F.softmax(x, -1))),
    log_softmax=(2, rows(lambda x, c: F.log_softmax(x, -1))),
    layer_norm=(2, rows(lambda x, c: F.layer_norm(x, (c,)))),
    rms_norm=(2, rows(lambda x, c: F.rms_norm(x, (c,), eps=1e-5))))


def build(name):
    """run, work and unit of the operation that `name` describes; None when there is no such one."""
    kind, *parts = name.split('/')
    options = {'causal': True} if kind == 'attention' and parts[-1:] == ['causal'] else {}
    if options:
        parts.pop()
    if not parts or not all(re.fullmatch(r'[1-9]\d*(x[1-9]\d*)*', part) for part in parts):
        return None
    sizes = [int(size) for part in parts for size in part.split('x')]
    if kind in KINDS:
        n, f = KINDS[kind]
        return f(*sizes, **options) if len(sizes) == n else None
    try:
        return elementwise(kind, *sizes)
    except (AttributeError, TypeError, RuntimeError):
        return None


def main(a):
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    for name in a.names or DEFAULT:
        built = build(name)
        if not built:
            raise SystemExit(f'torch_ops.py: no operation {name!r} (see torch_ops.py --help)')
        run, work, unit = built

        def text(row):
            return (f"{name:32s} {row['us']:12.2f} us  {work / row['us'] / 1e3:9.2f} {unit}  "
                    f"{row['peak_mib']:8.1f} MiB")
        timing.measure(a, run, dict(name=name, threads=a.threads, torch=torch.__version__,
                                    work=work, unit=unit), text)


if __name__ == '__main__':
    main(ARGS)
