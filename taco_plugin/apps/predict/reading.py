"""Reads photographs and videos, and computes a little ahead of who asks for the results."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import Any, TypeVar

import cv2
import numpy as np

from ...runtime.prediction import Prediction
from .sources import Source

In = TypeVar('In')
Out = TypeVar('Out')


@dataclass(eq=False)
class Item:
    """An image on its way through the stages, or the end of a video, which has no results.

    Args:
        index: Index of its source.
        source: The photograph or video that it comes from.
        frame: Number in the video, from 1, at the end that of the last; None for a photograph.
        rate: Frames per second of the video.
        expected: How many frames the video claims to have; 0 if it does not say.
        seconds: How long reading the frame took.
        pixels: BGR, uint8, shape (H, W, 3), while they are needed.
        error: Why it cannot be read.
        data: Input of the network, until it is predicted.
        prediction: Output of the network.
        picture: Drawn frame that is to be added to a video, like ``pixels``.
    """

    index: int
    source: Source
    frame: int | None = None
    rate: float = 0.0
    expected: int = 0
    seconds: float = 0.0
    pixels: np.ndarray | None = None
    error: str = ''
    data: dict[str, Any] | None = None
    prediction: Prediction | None = None
    picture: np.ndarray | None = None


def read_frames(index: int, source: Source, stop: Event) -> Iterator[Item]:
    """Yields the frames of a video, or of what is live until ``stop`` is set, and then the end."""
    capture = cv2.VideoCapture(int(source.path) if source.path.isdecimal() else source.path)
    rate, claimed = (capture.get(of) for of in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
    expected = int(max(claimed, 0)) if source.kind == 'video' else 0
    is_read, frame = True, 0
    try:
        while is_read:
            began = time.perf_counter()
            ends = source.kind == 'live' and stop.is_set()
            is_read, pixels = (False, None) if ends else capture.read()
            frame += is_read
            seconds = time.perf_counter() - began
            yield Item(index, source, frame, rate or 25.0, expected, seconds, pixels)
    finally:
        capture.release()


def map_ahead(
    function: Callable[[In], Out], items: Iterable[In], workers: int, busy: list[float]
) -> Generator[Out, None, None]:
    """Yields ``function(item)`` in order, computed by threads that run ahead by ``workers`` items.

    Their seconds are added to ``busy[0]``.

    >>> list(map_ahead(abs, [-1, 2, -3], 2, [0.0]))
    [1, 2, 3]
    """

    def timed(item: In) -> tuple[Out, float]:
        began = time.perf_counter()
        return function(item), time.perf_counter() - began

    def finish(most: int) -> Iterator[Out]:
        while len(pending) > most or (pending and pending[0].done()):
            result, seconds = pending.popleft().result()
            busy[0] += seconds
            yield result

    pool = ThreadPoolExecutor(workers)
    pending: deque[Future[tuple[Out, float]]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(timed, item))
            yield from finish(workers)
        yield from finish(0)
    finally:
        pool.shutdown(cancel_futures=True)
