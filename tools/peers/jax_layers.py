"""Parameters, layers and optimizers of jax_steps.py."""
import math

import numpy as np
import jax
import jax.numpy as jnp
from jax import lax, nn
from jax.tree_util import tree_leaves, tree_map

RNG = np.random.default_rng(0)


# ---- parameters: a layer is a dict of arrays, weights are [in, out] ----

def uniform(*shape, fan=None):
    r = 1 / math.sqrt(fan or shape[0])
    return RNG.uniform(-r, r, shape).astype('f')


def zeros(*shape): return np.zeros(shape, 'f')
def normal(*shape, std=1.0): return (RNG.standard_normal(shape) * std).astype('f')
def linear(i, o, bias=True):
    return dict(w=uniform(i, o), b=uniform(o, fan=i)) if bias else dict(w=uniform(i, o))
def kernel(k, i, o): return dict(w=uniform(k, k, i, o, fan=k * k * i), b=uniform(o, fan=k * k * i))
def norm(d): return dict(g=np.ones(d, 'f'), b=zeros(d))
def running(d): return dict(m=zeros(d), v=np.ones(d, 'f'))


def cell(gates, i, h):
    """LSTM (4 gates: i f g o) or GRU (3: r z n); two bias vectors, as PyTorch has."""
    return dict(
        wi=uniform(i, gates * h, fan=h),
        wh=uniform(h, gates * h),
        bi=uniform(gates * h, fan=h),
        bh=uniform(gates * h, fan=h),
    )


# ---- layers ----

def mm(x, w):
    """x @ w with all leading axes of x as rows: the weight's gradient is then one plain product,
    much faster here."""
    return (x.reshape(-1, x.shape[-1]) @ w).reshape(*x.shape[:-1], w.shape[-1])


def lin(p, x): return mm(x, p['w']) + p['b'] if 'b' in p else mm(x, p['w'])
def causal(T): return jnp.triu(jnp.full((T, T), -jnp.inf), 1)


def layer_norm(p, x):
    m = x.mean(-1, keepdims=True)
    return (x - m) * lax.rsqrt(((x - m) ** 2).mean(-1, keepdims=True) + 1e-5) * p['g'] + p['b']


def batch_norm(p, s, x):
    """x is [..., channels]; s holds the running statistics.  Returns the output and the new s."""
    ax, n = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    m = x.mean(ax)
    v = (x * x).mean(ax) - m * m                            # one pass over x
    k = lax.rsqrt(v + 1e-5) * p['g']
    new = dict(m=.9 * s['m'] + .1 * m, v=.9 * s['v'] + .1 * v * n / (n - 1))
    return x * k + (p['b'] - m * k), lax.stop_gradient(new)


def conv(x, w, stride, pad):
    return lax.conv_general_dilated(
        x, w, (stride, stride), [(pad, pad)] * 2, dimension_numbers=('NHWC', 'HWIO', 'NHWC')
    )


def deconv(x, w):
    """Transposed convolution, kernel 4, stride 2, padding 1: four 2 x 2 convolutions, one per
    parity of the output row and column. The one-line form (lhs_dilation) has a very slow kernel
    gradient on CPU."""
    b, h, v, _ = x.shape
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = [
        jnp.stack(
            [conv(x[:, i : i + h + 1, j : j + v + 1], w[i::2, j::2], 1, 0) for j in (0, 1)], 3
        )
        for i in (0, 1)
    ]
    return jnp.stack(y, 2).reshape(b, 2 * h, 2 * v, w.shape[-1])


def max_pool(x):
    """2 x 2, stride 2: a maximum over reshaped axes, whose gradient is a mask."""
    b, h, w, c = x.shape
    return x[:, :h // 2 * 2, :w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))


def dropout(key, x, rate):
    """Two elements per 32-bit random word (rate to 1/65536): jax.random.bernoulli takes twice the
    time."""
    bits = lax.bitcast_convert_type(jax.random.bits(key, ((x.size + 1) // 2,)), jnp.uint16).reshape(
        -1
    )[: x.size]
    return jnp.where(bits.reshape(x.shape) >= round(rate * 65536), x / (1 - rate), 0)


def lstm_gates(g, c):
    i, f, u, o = jnp.split(g, 4, -1)
    c = nn.sigmoid(f) * c + nn.sigmoid(i) * jnp.tanh(u)
    return nn.sigmoid(o) * jnp.tanh(c), c


def gru_gates(gx, gh, h):
    (xr, xz, xn), (hr, hz, hn) = jnp.split(gx, 3, -1), jnp.split(gh, 3, -1)
    z = nn.sigmoid(xz + hz)
    return (1 - z) * jnp.tanh(xn + nn.sigmoid(xr + hr) * hn) + z * h


def lstm(p, x, h, c, unroll=1):
    """x is [T, B, in]; the input half of all gates is one product outside the loop."""
    def step(hc, g):
        h, c = lstm_gates(g + hc[0] @ p['wh'], hc[1])
        return (h, c), h
    hc, hs = lax.scan(step, (h, c), mm(x, p['wi']) + (p['bi'] + p['bh']), unroll=unroll)
    return hs, hc


def gru(p, x, h, reverse=False):
    def step(h, g):
        h = gru_gates(g, h @ p['wh'] + p['bh'], h)
        return h, h
    h, hs = lax.scan(step, h, mm(x, p['wi']) + p['bi'], reverse=reverse)
    return hs, h


def xent(logits, y, smooth=0.0):
    """Mean cross entropy; the label is picked by a mask, whose gradient needs no scatter."""
    hit = jnp.where(y[..., None] == jnp.arange(logits.shape[-1]), logits, 0).sum(-1)
    return (
        nn.logsumexp(logits, -1) - (1 - smooth) * hit - (smooth * logits.mean(-1) if smooth else 0)
    ).mean()


# ---- optimizers: update(params, gradient, state) -> (params, state) ----

def moments(p):
    return dict(t=np.zeros((), 'i'), m=tree_map(np.zeros_like, p), v=tree_map(np.zeros_like, p))


def adam(lr, b1=.9, b2=.999, eps=1e-8, l2=0.0, decay=0.0):
    """l2 is added to the gradient (Adam), decay shrinks the parameter (AdamW)."""
    def update(p, g, o):
        t = o['t'] + 1
        g = tree_map(lambda g, p: g + l2 * p, g, p) if l2 else g
        m = tree_map(lambda m, g: b1 * m + (1 - b1) * g, o['m'], g)
        v = tree_map(lambda v, g: b2 * v + (1 - b2) * g * g, o['v'], g)
        a, b = lr / (1 - b1 ** t.astype('f')), 1 / jnp.sqrt(1 - b2 ** t.astype('f'))
        return tree_map(
            lambda p, m, v: p * (1 - lr * decay) - a * m / (jnp.sqrt(v) * b + eps), p, m, v
        ), dict(t=t, m=m, v=v)
    return update


def rmsprop(lr, momentum, alpha, eps=1e-8):
    def update(p, g, o):
        v = tree_map(lambda v, g: alpha * v + (1 - alpha) * g * g, o['v'], g)
        m = tree_map(lambda m, g, v: momentum * m + g / (jnp.sqrt(v) + eps), o['m'], g, v)
        return tree_map(lambda p, m: p - lr * m, p, m), dict(t=o['t'] + 1, m=m, v=v)
    return update


def model(p, batch, loss, update, clip=None, state=None):
    """loss(params, state, batch, key) -> (value, new state); state is the running statistics, {}
    for most models."""
    def step(p, o, s, batch, key):
        (l, s), g = jax.value_and_grad(loss, has_aux=True)(
            p, s, batch, jax.random.fold_in(key, o['t'])
        )
        if clip:
            k = jnp.minimum(
                1, clip / (jnp.sqrt(sum(jnp.vdot(x, x) for x in tree_leaves(g))) + 1e-6)
            )
            g = tree_map(lambda g: g * k, g)
        p, o = update(p, g, o)
        return p, o, s, l
    return p, moments(p), state or {}, batch, step
