"""Segments of edges, and products with sparse matrices. No 0 among what max sees: PyTorch's
gradient counts the zeros that it reduces into as ties, though they are not included."""
import torch

from golden import case, index, real


def spread(x, at):
    return at.reshape(-1, *[1] * (x.dim() - 1)).expand_as(x)


def total(n):
    return lambda x, at: torch.zeros((n,) + x.shape[1:], dtype=x.dtype).index_add(0, at, x)


def reduced(n, how):
    return lambda x, at: torch.zeros((n,) + x.shape[1:], dtype=x.dtype).scatter_reduce(
        0, spread(x, at), x, how, include_self=False)


def softmax(n):
    def soft(x, at):
        e = torch.exp(x)
        return e / total(n)(e, at)[at]
    return soft


def coo(n):
    return lambda v, dense, rows, columns: total(n)(
        v[..., None] * dense[columns], rows)


def csr(v, dense, offsets, columns):
    return torch.stack([(v[a:b, None] * dense[columns[a:b]]).sum(0)
                        for a, b in zip(offsets[:-1], offsets[1:])])


def sampled(a, b, rows, columns):
    return (a[rows] * b[columns]).sum(-1)


def sort_edges(n):
    return lambda at: torch.cat([torch.zeros(1, dtype=at.dtype),
                                 torch.bincount(at, minlength=n).cumsum(0),
                                 torch.argsort(at, stable=True)])


CASES = [
    case('segment_sum/vector', total(4), real(9), index(9, below=4), n=4),
    case('segment_sum/wide', total(5), real(7, 2, 3), index(7, below=5), n=5),
    case('segment_mean/plain', reduced(4, 'mean'), real(9, 3), index(9, below=4), n=4),
    case('segment_max/plain', reduced(5, 'amax'),
         real(9, 3, distinct=True, high=3), index(9, below=4),
         n=5, second=False),
    case('segment_min/plain', reduced(5, 'amin'),
         real(9, 3, distinct=True, high=3), index(9, below=4),
         n=5, second=False),
    case('segment_count/plain', lambda at: torch.bincount(at, minlength=6).double(),
         index(13, below=5), n=6),
    case('segment_softmax/vector', softmax(3), real(13), index(13, below=3), n=3),
    case('segment_softmax/heads', softmax(4), real(11, 5), index(11, below=4), n=4),
    case('coo_matmul/plain', coo(3), real(8), real(4, 5), index(8, below=3),
         index(8, below=4), n=3),
    case('coo_matmul/heads', coo(4), real(9, 2), real(3, 2, 3), index(9, below=4),
         index(9, below=3), n=4),
    case('sparse_matmul/plain', csr, real(6), real(4, 3), index(5, values=[0, 2, 2, 5, 6]),
         index(6, below=4)),
    case('sampled_matmul/plain', sampled, real(3, 4), real(5, 4), index(7, below=3),
         index(7, below=5)),
    case('sampled_matmul/heads', sampled, real(2, 3, 4), real(4, 3, 4), index(6, below=2),
         index(6, below=4)),
    case('csr/plain', sort_edges(4), index(9, below=4), n=4),
    case('csr_rows/plain', lambda o: torch.repeat_interleave(torch.arange(4), o.diff()),
         index(5, values=[0, 3, 3, 4, 7]), n=7),
]
