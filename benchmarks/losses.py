"""Times the losses, forward and backward, beside MMDetection's, torchvision's and PyTorch's.

    python benchmarks/losses.py [--repeats N] [--device cuda]

Prints one row per loss, size and number of threads: the median time, the peak of the memory that
the loss takes beside its inputs (their gradient is a part of it), and both as multiples of the
first row of the group.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from taco_plugin.models.losses import weighted_cross_entropy, weighted_focal_loss

SIZES = ((120_000, 7), (120_000, 80), (2_000, 8))
Loss = Callable[[Tensor], Tensor]


def torchvision_formula(pred: Tensor, target: Tensor) -> Tensor:
    """``torchvision.ops.sigmoid_focal_loss``, whose wheel may not be there."""
    p = torch.sigmoid(pred)
    loss = F.binary_cross_entropy_with_logits(pred, target, reduction='none')
    wrong = 1 - (p * target + (1 - p) * (1 - target))
    return (0.25 * target + 0.75 * (1 - target)) * (loss * wrong**2)


def sigmoid_losses(labels: Tensor, weight: Tensor, num_classes: int) -> Iterator[tuple[str, Loss]]:
    """Sigmoid focal losses of an anchor head: rows of background, weights of 0 and 1."""
    one_hot = F.one_hot(labels, num_classes + 1)[:, :num_classes]
    options = {'weight': weight, 'avg_factor': 100.0}
    yield 'mmdet py_sigmoid_focal_loss', lambda x: py_sigmoid_focal_loss(x, one_hot, **options)
    truth = one_hot.float()
    yield 'torchvision formula', lambda x: (torchvision_formula(x, truth) * weight[:, None]).sum()
    yield 'ours, alpha', lambda x: weighted_focal_loss(x, labels, alpha=0.25, **options)
    classes = torch.rand(num_classes, device=labels.device)
    weighted = {**options, 'class_weights': classes}
    yield 'ours, class weights', lambda x: weighted_focal_loss(x, labels, **weighted)
    yield (
        'ours, cross-entropy',
        lambda x: weighted_cross_entropy(x, labels, use_sigmoid=True, **weighted),
    )


def softmax_losses(labels: Tensor, weight: Tensor, num_classes: int) -> Iterator[tuple[str, Loss]]:
    """Softmax losses of the same rows, background last."""
    classes = torch.rand(num_classes, device=labels.device)
    everything = torch.cat([classes, classes.new_ones(1)])
    yield 'F.cross_entropy', lambda x: F.cross_entropy(x, labels, weight=everything)
    yield (
        'F.cross_entropy, smoothed',
        lambda x: F.cross_entropy(x, labels, weight=everything, label_smoothing=0.1),
    )
    options = {'weight': weight, 'avg_factor': 100.0, 'class_weights': classes}
    options['use_sigmoid'] = False
    yield 'ours', lambda x: weighted_cross_entropy(x, labels, **options)
    yield (
        'ours, smoothed',
        lambda x: weighted_cross_entropy(x, labels, label_smoothing=0.1, **options),
    )
    yield 'ours, focal', lambda x: weighted_focal_loss(x, labels, **options)


def step(loss: Loss, pred: Tensor) -> None:
    """Forward and backward."""
    pred.grad = None
    loss(pred).backward()


def median_ms(run: Callable[[], object], repeats: int, device: str) -> float:
    """Median time of ``run`` in milliseconds, after three runs to warm up."""
    times = []
    for repeat in range(repeats + 3):
        if device == 'cuda':
            torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        if device == 'cuda':
            torch.cuda.synchronize()
        if repeat >= 3:
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def peak_mb(run: Callable[[], None], device: str) -> float:
    """Most memory that is allocated at a time during ``run``, in MB beside what was before."""
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 1e6
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    now = peak = 0
    for event in profiler.profiler.kineto_results.events():
        if event.name() == '[memory]':
            now += event.nbytes()
            peak = max(peak, now)
    return peak / 1e6


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--repeats', type=int, default=15, help='runs per median (default: 15)')
    parser.add_argument('--device', default='cpu', choices=['cpu', 'cuda'])
    args = parser.parse_args()
    print(f'{"loss":<30}{"N":>8}{"C":>4}{"threads":>8}{"ms":>9}{"ratio":>7}{"MB":>8}{"ratio":>7}')
    for rows, num_classes in SIZES:
        for threads in (1, 2) if args.device == 'cpu' else (1,):
            torch.set_num_threads(threads)
            torch.manual_seed(0)
            labels = torch.randint(num_classes, (rows,))
            labels[torch.rand(rows) < 0.99] = num_classes
            weight = (torch.rand(rows) < 0.9).float()
            labels, weight = labels.to(args.device), weight.to(args.device)
            for channels, losses in (
                (num_classes, sigmoid_losses),
                (num_classes + 1, softmax_losses),
            ):
                pred = (torch.randn(rows, channels) - 4).to(args.device).requires_grad_()
                row = f'{rows:>8}{channels:>4}{threads:>8}'
                compare(dict(losses(labels, weight, num_classes)), pred, row, args.repeats)


def compare(losses: dict[str, Loss], pred: Tensor, row: str, repeats: int) -> None:
    """Prints the rows of one group."""
    device = pred.device.type
    first: tuple[float, float] | None = None
    for name, loss in losses.items():
        run = partial(step, loss, pred)
        ms = median_ms(run, repeats, device)
        pred.grad = None
        mb = peak_mb(run, device)
        first = first or (ms, mb)
        ratios = ms / first[0], mb / first[1]
        print(f'{name:<30}{row}{ms:>9.2f}{ratios[0]:>7.2f}{mb:>8.1f}{ratios[1]:>7.2f}', flush=True)
    floor = median_ms(pred.detach().clone, repeats, device)
    print(f'{"one read and one write":<30}{row}{floor:>9.2f}')


if __name__ == '__main__':
    main()
