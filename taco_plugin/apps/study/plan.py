"""Prepares the data of a study and the configs of its trials, and says how long it will take."""

import hashlib
import os
import statistics
import time
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...class_counts import walk
from ...coco import read_coco
from ...config import use_taco
from ...config_files import check_key, read_config
from ...errors import InputError, describe_error
from ...files import write_files
from ...json_files import to_json
from .definition import Run, Study
from .trials import STOP, Trial

_TIMED = 4
"""Iterations that are timed for the estimate; the first does not count."""


def join_splits(data: Path) -> None:
    """Writes ``trainval.json``, the photographs of both splits, beside the prepared files."""
    folder = data / 'annotations'
    train, val = (read_coco(folder / f'{split}.json') for split in ('train', 'val'))
    both = {key: [*train[key], *val[key]] for key in ('images', 'annotations')}
    write_files(folder, {'trainval.json': to_json({**train, **both})})


def plan_trials(study: Study, out: Path, options: Mapping[str, Any]) -> list[Trial]:
    """Writes the config of each trial into a folder of its own; those of the first seed come first.

    Raises:
        InputError: If a config cannot be loaded, or has no such key as an option names.
    """
    data = out / 'data'
    os.environ['TACO_DATA_ROOT'] = f'{data}/'
    splits = sorted((data / 'annotations').glob('*.json'))
    of_data = hashlib.sha256(b''.join(path.read_bytes() for path in splits)).hexdigest()
    trials = []
    for run in study.runs:
        name = f'{run.config.stem}.py'
        config = _load(run, study.taxonomy, {**run.options, **options})
        texts = {name: config.pretty_text}
        if study.retrain:
            texts[f'both_splits/{name}'] = _on_both_splits(config).pretty_text
        known = repr((texts, of_data)).replace(str(data), '').encode()
        for seed in study.seeds:
            digest = hashlib.sha256(known + str(seed).encode()).hexdigest()[:8]
            folder = out / 'runs' / run.slug / f'seed_{seed}_{digest}'
            last = f'\nrandomness = dict({config.get("randomness", {})} | dict(seed={seed}))\n'
            if not (folder / name).is_file():
                write_files(folder, {path: text + last for path, text in texts.items()})
            again = folder / 'both_splits' / name if study.retrain else None
            trials.append(Trial(run, seed, folder, folder / name, again))
    return sorted(trials, key=lambda trial: list(study.seeds).index(trial.seed))


def _load(run: Run, taxonomy: str, options: Mapping[str, Any]) -> Config:
    config = read_config(str(run.config))
    if config.get('taxonomy') != taxonomy:
        use_taco(config, taxonomy=taxonomy)
    for key in options:
        try:
            check_key(config, key)
        except InputError as error:
            raise InputError(f'{run.name}: {error}') from None
    config.merge_from_dict(dict(options))
    return config


def _on_both_splits(config: Config) -> Config:
    """The config of the second training: the same schedule, cut after the best epoch."""
    both = Config.fromstring(config.pretty_text, '.py')
    for _, node in walk(both._cfg_dict):
        for key, value in node.items():
            if isinstance(value, str) and value.endswith('annotations/train.json'):
                node[key] = f'{value.removesuffix("train.json")}trainval.json'
    epochs = both.train_cfg.max_epochs
    both.train_cfg.update(val_interval=epochs, dynamic_intervals=None)
    both.merge_from_dict({STOP: {'type': 'StopAfterEpochHook', 'epoch': epochs}})
    return both


def estimate(trials: Sequence[Trial], jobs: int, threads: str | None) -> float:
    """About how many seconds the trials still take, ``jobs`` at a time.

    A run that is done with one seed takes as long with another. Of the others, a few iterations of
    each config are timed; validations and tests are not counted, and no early end.

    Raises:
        InputError: If a config cannot be trained.
    """
    known: dict[str, list[float]] = {}
    left = []
    for trial in trials:
        state = trial.read_state()
        if state.is_done:
            known.setdefault(trial.run.slug, []).append(state.seconds)
        else:
            left.append(trial)
    timed: dict[Path, float] = {}
    with ProcessPoolExecutor(1, get_context('spawn')) as pool:  # which takes its memory along
        for trial in left:
            if trial.run.slug not in known and trial.run.config not in timed:
                future = pool.submit(time_training, str(trial.config), threads)
                error = future.exception()
                if isinstance(error, Exception):
                    raise InputError(f'{trial.run.name}: {describe_error(error)}')
                timed[trial.run.config] = future.result()
    seconds = []
    for trial in left:
        times = known.get(trial.run.slug)
        once = statistics.mean(times) if times else timed[trial.run.config]
        seconds.append(once if times or not trial.retrain_config else 2 * once)
    return max([*seconds, sum(seconds) / jobs]) if seconds else 0.0


def time_training(path: str, threads: str | None) -> float:
    """Times a few iterations of a config, and returns the seconds that its training would take."""
    import torch
    from mmdet.registry import MODELS
    from mmengine.device import get_device
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner

    warnings.simplefilter('ignore')  # the training shows them
    if threads:
        torch.set_num_threads(int(threads))
    config = Config.fromfile(path)
    init_default_scope(config.get('default_scope', 'mmdet'))
    model = MODELS.build(config.model).to(get_device()).train()
    loader = Runner.build_dataloader(config.train_dataloader)
    times, batches = [], iter(loader)
    for _ in range(min(_TIMED, len(loader))):
        began = time.monotonic()
        batch = model.data_preprocessor(next(batches), training=True)
        loss, _ = model.parse_losses(model(**batch, mode='loss'))
        loss.backward()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.monotonic() - began)
    return statistics.median(times[1:] or times) * len(loader) * config.train_cfg.max_epochs
