"""An exported detector, applied to photographs: whole or in tiles."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import InputError
from ..models.detectors.merging import merge_views
from ..models.detectors.tiling import Tiling, batch_views
from ..models.detectors.views import View, cut_pixels
from .metadata import Metadata, show
from .prediction import Prediction, make_prediction, predict_by_shape
from .preparation import Crop, as_input, draw_mask, paste_mask, prepare
from .sessions import Session, open_session


@dataclass
class _Found:
    """Detections: boxes (N, 4) xyxy, scores (N,), labels (N,) and, if there are, N masks."""

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    masks: Any = None

    def take(self, rows: np.ndarray) -> '_Found':
        """Selects detections by row numbers."""
        masks = None if self.masks is None else [self.masks[row] for row in rows]
        return _Found(self.boxes[rows], self.scores[rows], self.labels[rows], masks)


class ExportedDetector:
    """A detector in a file that ``tools/export.py`` wrote; predicts as the checkpoint does.

    Args:
        path: An ONNX file, or an XML file of OpenVINO.
        threshold: Least confidence; that in the file if None.
        tiles: Whether to look at tiles too.
        device: See the sessions.
        threads: Number of threads; the runtime's default if None.

    Attributes:
        metadata: What the file says about itself.
        session: Runs the file.
        classes: Their names, in the order of the labels.
        fingerprint: Hash of the file.

    Raises:
        InputError: If the file cannot be used, or not for tiles.
    """

    def __init__(
        self,
        path: str,
        threshold: float | None = None,
        *,
        tiles: bool = False,
        device: str | None = None,
        threads: int | None = None,
    ) -> None:
        self._name = show(path)
        self.session: Session = open_session(path, device, threads)
        self.metadata: Metadata = self.session.metadata
        self.classes = self.metadata.classes
        self._threshold = self.metadata.threshold if threshold is None else threshold
        self._preparation = self.metadata.preparation
        self._tiling: Tiling | None = None
        if tiles or self.metadata.always_tiled:
            if self.metadata.tiled is None:
                raise InputError(f'{self._name}: cannot look at tiles; export it with --tiles')
            self._preparation = self.metadata.tiled.preparation
            self._tiling = self.metadata.tiled.tiling
        digest = hashlib.sha256(repr(tiles).encode())
        for file in {path, str(Path(path).with_suffix('.bin')) if path.endswith('.xml') else path}:
            digest.update(Path(file).read_bytes())
        self.fingerprint = digest.hexdigest()

    def prepare(self, image: np.ndarray, path: str) -> dict[str, Any]:
        """Prepares a decoded image, BGR, uint8, shape (H, W, 3)."""
        pixels, factors = prepare(image, self._preparation)
        return {'pixels': pixels, 'factors': factors, 'shape': image.shape[:2]}

    def predict(self, batch: Sequence[dict[str, Any]]) -> list[Prediction]:
        """Predicts images that :meth:`prepare` returned, those of one shape together."""
        return predict_by_shape(self._predict_alike, batch, 'pixels')

    def _predict_alike(self, batch: list[dict[str, Any]]) -> list[Prediction]:
        pairs = zip(self._detect(batch), batch, strict=True)
        return [self._describe(found, data['shape']) for found, data in pairs]

    def _describe(self, found: _Found, shape: tuple[int, int]) -> Prediction:
        rows = np.flatnonzero(found.scores >= self._threshold)
        found = found.take(rows[np.argsort(-found.scores[rows], kind='stable')])
        masks = None
        if found.masks is not None:
            drawn = [draw_mask(crops, shape) for crops in found.masks]
            masks = np.stack(drawn) if drawn else np.zeros((0, *shape), bool)
        size = shape[1], shape[0]
        return make_prediction(found.boxes, found.scores, found.labels, size, masks)

    def _detect(self, batch: list[dict[str, Any]]) -> Iterator[_Found]:
        """Yields what is found in images of one shape, in pixels of each photograph."""
        shape = batch[0]['pixels'].shape[:2]
        if self._tiling and len(views := self._tiling.cut(shape)) > 1:
            for data in batch:
                yield self._merge([*self._look(data, views, self._tiling)], self._tiling)
            return
        for data, found in zip(batch, self._run([data['pixels'] for data in batch]), strict=True):
            found = self._place(found, np.array(data['factors']), data['shape'])
            if found.masks is not None:
                found.masks = [[crop] for crop in found.masks]
            yield found

    def _run(self, images: list[np.ndarray]) -> Iterator[_Found]:
        """Yields what the graph finds in images of one shape, in their pixels."""
        try:
            boxes, scores, labels, *rest = self.session.run(as_input(images))
        except InputError:
            raise
        except Exception as error:  # the errors of the runtimes share no class
            raise InputError(f'{self._name}: does not run ({show(str(error))[:200]})') from None
        known = np.isin(labels, np.arange(len(self.classes)))
        if (
            scores.ndim != 2
            or boxes.shape != (*scores.shape, 4)
            or labels.shape != scores.shape
            or len(scores) != len(images)
            or not known[scores > 0].all()
        ):
            raise InputError(f'{self._name}: its outputs are not those of an exported detector')
        first = 0
        for box, score, label in zip(boxes, scores, labels, strict=True):
            rows = np.flatnonzero(score > 0)
            found = _Found(box[rows], score[rows], label[rows].astype(int))
            if rest:
                found.masks = rest[0][first : first + len(rows)]
                first += len(rows)
            yield found if self.metadata.suppression is None else self._suppress(found)

    def _suppress(self, found: _Found) -> _Found:
        how = self.metadata.suppression
        assert how is not None
        sides = found.boxes[:, 2:] - found.boxes[:, :2]
        xywh = np.hstack([found.boxes[:, :2], sides]).astype(np.float64)
        columns = xywh.tolist(), found.scores.tolist(), found.labels.tolist()
        kept = cv2.dnn.NMSBoxesBatched(*columns, how.least, how.iou)
        rows = np.asarray(kept, dtype=int).reshape(-1)
        return found.take(rows[np.argsort(-found.scores[rows], kind='stable')][: how.limit])

    def _place(self, found: _Found, factors: np.ndarray, shape: tuple[int, int]) -> _Found:
        """Converts boxes to pixels of the photograph, and masks to crops of it."""
        found.boxes = found.boxes.astype(np.float64) / np.tile(factors, 2)
        if found.masks is not None:
            least = self.metadata.mask_threshold or 0.5
            pairs = zip(found.masks, found.boxes, strict=True)
            found.masks = [paste_mask(mask, box, shape, least) for mask, box in pairs]
        return found

    def _look(self, data: dict[str, Any], views: list[View], tiling: Tiling) -> Iterator[Any]:
        """Yields what is found in each view, in pixels of the photograph, and which are cut."""
        pixels, factors = data['pixels'], np.array(data['factors'])
        for batch in batch_views(views, tiling.batch_size or 1):
            found_in = self._run([cut_pixels(pixels, view) for view in batch])
            for view, found in zip(batch, found_in, strict=True):
                part = np.subtract(view.box[2:], view.box[:2])
                across, down = (math.ceil(side) for side in part / factors)
                shape = data['shape'] if view.is_whole else (down, across)
                found = self._place(found, factors * view.size[::-1] / part, shape)
                corner = np.array(view.box[:2]) / factors
                found.boxes += np.tile(corner, 2)
                if found.masks is not None:
                    left, top = np.rint(corner).astype(int).tolist()
                    found.masks = [(x + left, y + top, mask) for x, y, mask in found.masks]
                scaled = found.boxes * np.tile(factors, 2)
                if not view.is_whole:
                    found.scores = found.scores * np.float32(tiling.tile_score)
                is_cut, rows = view.cuts(scaled), np.arange(len(scaled))
                if not view.is_whole and tiling.whole_image:
                    sides = np.sqrt((scaled[:, 2:] - scaled[:, :2]).prod(axis=1))
                    rows = np.flatnonzero(sides <= tiling.largest(pixels.shape[:2]))
                yield found.take(rows), is_cut[rows]

    def _merge(self, parts: list[tuple[_Found, np.ndarray]], tiling: Tiling) -> _Found:
        """Merges what was found in the views of a photograph."""
        columns = zip(
            *((of.boxes, of.scores, of.labels, is_cut) for of, is_cut in parts), strict=True
        )
        boxes, scores, labels, is_cut = map(np.concatenate, columns)
        groups = merge_views(
            *(boxes, scores, labels, is_cut),
            overlap=tiling.merge_overlap,
            threshold=tiling.merge_threshold,
        )[: tiling.max_per_image]
        keepers = np.array([group[0] for group in groups], dtype=int)
        merged = _Found(boxes[keepers], scores[keepers], labels[keepers])
        if tiling.merge == 'nms':
            groups = [group[:1] for group in groups]
        for row, group in enumerate(groups):
            merged.boxes[row, :2] = boxes[group, :2].min(axis=0)
            merged.boxes[row, 2:] = boxes[group, 2:].max(axis=0)
        if parts[0][0].masks is not None:
            crops: list[Crop] = [crop for of, _ in parts for crop in of.masks or ()]
            merged.masks = [[crops[row] for row in group] for group in groups]
        return merged
