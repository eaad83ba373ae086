"""Predicts all inputs: processes share them, and loading, network and writing overlap."""

import itertools
import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import add
from pathlib import Path
from threading import Event
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from ...checkpoint_files import Run
from ...errors import describe_error
from ...files import write_files
from ...images import read_photograph, strict_pillow
from ...json_files import to_json
from ...runtime.detector import ExportedDetector
from ...runtime.metadata import show
from ...runtime.prediction import Prediction
from ...runtime.sessions import open_session
from .gallery import make_page
from .journal import Journal, begin, read_journal
from .reading import Item, map_ahead, read_frames
from .results import SCHEMA_VERSION, make_files, summarize
from .sources import Source, find_sources
from .writing import NEED_PIXELS, Film, write_image

_MOST_WORKERS = 8


class _Detector(Protocol):
    """Of MMDetection, or exported."""

    classes: tuple[str, ...]
    fingerprint: str

    def prepare(self, image: np.ndarray, path: str) -> dict[str, Any]:
        """Makes the input of a decoded image, BGR, uint8, shape (H, W, 3)."""

    def predict(self, batch: Sequence[dict[str, Any]]) -> list[Prediction]:
        """Predicts images that were prepared."""


@dataclass(frozen=True)
class _Plan:
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


def predict(options: Namespace) -> dict[str, Any] | None:
    """Predicts litter in photographs, videos and streams, and writes the results into a folder.

    Under ``torchrun``, each process takes a share; all must see the same files.

    Args:
        options: Of ``predict.py``.

    Returns:
        What ``summary.json`` holds; None in all processes but the first.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    with _joined() as (rank, count):
        detector = None
        plans: list[Any] = [None]
        if rank == 0:
            detector, plans[0] = _prepare(options)
        if count > 1:
            from torch import distributed

            distributed.broadcast_object_list(plans)
        plan: _Plan = plans[0]
        detector = detector or _load_detector(plan.run, options)
        began = time.perf_counter()
        rates = [_Share(detector, plan, options, rank, count).predict()] * count
        if count > 1:
            distributed.all_gather_object(rates, rates[0])
        if rank > 0:
            return None
        images = sum(rate.pop('images') for rate in rates)
        speed = {stage: round(sum(rate[stage] for rate in rates), 3) for stage in rates[0]}
        speed['all'] = round(images / (time.perf_counter() - began), 3)
        return _write_results(detector.classes, plan, options, speed)


@contextmanager
def _joined() -> Iterator[tuple[int, int]]:
    """Yields the rank of this process and the number of processes that share the work."""
    rank, count = (int(os.environ.get(*pair)) for pair in (('RANK', '0'), ('WORLD_SIZE', '1')))
    if count == 1:
        yield 0, 1
        return
    from torch import distributed

    # Nothing but a few texts is exchanged, and the first may wait long for the last.
    distributed.init_process_group('gloo', timeout=timedelta(days=30))
    try:
        yield rank, count
    finally:
        distributed.destroy_process_group()


def _load_detector(run: Run, options: Namespace) -> _Detector:
    if not run.config:
        path, threshold = run.checkpoint, run.threshold
        return ExportedDetector(path, threshold, tiles=options.tiles, device=options.device)
    from ...detector import Detector

    return Detector(run, options.device, options.cfg_options, tiles=options.tiles)


def _find_run(options: Namespace) -> Run:
    if path := options.onnx or options.openvino:
        threshold = open_session(path).metadata.threshold
        return Run('', path, threshold, f'that in {show(path)}')
    from ...detector import choose_run

    return choose_run(options)


def _prepare(options: Namespace) -> tuple[_Detector, _Plan]:
    """Checks everything before anything is written."""
    run = _find_run(options)
    if options.threshold is not None:
        run = replace(run, threshold=options.threshold, note='as given')
    folder, sources = find_sources(options.inputs, options.out)
    detector = _load_detector(run, options)
    noted = {
        **{'weights or settings': detector.fingerprint, 'threshold': run.threshold},
        **{'batch size': options.batch_size, 'outputs': sorted(options.write)},
        **{'folder of inputs': folder, 'inputs': [source.name for source in sources]},
    }
    begin(options.out, noted, resume=options.resume)
    done = frozenset(read_journal(options.out)[0])
    count, size = sum(source.kind == 'image' for source in sources), options.batch_size
    blocks = [[*range(first, min(first + size, count))] for first in range(0, count, size)]
    blocks += [[index] for index in range(count, len(sources))]
    blocks = [block for block in blocks if not done.issuperset(block)]
    print(f'confidence threshold: {run.threshold:g} ({run.note})')
    return detector, _Plan(run, folder, sources, blocks, done)


def _write_results(
    classes: Sequence[str], plan: _Plan, options: Namespace, speed: dict[str, float]
) -> dict[str, Any]:
    """Makes the final files of what all processes of all starts have predicted."""
    found, failed = read_journal(options.out)
    entries = [entry for index in sorted(found) for entry in found[index]]
    frames = [f'#{entry["frame"]:06}' if 'frame' in entry else '' for entry in entries]
    names = [plan.sources[entry['source']].name for entry in entries]
    rows = list(zip(map(add, names, frames), entries, strict=True))
    unreadable = [
        {'file': plan.sources[index].name, 'reason': failed[index]} for index in sorted(failed)
    ]
    summary = {
        'schema_version': SCHEMA_VERSION,
        'model': {'config': plan.run.config or None, 'checkpoint': plan.run.checkpoint},
        'threshold': plan.run.threshold,
        'threshold_is': plan.run.note,
        'images_per_second': speed,
        'folder': plan.folder,
        **summarize(rows, classes),
        'unreadable': unreadable,
    }
    yolo = str(Path(options.out, 'yolo').resolve())
    texts = make_files(rows, classes, options.write, plan.folder, yolo=yolo)
    if 'gallery' in options.write:
        stems = [source.stem for source in plan.sources]
        texts['gallery.html'] = make_page(rows, stems, classes, options, summary)
    write_files(options.out, {**texts, 'summary.json': to_json(summary, indent=2)})
    return summary


class _Share:
    """The part of the work that one process does: every ``count``-th block."""

    def __init__(
        self, detector: _Detector, plan: _Plan, options: Namespace, rank: int, count: int
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
            item.data = self._detector.prepare(item.pixels, item.source.path)
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
            print(f'{item.source.name}: {item.error}', file=sys.stderr)
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
