"""One turn of one detector, in a process of its own."""

import logging
import multiprocessing
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain, cycle, islice, repeat
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import numpy as np

from ...errors import InputError, describe_error

PHOTOGRAPH = 3264, 2448
"""Width and height of a drawn photograph: the usual ones in TACO, 8 megapixels."""

_VERSIONS = 'torch', 'torchvision', 'mmdet', 'mmengine'


class Seconds(NamedTuple):
    """Times of the parts of one prediction; without ``postprocessing``, ``network`` has both."""

    preprocessing: float
    network: float
    postprocessing: float | None


class Facts(NamedTuple):
    """What is known of a detector without running it; see :class:`~.evaluation.cost.Cost`."""

    detector: str
    input_size: tuple[int, int] | None
    parameters: int
    flops: int | None
    weights_size: int


class TimedDetector(Protocol):
    """What can be measured. Another kind of detector is another class with these methods."""

    def predict(self, images: Sequence[np.ndarray]) -> Seconds:
        """Predicts a batch of images, BGR, uint8, shape (H, W, 3)."""

    def describe(self) -> tuple[Facts, dict[str, str]]:
        """Counts what can be counted; what cannot has a reason."""

    def open_loader(self) -> tuple[Any, int]:
        """The loader of the training's batches, and how many of them take longer at first."""


@dataclass(frozen=True)
class Job:
    """A detector to measure: its name in the table, and its files."""

    name: str
    config: str
    checkpoint: str | None = None
    folder: str | None = None


@dataclass(frozen=True)
class Settings:
    """How to measure; the arguments of ``benchmark_detectors.py``."""

    batch_size: int
    warm_up: int
    seconds: float
    device: str | None
    threads: int | None
    images: tuple[str, ...]
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Turn:
    """What one turn measured, of single images and of batches.

    ``missing`` has the reason for each figure that could not be measured.
    """

    facts: Facts
    device: str
    threads: int
    versions: dict[str, str]
    single: list[Seconds]
    batch: list[Seconds]
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
    """Builds the detector, and measures latency, throughput, memory and loading."""
    # Not at the top: the process that gives the turns needs none of them.
    import cv2
    import torch

    import taco_plugin.plugin  # noqa: F401

    from .detector import MMDetectionDetector

    device = settings.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    torch.set_num_threads(settings.threads or torch.get_num_threads())
    cv2.setNumThreads(torch.get_num_threads())
    torch.manual_seed(0)
    detector = MMDetectionDetector(job.config, job.checkpoint, device, settings.size)
    photographs = _read_photographs(settings)
    single, peak = _time_batches(detector, photographs, 1, settings=settings, device=device)
    size = settings.batch_size
    batch, batch_peak = _time_batches(detector, photographs, size, settings=settings, device=device)
    facts, missing = detector.describe()
    loading = None
    try:
        loading = _measure_loading(*detector.open_loader(), settings.seconds)
    except Exception as error:  # data that are missing or broken, in any of many ways
        missing['loading'] = describe_error(error)
    return Turn(
        facts=facts,
        device=_name_device(device),
        threads=torch.get_num_threads(),
        versions={package: version(package) for package in _VERSIONS},
        single=single,
        batch=batch,
        peaks=(peak, batch_peak),
        loading=loading,
        missing=missing,
    )


def _time_batches(
    detector: TimedDetector,
    photographs: Sequence[np.ndarray],
    size: int,
    *,
    settings: Settings,
    device: str,
) -> tuple[list[Seconds], int | None]:
    """Times of batches after the warm-up, and the peak of the memory in bytes."""
    peak, endless = _watch_memory(device), cycle(photographs)
    times = (detector.predict(list(islice(endless, size))) for _ in repeat(None))
    for _ in islice(times, settings.warm_up):
        pass
    return list(_for_seconds(times, settings.seconds)), peak()


def _for_seconds(items: Iterable[Any], seconds: float) -> Iterator[Any]:
    """Yields items until the time is over, but at least one."""
    end = perf_counter() + seconds
    for item in items:
        yield item
        if perf_counter() > end:
            return


def _read_photographs(settings: Settings) -> Sequence[np.ndarray]:
    import mmcv

    if settings.images:
        return [mmcv.imread(path) for path in settings.images]
    random = np.random.default_rng(0)
    shape = *PHOTOGRAPH[::-1], 3
    return [random.integers(0, 256, shape, dtype=np.uint8) for _ in range(2)]


def _watch_memory(device: str) -> Callable[[], int | None]:
    """Forgets the peak so far; the function that is returned tells the peak since, in bytes.

    On a GPU that is what PyTorch had allocated, on a CPU all memory of the process.
    """
    import torch

    if device.startswith('cuda'):
        torch.cuda.reset_peak_memory_stats(device)
        return lambda: torch.cuda.max_memory_allocated(device)
    status = Path('/proc/self/status')
    if not status.is_file():
        return lambda: None
    Path('/proc/self/clear_refs').write_text('5')

    def peak() -> int | None:
        found = re.search(r'VmHWM:\s+(\d+) kB', status.read_text())
        return int(found[1]) * 1024 if found else None

    return peak


def _measure_loading(loader: Iterable[Any], first: int, seconds: float) -> float:
    """Images per second after the ``first`` batches."""
    batches = chain.from_iterable(repeat(loader))
    for _ in islice(batches, first):
        pass
    start = perf_counter()
    number = sum(len(batch['inputs']) for batch in _for_seconds(batches, seconds))
    return number / (perf_counter() - start)


def _name_device(device: str) -> str:
    import torch

    if device.startswith('cuda'):
        return torch.cuda.get_device_name(device)
    cpus = Path('/proc/cpuinfo')
    names = re.findall(r'model name\s*: (.+)', cpus.read_text()) if cpus.is_file() else []
    return f'CPU ({names[0].strip() if names else "unknown"})'
