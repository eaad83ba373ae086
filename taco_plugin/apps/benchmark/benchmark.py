"""Measures detectors in turns, and writes what was measured."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...checkpoint_files import best_checkpoint, find_config
from ...errors import InputError
from ...evaluation.cost import (
    COST_VERSION,
    Conditions,
    Cost,
    Latency,
    Parts,
    Throughput,
    write_cost,
)
from ...files import check_writable, write_files
from .measure import PHOTOGRAPH, Job, Seconds, Settings, Turn, measure_apart
from .tables import format_costs, to_csv, to_markdown, to_text

_IMAGES = 16
"""Photographs of ``--images`` that are kept in memory."""


@dataclass
class Benchmark:
    """What was measured, and why the rest was not: reasons of detectors, and of single figures."""

    costs: list[Cost] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    missing: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What was not measured, in sentences; a reason that detectors share is given once."""
        notes = [f'Not measured: {name}: {reason}' for name, reason in self.failed.items()]
        names: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, reasons in self.missing.items():
            for what_and_why in reasons.items():
                names[what_and_why].append(name)
        for (what, reason), of in names.items():
            which = 'any detector' if len(of) == len(self.costs) > 1 else ', '.join(of)
            notes.append(f'No {what} of {which}: {reason}')
        return notes


def benchmark(
    detectors: Sequence[str],
    *,
    out: str | None,
    rounds: int,
    images: str | None,
    size: Sequence[int] | None,
    batch_size: int,
    warm_up: int,
    seconds: float,
    device: str | None,
    threads: int | None,
) -> tuple[str, bool]:
    """Measures detectors, whose configs or runs are named; writes into runs and into ``out``.

    Returns:
        The tables, and whether every detector was measured.

    Raises:
        InputError: If an argument names nothing that can be used, or nothing was measured.
    """
    jobs = name_jobs(detectors)
    for written in filter(None, [out, *(job.folder for job in jobs)]):
        check_writable(written)
    settings = Settings(
        batch_size=batch_size,
        warm_up=warm_up,
        seconds=seconds,
        device=device,
        threads=threads,
        images=_list_images(images) if images else (),
        size=(size[0], size[1]) if size else None,
    )
    drawn = f'random photographs of {PHOTOGRAPH[0]} x {PHOTOGRAPH[1]} pixels'
    words = f'{len(settings.images)} photographs of {images}' if images else drawn
    found = _measure(jobs, settings, rounds, words)
    if not found.costs:
        name, reason = next(iter(found.failed.items()))
        raise InputError(f'nothing was measured: {name}: {reason}')
    folders = {job.name: job.folder for job in jobs}
    for cost in found.costs:
        if folder := folders[cost.name]:
            write_cost(cost, folder)
    if out:
        _write(found, Path(out))
    return to_text(found.costs, found.notes), not found.failed


def name_jobs(detectors: Sequence[str]) -> list[Job]:
    """What the arguments of the command name: configs, and runs with their best checkpoints.

    Raises:
        InputError: If there is no such file, no single run in a folder, or one is given twice.
    """
    paths = [Path(path).resolve() for path in detectors]
    names = [path.name if path.is_dir() else path.stem for path in paths]
    jobs = []
    for given, path, name in zip(detectors, paths, names, strict=True):
        shown = name if names.count(name) == 1 else given
        if paths.count(path) > 1:
            raise InputError(f'{given}: given twice')
        if path.is_dir():
            config, checkpoint = str(find_config(given)), str(best_checkpoint(given))
            jobs.append(Job(shown, config, checkpoint, given))
        elif path.is_file():
            jobs.append(Job(shown, given))
        else:
            raise InputError(f'{given}: no such config, and no such folder of a run')
    return jobs


def _list_images(folder: str) -> tuple[str, ...]:
    found = sorted(str(path) for path in Path(folder).rglob('*.[jJpP][pPnN]*[gG]'))
    if not found:
        raise InputError(f'{folder}: no photographs (.jpg, .jpeg, .png) in this folder')
    return tuple(found[:_IMAGES])


def _measure(jobs: Sequence[Job], settings: Settings, rounds: int, images: str) -> Benchmark:
    """Gives each detector a turn in each round, so that a noisy machine treats all alike."""
    found, turns = Benchmark(), defaultdict(list)
    with tqdm(total=rounds * len(jobs), disable=None) as bar:
        for _ in range(rounds):
            for job in jobs:
                bar.set_description(job.name)
                if job.name not in found.failed:
                    try:
                        turns[job.name].append(measure_apart(job, settings))
                    except InputError as error:
                        found.failed[job.name] = str(error)
                bar.update()
    for job in jobs:
        if job.name not in found.failed:
            of_job = turns[job.name]
            found.costs.append(_join(job, of_job, settings.batch_size, images))
            found.missing[job.name] = of_job[0].missing
    return found


def _join(job: Job, turns: Sequence[Turn], batch_size: int, images: str) -> Cost:
    first = turns[0]
    single = [seconds for turn in turns for seconds in turn.single]
    batch = [seconds for turn in turns for seconds in turn.batch]
    p50, p90, p99 = np.percentile(list(map(_total, single)), (50, 90, 99)).tolist()
    batch_time = statistics.median(map(_total, batch))
    peaks = [
        max((peak for peak in column if peak is not None), default=None)
        for column in zip(*(turn.peaks for turn in turns), strict=True)
    ]
    loadings = [turn.loading for turn in turns if turn.loading is not None]
    return Cost(
        schema_version=COST_VERSION,
        name=job.name,
        config=job.config,
        checkpoint=job.checkpoint,
        **first.facts._asdict(),
        latency=Latency(p50, p90, p99, len(single), _parts(single), peaks[0]),
        throughput=Throughput(
            batch_size=batch_size,
            batch_time=batch_time,
            bps=1 / batch_time,
            image_time=batch_time / batch_size,
            fps=batch_size / batch_time,
            runs=len(batch),
            parts=_parts(batch),
            peak_memory=peaks[1],
        ),
        loading=statistics.median(loadings) if loadings else None,
        conditions=Conditions(
            device=first.device,
            threads=first.threads,
            versions=first.versions,
            images=images,
            rounds=len(turns),
            time=datetime.now().astimezone().isoformat(timespec='seconds'),
        ),
    )


def _total(seconds: Seconds) -> float:
    return seconds.preprocessing + seconds.network + (seconds.postprocessing or 0.0)


def _parts(samples: Sequence[Seconds]) -> Parts:
    preprocessing = statistics.median(sample.preprocessing for sample in samples)
    after = [sample.postprocessing for sample in samples if sample.postprocessing is not None]
    if not after:
        return Parts(preprocessing, None, None)
    network = statistics.median(sample.network for sample in samples)
    return Parts(preprocessing, network, statistics.median(after))


def _write(found: Benchmark, out: Path) -> None:
    page = out / 'cost.md'
    known = page.read_text() if page.is_file() else None
    texts = {
        'cost.csv': to_csv(found.costs),
        'cost.json': format_costs(found.costs, found.failed),
        'cost.md': to_markdown(found.costs, found.notes, known),
    }
    write_files(out, texts)
