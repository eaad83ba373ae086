"""Runs trials until a study has enough of them."""

import time
from argparse import Namespace
from contextlib import ExitStack
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from ...command_line import why_it_failed
from ...errors import InputError
from ...files import check_writable, locked
from .results import best_trials, format_best, format_params, write_results
from .space import Settings, Space, Target
from .study import DONE, SharedStudy
from .training import new_validations, training

_NAMES = {
    **{TrialState.COMPLETE: 'completed', TrialState.PRUNED: 'pruned', TrialState.FAIL: 'failed'},
    **{TrialState.RUNNING: 'running', TrialState.WAITING: 'waiting'},
}
_POLL = 0.2  # seconds
_MOST_FAILURES = 5  # in a row


class TrialError(Exception):
    """A trial that failed, without a fault of the search; its message says why."""


class Search:
    """A search of a space, whose results are written into a folder.

    Args:
        options: Of ``search.py``.
        tools: Folder of MMDetection's scripts and launchers.
        command: What the user has called.

    Raises:
        InputError: If anything that was given cannot be used.
    """

    def __init__(self, options: Namespace, tools: Path, command: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        check_writable(options.out)
        self._options, self._tools, self._command = options, tools, command
        self._folder = Path(options.out)
        self._target = Target(options.config, options.cfg_options, options.metric)
        self._space = Space(options.space, self._target)
        facts = {key: str(getattr(options, key)) for key in ('metric', 'cfg_options', 'checkpoint')}
        facts['config'] = Path(options.config).name
        storage = options.storage or f'journal:{self._folder / "journal.log"}'
        pruner = optuna.pruners.HyperbandPruner(*_steps(self._target.config))
        self._shared = SharedStudy(storage, self._folder, facts, pruner)
        self._raw: Any = None
        if options.checkpoint:
            from .post_processing import RawPredictions

            with self._shared.exclusive():
                self._raw = RawPredictions(self._target, options.checkpoint, self._folder, tools)

    def run(self) -> None:
        """Runs trials, one after the other, and prints what happens.

        Raises:
            InputError: If trials fail for what looks like a mistake of the user.
        """
        study, began = self._shared.study, time.monotonic()
        hours = self._options.timeout
        with self._shared.errors():
            with self._shared.exclusive():
                is_new = not study.get_trials(deepcopy=False)
                for params in self._space.first if is_new else ():
                    study.enqueue_trial(params)
            print(self._describe(), flush=True)
            failures: list[str] = []
            while hours is None or time.monotonic() < began + 3600 * hours:
                if (failure := self._run_trial()) is None:
                    break
                failures = [*failures, failure] if failure else []
                is_mistake = not self._shared.count(*DONE) and '.py: error: ' in failure
                if is_mistake or len(failures) == _MOST_FAILURES:
                    raise InputError(failures[-1])
            with self._shared.exclusive():
                self._write()
        table = f'{format_best(study)}\n\n' if best_trials(study) else ''
        print(f'\n{table}{self._progress()}; written: {self._folder}')

    def _run_trial(self) -> str | None:
        """Runs a trial; returns why it failed, or None if there are trials enough."""
        with ExitStack() as until_end:
            with self._shared.exclusive():
                self._shared.release_dead()
                if self._shared.count(*DONE, TrialState.RUNNING) >= self._options.trials:
                    return None
                trial = self._shared.study.ask()
                try:
                    settings = self._space.sample(trial)
                    leaf = self._shared.leaf(trial.number)
                    docstring = f'Trial {trial.number} of a search: {self._command}'
                    leaf.write_text(self._target.make_leaf(leaf, docstring, settings))
                    trial.set_user_attr('settings', repr(settings))
                except BaseException:
                    self._shared.study.tell(trial, state=TrialState.FAIL)
                    raise
                until_end.enter_context(locked(leaf))  # shows others that it is running
            try:
                state, value = self._score(trial, settings)
            except TrialError as error:
                trial.set_user_attr('error', str(error))
                self._conclude(trial, TrialState.FAIL, None)
                return f'trial {trial.number} failed: {error}'
            except BaseException:
                print(f'trial {trial.number} was stopped; it will be tried again', flush=True)
                self._shared.abandon(trial.number)
                raise
            self._conclude(trial, state, value)
            return ''

    def _score(self, trial: optuna.Trial, settings: Settings) -> tuple[TrialState, float | None]:
        config = self._target.apply(settings)
        if self._raw:
            self._raw.check(settings, self._space.path)
            return TrialState.COMPLETE, self._pick(self._raw.score(config))
        leaf, seen, values = self._shared.leaf(trial.number), set[Path](), []
        with training(leaf, self._tools, self._options.processes) as process:
            has_ended = False
            while not has_ended:
                has_ended = process.poll() is not None  # before reading, to miss nothing
                for step, found in new_validations(leaf.with_suffix(''), seen).items():
                    values.append(self._pick(found))
                    trial.report(values[-1], step)
                    is_last = has_ended or step >= _steps(config)[1]
                    if not is_last and trial.should_prune():
                        return TrialState.PRUNED, None  # Optuna takes the last value
                self._shared.beat(trial)
                time.sleep(0 if has_ended else _POLL)
        log = leaf.with_suffix('.log')
        if process.returncode:
            raise TrialError(why_it_failed(process.returncode, log))
        if not values:
            raise TrialError(f'no validation was recorded (see {log})')
        return TrialState.COMPLETE, max(values)

    def _pick(self, found: dict[str, float]) -> float:
        if self._options.metric not in found:
            near = get_close_matches(self._options.metric, found, n=1, cutoff=0)[0]
            raise InputError(f'--metric: no {self._options.metric} is scored; did you mean {near}?')
        return found[self._options.metric]

    def _conclude(self, trial: optuna.Trial, state: TrialState, value: float | None) -> None:
        with self._shared.exclusive():
            told = self._shared.study.tell(trial, value, state=state, skip_if_finished=True)
            self._write()
        end = told.user_attrs.get('error') or f'{told.value:.4f}; {format_params(told.params)}'
        print(f'trial {trial.number} {_NAMES[told.state]}: {end}', flush=True)

    def _write(self) -> None:
        options, docstring = self._options, ''
        for trial in best_trials(self._shared.study)[:1]:
            tool, weights = ('test', f' {options.checkpoint}') if self._raw else ('train', '')
            docstring = (
                f'The best of {self._shared.count(*DONE)} trials of {options.space} on '
                f'{Path(options.config).name}.\n\n'
                f'{tool.title()}: tools/{tool}.py {self._folder / "best.py"}{weights}\n'
                f'Result: {options.metric} {trial.value:.4f} on the validation split, in trial '
                f'{trial.number}.\n\nFound by: {self._command}'
            )
        write_results(self._shared.study, self._folder, self._target, docstring)

    def _describe(self) -> str:
        options, (least, most) = self._options, _steps(self._target.config)
        each = f'trained for {most} epochs or iterations, validated every {least}'
        each = 'scored without training' if self._raw else each
        lines = {
            'search': f'{options.space} on {options.config}',
            'trials': f'{options.trials} in all ({self._progress()}), each {each}',
            'metric': f'{options.metric} on the validation split, the best of each trial',
            'storage': self._shared.url,
            'results': str(self._folder),
        }
        return '\n'.join(f'{name:9}{line}' for name, line in lines.items())

    def _progress(self) -> str:
        counts = {name: self._shared.count(state) for state, name in _NAMES.items()}
        return ', '.join(f'{count} {name}' for name, count in counts.items() if count) or 'none yet'


def _steps(config: Any) -> tuple[int, int]:  # noqa: ANN401
    """Epochs or iterations before the first validation, and in all."""
    loop = config.train_cfg
    if not (most := loop.get('max_epochs') or loop.get('max_iters')):
        raise InputError('train_cfg: has neither max_epochs nor max_iters')
    return min(loop.get('val_interval', 1), most), most
