"""Functions of one value, bounds, whole numbers, truth values, straight-through."""
import torch
from torch.nn import functional as F

from golden import case, real

inf, nan = float('inf'), float('nan')
EDGES = [-1e4, -100, -20, -1, -1e-3, 0, 1e-3, 1, 20, 100, 1e4]
WHOLE = [-2.5, -1.5, -0.5, -0.3, 0, 0.5, 1.5, 2.5, 2.7, 1e10, inf, -inf]
TRUTH = [0, 0, 2, -1, 0.5, 0, inf]


def celu(alpha):  # F.celu's f64 slopes are good to f32
    return lambda x: torch.where(x > 0, x, alpha * torch.expm1(x / alpha))


def hard_sigmoid(x):  # as F.hardsigmoid's
    return F.relu6(x + 3) / 6


PLAIN = [('expm1', torch.expm1), ('log1p', torch.log1p), ('atan', torch.atan), ('sinh', torch.sinh),
         ('cosh', torch.cosh), ('gelu_tanh', lambda x: F.gelu(x, approximate='tanh')),
         ('mish', F.mish), ('softsign', F.softsign), ('log_sigmoid', F.logsigmoid), ('selu', F.selu),
         ('hard_tanh', F.hardtanh), ('hard_sigmoid', hard_sigmoid), ('hard_swish', F.hardswish)]
EVERYWHERE = [pair for pair in PLAIN if pair[0] not in ('expm1', 'log1p', 'sinh', 'cosh')]
ROUNDING = [('floor', torch.floor), ('ceil', torch.ceil), ('round', torch.round),
            ('trunc', torch.trunc)]
TESTS = [('is_finite', torch.isfinite), ('is_inf', torch.isinf), ('is_nan', torch.isnan)]
LOGIC = [('logical_and', torch.logical_and), ('logical_or', torch.logical_or),
         ('logical_xor', torch.logical_xor)]

CASES = [
    *[case(f'{name}/plain', f, real(5, 7, low=-0.9 if name == 'log1p' else -2, high=3))
      for name, f in PLAIN],
    *[case(f'{name}/wide', f, real(33, low=-6, high=6)) for name, f in EVERYWHERE],
    *[case(f'{name}/edges', f, real(11, values=EDGES), diff=False) for name, f in EVERYWHERE],
    case('expm1/edges', torch.expm1, real(6, values=[-inf, -50, -1e-20, 1e-20, 50, inf]),
         diff=False),
    case('log1p/edges', torch.log1p, real(6, values=[-1, -0.999, -1e-20, 1e-20, 1e30, inf]),
         diff=False),
    *[case(f'{name}/edges', f, real(6, values=[-80, -1e-3, 0, 1e-3, 1, 80]), diff=False)
      for name, f in PLAIN if name in ('sinh', 'cosh')],
    case('reciprocal/plain', torch.reciprocal, real(5, 7, avoid=0.3)),
    case('reciprocal/edges', torch.reciprocal, real(4, values=[0, inf, -inf, 1e-30]), diff=False),
    case('leaky_relu/plain', lambda x: F.leaky_relu(x, 0.1), real(5, 7, avoid=0.1), slope=0.1),
    case('leaky_relu/at_the_kink', lambda x: F.leaky_relu(x, -2), real(3, values=[-1, 0, 1]),
         slope=-2),
    case('elu/plain', lambda x: F.elu(x, 1.5), real(5, 7, avoid=0.1), alpha=1.5),
    case('elu/edges', lambda x: F.elu(x, 0.5), real(11, values=EDGES), alpha=0.5,
         second=False),  # at 0 PyTorch has 0
    case('celu/plain', celu(0.7), real(5, 7, avoid=0.1), alpha=0.7),
    case('clamp/both', lambda x: x.clamp(-1, 0.5), real(5, 7), low=-1, high=0.5),
    case('clamp/low', lambda x: x.clamp(min=0), real(13), low=0, high=inf),
    case('clamp/high', lambda x: x.clamp(max=1), real(13), low=-inf, high=1),
    case('clamp/edges', lambda x: x.clamp(-1, 1), real(5, values=[-inf, -1, nan, 1, inf]), low=-1,
         high=1, diff=False),
    *[case(f'{name}/whole', f, real(12, values=WHOLE), diff=False) for name, f in ROUNDING],
    case('straight_through/round', lambda x: (x.round() - x).detach() + x, real(5, 7)),
    *[case(f'{name}/plain', lambda x, f=f: f(x).double(), real(5, values=[1, inf, -inf, nan, 0]),
           diff=False) for name, f in TESTS],
    case('logical_not/plain', lambda x: x.logical_not().double(), real(4, values=[0, 1, nan, -2]),
         diff=False),
    *[case(f'{name}/plain', lambda a, b, f=f: f(a, b).double(), real(7, values=TRUTH),
           real(7, values=[0, 3, 0, 0.5, nan, nan, 0]), diff=False) for name, f in LOGIC],
    *[case(f'{name}/broadcast', lambda a, b, f=f: f(a, b).double(),
           real(2, 1, values=[0, 1]), real(3, values=[2, 0, 1]), diff=False) for name, f in LOGIC],
]
