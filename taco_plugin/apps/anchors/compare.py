"""Compares the anchors of a config with fitted ones."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from tqdm import tqdm

from ...boxes import SIZES
from ...coco import Coco, clean_annotations, read_coco, split_images
from ...errors import InputError
from ...files import format_table
from .boxes import Boxes, read_boxes
from .detector import Detector, build_generator, read_detector
from .fit import GENERATIONS, fit_anchors
from .grid import best_ious

IOUS = (0.5, 0.7)
_HELD_OUT = 0.2


def compare_anchors(config: str, annotations: str, held_out: str | None, seed: int) -> str:
    """Fits anchors to a file and states what they gain.

    Args:
        config: Path of a config.
        annotations: Path of the training file.
        held_out: Path of a file of other images; None to hold out a fifth of the images.
        seed: Of the split and the search.

    Returns:
        A report for the terminal, which ends with the lines for a config.

    Raises:
        InputError: If a file cannot be used, or a set has no boxes.
    """
    detector = read_detector(Config.fromfile(config))
    sets = {
        name: read_boxes(coco, detector.input_size)
        for name, coco in _read_sets(annotations, held_out, seed).items()
    }
    for path, boxes in zip((annotations, held_out or annotations), sets.values(), strict=True):
        if not len(boxes.xyxy):
            raise InputError(f'{path}: has no boxes, or too few to hold some out')
    with tqdm(total=GENERATIONS, desc='fitting', unit='generation', delay=2) as bar:
        fitted = fit_anchors(sets['to fit'], detector, seed, bar.update)
    return '\n'.join(
        [
            _format_sets(Path(config).name, sets, detector),
            '',
            _format_recall(sets, detector.settings, {**detector.settings, **fitted}),
            '',
            _format_levels(detector.settings, {**detector.settings, **fitted}),
            '',
            f'model = dict({detector.head}=dict(anchor_generator=dict({_format_dict(fitted)})))',
        ]
    )


def _read_sets(annotations: str, held_out: str | None, seed: int) -> dict[str, Coco]:
    coco, _ = clean_annotations(read_coco(annotations))
    if held_out is not None:
        return {'to fit': coco, 'held out': clean_annotations(read_coco(held_out))[0]}
    splits = split_images(coco, _HELD_OUT, 0, seed)
    return {'to fit': splits['train'], 'held out': splits['test']}


def _format_sets(config: str, sets: dict[str, Boxes], detector: Detector) -> str:
    width, height = detector.input_size.scale
    counts = [f'{len(b.xyxy)} boxes in {b.images} images {name}' for name, b in sets.items()]
    how = 'at most' if detector.input_size.keep_ratio else 'to'
    return f'{config}, images resized {how} {width} x {height}: {", ".join(counts)}'


def _format_recall(sets: dict[str, Boxes], old: dict[str, Any], new: dict[str, Any]) -> str:
    """A row per figure; the best anchor of each box at the positions of its grid."""
    columns = [
        _recall_column(boxes, settings) for settings in (old, new) for boxes in sets.values()
    ]
    header = [
        'best anchor of a box',
        *(f'{w}, {name}' for w in ('config', 'fitted') for name in sets),
    ]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    return format_table(header, rows)


def _recall_column(boxes: Boxes, settings: dict[str, Any]) -> dict[str, str]:
    ious = best_ious(boxes, build_generator(settings))
    areas = boxes.areas()
    column = {'mean IoU': f'{ious.mean():.3f}'}
    for threshold in IOUS:
        column[f'IoU >= {threshold}'] = f'{(ious >= threshold).mean():.1%}'
        for name, (least, most) in SIZES.items():
            chosen = ious[(areas >= least) & (areas < most)]
            share = f'{(chosen >= threshold).mean():.1%}' if len(chosen) else '-'
            column[f'IoU >= {threshold}, {name}'] = share
    return column


def _format_levels(old: dict[str, Any], new: dict[str, Any]) -> str:
    rows = []
    for before, after in zip(_describe_levels(old), _describe_levels(new), strict=True):
        rows.append([before[0], before[1], after[1], after[2]])
    return format_table(['stride', 'sizes (px)', 'fitted sizes', 'fitted height / width'], rows)


def _describe_levels(settings: dict[str, Any]) -> list[tuple[str, ...]]:
    """Stride, sizes (square roots of the areas) and ratios of the anchors of each level."""
    generator = build_generator(settings)
    levels = []
    for stride, base in zip(generator.strides, generator.base_anchors, strict=True):
        width, height = (base[:, 2:] - base[:, :2]).T.double()
        sizes = sorted({round(side) for side in (width * height).sqrt().tolist()})
        ratios = sorted({round(ratio, 2) for ratio in (height / width).tolist()})
        levels.append((str(stride[0]), *(' '.join(map(str, values)) for values in (sizes, ratios))))
    return levels


def _format_dict(settings: dict[str, Any]) -> str:
    return ', '.join(f'{key}={value}' for key, value in settings.items())
