"""What a detector finds in one photograph, and the maps of it."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from mmdet.models.detectors import BaseDetector
from mmdet.structures import DetDataSample
from PIL import Image

from ...detector import Detector
from ...errors import InputError, describe_error
from ...images import Size, read_photograph
from ...taxonomies.palette import palette
from ...visualization.photo import Color, Photo
from .attention import Inputs, Trace, record, trace
from .cams import CamMaker
from .plots import Maps

_SIDE = 1000  # of the photograph in the page, pixels
_MOST_BYTES = 3e6  # of the encoder's maps in the page, of all layers and heads, before compression


@dataclass(frozen=True, eq=False)
class Detection:
    """What was found.

    Args:
        title: Its class, its confidence, and the query or the level of features it comes from.
        color: Of its class.
        box: xyxy, in pixels of the photograph.
    """

    title: str
    color: Color
    box: np.ndarray


@dataclass(frozen=True, eq=False)
class Explanation:
    """The maps of a photograph.

    Args:
        photo: No larger than the page shows it.
        detections: The most confident first.
        maps: Of each detection.
        points: x and y in pixels of the photograph that have maps of the encoder, shape (N, 2).
        chosen: How many of them, the first, are to be drawn.
        of_points: Their maps; None without an encoder.
    """

    photo: Photo
    detections: list[Detection]
    maps: Maps
    points: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    chosen: int = 0
    of_points: Maps | None = None


def explain_photograph(detector: Detector, path: str, options: Namespace) -> Explanation:
    """Predicts a photograph, and makes the maps of what is found.

    Args:
        detector: Of DETR's kind, unless the method is one of :class:`~.cams.CamMaker`.
        path: The photograph.
        options: Of ``show_attention.py``: ``method`` and ``score_threshold``, which must be known,
            ``max_detections`` and ``points``.

    Raises:
        InputError: If the photograph cannot be read, or the detector lacks what the method needs.
    """
    try:
        pixels = read_photograph(path)
    except Exception as error:  # decoders promise no particular error
        reason = ' '.join(str(error).split()) or describe_error(error)
        raise InputError(f'{path}: cannot be read ({reason})') from None
    data = detector.prepare(pixels, path)
    batch = {key: [data[key]] for key in ('inputs', 'data_samples')}
    inputs = detector.model.data_preprocessor(batch)
    image = Image.fromarray(pixels[..., ::-1])
    size = image.size
    image.thumbnail((_SIDE, _SIDE))
    photo = Photo(np.asarray(image), size, Path(path).name)
    if options.method == 'attention':
        with torch.no_grad():
            return _attend(detector, inputs, photo, options)
    maker = CamMaker(detector.model, inputs, options.method)
    kept = _keep(maker.sample, options)
    maps, sources = maker.make(kept.tolist())
    return Explanation(photo, _describe(detector, maker.sample, kept, sources), maps)


def _attend(detector: Detector, inputs: Inputs, photo: Photo, options: Namespace) -> Explanation:
    found = trace(detector.model, inputs)
    kept = _keep(found.sample, options)
    queries = found.queries[kept]
    sources = [f'query {query}' for query in queries.tolist()]
    detections = _describe(detector, found.sample, kept, sources)
    middles = [one.box.reshape(2, 2).mean(axis=0) for one in detections]
    chosen = np.array(options.points or middles, float).reshape(-1, 2)
    if not (beyond := (chosen >= 0) & (chosen < photo.size)).all():
        x, y = chosen[~beyond.all(axis=1)][0]
        where = '{} x {} pixels'.format(*photo.size)
        raise InputError(f'--points {x:g},{y:g}: not in {photo.name}, which has {where}')
    tokens, places = _choose_tokens(detector.model, found, chosen, photo.size)
    maps, of_points = record(detector.model, inputs, found, queries, tokens)
    return Explanation(photo, detections, maps, places, len(chosen), of_points)


def _keep(sample: DetDataSample, options: Namespace) -> torch.Tensor:
    """Indices of the detections to keep, the most confident first."""
    scores = sample.pred_instances.scores
    order = scores.argsort(descending=True, stable=True)
    return order[scores[order] >= options.score_threshold][: options.max_detections]


def _describe(
    detector: Detector, sample: DetDataSample, kept: torch.Tensor, sources: Sequence[str]
) -> list[Detection]:
    found = sample.pred_instances[kept].detach().cpu()
    height, width = sample.ori_shape
    boxes = found.bboxes.numpy().clip(0, [width, height, width, height])
    colors = palette(len(detector.classes))
    rows = zip(found.labels.tolist(), found.scores.tolist(), boxes, sources, strict=True)
    return [
        Detection(f'{detector.classes[label]} {score:.2f}, {source}', colors[label], box)
        for label, score, box, source in rows
    ]


def _choose_tokens(
    model: BaseDetector, found: Trace, points: np.ndarray, size: Size
) -> tuple[torch.Tensor, np.ndarray]:
    """Cells of the encoder's feature map: those of the points, and as many as the page may hold.

    Returns:
        Indices of the cells, int64, shape (T,); and places in pixels, of which the first are the
        points, shape (T, 2).
    """
    layers, valid = model.encoder.layers, np.array(found.valid[::-1])
    attention = layers[0].self_attn
    each = valid.prod()
    if hasattr(attention, 'num_points'):
        each = 5 * attention.num_points * attention.num_levels
    most = _MOST_BYTES / (len(layers) * attention.num_heads * each)
    counts = np.maximum(valid * min(1, (most / valid.prod()) ** 0.5), 1).astype(int)
    axes = [(np.arange(n) + 0.5) * of / n for n, of in zip(counts, valid, strict=True)]
    cells = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2).astype(int)
    places = (cells + 0.5) / valid * found.area
    inside = (places < size).all(axis=1)
    of_points = np.minimum(points / found.area * valid, valid - 1).astype(int)
    cells = np.concatenate([of_points, cells[inside]])
    tokens = torch.from_numpy(cells[:, 1] * found.grid[1] + cells[:, 0])
    return tokens, np.concatenate([points, places[inside]])
