"""Sums of products, distances, constants with a pattern."""
import torch
import torch.nn.functional as F

from golden import case, real

EQUATIONS = [
    ('ij,jk->ik', (3, 4), (4, 5)), ('ij,jk', (3, 4), (4, 2)), ('ba', (3, 4)), ('ii', (4, 4)),
    ('ii->i', (4, 4)), ('ibi->b', (3, 2, 3)), ('i,i->', (5,), (5,)), ('i,j->ji', (3,), (4,)),
    ('bi,bi->b', (2, 5), (2, 5)), ('bhtd,bhsd->bhts', (2, 2, 3, 4), (2, 2, 2, 4)),
    ('bthd,bshd->bhts', (2, 3, 2, 4), (2, 2, 2, 4)), ('bqd,hdk->bhqk', (2, 3, 4), (2, 4, 2)),
    ('abcd,defc->abef', (2, 2, 3, 2), (2, 2, 2, 3)), ('ij,jk,kl->il', (2, 3), (3, 4), (4, 2)),
    ('bn,anm,bm->ba', (2, 3), (2, 3, 4), (2, 4)), ('...ij,jk->...ik', (2, 2, 3, 2), (2, 3)),
    ('...i->i', (2, 3, 4)), ('i...,...i', (3, 2, 2), (2, 3)), ('ij,jk->ik', (3, 1), (4, 2)),
    ('ij->', (3, 4)),
]


def cdist(p):
    return lambda a, b: torch.cdist(a, b, p)


CASES = [
    *[case(f'einsum/{i}', lambda *x, equation=equation: torch.einsum(equation, *x),
           *[real(*shape) for shape in shapes], equation=equation)
      for i, (equation, *shapes) in enumerate(EQUATIONS)],
    case('dot/plain', torch.dot, real(7), real(7)),
    case('outer/plain', torch.outer, real(3), real(5)),
    case('trace/square', torch.trace, real(4, 4)),
    case('trace/batch', lambda x: torch.einsum('bii->b', x[:, :, :2]), real(3, 2, 4)),
    *[case(f'cosine_similarity/axis{axis}', lambda a, b, axis=axis: F.cosine_similarity(a, b, axis),
           real(3, 5), real(3, 5), axis=axis, eps=0.0) for axis in [0, 1]],
    case('cosine_similarity/broadcast', lambda a, b: F.cosine_similarity(a, b, -1), real(2, 1, 4),
         real(3, 4), axis=-1, eps=0.0),
    *[case(f'normalize/{p}_axis{axis}', lambda x, p=p, axis=axis: F.normalize(x, p, axis),
           real(3, 5, avoid=0.2), p=p, axis=axis, eps=0.0)
      for p, axis in [(2.0, 1), (1.0, 0), (3.0, -1)]],
    case('normalize/eps', lambda x: F.normalize(x, 2.0, 1, eps=100.0), real(3, 5), p=2.0, axis=1,
         eps=100.0),
    *[case(f'pairwise_distance/{p}', lambda a, b, p=p: F.pairwise_distance(a, b, p, keepdim=True),
           real(3, 5), real(3, 5, low=2.5, high=4.0), p=p, eps=0.0, keep=True)
      for p in [1.0, 2.0, 3.0]],
    case('pairwise_distance/eps', lambda a, b: F.pairwise_distance(a, b, 2.0, eps=0.5), real(2, 4),
         real(2, 4), p=2.0, eps=0.5, keep=False),
    *[case(f'cdist/{p}_{exact:d}', cdist(p), real(2, 3, 4), real(2, 4, low=2.5, high=4.0),
           second=False, p=p, exact=exact)
      for p, exact in [(1.0, False), (2.0, False), (2.0, True), (3.0, False)]],
    case('cdist/many', cdist(2.0), real(3, 2), real(26, 2, low=2.5, high=4.0), second=False, p=2.0,
         exact=False, f32=1e-4),
    *[case(f'arange/{i}', lambda a=a: torch.arange(*a, dtype=torch.float64), start=a[0], stop=a[1],
           step=a[2]) for i, a in enumerate([(0.0, 1.0, 0.25), (5.0, 0.0, -2.0), (2.0, 2.5, 1.0)])],
    *[case(f'linspace/{i}', lambda a=a: torch.linspace(*a, dtype=torch.float64), start=a[0],
           stop=a[1], n=a[2])
      for i, a in enumerate([(-1.0, 2.0, 7), (3.0, 1.0, 2), (3.0, 1.0, 1)])],
    *[case(f'eye/{m}x{n}', lambda m=m, n=n: torch.eye(m, n, dtype=torch.float64), rows=m,
           columns=n) for m, n in [(3, 3), (2, 4)]],
    *[case(f'causal_mask/{t}x{s}',
           lambda t=t, s=s: torch.ones(t, s, dtype=torch.float64).tril(s - t), queries=t, keys=s) for t, s in [(3, 3), (2, 4), (4, 2)]],
    *[case(f'{name}/{diagonal}', lambda x, f=f, diagonal=diagonal: f(x, diagonal), real(2, 3, 4),
           diagonal=diagonal)
      for name, f in [('tril', torch.tril), ('triu', torch.triu)] for diagonal in [-1, 0, 2]],
]
