"""Times the stand-ins for mmcv's compiled ops, beside compiled mmcv where it is installed.

    python benchmarks/ops.py [--repeats N]

Prints one row per op, size and number of threads: medians in milliseconds, and how many times
slower the stand-in is.
"""

import argparse
import importlib
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.machinery import PathFinder
from types import ModuleType

import mmcv
import torch
from torch import Tensor

from taco_plugin.compat.ops import build_extension

Op = Callable[[ModuleType], object]


def compiled_extension() -> ModuleType | None:
    """The compiled module of mmcv, or None under mmcv-lite."""
    if PathFinder.find_spec('mmcv._ext', mmcv.__path__) is None:
        return None
    return importlib.import_module('mmcv._ext')


def sparse_boxes(count: int) -> Tensor:
    """Boxes that hardly overlap: all are kept, which is the most work."""
    centres = torch.rand(count, 2) * 10000
    sizes = torch.rand(count, 2) * 30 + 5
    return torch.cat([centres - sizes / 2, centres + sizes / 2], 1)


def dense_boxes(count: int) -> Tensor:
    """Boxes around 20 objects: nearly all are suppressed."""
    objects = torch.rand(20, 2) * 800
    centres = objects[torch.randint(20, (count,))] + torch.randn(count, 2) * 5
    sizes = torch.rand(count, 2) * 30 + 100
    return torch.cat([centres - sizes / 2, centres + sizes / 2], 1)


def make_nms(boxes: Tensor) -> Op:
    """NMS of ``boxes`` with random scores."""
    scores = torch.rand(len(boxes))
    return lambda ext: ext.nms(boxes, scores, iou_threshold=0.5, offset=0)


def make_roi_align(count: int, height: int, width: int, stride: int, size: int, images: int) -> Op:
    """RoIAlign of ``count`` RoIs of up to ``size`` pixels, 256 channels, forward and backward."""
    features = torch.randn(images, 256, height, width)
    centres = torch.rand(count, 2) * torch.tensor([width, height]) * stride
    sizes = (torch.rand(count, 2) * 0.75 + 0.25) * size
    image = torch.randint(images, (count, 1)).float()
    rois = torch.cat([image, centres - sizes / 2, centres + sizes / 2], 1)
    none = torch.empty(0)
    arguments = {'aligned_height': 7, 'aligned_width': 7, 'spatial_scale': 1 / stride}
    arguments |= {'sampling_ratio': 0, 'pool_mode': 1, 'aligned': True}

    def run(ext: ModuleType) -> None:
        output = torch.zeros(count, 256, 7, 7)
        ext.roi_align_forward(features, rois, output, none, none, **arguments)
        ext.roi_align_backward(output, rois, none, none, torch.zeros_like(features), **arguments)

    return run


def make_ops() -> dict[str, Op]:
    """What is timed, by its name in the table."""
    torch.manual_seed(0)
    ops = {}
    for count in (200, 2000, 10000):
        ops[f'nms {count} sparse'] = make_nms(sparse_boxes(count))
        ops[f'nms {count} dense'] = make_nms(dense_boxes(count))
    for count in (32, 512):
        for stride, height, width in ((4, 200, 336), (8, 100, 168), (32, 25, 42)):
            name = f'roi_align {count} RoIs, 2x256x{height}x{width}'
            ops[name] = make_roi_align(count, height, width, stride, 32 * stride, images=2)
    return ops


def median_ms(run: Callable[[], object], repeats: int) -> float:
    """Median time of ``run`` in milliseconds, after one run to warm up."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--repeats', type=int, default=5, help='runs per median (default: 5)')
    repeats = parser.parse_args().repeats
    compiled = compiled_extension()
    if compiled is None:
        print('compiled mmcv is not installed: only the stand-in is timed')
    print(f'{"op":<38}{"threads":>8}{"stand-in ms":>13}{"compiled ms":>13}{"ratio":>8}')
    for name, op in make_ops().items():
        for threads in (1, 2):
            torch.set_num_threads(threads)
            row = f'{name:<38}{threads:>8}'
            ours = median_ms(partial(op, build_extension()), repeats)
            row += f'{ours:>13.2f}'
            if compiled is not None:
                theirs = median_ms(partial(op, compiled), repeats)
                row += f'{theirs:>13.2f}{ours / theirs:>8.2f}'
            print(row, flush=True)


if __name__ == '__main__':
    main()
