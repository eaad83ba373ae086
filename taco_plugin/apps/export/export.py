"""Exports a detector: traces it, writes it, compares it, and only then gives it its name."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from tqdm import tqdm

from ...checkpoint_files import Run
from ...detector import Detector, choose_run
from ...errors import InputError
from ...files import check_writable, stage_folder
from ...json_files import to_json
from ...runtime.detector import ExportedDetector
from ...runtime.metadata import Metadata
from ...runtime.prediction import Prediction
from ...runtime.preparation import as_input, prepare
from ...tables import format_table
from .describe import describe_preparation, describe_tiles, fix_size
from .graph import Graph
from .photographs import Photographs, find_photographs, list_folder, load
from .proof import BOUNDS, Comparison, compare
from .write import write

_LEAST = 0.01
"""Score of the detections that count for AP."""

_IN_TILES = 2
"""Photographs on which tiles are compared: there are ten views or more in each."""

_TRACED = 640
"""Most pixels of a side of the input on which the graph is traced, if it may have any size."""

_CALIBRATION = 200
"""Photographs to quantise on, at most."""


def export(options: Namespace) -> str:
    """Exports a detector as the command was told.

    Returns:
        A report for the terminal.

    Raises:
        InputError: If anything that was given cannot be used, the detector cannot be exported, or
            the export finds something else than PyTorch.
    """
    check_writable(options.out)
    run = choose_run(options)
    detector = _open(run, options, tiles=options.tiles)
    photographs = find_photographs(detector, options.images, options.annotations, options.limit)
    graph = Graph(detector.model, raw=options.raw)
    metadata = _describe(run, detector, graph, options)
    example, _ = prepare(load(photographs.paths[0]), metadata.preparation)
    if not options.size:  # tracing takes as long as a prediction
        example = example[:_TRACED, :_TRACED]
    calibration = []
    if options.calibration:
        paths = list_folder(options.calibration, _CALIBRATION)
        calibration = [partial(_make_input, path, metadata) for path in paths]
    suffix = '.xml' if options.format == 'openvino' else '.onnx'
    kind = '' if options.precision == 'fp32' else f'_{options.precision}'
    name = f'{Path(run.config).stem}{kind}'
    with stage_folder(options.out) as stage:
        place = stage / f'{name}{suffix}'
        write(
            *(graph, metadata, place, as_input([example])),
            is_fixed=options.size is not None,
            calibration=calibration,
        )
        results = _prove(place, run, options, photographs, metadata)
        _refuse_differences(results, options.precision)
        report = {way: result.to_dict() for way, result in results.items()}
        (stage / f'{name}.json').write_text(to_json(report, indent=2))
    return f'{_format(results)}\nwritten: {Path(options.out, place.name)}'


def _open(run: Run, options: Namespace, *, tiles: bool) -> Detector:
    changes = [partial(fix_size, side=options.size)] if options.size else []
    run = replace(run, threshold=_LEAST)
    return Detector(run, 'cpu', options.cfg_options, tiles=tiles, changes=changes)


def _describe(run: Run, detector: Detector, graph: Graph, options: Namespace) -> Metadata:
    config: Config = detector.config
    tiled = None if options.size else describe_tiles(config, run.config, options.cfg_options)
    is_tiled = config.model.type == 'TiledDetector'
    mask = config.model.test_cfg.rcnn.mask_thr_binary if graph.has_masks else None
    return Metadata(
        schema_version=1,
        detector=config.model.detector if is_tiled else config.model.type,
        classes=detector.classes,
        threshold=round(run.threshold, 6),
        threshold_is=run.note.encode('ascii', 'backslashreplace').decode()[:200],
        preparation=describe_preparation(config),
        tiled=tiled,
        always_tiled=is_tiled,
        suppression=graph.suppression if options.raw else None,
        mask_threshold=mask,
        precision=options.precision,
    )


def _make_input(path: Path, metadata: Metadata) -> np.ndarray:
    return as_input([prepare(load(path), metadata.preparation)[0]])


def _prove(
    place: Path, run: Run, options: Namespace, photographs: Photographs, metadata: Metadata
) -> dict[str, Comparison]:
    """Compares a file with the checkpoint, as it was; whole, and in tiles if it can."""
    ways = {'tiles' if metadata.always_tiled else 'whole': options.tiles}
    if metadata.tiled and not metadata.always_tiled:
        ways['tiles'] = True
    results = {}
    for way, tiles in ways.items():
        is_aside = way == 'tiles' and len(ways) > 1
        paths = photographs.paths[: _IN_TILES if is_aside else None]
        sides = (
            _open(run, options, tiles=tiles),
            ExportedDetector(str(place), _LEAST, tiles=tiles),
        )
        truth = photographs.truth
        # Two at a time, so that batches are compared too.
        pairs = [partial(_load, paths[first : first + 2]) for first in range(0, len(paths), 2)]
        results[way] = compare(
            tqdm(pairs, f'comparing, {way}', delay=2, file=sys.stderr),
            [partial(_predict, side) for side in sides],
            BOUNDS[metadata.precision],
            None if truth is None or is_aside else (truth, photographs.ids),
        )
    return results


def _load(paths: Sequence[Path]) -> list[tuple[np.ndarray, str]]:
    return [(load(path), str(path)) for path in paths]


def _predict(detector: Any, batch: Sequence[tuple[np.ndarray, str]]) -> list[Prediction]:  # noqa: ANN401
    return detector.predict([detector.prepare(image, path) for image, path in batch])


def _refuse_differences(results: dict[str, Comparison], precision: str) -> None:
    for way, result in results.items():
        for fault in result.judge(BOUNDS[precision]):
            raise InputError(f'nothing is exported, as it is not proved right: {way}, {fault}')


def _format(results: dict[str, Comparison]) -> str:
    rows = []
    for way, result in results.items():
        masks = '-' if result.mask_iou is None else f'{result.mask_iou:.3f}'
        ap = [f'{value:.4f}' for value in result.ap] if result.ap else ['-', '-']
        times = [f'{value:.0f}' for value in result.milliseconds]
        agreed = f'{result.detections - result.unmatched}/{result.detections}'
        largest = f'{result.pixels:.2g}', f'{result.score:.2g}'
        rows.append([way, str(result.images), agreed, *largest, masks, *ap, *times])
    return format_table(
        [
            '',
            'images',
            'agreed',
            'box, px',
            'score',
            'mask IoU',
            'AP',
            'exported',
            'ms',
            'exported',
        ],
        rows,
    )
