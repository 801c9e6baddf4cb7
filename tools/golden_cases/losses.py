"""Losses, with every option and reduction."""
import torch
from torch.nn import functional as F

from golden import case, index, real

REDUCTIONS = ['mean', 'sum', 'none']
CLASSES = 6
KL = [(False, 0.0), (True, -2.0)]


def reduce(loss, reduction):
    return loss.mean() if reduction == 'mean' else loss.sum() if reduction == 'sum' else loss


def each(name, function, *inputs, reductions=REDUCTIONS, **attributes):
    """The case with each reduction; the function takes it as its last argument."""
    return [case(f'{name}_{r}', lambda *x, r=r: function(*x, r), *inputs, reduction=r, **attributes)
            for r in reductions]


def one(*arguments, **attributes):
    """With the mean only: of options that do not meet the reduction."""
    return each(*arguments, reductions=['mean'], **attributes)


def cross_entropy(ignore=-1, smoothing=0.0):
    return lambda x, t, *rest: F.cross_entropy(
        x, t, weight=rest[0] if len(rest) > 1 else None, ignore_index=ignore, reduction=rest[-1],
        label_smoothing=smoothing)


def soft(smoothing):
    return lambda x, t, *rest: F.cross_entropy(
        x, t, weight=rest[0] if len(rest) > 1 else None, reduction=rest[-1],
        label_smoothing=smoothing)


def nll(ignore):
    return lambda x, t, *rest: F.nll_loss(x, t, weight=rest[0] if len(rest) > 1 else None,
                                          ignore_index=ignore, reduction=rest[-1])


def hinge(margin):
    return lambda x, s, r: reduce(F.relu(margin - s * x), r)


def triplet(margin, swap):
    return lambda a, p, n, r: F.triplet_margin_loss(a, p, n, margin=margin, swap=swap, reduction=r)


LOGITS = real(5, CLASSES, low=-3, high=3)
TARGET = index(5, values=[0, 5, 2, 0, 3])
SOFT = real(5, CLASSES, low=0, high=1)
WEIGHT = real(CLASSES, low=0.2, high=2, diff=False)
SIGN = real(5, values=[1, -1, -1, 1, -1], diff=False)

CASES = [
    *[c for s in (0.0, 0.1, 1.0) for c in
      each(f'cross_entropy/smoothing{s}', cross_entropy(0, s), LOGITS, TARGET, ignore=0,
           smoothing=s)],
    *[c for s in (0.0, 0.3) for c in
      each(f'cross_entropy/weight{s}', cross_entropy(2, s), LOGITS, TARGET, WEIGHT, ignore=2,
           smoothing=s)],
    *[c for s in (0.0, 0.2) for c in
      one(f'cross_entropy/soft{s}', soft(s), LOGITS, SOFT, ignore=-1, smoothing=s)],
    *each('cross_entropy/soft_weight', soft(0.2), LOGITS, SOFT, WEIGHT, ignore=-1, smoothing=0.2),
    *each('nll_loss/plain', nll(-1), LOGITS, TARGET, ignore=-1),
    *each('nll_loss/weight', nll(0), LOGITS, TARGET, WEIGHT, ignore=0),
    *each('mean_squared_error/all', lambda x, t, r: F.mse_loss(x, t, reduction=r), real(3, 5),
          real(3, 5)),
    *one('l1_loss/plain', lambda x, t, r: F.l1_loss(x, t, reduction=r), real(3, 5), real(3, 5)),
    *one('huber_loss/plain', lambda x, t, r: F.huber_loss(x, t, reduction=r, delta=0.7),
          real(3, 5), real(3, 5), delta=0.7),
    *one('smooth_l1_loss/plain', lambda x, t, r: F.smooth_l1_loss(x, t, reduction=r, beta=0.7),
          real(3, 5), real(3, 5), delta=0.7),
    *each('binary_cross_entropy/plain',
          lambda x, t, r: F.binary_cross_entropy_with_logits(x, t, reduction=r), real(3, 5),
          real(3, 5, low=0, high=1)),
    *each('binary_cross_entropy/weights',
          lambda x, t, w, p, r: F.binary_cross_entropy_with_logits(x, t, w, reduction=r,
                                                                   pos_weight=p),
          real(3, 5), real(3, 5, low=0, high=1), real(3, 1, low=0.2, high=2, diff=False),
          real(5, low=0.5, high=3, diff=False)),
    case('binary_cross_entropy/extreme',
         lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction='none'),
         real(6, values=[1e4, 1e4, -1e4, -1e4, 30, -30]), real(6, values=[0, 1, 0, 1, 0.5, 0]),
         reduction='none'),
    *each('hinge_loss/plain', hinge(1.0), real(5), SIGN, margin=1.0),
    *one('hinge_loss/margin', hinge(0.3), real(5), SIGN, margin=0.3),
    *one('cosine_embedding_loss/plain',
          lambda a, b, s, r: F.cosine_embedding_loss(a, b, s, margin=-0.4, reduction=r),
          real(5, 7), real(5, 7), SIGN, margin=-0.4),
    *one('triplet_margin_loss/plain', triplet(1.0, False), real(5, 7), real(5, 7), real(5, 7),
          margin=1.0, swap=False),
    *one('triplet_margin_loss/swap', triplet(0.5, True), real(5, 7), real(5, 7), real(5, 7),
          margin=0.5, swap=True),
    *[c for log, low in KL for c in
      one(f'kl_divergence/{"log" if log else "plain"}',
           lambda x, t, r, log=log: reduce(F.kl_div(x, t, reduction='none', log_target=log), r),
           real(3, 5, low=-3, high=0), real(3, 5, low=low or 0.05, high=1 if not log else 0),
           log_target=log)],
    case('kl_divergence/zero_target', lambda x, t: F.kl_div(x, t, reduction='none'),
         real(4, values=[-1, -2, -3, -0.5]), real(4, values=[0, 0.5, 0, 1], diff=False),
         reduction='none', log_target=False),
    *[c for full in (False, True) for c in
      one(f'gaussian_nll_loss/full{int(full)}',
           lambda m, t, v, r, full=full: F.gaussian_nll_loss(m, t, v, full=full, eps=0.4,
                                                             reduction=r),
           real(3, 5), real(3, 5), real(3, 5, low=0.05, high=2), full=full, eps=0.4)],
    *[c for rate in (False, True) for full in (False, True) for c in
      one(f'poisson_nll_loss/rate{int(rate)}full{int(full)}',
           lambda x, t, r, rate=rate, full=full: F.poisson_nll_loss(
               x, t, log_input=not rate, full=full, reduction=r),
           real(3, 5, low=0.2, high=2), real(3, 5, low=0.2, high=4, diff=False), rate=rate,
           full=full, f32=1e-4)],
]
