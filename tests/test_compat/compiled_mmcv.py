"""Writes ``compiled_mmcv.npz``: what compiled mmcv 2.1.0 gives for seeded inputs, on the CPU.

    python tests/test_compat/compiled_mmcv.py

In an environment with torch 2.13, mmengine and a compiled mmcv 2.1.0, which the tests do not need.
mmcv has no focal loss and no deformable attention for the CPU: they are not here.
"""

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch

FILE = Path(__file__).with_suffix('.npz')


def uniform(random, low, high, *shape):
    return torch.from_numpy(random.uniform(low, high, shape).astype(np.float32))


def make_boxes(random, count):
    """Boxes round a few objects, half of them on whole pixels, and scores without ties.

    The order of equal scores is that of an unstable sort in mmcv, which differs between machines.
    """
    centres = uniform(random, 0, 200, 12, 2)[random.randint(12, size=count)]
    centres, sizes = centres + uniform(random, -9, 9, count, 2), uniform(random, 20, 60, count, 2)
    boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], 1)
    boxes[::2] = boxes[::2].round()
    return boxes, torch.from_numpy(random.permutation(count) / count).float()


def differentiate(random, output, *inputs):
    """The output and the derivatives of a random sum of it."""
    weights = uniform(random, -1, 1, *output.shape)
    return [output, *torch.autograd.grad((output * weights).sum(), inputs)]


def run_nms(random, ops, **settings):
    return ops.nms(*make_boxes(random, 300), **settings)


def run_soft_nms(random, ops, **settings):
    return ops.soft_nms(*make_boxes(random, 150), **settings)


def run_roi_align(random, ops, scale, ratio, aligned):
    features = uniform(random, -1, 1, 2, 2, 18, 24).requires_grad_()
    corners = uniform(random, -10, 30, 24, 2) / scale
    sizes = uniform(random, 0, 5, 24, 2) ** 2 / scale
    corners[::3], sizes[::3] = corners[::3].round(), sizes[::3].round()
    rois = torch.cat([torch.arange(24)[:, None] % 2, corners, corners + sizes], 1)
    align = ops.RoIAlign((3, 5), scale, ratio, aligned=aligned)
    return differentiate(random, align(features, rois), features)


def run_deform_conv(random, ops, version, geometry, grown=0):
    stride, padding, dilation, groups, deform_groups = geometry
    size = [(side + 2 * (padding - dilation) - 1) // stride + 1 + grown for side in (9, 8)]
    features, taps = uniform(random, -1, 1, 2, 4, 9, 8), 9 * deform_groups
    offset, mask = (uniform(random, -3, 3, 2, n * taps, *size) for n in (2, 1))
    weight, bias = uniform(random, -1, 1, 6, 4 // groups, 3, 3), uniform(random, -1, 1, 6)
    inputs = [features, offset, mask, weight, bias] if version == 2 else [features, offset, weight]
    op = ops.modulated_deform_conv2d if version == 2 else ops.deform_conv2d
    return differentiate(random, op(*map(torch.Tensor.requires_grad_, inputs), *geometry), *inputs)


CASES = {
    'nms 0.3': partial(run_nms, iou_threshold=0.3),
    'nms 0.7': partial(run_nms, iou_threshold=0.7),
    'nms offset 1': partial(run_nms, iou_threshold=0.5, offset=1, score_threshold=0.1),
    'soft_nms naive': partial(run_soft_nms, method='naive', iou_threshold=0.5),
    'soft_nms linear': partial(run_soft_nms, method='linear', min_score=0.05),
    'soft_nms offset 1': partial(run_soft_nms, method='linear', offset=1),
    'soft_nms gaussian': partial(run_soft_nms, method='gaussian', sigma=0.5, min_score=0.05),
    **{
        f'roi_align 0.5 {ratio} {aligned}': partial(
            run_roi_align, scale=0.5, ratio=ratio, aligned=aligned
        )
        for ratio, aligned in ((0, True), (2, False))
    },
    **{
        f'deform_conv {version} {geometry}': partial(
            run_deform_conv, version=version, geometry=geometry
        )
        for version, geometry in product((1, 2), ((1, 1, 1, 1, 1), (2, 2, 2, 2, 2)))
    },
    'DyHead': partial(run_deform_conv, version=2, geometry=(1, 1, 1, 1, 1), grown=2),
}


def run(name, ops):
    """The outputs of a case, as arrays by the keys of the file."""
    random = np.random.RandomState(sum(name.encode()))  # of all generators this never changes
    outputs = enumerate(CASES[name](random, ops))
    return {f'{name}/{number}': tensor.detach().numpy() for number, tensor in outputs}


if __name__ == '__main__':
    import mmcv.ops

    arrays = {key: array for name in CASES for key, array in run(name, mmcv.ops).items()}
    np.savez_compressed(FILE, **arrays)
    print(f'{FILE}: {FILE.stat().st_size / 1024:.0f} KB')
