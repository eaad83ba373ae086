"""The share of one process in a prediction, whose loading, network and writing overlap."""

import itertools
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

import cv2
import numpy as np
from tqdm import tqdm

from ...checkpoint_files import Run
from ...errors import describe_error
from ...images import read_photograph, strict_pillow
from ...runtime.metadata import show
from ...runtime.prediction import Prediction
from .journal import Journal
from .reading import Item, map_ahead, read_frames
from .sources import Source
from .writing import NEED_PIXELS, Film, write_image

_MOST_WORKERS = 8


class AnyDetector(Protocol):
    """A detector of MMDetection, or an exported one."""

    classes: tuple[str, ...]
    fingerprint: str

    def prepare(self, image: np.ndarray, path: str) -> dict[str, Any]:
        """Makes the input of a decoded image, BGR, uint8, shape (H, W, 3)."""

    def predict(self, batch: Sequence[dict[str, Any]]) -> list[Prediction]:
        """Predicts images that were prepared."""


@dataclass(frozen=True)
class Plan:
    """What the first process finds out for all.

    Args:
        run: The detector.
        folder: That the names of the sources are relative to.
        sources: All of them.
        blocks: Indices of the sources that are left. Photographs of a block are predicted together,
            by whichever process and after any interruption, so that results are always the same.
        done: Indices of the sources whose results are there already.
    """

    run: Run
    folder: str
    sources: list[Source]
    blocks: list[list[int]]
    done: frozenset[int]


class Share:
    """The part of the work that one process does: every ``count``-th block."""

    def __init__(
        self, detector: AnyDetector, plan: Plan, options: Namespace, rank: int, count: int
    ) -> None:
        self._detector, self._options = detector, options
        self._done, self._is_first = plan.done, rank == 0
        blocks = itertools.chain.from_iterable(plan.blocks[rank::count])
        self._sources = [(index, plan.sources[index]) for index in blocks]

    def predict(self) -> dict[str, float]:
        """Predicts it; returns how many images, and images per second that each stage could do."""
        processes = int(os.environ.get('LOCAL_WORLD_SIZE', '1'))
        workers = max(1, min(_MOST_WORKERS, (os.cpu_count() or 1) // processes))
        threads = {'load': workers, 'network': 1, 'write': workers}
        busy, images = {stage: [0.0] for stage in threads}, 0
        bar = tqdm(desc='predicting', unit='image', delay=2, disable=not self._is_first)
        bar.total = sum(source.kind == 'image' for _, source in self._sources)
        journal, film = Journal(self._options.out), Film()
        stopped = _stopped_by_signal([source for _, source in self._sources])
        with strict_pillow(), film, stopped as stop, bar, ExitStack() as stack:

            def ahead(stage: str, function: Callable[[Any], Any], items: Iterable) -> Iterator:
                done = map_ahead(function, items, threads[stage], busy[stage])
                return stack.enter_context(closing(done))

            loaded = ahead('load', self._load, self._list(stop))
            batches = (list(group) for _, group in itertools.groupby(loaded, self._block_of))
            found = itertools.chain.from_iterable(ahead('network', self._infer, batches))
            for item in ahead('write', self._write, found):
                bar.total += item.expected * (item.frame == 1)
                bar.update(item.prediction is not None or bool(item.error))
                images += item.prediction is not None
                busy['load'][0] += item.seconds * workers  # frames are read by one thread
                self._conclude(item, journal, film)
        rates = {stage: images * threads[stage] / max(busy[stage][0], 1e-9) for stage in threads}
        return {'images': images, **rates}

    def _list(self, stop: Event) -> Iterator[Item]:
        for index, source in self._sources:
            if source.kind == 'image':
                yield Item(index, source)
            else:
                yield from read_frames(index, source, stop)

    def _load(self, item: Item) -> Item:
        try:
            if item.frame is None:
                item.pixels = read_photograph(item.source.path)
        except Exception as error:  # decoders promise no particular error
            item.error = ' '.join(str(error).split()) or describe_error(error)
        if item.pixels is not None:
            try:
                item.data = self._detector.prepare(item.pixels, item.source.path)
            except cv2.error as error:  # one that is too narrow gets no pixel across
                if item.frame is not None:
                    raise
                item.error = f'cannot be resized ({describe_error(error)})'
            if NEED_PIXELS.isdisjoint(self._options.write):
                item.pixels = None
        return item

    def _block_of(self, item: Item) -> tuple[int, int]:
        size = self._options.batch_size
        if item.frame is None:
            return item.index // size, -1
        return item.index, (item.frame - 1) // size

    def _infer(self, batch: list[Item]) -> list[Item]:
        ready = [item for item in batch if item.data is not None]
        predictions = self._detector.predict([item.data for item in ready if item.data is not None])
        for item, prediction in zip(ready, predictions, strict=True):
            item.data, item.prediction = None, prediction
        return batch

    def _write(self, item: Item) -> Item:
        if item.prediction is not None and item.index not in self._done:
            write_image(self._options.out, item, self._options.write, self._detector.classes)
        item.pixels = None
        return item

    def _conclude(self, item: Item, journal: Journal, film: Film) -> None:
        """Notes a result whose files are there; is called in the order of the images."""
        of: dict[str, Any] = {'source': item.index}
        if item.prediction is not None:
            if item.picture is not None:
                film.append(item, self._options.out)
            if item.frame is not None:
                of['frame'] = item.frame
            if item.index not in self._done:
                journal.append({**of, **item.prediction})
        elif item.frame is not None:  # the end of a video
            film.finish()
            if item.frame:
                journal.append({**of, 'frames': item.frame})
            if not item.frame:
                item.error = 'no frame of it can be read'
            elif item.frame < 0.9 * item.expected:  # some formats only estimate
                item.error = f'ends after {item.frame} of {item.expected} frames'
        if item.error:
            print(show(f'{item.source.name}: {item.error}'), file=sys.stderr)
            journal.append({**of, 'error': item.error})


@contextmanager
def _stopped_by_signal(sources: Sequence[Source]) -> Iterator[Event]:
    """Yields an event that the first Ctrl+C sets, if there is something live; the next ends all."""
    stop = Event()
    before = signal.getsignal(signal.SIGINT)

    def set_stop(*_: object) -> None:
        stop.set()
        print('the stream ends here; Ctrl+C again stops at once', file=sys.stderr)
        signal.signal(signal.SIGINT, before)

    if any(source.kind == 'live' for source in sources):
        signal.signal(signal.SIGINT, set_stop)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
