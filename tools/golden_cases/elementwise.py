"""Elementwise operations: arithmetic, functions of one value, comparisons, choices."""
import torch
from torch.nn import functional as F

from golden import case, index, real

inf = float('inf')
EDGES = [-inf, -1e30, -700, -100, -20, -1, -1e-3, 0, 1e-3, 1, 20, 100, 700, 1e30, inf, float('nan')]

SMOOTH = [('neg', torch.neg), ('square', torch.square), ('exp', torch.exp), ('erf', torch.erf),
          ('sin', torch.sin), ('cos', torch.cos), ('tanh', torch.tanh), ('sigmoid', torch.sigmoid),
          ('gelu', F.gelu), ('softplus', lambda x: F.softplus(x, threshold=1e9)), ('silu', F.silu)]
POSITIVE = [('sqrt', torch.sqrt), ('rsqrt', torch.rsqrt), ('log', torch.log)]
KINKED = [('abs', torch.abs), ('relu', F.relu)]
BINARY = [('add', torch.add), ('sub', torch.sub), ('mul', torch.mul)]
ORDER = [('minimum', torch.minimum), ('maximum', torch.maximum)]
COMPARISONS = [('equal', torch.eq), ('not_equal', torch.ne), ('less', torch.lt),
               ('less_equal', torch.le), ('greater', torch.gt), ('greater_equal', torch.ge)]


def number(compare):
    return lambda a, b: compare(a, b).double()


def edges(name, f):
    finite = [x for x in EDGES if x * 0 == 0 and (abs(x) < 50 or name in ('neg', 'abs', 'relu'))]
    values = EDGES if name not in ('sin', 'cos') else finite
    if name == 'square':
        values = [x for x in EDGES if not 1e19 < abs(x) < inf]  # finite in f32 too
    if name == 'exp':
        values = [x for x in EDGES if abs(x) < 50 or abs(x) == inf or x != x]
    if name in ('gelu', 'silu'):  # at -inf PyTorch has NaN, Heed the limit 0
        values = [x for x in EDGES if x != -inf]
    return case(f'{name}/edges', f, real(len(values), values=values), diff=False)


CASES = [
    *[case(f'{name}/plain', f, real(5, 7)) for name, f in SMOOTH],
    *[edges(name, f) for name, f in SMOOTH],
    *[case(f'{name}/plain', f, real(5, 7, low=0.2, high=5)) for name, f in POSITIVE],
    *[case(f'{name}/edges', f, real(6, values=[-1, 0, 1e-20, 4, 1e30, inf]), diff=False)
      for name, f in POSITIVE],
    *[case(f'{name}/plain', f, real(5, 7, avoid=0.1)) for name, f in KINKED],
    *[case(f'{name}/at_the_kink', f, real(3, values=[-1, 0, 1])) for name, f in KINKED],
    *[edges(name, f) for name, f in KINKED],
    case('sign/plain', torch.sign, real(5, values=[-2.5, -inf, 0, 1e-20, inf]), diff=False),

    *[case(f'{name}/{how}', f, real(*a), real(*b)) for name, f in BINARY
      for how, a, b in [('same', (3, 5), (3, 5)), ('row', (3, 5), (5,)),
                        ('both', (3, 1, 4), (2, 1)), ('one', (3, 5), ())]],
    case('div/plain', torch.div, real(3, 5), real(3, 5, avoid=0.4)),
    case('div/broadcast', torch.div, real(3, 1), real(1, 4, low=0.5, high=2)),
    case('div/edges', torch.div, real(4, values=[0, 1, -1, inf]), real(4, values=[0, 0, 0, inf]),
         diff=False),
    case('pow/plain', torch.pow, real(3, 5, low=0.3, high=3), real(3, 5)),
    case('pow/broadcast', torch.pow, real(3, 1, low=0.3, high=3), real(5)),
    case('pow/whole', torch.pow, real(2, 5, avoid=0.2),
         real(5, values=[0, 1, 2, 3, -2], diff=False)),
    *[case(f'{name}/plain', f, real(4, 5), real(4, 5)) for name, f in ORDER],
    *[case(f'{name}/broadcast', f, real(4, 1), real(5)) for name, f in ORDER],
    *[case(f'{name}/ties', f, real(3, values=[1, 0, -1]), real(3, values=[1, -1, -1]))
      for name, f in ORDER],
    *[case(f'{name}/edges', f, real(4, values=[float('nan'), 1, inf, -inf]),
           real(4, values=[1, float('nan'), 2, 2]), diff=False) for name, f in ORDER],
    case('affine/plain', lambda x: 0.25 * x - 1.5, real(3, 5), scale=0.25, shift=-1.5),
    case('affine/shift', lambda x: x + 3, real(7), scale=1, shift=3),
    case('scale/plain', lambda x: -3 * x, real(3, 5), scale=-3),
    *[case(f'{name}/plain', number(f), real(6, values=[1, 2, 3, -inf, float('nan'), inf]),
           real(6, values=[2, 2, 2, -inf, float('nan'), 1])) for name, f in COMPARISONS],
    *[case(f'{name}/broadcast', number(f), real(3, 1), real(4)) for name, f in COMPARISONS],
    case('where/plain', lambda c, a, b: torch.where(c != 0, a, b),
         real(3, 4, values=[1, 0, 2, 0, 0, -1, 1, 0, 1, 1, 0, 0], diff=False), real(3, 4),
         real(3, 4)),
    case('where/broadcast', lambda c, a, b: torch.where(c != 0, a, b),
         real(4, values=[1, 0, 0.5, 0], diff=False), real(3, 1), real(2, 1, 4)),
    case('where/hides_nan', lambda c, a, b: torch.where(c != 0, a, b),
         real(2, values=[1, 0], diff=False), real(2, values=[1, float('nan')]),
         real(2, values=[inf, 2])),
    case('masked_fill/plain', lambda x, m: x.masked_fill(m != 0, -inf), real(3, 4),
         real(4, values=[0, 1, 0, 1], diff=False), value=-inf),
    case('masked_fill/broadcast', lambda x, m: x.masked_fill(m != 0, 2.5), real(2, 3, 4),
         real(3, 1, values=[0, 1, 0], diff=False), value=2.5),
    case('stop_gradient/plain', lambda x: x * x.detach(), real(3, 4)),
    case('cast/to_i32', lambda x: x.to(torch.int32), real(6, values=[-2.7, -0.5, 0, 0.5, 1.99, 7]),
         dtype='i32'),
    case('cast/to_real', lambda x: x.double(), index(5, below=9), dtype='real'),
    case('mean_squared_error/plain', F.mse_loss, real(3, 5), real(3, 5)),
]
