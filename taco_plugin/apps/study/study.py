"""Runs a study from its file to its page."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue

from ...command_line import stage
from ...config_files import parse_options
from ...errors import InputError
from ...files import check_writable, locked, write_files
from ...json_files import to_json
from ...tables import format_table
from .definition import Run, Study, read_study
from .plan import estimate, join_splits, plan_trials
from .trials import Interruption, Launcher, State, Trial, conduct


@dataclass(frozen=True)
class Settings:
    """The options of ``study.py``, by their names there; its help describes them."""

    study: str
    out: Path
    annotations: str | None
    images: str | None
    extended: str | None
    test_images: str | None
    max_side: int | None
    runs: Sequence[str] | None
    seeds: Sequence[int] | None
    jobs: int | None
    gpus: int
    partition: str | None
    dry_run: bool
    cfg_options: Sequence[str]


def run_study(settings: Settings, tools: Path) -> Path:
    """Prepares the data, trains and tests what is not done yet, and writes the page.

    Args:
        settings: What was asked for.
        tools: Folder of the commands.

    Returns:
        Path of the page; it holds what is done, also if some runs have failed.

    Raises:
        InputError: If anything that was given cannot be used, or a run fails; the others go on.
    """
    study = _choose(read_study(settings.study), settings)
    check_writable(settings.out)
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / '.lock').touch()
    with locked(settings.out / '.lock', wait=False) as is_free:
        if not is_free:
            raise InputError(f'{settings.out}: a study is running in it; give another --out')
        return _run(study, settings, tools)


def _choose(study: Study, settings: Settings) -> Study:
    """Applies what was given on the command line."""
    runs = study.runs
    if settings.runs:
        known: dict[str, Run] = {run.name: run for run in runs}
        if unknown := [name for name in settings.runs if name not in known]:
            raise InputError(f'--runs: no run {unknown[0]!r} in {settings.study}: {list(known)}')
        runs = [known[name] for name in dict.fromkeys(settings.runs)]
    return replace(
        study,
        runs=runs,
        seeds=settings.seeds or study.seeds,
        test_images=settings.test_images or study.test_images,
    )


def _run(study: Study, settings: Settings, tools: Path) -> Path:
    _prepare(study, settings, tools)
    with stage('reading the configs'):
        trials = plan_trials(study, settings.out, parse_options(settings.cfg_options))
    places = _environments(settings)
    left = [trial for trial in trials if not trial.read_state().is_done]
    _say_plan(study, trials, left, settings=settings, places=places)
    if settings.dry_run:
        return settings.out
    failed = _conduct_all(left, Launcher(tools, settings.gpus, settings.partition), places)
    page = _write_page(study, trials, settings.out, tools)
    if failed:
        raise InputError(
            f'{len(failed)} of {len(trials)} failed; run the command again: {failed[0]}'
        )
    return page


def _prepare(study: Study, settings: Settings, tools: Path) -> None:
    """Prepares the photographs; nothing changes if it was done before."""
    root = Path(os.environ.get('TACO_DATA_ROOT', 'data/taco'))
    annotations, images = settings.annotations, settings.images
    if study.sample and annotations is None:
        root = settings.out / 'sample'
        if not (root / 'annotations.json').is_file():
            _call(tools, 'dataset_converters/make_sample.py', '--out', root)
    annotations = annotations or str(root / 'annotations.json')
    images = images or str(Path(annotations).parent)
    data = settings.out / 'data'
    split: list[object] = ['--test-fraction', study.test_fraction]
    if study.test_images:
        split = ['--test-images', study.test_images, '--strict-test-images']
    split += ['--val-fraction', study.val_fraction, '--seed', study.split_seed]
    if settings.max_side:
        split += ['--max-side', settings.max_side]
    for source, out in ((annotations, data), (settings.extended, data / 'extended')):
        if source is not None:
            options = ['--images', images, '--taxonomy', study.taxonomy, '--out', out, *split]
            _call(tools, 'dataset_converters/prepare_taco.py', source, *options)
            if study.retrain:
                join_splits(out)


def _call(tools: Path, tool: str, *arguments: object) -> None:
    """Runs one of our commands, whose error becomes ours."""
    with stage(f'tools/{tool}'):
        done = subprocess.run(
            [sys.executable, str(tools / tool), *map(str, arguments)],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        line = (done.stderr.strip().splitlines() or ['failed'])[-1]
        raise InputError(line.removeprefix(f'{Path(tool).name}: error: '))


def _environments(settings: Settings) -> list[dict[str, str]]:
    """What the commands of each job have in their environment: GPUs or threads of their own."""
    import torch

    common = {**os.environ, 'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}'}
    if settings.partition:
        per_node = {'GPUS_PER_NODE': str(min(settings.gpus, 8))}
        return [{**per_node, **common, 'GPUS': str(settings.gpus)}] * (settings.jobs or 1)
    count, cores = torch.cuda.device_count(), os.cpu_count() or 1
    jobs = settings.jobs or (max(count // settings.gpus, 1) if count else min(2, cores))
    if count == 0:
        threads = str(max(cores // (jobs * settings.gpus), 1))
        environments = [{'OMP_NUM_THREADS': threads, **common}] * jobs
    elif count < jobs * settings.gpus:
        raise InputError(f'--jobs {jobs} with --gpus {settings.gpus}: there are {count} GPUs')
    else:
        visible = os.environ.get('CUDA_VISIBLE_DEVICES', ','.join(map(str, range(count))))
        parts = [visible.split(',')[job::jobs][: settings.gpus] for job in range(jobs)]
        environments = [{**common, 'CUDA_VISIBLE_DEVICES': ','.join(part)} for part in parts]
    port = int(os.environ.get('PORT', '29500'))
    return [{**one, 'PORT': str(port + job)} for job, one in enumerate(environments)]


def _say_plan(
    study: Study,
    trials: Sequence[Trial],
    left: Sequence[Trial],
    *,
    settings: Settings,
    places: Sequence[Mapping[str, str]],
) -> None:
    rows = []
    for run in study.runs:
        total, to_do = (sum(trial.run is run for trial in some) for some in (trials, left))
        rows.append([run.name, run.config.name, str(total), str(total - to_do)])
    print(format_table(['run', 'config', 'seeds', 'done'], rows))
    again = ', then on both splits for the best number of epochs' if study.retrain else ''
    print(f'\nEach is trained{again}, and tested once.', flush=True)
    if settings.partition:
        print('Each is a job of the cluster; how long they take is not known.')
    elif left:
        with stage('timing a few iterations'):
            seconds = estimate(trials, len(places), places[0].get('OMP_NUM_THREADS'))
        print(f'It will take about {_show(seconds)}, without validations and tests.', flush=True)


def _conduct_all(
    left: Sequence[Trial], launcher: Launcher, places: Sequence[Mapping[str, str]]
) -> list[str]:
    """Runs the trials, as many at a time as there are places; returns why some failed."""
    free: SimpleQueue[Mapping[str, str]] = SimpleQueue()
    for place in places:
        free.put(place)
    commands, failed = Interruption(), []

    def conduct_one(trial: Trial) -> State:
        place = free.get()
        try:
            return conduct(trial, launcher, commands, place)
        finally:
            free.put(place)

    began = time.monotonic()
    with ThreadPoolExecutor(len(places)) as pool:
        futures = {pool.submit(conduct_one, trial): trial for trial in left}
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                trial = futures[future]
                try:
                    state = future.result()
                except InputError as error:
                    failed.append(str(error))
                    print(f'failed: {error}', file=sys.stderr, flush=True)
                    continue
                each, others = (time.monotonic() - began) / number, len(left) - number
                rest = f', about {_show(each * others)} left' if others else ''
                took = _show(state.seconds)
                print(f'[{number}/{len(left)}] {trial.title}: {took}{rest}', flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            commands.stop()
            raise
    return failed


def _write_page(study: Study, trials: Sequence[Trial], out: Path, tools: Path) -> Path:
    done = [trial for trial in trials if trial.read_state().is_done]
    if not done:
        raise InputError(f'{out}: nothing is done, so there is nothing to compare')
    runs = []
    for run in study.runs:
        folders = [str(trial.folder) for trial in done if trial.run is run]
        runs += [f'{run.name}={",".join(folders)}'] if folders else []
    options: list[object] = ['--out', out, '--title', study.title]
    if study.published:
        write_files(out, {'published.json': to_json(study.published, indent=2)})
        options += ['--published', out / 'published.json']
    _call(tools, 'analysis_tools/compare_runs.py', *runs, *options)
    return out / 'comparison.html'


def _show(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
