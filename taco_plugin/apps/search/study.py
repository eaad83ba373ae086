"""The study that all workers of a search share, and what becomes of trials that were cut off."""

import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from ...errors import InputError, describe_error
from ...files import locked

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
_HEARTBEAT = 60  # seconds
_STARTUP_TRIALS = 5  # of each of Hyperband's brackets, before the sampler learns from them
warnings.filterwarnings('ignore', category=optuna.exceptions.ExperimentalWarning)
warnings.filterwarnings('ignore', 'Heartbeat of storage')  # see SharedStudy.beat
_put_on_waiting_list = RetryHeartbeatStaleTrialCallback(max_retry=3)


class SharedStudy:
    """An Optuna study in a storage that other processes may use at the same time.

    A file (a journal, or SQLite) has no heartbeat. There, each running trial holds a lock on its
    config, which the system frees when the process ends, however it ends. Databases have Optuna's
    heartbeat instead.

    Args:
        url: ``journal:PATH``, or the address of a database as SQLAlchemy has it.
        folder: Of the search; its name is that of the study.
        facts: What all workers must agree about, by name.
        pruner: What ends trials that are not promising.

    Attributes:
        study: As Optuna has it.
        url: Without a password.

    Raises:
        InputError: If the storage cannot be used, or the study or the folder is of another search.
    """

    def __init__(
        self, url: str, folder: Path, facts: Mapping[str, str], pruner: optuna.pruners.BasePruner
    ) -> None:
        self.url = re.sub(r':[^:@/]*@', ':***@', url)
        self._folder = folder / 'trials'
        self._folder.mkdir(parents=True, exist_ok=True)
        self._is_local = url.startswith(('journal:', 'sqlite'))
        self._process = ExitStack()
        self._beat = 0.0
        if url.startswith('sqlite'):
            (self._folder / 'worker').touch()
            if not self._process.enter_context(locked(self._folder / 'worker', wait=False)):
                raise InputError(f'--storage {self.url}: is for one worker; use journal:PATH')
        with self.exclusive():
            with self.errors(opening=True):
                self._storage = _open_storage(url)
                self.study = optuna.create_study(
                    storage=self._storage,
                    study_name=folder.resolve().name,
                    direction='maximize',
                    load_if_exists=True,
                    sampler=optuna.samplers.TPESampler(n_startup_trials=_STARTUP_TRIALS),
                    pruner=pruner,
                )
            self._check(folder, facts)

    def _check(self, folder: Path, facts: Mapping[str, str]) -> None:
        """Refuses the study or the folder of another search."""
        if not self.study.get_trials(deepcopy=False) and any(self._folder.glob('*.py')):
            raise InputError(f'{folder}: holds trials that {self.url} lacks; give another --out')
        has_begun = self.count(TrialState.RUNNING, *DONE)  # else what failed can be corrected
        for name, value in facts.items():
            known = self.study.user_attrs.get(name, value)
            if has_begun and known != value:
                reason = f'holds a search of which {name} is {known}, not {value}'
                raise InputError(f'{folder}: {reason}; give another --out')
            self.study.set_user_attr(name, value)

    @contextmanager
    def errors(self, *, opening: bool = False) -> Iterator[None]:
        """Says in one line that the storage failed; while it is being opened, all is its fault."""
        try:
            yield
        except Exception as error:
            of_storage = optuna.exceptions.StorageInternalError | SQLAlchemyError
            if isinstance(error, InputError) or not (opening or isinstance(error, of_storage)):
                raise
            line = describe_error(error)[:300]
            raise InputError(f'--storage {self.url}: cannot be used ({line})') from error

    def leaf(self, number: int) -> Path:
        """The config of a trial."""
        return self._folder / f'{number:04}.py'

    def exclusive(self) -> AbstractContextManager:
        """Keeps other workers in this folder from beginning or ending a trial meanwhile."""
        return locked(self._folder)

    def count(self, *states: TrialState) -> int:
        """Number of trials in these states."""
        return len(self.study.get_trials(deepcopy=False, states=states))

    def beat(self, trial: optuna.Trial) -> None:
        """Shows workers on other machines that a trial is running; cheap to call often."""
        if not self._is_local and time.monotonic() > self._beat + _HEARTBEAT:
            self._storage.record_heartbeat(trial._trial_id)
            self._beat = time.monotonic()

    def release_dead(self) -> None:
        """Abandons trials whose processes are no more; must be called in :meth:`exclusive`."""
        if not self._is_local:
            optuna.storages.fail_stale_trials(self.study)
            return
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            leaf = self.leaf(trial.number)
            with locked(leaf, wait=False) as is_dead:
                if is_dead or not leaf.exists():
                    print(f'trial {trial.number} was cut off; it will be tried again', flush=True)
                    self.abandon(trial.number)

    def abandon(self, number: int) -> None:
        """Marks a trial as failed that was cut off, and puts its parameters on the waiting list."""
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        _put_on_waiting_list(self.study, self.study.get_trials()[number])


def _open_storage(url: str) -> Any:  # noqa: ANN401
    kind, _, path = url.partition(':')
    if kind == 'journal':
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(path))
    return RDBStorage(
        url,
        heartbeat_interval=_HEARTBEAT,
        grace_period=5 * _HEARTBEAT,
        heartbeat_stale_trial_callback=_put_on_waiting_list,
    )
