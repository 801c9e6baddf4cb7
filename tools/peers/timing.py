"""What the peers' scripts share: command line, timing, one line of results for each case."""
import argparse
import importlib
import json
import os
import resource
import statistics
import sys
import time


def module(name):
    """The module `name`, or one clear sentence."""
    try:
        return importlib.import_module(name)
    except ImportError as why:
        raise SystemExit(f'{os.path.basename(sys.argv[0])}: {sys.executable} has no {name} '
                         f'({why}); use a Python environment with {name} and numpy')


def arguments(doc, names=False, compile=False):
    ap = argparse.ArgumentParser(description=doc,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--threads', type=int, default=2)
    ap.add_argument('--seconds', type=float, default=4.0, help='time per case, after warming up')
    if names:
        ap.add_argument('names', nargs='*', metavar='NAME')
    else:
        ap.add_argument('--only', default='', metavar='NAME[,NAME]')
    if compile:
        ap.add_argument('--compile', action='store_true',
                        help='wrap the loss in torch.compile (PyTorch 2)')
    ap.add_argument('--json', action='store_true')
    ap.add_argument('--wait', action='store_true',
                    help='measure once for every line that arrives on the standard input')
    return ap.parse_args()


def named(*functions):
    return {f.__name__: f for f in functions}


def chosen(a, models):
    names = a.only.split(',') if a.only else list(models)
    for name in names:
        if name not in models:
            raise SystemExit(f'{os.path.basename(sys.argv[0])}: no model {name!r}; '
                             f'there are {", ".join(models)}')
    return names


def median_us(run, seconds):
    """Median of samples, each of as many runs as take about 50 us (a whole step: one)."""
    for _ in range(3):
        run()
    runs, took = 1, 0.0
    while took < 50e-6 and runs < 1 << 20:
        runs *= 2 if took else 1
        start = time.perf_counter()
        for _ in range(runs):
            run()
        took = time.perf_counter() - start
    samples, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(samples) < 5:
        start = time.perf_counter()
        for _ in range(runs):
            run()
        samples.append((time.perf_counter() - start) / runs)
    return statistics.median(samples) * 1e6, len(samples) * runs


def peak_mib():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == 'darwin' else 1 << 10)


def measure(a, run, row, text):
    """Time `run` once, or once for every line on the standard input. `text` makes a line of it."""
    for _ in sys.stdin if a.wait else [None]:
        us, runs = median_us(run, a.seconds)
        row.update(us=round(us, 3), runs=runs, peak_mib=round(peak_mib(), 1))
        print(json.dumps(row) if a.json else text(row), flush=True)


def report(a, step, name, **facts):
    """A whole training step of a model."""
    def text(row):
        return (f"{name:15s} {row['us']:12.1f} us/step  {row['peak_mib']:8.1f} MiB  "
                f"{row['parameters']} parameters")
    measure(a, step, dict(name=f'step/{name}', threads=a.threads, **facts), text)
