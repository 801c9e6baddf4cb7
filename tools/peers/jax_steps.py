"""JAX (CPU, jit) reference training steps, for side-by-side timing on the same machine.

    python3 jax_steps.py [--threads N] [--seconds S] [--only NAME[,NAME]] [--json]

The models of torch_steps.py, which stays the reference for what each one is: same shapes,
batch, layers, losses, clipping, optimizers, parameter counts. Each entry builds one model at a
fixed size, and times whole training steps (forward, backward, gradient clip where the model uses
one, optimizer update) on synthetic input of fixed shape. A step is one jitted function with donated
parameters and optimizer state; every timed step ends in block_until_ready. Prints one line per
model: name, median microseconds per step, peak resident memory in MiB (compiler included),
parameters. A C program that claims to be faster must run the same shapes, batch, layers and
optimizer.

Where there was a choice (scan or unrolled loop, layout, recomputation, form of dropout, convolution
or pooling) the code keeps what was measured to be faster on CPU; all of it trains as torch_steps.py
does, in float32 (sagan leaves out discriminator gradients that PyTorch computes and drops).

Threads: JAX on CPU has no thread flag. Before jax is imported the process is bound to the first N
of its allowed cores (sched_setaffinity, from which XLA sizes its thread pool), NPROC=N says the
same to the pool directly, and XLA_FLAGS gets --xla_cpu_multi_thread_eigen=true and
intra_op_parallelism_threads=N (read by some versions only). Time one model per process (--only
NAME), or the peak memory is that of all models so far. With glibc, MALLOC_MMAP_MAX_=0
MALLOC_TRIM_THRESHOLD_=34359738368 in the environment keeps XLA's buffers mapped between steps:
measured 10 to 30 % less time for ptrnet, ntm and (two threads) gat, and no clear change for the
others.
"""
import math
import os

import timing


def bind(threads):
    cores = sorted(os.sched_getaffinity(0))
    if threads > len(cores):
        raise SystemExit(f'jax_steps.py: --threads {threads}: only {len(cores)} cores are allowed')
    os.sched_setaffinity(0, cores[:threads])
    os.environ['NPROC'] = str(threads)
    os.environ['XLA_FLAGS'] = (
        os.environ.get('XLA_FLAGS', '') + ' --xla_cpu_multi_thread_eigen=true'
        f' intra_op_parallelism_threads={threads}'
    ).strip()


ARGS = timing.arguments(__doc__) if __name__ == '__main__' else None
if ARGS:
    bind(ARGS.threads)  # must come before the import of jax
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
jax = timing.module('jax')
import numpy as np
import jax.numpy as jnp
from jax import lax, nn
from jax.tree_util import tree_leaves, tree_map

from jax_layers import *


# ---- the models: each returns params, optimizer state, state, batch, step ----

def ptrnet(B=128, n=10, H=256):
    p = dict(
        emb=linear(1, H),
        enc=cell(4, H, H),
        dec=cell(4, H, H),
        w1=linear(H, H, False),
        w2=linear(H, H, False),
        v=linear(H, 1, False),
        start=zeros(H),
    )
    x = RNG.random((B, n, 1), 'f')
    y = x[..., 0].argsort(1)

    def loss(p, s, batch, key):
        x, y = batch
        e = jnp.tanh(lin(p['emb'], x.swapaxes(0, 1)))
        z = jnp.zeros((B, H))
        hs, (h, c) = lstm(p['enc'], e, z, z, unroll=n)
        fed = nn.one_hot(y[:, :-1], n, axis=1)  # teacher forcing: all inputs are known
        fed = jnp.concatenate(
            [jnp.broadcast_to(p['start'], (1, B, H)), jnp.einsum('nbh,bnt->tbh', e, fed)]
        )
        ds, _ = lstm(p['dec'], fed, h, c, unroll=n)
        u = lin(p['v'], jnp.tanh(lin(p['w1'], hs) + lin(p['w2'], ds)[:, None]))[..., 0]  # [t, n, b]
        return xent(u.transpose(2, 0, 1), y), s
    return model(p, (x, y), loss, adam(1e-3), 2.0)


def ptrnet_small():
    return ptrnet(1, 10, 32)


def ntm():
    B, T, bits, N, M, H = 16, 20, 8, 128, 20, 100
    p = dict(
        cell=cell(4, bits + 1 + M, H),
        hr=linear(H, M + 6),
        hw=linear(H, M + 6 + 2 * M),
        out=linear(H + M, bits),
        mem0=normal(N, M, std=0.05),
        r0=normal(M, std=0.05),
        h0=zeros(H),
        c0=zeros(H),
    )
    seq = RNG.integers(0, 2, (B, T, bits)).astype('f')

    def address(p, mem, w):
        k, beta, g, s, gamma = p[:, :M], nn.softplus(p[:, M:M+1]), nn.sigmoid(p[:, M+1:M+2]), \
            nn.softmax(p[:, M+2:M+5]), 1 + nn.softplus(p[:, M+5:M+6])
        length = (
            jnp.maximum(jnp.sqrt((mem**2).sum(-1)), 1e-8)
            * jnp.maximum(jnp.sqrt((k**2).sum(-1)), 1e-8)[:, None]
        )
        wc = nn.softmax(beta * jnp.einsum('bnm,bm->bn', mem, k) / length)
        w = g * wc + (1 - g) * w
        w = s[:, 0:1] * jnp.roll(w, 1, 1) + s[:, 1:2] * w + s[:, 2:3] * jnp.roll(w, -1, 1)
        w = (w + 1e-16) ** gamma
        return w / w.sum(1, keepdims=True)

    def loss(p, s, seq, key):
        x = (
            jnp.zeros((2 * T + 1, B, bits + 1))
            .at[:T, :, :bits]
            .set(seq.swapaxes(0, 1))
            .at[T, :, bits]
            .set(1)
        )

        def step(carry, gx):
            h, c, r, mem, wr, ww = carry
            h, c = lstm_gates(gx + r @ p['cell']['wi'][bits + 1:] + h @ p['cell']['wh'], c)
            pw = lin(p['hw'], h)
            wr = address(lin(p['hr'], h), mem, wr)
            r = jnp.einsum('bn,bnm->bm', wr, mem)
            ww = address(pw[:, :M+6], mem, ww)
            e, a = nn.sigmoid(pw[:, M+6:2*M+6]), jnp.tanh(pw[:, 2*M+6:])
            mem = mem * (1 - ww[:, :, None] * e[:, None]) + ww[:, :, None] * a[:, None]
            return (h, c, r, mem, wr, ww), jnp.concatenate([h, r], 1)
        first = [jnp.broadcast_to(p[k], (B,) + p[k].shape) for k in ('h0', 'c0', 'r0', 'mem0')] + [
            jnp.zeros((B, N))
        ] * 2
        gx = mm(x, p['cell']['wi'][:bits + 1]) + (p['cell']['bi'] + p['cell']['bh'])
        _, hr = lax.scan(step, tuple(first), gx)
        o, t = lin(p['out'], hr[T + 1:]), seq.swapaxes(0, 1)
        return (jnp.maximum(o, 0) - o * t + jnp.log1p(jnp.exp(-abs(o)))).mean(), s
    return model(p, seq, loss, rmsprop(1e-4, .9, .95), 10.0)


def seq2seq():
    B, T, D, V = 64, 20, 256, 5000
    p = dict(
        es=normal(V, D),
        et=normal(V, D),
        fwd=cell(3, D, D),
        bwd=cell(3, D, D),
        dec=cell(3, 3 * D, D),
        init=linear(D, D),
        wa=linear(D, D),
        ua=linear(2 * D, D, False),
        va=linear(D, 1, False),
        out=linear(4 * D, V),
    )
    x, y = RNG.integers(0, V, (B, T)), RNG.integers(0, V, (B, T + 1))

    def loss(p, s, batch, key):
        x, y = batch
        e, te, z = p['es'][x.T], p['et'][y[:, :-1].T], jnp.zeros((B, D))
        (hf, _), (hb, last) = gru(p['fwd'], e, z), gru(p['bwd'], e, z, reverse=True)
        hs = jnp.concatenate([hf, hb], -1).swapaxes(0, 1)
        keys, d = lin(p['ua'], hs), p['dec']

        def step(h, gx):
            a = nn.softmax(lin(p['va'], jnp.tanh(keys + lin(p['wa'], h)[:, None]))[..., 0])
            c = jnp.einsum('bt,btd->bd', a, hs)
            h = gru_gates(gx + c @ d['wi'][D:], h @ d['wh'] + d['bh'], h)
            return h, (h, c)
        _, (h, c) = lax.scan(
            step, jnp.tanh(lin(p['init'], last)), mm(te, d['wi'][:D]) + d['bi'], unroll=T
        )
        return xent(lin(p['out'], jnp.concatenate([h, c, te], -1)), y[:, 1:].T), s
    return model(p, (x, y), loss, adam(1e-3), 1.0)


def lstm_attention():
    B, T, Fi, H = 64, 50, 8, 50
    p = dict(lstm=cell(4, Fi, H), att=linear(T, T), out=linear(T * H, 1))
    x, y = normal(B, T, Fi), RNG.random((B, 1), 'f')

    def loss(p, s, batch, key):
        x, y = batch
        z = jnp.zeros((B, H))
        h = lstm(p['lstm'], x.swapaxes(0, 1), z, z)[0].transpose(1, 2, 0)               # [b, h, t]
        a = nn.softmax(lin(p['att'], h))
        o = nn.sigmoid(lin(p['out'], (h * a).swapaxes(1, 2).reshape(B, T * H)))
        return ((o - y) ** 2).mean(), s
    return model(p, (x, y), loss, adam(1e-3))


def transformer():
    B, T, D, V, nh, L, rate = 32, 32, 256, 8000, 8, 3, .1

    def mha(): return dict(qkv=linear(D, 3 * D), o=linear(D, D))
    def ffn(): return dict(up=linear(D, 4 * D), down=linear(4 * D, D))
    p = dict(
        src=normal(V, D),
        tgt=normal(V, D),
        out=linear(D, V),
        en=norm(D),
        dn=norm(D),
        enc=[dict(a=mha(), f=ffn(), n1=norm(D), n2=norm(D)) for _ in range(L)],
        dec=[dict(a=mha(), c=mha(), f=ffn(), n1=norm(D), n2=norm(D), n3=norm(D)) for _ in range(L)],
    )
    x, y = RNG.integers(0, V, (B, T)), RNG.integers(0, V, (B, T + 1))

    def attend(p, q, kv, mask, key):
        if kv is None:
            q, k, v = jnp.split(lin(p['qkv'], q), 3, -1)
        else:
            w, b = p['qkv']['w'], p['qkv']['b']
            q, (k, v) = mm(q, w[:, :D]) + b[:D], jnp.split(mm(kv, w[:, D:]) + b[D:], 2, -1)
        q, k, v = (t.reshape(B, T, nh, D // nh) for t in (q, k, v))
        a = jnp.einsum('bqhd,bkhd->bhqk', q / math.sqrt(D // nh), k)
        a = dropout(key, nn.softmax(a if mask is None else a + mask), rate)
        return lin(p['o'], jnp.einsum('bhqk,bkhd->bqhd', a, v).reshape(B, T, D))

    def loss(p, s, batch, key):
        x, y = batch
        keys = iter(jax.random.split(key, 10 * L))

        def add(n, x, dx): return layer_norm(n, x + dropout(next(keys), dx, rate))
        def ffn(f, x): return lin(f['down'], dropout(next(keys), nn.relu(lin(f['up'], x)), rate))
        m, h = p['src'][x] * math.sqrt(D), p['tgt'][y[:, :-1]] * math.sqrt(D)
        for b in p['enc']:
            m = add(b['n1'], m, attend(b['a'], m, None, None, next(keys)))
            m = add(b['n2'], m, ffn(b['f'], m))
        m = layer_norm(p['en'], m)
        for b in p['dec']:
            h = add(b['n1'], h, attend(b['a'], h, None, causal(T), next(keys)))
            h = add(b['n2'], h, attend(b['c'], h, m, None, next(keys)))
            h = add(b['n3'], h, ffn(b['f'], h))
        return xent(lin(p['out'], layer_norm(p['dn'], h)), y[:, 1:], .1), s
    return model(p, (x, y), loss, adam(1e-4, .9, .98, 1e-9), 1.0)


def gpt():
    B, T, D, L, V, nh = 12, 64, 128, 4, 65, 4
    blocks = [
        dict(
            l1=norm(D),
            qkv=linear(D, 3 * D),
            proj=linear(D, D),
            l2=norm(D),
            up=linear(D, 4 * D),
            down=linear(4 * D, D),
        )
        for _ in range(L)
    ]
    p = dict(
        tok=normal(V, D),
        pos=normal(T, D),
        lf=norm(D),
        head=linear(D, V, False),
        blocks=tree_map(lambda *a: np.stack(a), *blocks),
    )
    x, y = RNG.integers(0, V, (B, T)), RNG.integers(0, V, (B, T))

    def loss(p, s, batch, key):
        x, y = batch

        def block(h, b):
            q, k, v = (
                t.reshape(B, T, nh, D // nh)
                for t in jnp.split(lin(b['qkv'], layer_norm(b['l1'], h)), 3, -1)
            )
            a = nn.softmax(jnp.einsum('bqhd,bkhd->bhqk', q / math.sqrt(D // nh), k) + causal(T))
            h = h + lin(b['proj'], jnp.einsum('bhqk,bkhd->bqhd', a, v).reshape(B, T, D))
            return (
                h
                + lin(b['down'], nn.gelu(lin(b['up'], layer_norm(b['l2'], h)), approximate=False)),
                None,
            )
        # Scan over layers, saving only the weight products for the backward pass: a fifth less time
        # than a plain loop here.
        block = jax.checkpoint(
            block, policy=jax.checkpoint_policies.dots_with_no_batch_dims_saveable
        )
        h, _ = lax.scan(block, p['tok'][x] + p['pos'], p['blocks'])
        return xent(lin(p['head'], layer_norm(p['lf'], h)), y), s
    return model(p, (x, y), loss, adam(1e-3, .9, .99, decay=.1), 1.0)


def snail():
    B, T, W = 32, 6, 5

    def att(c, k, v): return dict(q=linear(c, k), k=linear(c, k), v=linear(c, v))
    def tc(c, f):
        return [
            linear(2 * (c + i * f), 2 * f) for i in range(math.ceil(math.log2(T)))
        ]  # both kernels as one product
    c1 = 64 + W + 32
    c2, c3, c4 = c1 + 3 * 128, c1 + 4 * 128, c1 + 7 * 128
    p = dict(
        conv=[dict(kernel(3, i, 64), n=norm(64)) for i in (1, 64, 64, 64)],
        fc=linear(64, 64),
        a1=att(64 + W, 64, 32),
        t1=tc(c1, 128),
        a2=att(c2, 256, 128),
        t2=tc(c3, 128),
        a3=att(c4, 512, 256),
        out=linear(c4 + 256, W),
    )
    state = dict(n=[running(64) for _ in range(4)])
    x, lab = RNG.random((B * T, 28, 28, 1), 'f'), RNG.integers(0, W, (B, T))
    one = np.eye(W, dtype='f')[lab]
    one[:, -1] = 0

    def attend(p, x):
        a = jnp.einsum('bqd,bkd->bqk', lin(p['q'], x), lin(p['k'], x)) / math.sqrt(
            p['q']['w'].shape[1]
        )
        a = nn.softmax(a + causal(T))
        return jnp.concatenate([x, jnp.einsum('bqk,bkd->bqd', a, lin(p['v'], x))], -1)

    def dense(p, x):
        for i, q in enumerate(p):
            past = jnp.pad(x, ((0, 0), (2 ** i, 0), (0, 0)))[:, :T]
            a, b = jnp.split(lin(q, jnp.concatenate([past, x], -1)), 2, -1)
            x = jnp.concatenate([x, jnp.tanh(a) * nn.sigmoid(b)], -1)
        return x

    def loss(p, s, batch, key):
        x, one, lab = batch
        stats = []
        for q, n in zip(p['conv'], s['n']):
            x, n = batch_norm(q['n'], n, conv(x, q['w'], 1, 1) + q['b'])
            x, stats = max_pool(nn.relu(x)), stats + [n]
        x = jnp.concatenate([lin(p['fc'], x.reshape(B, T, 64)), one], -1)
        x = attend(p['a3'], dense(p['t2'], attend(p['a2'], dense(p['t1'], attend(p['a1'], x)))))
        return xent(lin(p['out'], x[:, -1]), lab[:, -1]), dict(n=stats)
    return model(p, (x, one, lab), loss, adam(1e-3), None, state)


def sagan():
    """Less than torch's step: no discriminator weight gradient in the generator's half, where torch
    computes and drops it."""
    B, Z, C = 32, 128, 64
    att = dict(f=(C, C // 8), g=(C, C // 8), h=(C, C))
    G = dict(
        {k: linear(*a) for k, a in att.items()},
        gamma=zeros(1),
        c0=kernel(4, Z, 4 * C),
        c1=kernel(4, 4 * C, 2 * C),
        c2=kernel(4, 2 * C, C),
        c3=kernel(4, C, 3),
        n=[norm(c) for c in (4 * C, 2 * C, C)],
    )
    D = dict(
        {k: linear(*a) for k, a in att.items()},
        gamma=zeros(1),
        c0=kernel(4, 3, C),
        c1=kernel(4, C, 2 * C),
        c2=kernel(4, 2 * C, 4 * C),
        c3=kernel(4, 4 * C, 1),
    )
    real = RNG.random((B, 32, 32, 3), 'f') * 2 - 1

    def unit(x): return x / jnp.maximum(jnp.sqrt((x * x).sum()), 1e-12)
    def left(p): return {k: unit(normal(q['w'].shape[-1])) for k, q in p.items() if 'w' in q}
    state = dict(G=dict(u=left(G), n=[running(c) for c in (4 * C, 2 * C, C)]), D=dict(u=left(D)))

    def spectral(p, us):
        """One power iteration from the left vectors us; returns all kernels over their norm, and
        the new vectors."""
        k, new = {}, {}
        for name, u in us.items():
            w = p[name]['w'].reshape(-1, len(u))
            fixed = lax.stop_gradient(w)
            v = unit(fixed @ u)
            new[name] = u = unit(v @ fixed)
            k[name] = dict(w=p[name]['w'] / (v @ w @ u), b=p[name]['b'])
        return k, new

    def attend(k, gamma, x):
        f, g, v = (lin(k[i], x.reshape(B, 256, C)) for i in 'fgh')
        a = nn.softmax(jnp.einsum('bjd,bid->bji', g, f))
        return gamma * jnp.einsum('bji,bic->bjc', a, v).reshape(x.shape) + x

    def gen(p, s, z):
        k, u = spectral(p, s['u'])
        x, n = jnp.einsum('bz,ijzo->bijo', z, k['c0']['w']), []
        for i in range(3):
            x, new = batch_norm(p['n'][i], s['n'][i], x + k[f'c{i}']['b'])
            x, n = nn.relu(x), n + [new]
            x = deconv(x if i < 2 else attend(k, p['gamma'], x), k[f'c{i + 1}']['w'])
        return jnp.tanh(x + k['c3']['b']), dict(u=u, n=n)

    def dis(p, s, x):
        k, u = spectral(p, s['u'])
        for i in range(3):
            x = nn.leaky_relu(conv(x, k[f'c{i}']['w'], 2, 1) + k[f'c{i}']['b'], .1)
            x = x if i else attend(k, p['gamma'], x)
        return jnp.einsum('bijc,ijco->b', x, k['c3']['w']) + k['c3']['b'], dict(u=u)
    g_update, d_update = adam(1e-4, 0.0, .9), adam(4e-4, 0.0, .9)

    def step(p, o, s, real, key):
        zd, zg = jax.random.normal(jax.random.fold_in(key, o['G']['t']), (2, B, Z))

        def d_loss(d, sd, fake):
            a, sd = dis(d, sd, real)
            b, sd = dis(d, sd, fake)
            return nn.relu(1 - a).mean() + nn.relu(1 + b).mean(), sd

        def g_loss(g, sg, d, sd):
            x, sg = gen(g, sg, zg)
            y, sd = dis(d, sd, x)
            return -y.mean(), (sg, sd)
        fake, sg = gen(p['G'], s['G'], zd)
        (ld, sd), g = jax.value_and_grad(d_loss, has_aux=True)(p['D'], s['D'], fake)
        d, od = d_update(p['D'], g, o['D'])
        (lg, (sg, sd)), g = jax.value_and_grad(g_loss, has_aux=True)(p['G'], sg, d, sd)
        g, og = g_update(p['G'], g, o['G'])
        return dict(G=g, D=d), dict(G=og, D=od), dict(G=sg, D=sd), (ld, lg)
    return dict(G=G, D=D), dict(G=moments(G), D=moments(D)), state, real, step


def gat():
    N, FI, E, Hh, Fo, C = 2708, 1433, 10556, 8, 8, 7
    x = zeros(N, FI)
    x[np.arange(N).repeat(18), RNG.integers(0, FI, N * 18)] = 1 / 18
    s, d = np.concatenate([RNG.integers(0, N, (2, E)), np.tile(np.arange(N), (2, 1))], 1)
    y = RNG.integers(0, C, N)
    p = dict(
        w1=normal(FI, Hh * Fo, std=0.05),
        a1s=normal(Hh, Fo, std=0.1),
        a1d=normal(Hh, Fo, std=0.1),
        w2=normal(Hh * Fo, C, std=0.1),
        a2s=normal(1, C, std=0.1),
        a2d=normal(1, C, std=0.1),
    )

    def layer(x, s, d, w, a_s, a_d, heads, key):
        k1, k2 = jax.random.split(key)
        h = (dropout(k1, x, .6) @ w).reshape(N, heads, -1)
        e = nn.leaky_relu((h * a_s).sum(-1)[s] + (h * a_d).sum(-1)[d], .2)
        m = jax.ops.segment_max(lax.stop_gradient(e), d, N)
        p = jnp.exp(e - m[d])
        z = jax.ops.segment_sum(p, d, N)
        p = dropout(k2, p / z[d], .6)
        return jax.ops.segment_sum(h[s] * p[..., None], d, N).reshape(N, -1)

    def loss(p, state, batch, key):
        x, s, d, y = batch
        k1, k2 = jax.random.split(key)
        h = nn.elu(layer(x, s, d, p['w1'], p['a1s'], p['a1d'], Hh, k1))
        return xent(layer(h, s, d, p['w2'], p['a2s'], p['a2d'], 1, k2)[:140], y[:140]), state
    return model(p, (x, s, d, y), loss, adam(5e-3, l2=5e-4))


MODELS = timing.named(ptrnet, ptrnet_small, ntm, seq2seq, lstm_attention, transformer, gpt, snail,
                      sagan, gat)


def main(a):
    for name in timing.chosen(a, MODELS):
        *carry, batch, step = MODELS[name]()
        parameters = sum(x.size for x in tree_leaves(carry[0]))
        carry, batch = tree_map(jnp.array, carry), tree_map(jnp.array, batch)
        key, step = jax.random.key(0), jax.jit(step, donate_argnums=(0, 1, 2))

        def run():
            nonlocal carry
            *carry, loss = jax.block_until_ready(step(*carry, batch, key))
        timing.report(a, run, name, jax=jax.__version__, parameters=parameters)


if __name__ == '__main__':
    main(ARGS)
