"""Measures detectors in turns, and writes what was measured."""

import os
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...checkpoint_files import best_checkpoint, find_config
from ...errors import InputError
from ...evaluation.cost import COST_VERSION, Conditions, Cost, Timing, write_cost
from ...files import check_writable, write_files
from .measure import PHOTOGRAPH, Job, Seconds, Settings, Turn, list_images, measure_apart
from .tables import format_costs, to_csv, to_markdown, to_text

_VERSIONS = 'torch', 'torchvision', 'mmdet', 'mmengine'


def benchmark(
    detectors: Sequence[str], out: str | None, settings: Settings, exported: Sequence[str] = ()
) -> tuple[str, bool]:
    """Measures detectors, whose configs or runs are named; writes into runs and into ``out``.

    With files that ``tools/export.py`` wrote, ``exported``, all are measured on the CPU, unless
    another device is asked for, and with one number of threads.

    Returns:
        The tables, and whether every detector was measured.

    Raises:
        InputError: If an argument names nothing that can be used, or nothing was measured.
    """
    jobs = name_jobs(detectors, exported)
    if exported:
        wanted = os.environ.get('OMP_NUM_THREADS', '')  # as PyTorch does
        usual = int(wanted) if wanted.isdecimal() else os.cpu_count()
        threads = settings.threads or usual or 1
        settings = replace(settings, threads=threads, device=settings.device or 'cpu')
    for folder in filter(None, [out, *(job.folder for job in jobs)]):
        check_writable(folder)
    if settings.images:
        list_images(settings.images)
    turns, failed = _take_turns(jobs, settings)
    if not turns:
        name, reason = next(iter(failed.items()))
        raise InputError(f'nothing was measured: {name}: {reason}')
    jobs = [job for job in jobs if job.name in turns]
    costs = [_join(job, turns[job.name], settings) for job in jobs]
    notes = [f'Not measured: {name}: {reason}' for name, reason in failed.items()]
    notes += _say_what_is_missing({name: of[0].missing for name, of in turns.items()})
    for job, cost in zip(jobs, costs, strict=True):
        if job.folder:
            write_cost(cost, job.folder)
    if out:
        page = Path(out, 'cost.md')
        known = page.read_text() if page.is_file() else None
        texts = {'cost.csv': to_csv(costs), 'cost.json': format_costs(costs, failed)}
        write_files(out, {**texts, page.name: to_markdown(costs, notes, known)})
    return to_text(costs, notes), not failed


def name_jobs(detectors: Sequence[str], exported: Sequence[str] = ()) -> list[Job]:
    """What the arguments of the command name: configs, runs with their best checkpoints, files.

    Raises:
        InputError: If there is no such file, no single run in a folder, or one is given twice.
    """
    paths = [Path(path).resolve() for path in (*detectors, *exported)]
    names = [path.stem if path.suffix == '.py' else path.name for path in paths]
    jobs = []
    for given, path, name in zip((*detectors, *exported), paths, names, strict=True):
        shown = name if names.count(name) == 1 else given
        if paths.count(path) > 1:
            raise InputError(f'{given}: given twice')
        if given in exported:
            if not path.is_file():
                raise InputError(f'{given}: no such file')
            jobs.append(Job(shown, '', given))
        elif path.is_dir():
            config, checkpoint = str(find_config(given)), str(best_checkpoint(given))
            jobs.append(Job(shown, config, checkpoint, given))
        elif path.is_file():
            jobs.append(Job(shown, given))
        else:
            raise InputError(f'{given}: no such config, and no such folder of a run')
    return jobs


def _take_turns(
    jobs: Sequence[Job], settings: Settings
) -> tuple[dict[str, list[Turn]], dict[str, str]]:
    """Measures detectors in turn, so that noise affects all; returns turns, and why some failed."""
    turns: dict[str, list[Turn]] = defaultdict(list)
    failed: dict[str, str] = {}
    with tqdm(total=settings.rounds * len(jobs), disable=None) as bar:
        for _ in range(settings.rounds):
            for job in jobs:
                bar.set_description(job.name)
                if job.name not in failed:
                    try:
                        turns[job.name].append(measure_apart(job, settings))
                    except InputError as error:
                        failed[job.name] = str(error)
                        turns.pop(job.name, None)
                bar.update()
    return dict(turns), failed


def _say_what_is_missing(missing: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Says which values are missing, and why; a reason that detectors share is given once."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, reasons in missing.items():
        for figure in reasons.items():
            names[figure].append(name)
    shown = {
        figure: 'any detector' if len(of) == len(missing) > 1 else ', '.join(of)
        for figure, of in names.items()
    }
    return [f'No {what} of {which}: {reason}' for (what, reason), which in shown.items()]


def _join(job: Job, turns: Sequence[Turn], settings: Settings) -> Cost:
    first, loadings = turns[0], [turn.loading for turn in turns if turn.loading is not None]
    latency, throughput = (
        _summarize(
            size,
            [seconds for turn in turns for seconds in turn.times[index]],
            max((peak for turn in turns if (peak := turn.peaks[index])), default=None),
        )
        for index, size in enumerate((1, settings.batch_size))
    )
    drawn = f'random photographs of {PHOTOGRAPH[0]} x {PHOTOGRAPH[1]} pixels'
    return Cost(
        schema_version=COST_VERSION,
        name=job.name,
        config=job.config,
        checkpoint=job.checkpoint,
        **first.facts._asdict(),
        latency=latency,
        throughput=throughput,
        loading=statistics.median(loadings) if loadings else None,
        conditions=Conditions(
            device=first.device,
            threads=first.threads,
            versions=_list_versions(job),
            images=f'photographs of {settings.images}' if settings.images else drawn,
            rounds=len(turns),
            time=datetime.now().astimezone().isoformat(timespec='seconds'),
        ),
    )


def _list_versions(job: Job) -> dict[str, str]:
    if job.config:
        return {package: version(package) for package in _VERSIONS}
    runtime = 'openvino' if str(job.checkpoint).endswith('.xml') else 'onnxruntime'
    return {runtime: import_module(runtime).__version__.partition('-')[0]}


def _summarize(batch_size: int, times: Sequence[Seconds], peak: int | None) -> Timing:
    table = np.array(times, dtype=np.float64)  # NaN where there is no postprocessing
    p50, p90, p99 = np.percentile(np.nansum(table, axis=1), (50, 90, 99)).tolist()
    preprocessing, *after = np.median(table, axis=0).tolist()
    network, postprocessing = after if times[0].postprocessing is not None else (None, None)
    return Timing(
        batch_size=batch_size,
        p50=p50,
        p90=p90,
        p99=p99,
        bps=1 / p50,
        image_time=p50 / batch_size,
        fps=batch_size / p50,
        runs=len(times),
        preprocessing=preprocessing,
        network=network,
        postprocessing=postprocessing,
        peak_memory=peak,
    )
