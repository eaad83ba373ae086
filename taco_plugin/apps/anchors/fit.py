"""Fits anchors to boxes, and states what they gain."""

from pathlib import Path
from typing import Any

import numpy as np
from mmdet.models.task_modules.prior_generators import AnchorGenerator
from mmengine.config import Config
from scipy.optimize import differential_evolution
from tqdm import tqdm

from ...boxes import SIZES
from ...coco import clean_annotations, read_coco, split_images
from ...errors import InputError, describe_error
from ...tables import format_table
from .detector import Detector, ScaleSpace, SSDSpace, build_generator, read_boxes, read_detector

GENERATIONS = 60
IOU_RANGE = (0.3, 0.7)
IOUS = (0.5, 0.7)
_HELD_OUT = 0.2
_MOST_BOXES = 2000  # more hardly change the result, and each takes its time


def best_ious(xyxy: np.ndarray, sizes: np.ndarray, generator: AnchorGenerator) -> np.ndarray:
    """IoU of each box with the anchor that meets it best.

    Every anchor is tried at the position of its grid that is nearest to the box's centre: further
    away, along either axis, its overlap with the box can only shrink, so that this is the best
    IoU among all positions. Anchors that leave the image count, as they do in training.

    Args:
        xyxy: Boxes in pixels of the input, shape (N, 4).
        sizes: Width and height of the image of each, padded, shape (N, 2).
        generator: MMDetection's, of square or other strides.

    Returns:
        In [0, 1], float32, shape (N,).
    """
    xyxy = xyxy.astype(np.float32)[:, None]
    extent, centre = xyxy[..., 2:] - xyxy[..., :2], (xyxy[..., 2:] + xyxy[..., :2]) / 2
    best = np.zeros(len(xyxy), dtype=np.float32)
    for anchors, stride in zip(generator.base_anchors, generator.strides, strict=True):
        base, step = anchors.numpy().astype(np.float32), np.array(stride, np.float32)
        shape, first = base[:, 2:] - base[:, :2], (base[:, 2:] + base[:, :2]) / 2
        last = np.ceil(sizes[:, None] / step).astype(np.float32) - 1
        steps = np.clip(np.rint((centre - first) / step), 0, last)
        apart = np.abs(first + steps * step - centre)
        # Of two intervals: at most the shorter, and what the distance of their centres leaves.
        overlap = np.minimum(np.minimum(extent, shape), (extent + shape) / 2 - apart).clip(0)
        common = overlap.prod(axis=-1)
        ious = common / (extent.prod(axis=-1) + shape.prod(axis=-1) - common)
        best = np.maximum(best, ious.max(axis=1))
    return best


def mean_recall(ious: np.ndarray) -> float:
    """The share of boxes that an anchor meets, averaged over the IoUs that it takes.

    That is over 0.3, less than which no assigner learns from if it has a choice, to 0.7, the most
    that one asks for. The IoUs are those of each box with its best anchor.

    >>> round(mean_recall(np.array([0.2, 0.5, 0.9])), 3)
    0.5
    """
    least, most = IOU_RANGE
    return float(((ious - least) / (most - least)).clip(0, 1).mean())


def fit_anchors(
    xyxy: np.ndarray, sizes: np.ndarray, detector: Detector, *, seed: int
) -> dict[str, Any]:
    """The changed settings of the anchor generator that meet boxes best.

    Differential evolution maximises :func:`mean_recall`. (K-means would find shapes one by one, of
    boxes alone; here the levels of a detector share theirs, and positions count.) The number of
    anchors of each position stays, and with it the shapes of the detector's weights. Boxes and
    sizes are those of :func:`best_ious`; the same seed and boxes give the same settings.
    """
    space: ScaleSpace | SSDSpace
    if detector.settings['type'] == 'SSDAnchorGenerator':
        space = SSDSpace(detector.settings, max(detector.scale))
    else:
        space = ScaleSpace(detector.settings)
    if len(xyxy) > _MOST_BOXES:
        some = np.random.default_rng(seed).choice(len(xyxy), _MOST_BOXES, replace=False)
        xyxy, sizes = xyxy[some], sizes[some]

    def loss(point: np.ndarray) -> float:
        generator = build_generator({**detector.settings, **space.make(point)})
        return -mean_recall(best_ious(xyxy, sizes, generator))

    def report(intermediate_result: object) -> None:  # returning true would end the search
        bar.update()

    low, high = np.transpose(space.bounds)
    with tqdm(total=GENERATIONS, desc='fitting', unit='generation', delay=2) as bar:
        result = differential_evolution(
            loss,
            space.bounds,
            maxiter=GENERATIONS,
            popsize=8,
            tol=1e-3,
            rng=seed,
            x0=space.start.clip(low, high),
            polish=False,  # rounded settings have no gradient
            callback=report,
        )
    return space.make(result.x)


def compare_anchors(config: str, annotations: str, held_out: str | None, *, seed: int) -> str:
    """Fits the anchors of a config to a file; the report ends with the lines for a config.

    Without a file of other images, a fifth of the images is held out. The seed is that of the
    split and the search.

    Raises:
        InputError: If a file cannot be used, or a set has no boxes.
    """
    try:
        detector = read_detector(Config.fromfile(config))
    except (InputError, OSError):
        raise
    except Exception as error:  # whatever the code in a config raises
        raise InputError(f'{config}: no config of a detector ({describe_error(error)})') from None
    coco, _ = clean_annotations(read_coco(annotations))
    if held_out is None:
        splits = split_images(coco, _HELD_OUT, 0, seed)
        files = {'to fit': splits['train'], 'held out': splits['test']}
    else:
        files = {'to fit': coco, 'held out': clean_annotations(read_coco(held_out))[0]}
    sets = {name: read_boxes(coco, detector) for name, coco in files.items()}
    for path, (xyxy, _) in zip((annotations, held_out or annotations), sets.values(), strict=True):
        if not len(xyxy):
            raise InputError(f'{path}: has no boxes, or too few to hold some out')
    fitted = fit_anchors(*sets['to fit'], detector, seed=seed)
    width, height = detector.scale
    how = 'at most' if detector.keep_ratio else 'to'
    counts = ', '.join(
        f'{len(sets[name][0])} boxes in {len(coco["images"])} images {name}'
        for name, coco in files.items()
    )
    tables = _format_tables(sets, detector.settings, {**detector.settings, **fitted})
    lines = ', '.join(f'{key}={value}' for key, value in fitted.items())
    return (
        f'{Path(config).name}, images resized {how} {width} x {height}: {counts}\n\n{tables}\n\n'
        f'model = dict({detector.head}=dict(anchor_generator=dict({lines})))'
    )


def _format_tables(
    sets: dict[str, tuple[np.ndarray, np.ndarray]], old: dict[str, Any], new: dict[str, Any]
) -> str:
    """How well the anchors meet boxes, and the anchors of each level."""
    columns = {
        f'{which}, {name}': _recall_column(*boxes, settings)
        for which, settings in (('config', old), ('fitted', new))
        for name, boxes in sets.items()
    }
    rows = [
        [row, *(column[row] for column in columns.values())] for row in columns['config, to fit']
    ]
    levels = [
        [*before[:2], *after[1:]]
        for before, after in zip(_describe_levels(old), _describe_levels(new), strict=True)
    ]
    header = ['stride', 'sizes (px)', 'fitted sizes', 'fitted height / width']
    recall = format_table(['best anchor of a box', *columns], rows)
    return f'{recall}\n\n{format_table(header, levels)}'


def _recall_column(xyxy: np.ndarray, sizes: np.ndarray, settings: dict[str, Any]) -> dict[str, str]:
    """Mean IoU, and shares of boxes, of each size too, that an anchor meets."""
    ious = best_ious(xyxy, sizes, build_generator(settings))
    areas = (xyxy[:, 2:] - xyxy[:, :2]).prod(axis=1)
    column = {'mean IoU': f'{ious.mean():.3f}'}
    for threshold in IOUS:
        column[f'IoU >= {threshold}'] = f'{(ious >= threshold).mean():.1%}'
        for name, (least, most) in SIZES.items():
            chosen = ious[(areas >= least) & (areas < most)]
            share = f'{(chosen >= threshold).mean():.1%}' if len(chosen) else '-'
            column[f'IoU >= {threshold}, {name}'] = share
    return column


def _describe_levels(settings: dict[str, Any]) -> list[list[str]]:
    """Stride, sizes (square roots of the areas) and ratios of the anchors of each level."""
    generator = build_generator(settings)
    levels = []
    for stride, base in zip(generator.strides, generator.base_anchors, strict=True):
        width, height = (base[:, 2:] - base[:, :2]).T.double()
        sizes = sorted({round(side) for side in (width * height).sqrt().tolist()})
        ratios = sorted({round(ratio, 2) for ratio in (height / width).tolist()})
        levels.append([str(stride[0]), *(' '.join(map(str, column)) for column in (sizes, ratios))])
    return levels
