"""PyTorch reference training steps, for side-by-side timing on the same machine.

    python3 torch_steps.py [--threads N] [--seconds S] [--only NAME[,NAME]] [--compile] [--json]

Each entry builds one model at a fixed size, and times whole training steps (forward, backward,
gradient clip where the model uses one, optimizer update) on synthetic input of fixed shape.  Prints
one line per model: name, median microseconds per step, peak resident memory in MiB.
A C program that claims to be faster must run the same shapes, batch, layers and optimizer.
"""
import math

import timing

ARGS = timing.arguments(__doc__, compile=True) if __name__ == '__main__' else None
torch = timing.module('torch')
from torch import nn
import torch.nn.functional as F


def ptrnet(B=128, n=10, H=256):
    """Pointer network, sorting: batch 128, n = 10 scalars, LSTM 256 encoder + decoder, additive
    pointer."""
    emb, enc, dec = nn.Linear(1, H), nn.LSTM(H, H, batch_first=True), nn.LSTMCell(H, H)
    w1, w2 = nn.Linear(H, H, bias=False), nn.Linear(H, H, bias=False)
    v = nn.Linear(H, 1, bias=False)
    start = nn.Parameter(torch.zeros(H))
    mods = [emb, enc, dec, w1, w2, v]
    params = [p for m in mods for p in m.parameters()] + [start]
    opt = torch.optim.Adam(params, 1e-3)
    x = torch.rand(B, n, 1)
    y = x.squeeze(-1).argsort(1)

    def loss():
        e = torch.tanh(emb(x))
        hs, (h, c) = enc(e)
        h, c = h[0], c[0]
        keys = w1(hs)
        inp, logits = start.expand(B, H), []
        for t in range(n):
            h, c = dec(inp, (h, c))
            u = v(torch.tanh(keys + w2(h).unsqueeze(1))).squeeze(-1)
            logits.append(u)
            inp = e[torch.arange(B), y[:, t]]
        return F.cross_entropy(torch.stack(logits, 1).reshape(B * n, n), y.reshape(-1))
    return params, opt, loss, 2.0


def ptrnet_small():
    """The same at a size for teaching, where overhead is all: batch 1, hidden 32."""
    return ptrnet(1, 10, 32)


def ntm():
    """NTM copy: batch 16, 20 vectors of 8 bits, memory 128 x 20, LSTM controller 100, one read +
    one write head."""
    B, T, bits, N, M, H = 16, 20, 8, 128, 20, 100
    cell = nn.LSTMCell(bits + 1 + M, H)
    hr, hw, out = nn.Linear(H, M + 6), nn.Linear(H, M + 6 + 2 * M), nn.Linear(H + M, bits)
    mem0, r0 = nn.Parameter(torch.randn(N, M) * .05), nn.Parameter(torch.randn(M) * .05)
    h0, c0 = nn.Parameter(torch.zeros(H)), nn.Parameter(torch.zeros(H))
    params = [p for m in (cell, hr, hw, out) for p in m.parameters()] + [mem0, r0, h0, c0]
    opt = torch.optim.RMSprop(params, 1e-4, momentum=.9, alpha=.95)
    seq = torch.randint(0, 2, (B, T, bits)).float()

    def address(p, mem, w):
        k, beta, g, s, gamma = p[:, :M], F.softplus(p[:, M:M+1]), torch.sigmoid(p[:, M+1:M+2]), \
            F.softmax(p[:, M+2:M+5], 1), 1 + F.softplus(p[:, M+5:M+6])
        wc = F.softmax(beta * F.cosine_similarity(mem + 1e-16, k.unsqueeze(1) + 1e-16, dim=-1), 1)
        w = g * wc + (1 - g) * w
        w = s[:, 0:1] * w.roll(1, 1) + s[:, 1:2] * w + s[:, 2:3] * w.roll(-1, 1)
        w = (w + 1e-16) ** gamma
        return w / w.sum(1, keepdim=True)

    def loss():
        mem = mem0.expand(B, N, M)
        r, h, c = r0.expand(B, M), h0.expand(B, H), c0.expand(B, H)
        wr = ww = torch.zeros(B, N)
        outs = []
        zero, end = torch.zeros(B, bits + 1), torch.zeros(B, bits + 1)
        end[:, bits] = 1
        flag = torch.zeros(B, 1)
        for t in range(2 * T + 1):
            x = torch.cat([seq[:, t], flag], 1) if t < T else (end if t == T else zero)
            h, c = cell(torch.cat([x, r], 1), (h, c))
            pw = hw(h)
            wr = address(hr(h), mem, wr)
            r = (wr.unsqueeze(1) @ mem).squeeze(1)
            ww = address(pw[:, :M + 6], mem, ww)
            e, a = torch.sigmoid(pw[:, M+6:2*M+6]), torch.tanh(pw[:, 2*M+6:])
            mem = mem * (1 - ww.unsqueeze(2) * e.unsqueeze(1)) + ww.unsqueeze(2) * a.unsqueeze(1)
            if t > T:
                outs.append(out(torch.cat([h, r], 1)))
        return F.binary_cross_entropy_with_logits(torch.stack(outs, 1), seq)
    return params, opt, loss, 10.0


def transformer():
    """Encoder-decoder transformer: batch 32, 32 tokens each side, d 256, 8 heads, 3 + 3 layers, FFN
    1024, vocabulary 8000."""
    B, T, D, V = 32, 32, 256, 8000
    src, tgt, out = nn.Embedding(V, D), nn.Embedding(V, D), nn.Linear(D, V)
    tr = nn.Transformer(D, 8, 3, 3, 1024, dropout=0.1, batch_first=True)
    params = [p for m in (src, tgt, out, tr) for p in m.parameters()]
    opt = torch.optim.Adam(params, 1e-4, betas=(.9, .98), eps=1e-9)
    x, y = torch.randint(0, V, (B, T)), torch.randint(0, V, (B, T + 1))
    mask = nn.Transformer.generate_square_subsequent_mask(T)

    def loss():
        o = tr(src(x) * math.sqrt(D), tgt(y[:, :-1]) * math.sqrt(D), tgt_mask=mask)
        return F.cross_entropy(out(o).reshape(-1, V), y[:, 1:].reshape(-1), label_smoothing=.1)
    return params, opt, loss, 1.0


def gpt():
    """Character GPT: batch 12, context 64, d 128, 4 heads, 4 layers, vocabulary 65 (the small CPU
    configuration)."""
    B, T, D, L, V, nh = 12, 64, 128, 4, 65, 4
    tok, pos = nn.Embedding(V, D), nn.Embedding(T, D)
    blocks = nn.ModuleList(nn.ModuleDict(dict(
        l1=nn.LayerNorm(D), qkv=nn.Linear(D, 3 * D), proj=nn.Linear(D, D), l2=nn.LayerNorm(D),
        up=nn.Linear(D, 4 * D), down=nn.Linear(4 * D, D))) for _ in range(L))
    lf, head = nn.LayerNorm(D), nn.Linear(D, V, bias=False)
    params = [p for m in (tok, pos, blocks, lf, head) for p in m.parameters()]
    opt = torch.optim.AdamW(params, 1e-3, betas=(.9, .99), weight_decay=.1)
    x, y = torch.randint(0, V, (B, T)), torch.randint(0, V, (B, T))
    sdpa = getattr(F, 'scaled_dot_product_attention', None)
    causal = torch.full((T, T), float('-inf')).triu(1)

    def loss():
        h = tok(x) + pos.weight
        for b in blocks:
            q, k, v = (
                t.view(B, T, nh, D // nh).transpose(1, 2) for t in b['qkv'](b['l1'](h)).split(D, 2)
            )
            a = sdpa(q, k, v, is_causal=True) if sdpa else \
                F.softmax(q @ k.transpose(-2, -1) / math.sqrt(D // nh) + causal, -1) @ v
            h = h + b['proj'](a.transpose(1, 2).reshape(B, T, D))
            h = h + b['down'](F.gelu(b['up'](b['l2'](h))))
        return F.cross_entropy(head(lf(h)).view(-1, V), y.view(-1))
    return params, opt, loss, 1.0


def gat():
    """GAT on a Cora-sized graph: 2708 nodes, 1433 sparse features (18 per node), 10556 directed
    edges + self loops, 8 heads x 8, ELU, 1 output head x 7, dropout 0.6, full batch. Edge-list
    (sparse) attention."""
    N, FI, E, Hh, Fo, C = 2708, 1433, 10556, 8, 8, 7
    g = torch.Generator().manual_seed(0)
    idx = torch.stack(
        [torch.arange(N).repeat_interleave(18), torch.randint(0, FI, (N * 18,), generator=g)]
    )
    x = torch.zeros(N, FI)
    x[idx[0], idx[1]] = 1 / 18
    ei = torch.cat([torch.randint(0, N, (2, E), generator=g), torch.arange(N).repeat(2, 1)], 1)
    s, d = ei
    y = torch.randint(0, C, (N,), generator=g)
    w1, a1s, a1d = (
        nn.Parameter(torch.randn(FI, Hh * Fo) * 0.05),
        nn.Parameter(torch.randn(Hh, Fo) * 0.1),
        nn.Parameter(torch.randn(Hh, Fo) * 0.1),
    )
    w2, a2s, a2d = (
        nn.Parameter(torch.randn(Hh * Fo, C) * 0.1),
        nn.Parameter(torch.randn(1, C) * 0.1),
        nn.Parameter(torch.randn(1, C) * 0.1),
    )
    params = [w1, a1s, a1d, w2, a2s, a2d]
    opt = torch.optim.Adam(params, 5e-3, weight_decay=5e-4)

    def layer(x, w, a_s, a_d, heads):
        h = (F.dropout(x, .6) @ w).view(N, heads, -1)
        e = F.leaky_relu((h * a_s).sum(-1)[s] + (h * a_d).sum(-1)[d], .2)
        m = torch.full((N, heads), -1e30).index_reduce(0, d, e.detach(), 'amax')
        p = (e - m[d]).exp()
        z = torch.zeros(N, heads).index_add(0, d, p)
        p = F.dropout(p / z[d], .6)
        return torch.zeros_like(h).index_add(0, d, h[s] * p.unsqueeze(-1)).view(N, -1)

    def loss():
        h = F.elu(layer(x, w1, a1s, a1d, Hh))
        return F.cross_entropy(layer(h, w2, a2s, a2d, 1)[:140], y[:140])
    return params, opt, loss, None


def lstm_attention():
    """LSTM + permute attention: batch 64, 50 steps, 8 features, LSTM 50,
    Permute/Dense(softmax)/Permute/multiply, Dense sigmoid."""
    B, T, Fi, H = 64, 50, 8, 50
    lstm, att, out = nn.LSTM(Fi, H, batch_first=True), nn.Linear(T, T), nn.Linear(T * H, 1)
    params = [p for m in (lstm, att, out) for p in m.parameters()]
    opt = torch.optim.Adam(params, 1e-3)
    x, y = torch.randn(B, T, Fi), torch.rand(B, 1)

    def loss():
        h, _ = lstm(x)
        a = F.softmax(att(h.permute(0, 2, 1)), -1).permute(0, 2, 1)
        return F.mse_loss(torch.sigmoid(out((h * a).flatten(1))), y)
    return params, opt, loss, None


def sagan():
    """SAGAN 32 x 32 x 3, batch 32: conv generator / discriminator, 64 base channels, self-attention
    at 16 x 16, spectral norm everywhere, hinge loss, one discriminator + one generator update per
    step."""
    from torch.nn.utils import spectral_norm as sn
    B, Z, C = 32, 128, 64

    class Attn(nn.Module):
        def __init__(s, c):
            super().__init__()
            s.f, s.g, s.h = (sn(nn.Conv2d(c, k, 1)) for k in (c // 8, c // 8, c))
            s.gamma = nn.Parameter(torch.zeros(1))

        def forward(s, x):
            b, c, h, w = x.shape
            f, g, v = s.f(x).flatten(2), s.g(x).flatten(2), s.h(x).flatten(2)
            a = F.softmax(f.transpose(1, 2) @ g, 1)
            return s.gamma * (v @ a).view(b, c, h, w) + x
    G = nn.Sequential(
        sn(nn.ConvTranspose2d(Z, 4 * C, 4)), nn.BatchNorm2d(4 * C), nn.ReLU(),
        sn(nn.ConvTranspose2d(4 * C, 2 * C, 4, 2, 1)), nn.BatchNorm2d(2 * C), nn.ReLU(),
        sn(nn.ConvTranspose2d(2 * C, C, 4, 2, 1)), nn.BatchNorm2d(C), nn.ReLU(), Attn(C),
        sn(nn.ConvTranspose2d(C, 3, 4, 2, 1)), nn.Tanh())
    D = nn.Sequential(
        sn(nn.Conv2d(3, C, 4, 2, 1)), nn.LeakyReLU(.1), Attn(C),
        sn(nn.Conv2d(C, 2 * C, 4, 2, 1)), nn.LeakyReLU(.1),
        sn(nn.Conv2d(2 * C, 4 * C, 4, 2, 1)), nn.LeakyReLU(.1), sn(nn.Conv2d(4 * C, 1, 4)))
    og = torch.optim.Adam(G.parameters(), 1e-4, betas=(0.0, .9))
    od = torch.optim.Adam(D.parameters(), 4e-4, betas=(0.0, .9))
    real = torch.rand(B, 3, 32, 32) * 2 - 1

    def step():
        od.zero_grad(set_to_none=True)
        fake = G(torch.randn(B, Z, 1, 1)).detach()
        (F.relu(1 - D(real)).mean() + F.relu(1 + D(fake)).mean()).backward()
        od.step()
        og.zero_grad(set_to_none=True)
        (-D(G(torch.randn(B, Z, 1, 1))).mean()).backward()
        og.step()
    return None, None, step, None


def snail():
    """SNAIL, 5-way 1-shot episodes: batch 32, 6 steps, 64-d embeddings from a 4-block conv net on
    28 x 28 images, attention(64,32) - TC(128) - attention(256,128) - TC(128) - attention(512,256) -
    linear."""
    B, T, W = 32, 6, 5

    def block(channels):
        return (nn.Conv2d(channels, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
                nn.MaxPool2d(2))
    conv = nn.Sequential(*block(1), *block(64), *block(64), *block(64), nn.Flatten(),
                         nn.Linear(64, 64))

    class Att(nn.Module):
        def __init__(s, c, k, v):
            super().__init__()
            s.q, s.k, s.v, s.dk = nn.Linear(c, k), nn.Linear(c, k), nn.Linear(c, v), k

        def forward(s, x):
            m = torch.full((T, T), float('-inf')).triu(1)
            a = F.softmax(s.q(x) @ s.k(x).transpose(1, 2) / math.sqrt(s.dk) + m, -1)
            return torch.cat([x, a @ s.v(x)], -1)

    class TC(nn.Module):
        def __init__(s, c, f):
            super().__init__()
            s.d = nn.ModuleList()
            for i in range(math.ceil(math.log2(T))):
                s.d.append(nn.ModuleList(nn.Conv1d(c, f, 2, dilation=2 ** i) for _ in 'ab'))
                c += f

        def forward(s, x):
            x = x.transpose(1, 2)
            for i, (a, b) in enumerate(s.d):
                p = F.pad(x, (2 ** i, 0))
                x = torch.cat([x, torch.tanh(a(p)) * torch.sigmoid(b(p))], 1)
            return x.transpose(1, 2)
    c0 = 64 + W
    c1, c2 = c0 + 32, c0 + 32 + 3 * 128
    c3 = c2 + 128
    c4 = c3 + 3 * 128
    body = nn.Sequential(Att(c0, 64, 32), TC(c1, 128), Att(c2, 256, 128), TC(c3, 128),
                         Att(c4, 512, 256), nn.Linear(c4 + 256, W))
    params = list(conv.parameters()) + list(body.parameters())
    opt = torch.optim.Adam(params, 1e-3)
    x, lab = torch.rand(B * T, 1, 28, 28), torch.randint(0, W, (B, T))
    one = F.one_hot(lab, W).float()
    one[:, -1] = 0

    def loss():
        e = conv(x).view(B, T, 64)
        return F.cross_entropy(body(torch.cat([e, one], -1))[:, -1], lab[:, -1])
    return params, opt, loss, None


def seq2seq():
    """Seq2seq with additive (Bahdanau) attention: batch 64, 20 source + 20 target tokens, bi-GRU
    256 encoder, GRU 256 decoder, vocabulary 5000."""
    B, T, D, V = 64, 20, 256, 5000
    es, et = nn.Embedding(V, D), nn.Embedding(V, D)
    enc, dec = nn.GRU(D, D, bidirectional=True, batch_first=True), nn.GRUCell(3 * D, D)
    init, wa, ua = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(2 * D, D, bias=False)
    va, out = nn.Linear(D, 1, bias=False), nn.Linear(4 * D, V)
    params = [p for m in (es, et, enc, dec, init, wa, ua, va, out) for p in m.parameters()]
    opt = torch.optim.Adam(params, 1e-3)
    x, y = torch.randint(0, V, (B, T)), torch.randint(0, V, (B, T + 1))

    def loss():
        hs, hT = enc(es(x))
        s, keys, te, outs = torch.tanh(init(hT[1])), ua(hs), et(y[:, :-1]), []
        for t in range(T):
            a = F.softmax(va(torch.tanh(keys + wa(s).unsqueeze(1))).squeeze(-1), -1)
            c = (a.unsqueeze(1) @ hs).squeeze(1)
            s = dec(torch.cat([te[:, t], c], -1), s)
            outs.append(torch.cat([s, c, te[:, t]], -1))
        return F.cross_entropy(out(torch.stack(outs, 1)).reshape(-1, V), y[:, 1:].reshape(-1))
    return params, opt, loss, 1.0


MODELS = timing.named(ptrnet, ptrnet_small, ntm, seq2seq, lstm_attention, transformer, gpt, snail,
                      sagan, gat)


def step_of(name, compile):
    """One training step as a function, and the parameters that it moves (None: several sets)."""
    params, opt, loss, clip = MODELS[name]()
    if params is None:
        return loss, None
    if compile:
        loss = torch.compile(loss)

    def step():
        opt.zero_grad(set_to_none=True)
        loss().backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(params, clip)
        opt.step()
    return step, params


def main(a):
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    for name in timing.chosen(a, MODELS):
        step, params = step_of(name, a.compile)
        timing.report(a, step, name, torch=torch.__version__, compile=a.compile,
                      parameters=sum(p.numel() for p in params) if params else None)


if __name__ == '__main__':
    main(ARGS)
