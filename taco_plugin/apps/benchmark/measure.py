"""One turn of one detector, in a process of its own."""

import logging
import multiprocessing
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from itertools import chain, cycle, islice, repeat
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...errors import InputError, describe_error
from ...images import list_photographs, read_photograph

PHOTOGRAPH = 3264, 2448
"""Width and height of a drawn photograph: the usual ones in TACO, 8 megapixels."""

_IMAGES = 16  # that are kept in memory


class Seconds(NamedTuple):
    """Times of the parts of one prediction; without ``postprocessing``, ``network`` has both."""

    preprocessing: float
    network: float
    postprocessing: float | None


class Facts(NamedTuple):
    """What is known of a detector without running it; see :class:`~.evaluation.cost.Cost`."""

    detector: str
    input_size: tuple[int, int] | None
    parameters: int | None
    flops: int | None
    weights_size: int


PeakMemory = Callable[[], int | None]
"""Returns the most memory used since it was made, in bytes; None if that is not known."""


class TimedDetector(Protocol):
    """A detector, and how it is measured.

    Args:
        device: Its name, such as that of the processor.
        threads: Number of threads.
    """

    device: str
    threads: int

    def predict(self, images: Sequence[np.ndarray]) -> Seconds:
        """Predicts a batch, from images in memory to boxes."""

    def describe(self) -> tuple[Facts, dict[str, str]]:
        """What is known of the detector, and why the rest is not."""

    def open_loader(self) -> tuple[Any, int] | None:
        """The loader of its training, and the number of batches that take longer; None if none."""

    def watch_memory(self) -> PeakMemory:
        """Forgets the peak so far."""


@dataclass(frozen=True)
class Job:
    """A detector to measure: its name in the table, its files, and its folder if it is a run.

    Of an exported detector, ``config`` is empty and ``checkpoint`` the file.
    """

    name: str
    config: str
    checkpoint: str | None = None
    folder: str | None = None


@dataclass(frozen=True)
class Settings:
    """How to measure; the options of ``benchmark_detectors.py``."""

    batch_size: int
    rounds: int
    warm_up: int
    seconds: float
    device: str | None
    threads: int | None
    images: str | None
    size: tuple[int, int] | None


class Turn(NamedTuple):
    """What one turn measured, of single images and of batches, and why the rest is missing."""

    facts: Facts
    device: str
    threads: int
    times: tuple[list[Seconds], list[Seconds]]
    peaks: tuple[int | None, int | None]
    loading: float | None
    missing: dict[str, str]


def measure_apart(job: Job, settings: Settings) -> Turn:
    """Measures in a new process, so that neither memory nor caches are another detector's.

    Raises:
        InputError: If the detector cannot be measured; says why.
    """
    context = multiprocessing.get_context('spawn')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, job, settings))
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        process.join()
        reason = 'as if memory ran out' if process.exitcode == -9 else 'by itself'
        raise InputError(f'its process ended {reason} (status {process.exitcode})') from None
    finally:
        process.terminate()
        process.join()
    if isinstance(result, str):
        raise InputError(result)
    return result


def _answer(sender: Connection, job: Job, settings: Settings) -> None:
    """The process: sends a :class:`Turn`, or a text that says why there is none."""
    warnings.simplefilter('ignore')
    logging.disable(logging.WARNING)
    with open(os.devnull, 'w') as nowhere, redirect_stdout(nowhere), suppress(KeyboardInterrupt):
        try:
            sender.send(measure(job, settings))
        except Exception as error:  # whatever a detector of the user's raises
            if os.environ.get('TACO_TRACEBACK'):
                raise
            sender.send(str(error) if isinstance(error, InputError) else describe_error(error))


def measure(job: Job, settings: Settings) -> Turn:
    """Opens the detector, and measures latency, throughput, memory and loading."""
    # Not at the top: the process that gives the turns does not need it.
    import cv2

    detector = _build(job, settings) if job.config else _open_export(job, settings)
    cv2.setNumThreads(detector.threads)
    photographs, times, peaks = cycle(_read_photographs(settings.images)), [], []
    for size in (1, settings.batch_size):
        peak = detector.watch_memory()
        batches = (detector.predict(list(islice(photographs, size))) for _ in repeat(None))
        _ = list(islice(batches, settings.warm_up))
        times.append(list(_for_seconds(batches, settings.seconds)))
        peaks.append(peak())
    (facts, missing), loading = detector.describe(), None
    try:
        if loader := detector.open_loader():
            loading = _measure_loading(*loader, settings.seconds)
    except Exception as error:  # data that are missing or broken, in any of many ways
        missing['loading'] = describe_error(error)
    of = (times[0], times[1]), (peaks[0], peaks[1])
    return Turn(facts, detector.device, detector.threads, *of, loading=loading, missing=missing)


def _build(job: Job, settings: Settings) -> TimedDetector:
    import torch

    import taco_plugin.plugin  # noqa: F401

    from .detector import MMDetectionDetector

    device = settings.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    torch.manual_seed(0)
    return MMDetectionDetector(job.config, job.checkpoint, device, settings.size)


def _open_export(job: Job, settings: Settings) -> TimedDetector:
    """Imports neither PyTorch nor MMDetection, whose memory would count."""
    from .exported import TimedExport

    assert job.checkpoint
    assert settings.device
    assert settings.threads
    return TimedExport(job.checkpoint, settings.device, settings.threads)


def _for_seconds(items: Iterable[Any], seconds: float) -> Iterator[Any]:
    """Yields items until the time is over, but at least one."""
    end = perf_counter() + seconds
    for item in items:
        yield item
        if perf_counter() > end:
            return


def list_images(folder: str) -> list[str]:
    """Paths of the first photographs in a folder, to any depth; raises InputError if none."""
    found = sorted(list_photographs(folder, ('.jpg', '.jpeg', '.png')))
    if not found:
        raise InputError(f'{folder}: no photographs (.jpg, .jpeg, .png) in this folder')
    return found[:_IMAGES]


def _read_photographs(folder: str | None) -> Sequence[np.ndarray]:
    if folder:
        return list(map(_read, list_images(folder)))
    shape, random = (*PHOTOGRAPH[::-1], 3), np.random.default_rng(0)
    return [random.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)]


def _read(path: str) -> np.ndarray:
    try:
        return read_photograph(path)
    except Exception as error:  # decoders promise no particular error
        raise InputError(f'{path}: cannot be read ({describe_error(error)})') from None


def watch_process() -> PeakMemory:
    """Watches all memory of this process."""
    status, reset = Path('/proc/self/status'), Path('/proc/self/clear_refs')
    if not status.is_file():
        return lambda: None
    reset.write_text('5')
    return lambda: 1024 * int(re.findall(r'VmHWM:\s+(\d+) kB', status.read_text())[0])


def _measure_loading(loader: Iterable[Any], first: int, seconds: float) -> float:
    """Images per second after the ``first`` batches."""
    batches = chain.from_iterable(repeat(loader))
    _ = list(islice(batches, first))
    start = perf_counter()
    number = sum(len(batch['inputs']) for batch in _for_seconds(batches, seconds))
    return number / (perf_counter() - start)


def name_cpu() -> str:
    """Name of the processor."""
    cpus = Path('/proc/cpuinfo')
    names = re.findall(r'model name\s*: (.+)', cpus.read_text()) if cpus.is_file() else []
    return f'CPU ({names[0].strip() if names else "unknown"})'
