"""What is trained and tested once: a run of a study with a seed, in a folder of its own."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec
import psutil

from ...checkpoint_files import best_checkpoint
from ...command_line import why_it_failed
from ...errors import InputError
from ...files import write_files
from ...json_files import read_json, to_json
from .definition import Run

STOP = 'default_hooks.stop_after_epoch'
"""Key of the hook that ends the second training."""

_STATE = 'state.json'


@dataclass(frozen=True)
class State:
    """How far a trial is; in its folder as ``state.json``.

    Args:
        train: Seconds that the training took since it was last started; None until it is done.
        epoch: The one that was best on the validation split.
        retrain: Seconds of the training on both splits.
        test: Seconds of the test.
        process: Id and start time of the command that is running.
    """

    train: float | None = None
    epoch: int | None = None
    retrain: float | None = None
    test: float | None = None
    process: tuple[int, float] | None = None

    @property
    def is_done(self) -> bool:
        """Whether the trial is trained and tested."""
        return self.test is not None

    @property
    def seconds(self) -> float:
        """Seconds of all steps that are done."""
        return sum(filter(None, (self.train, self.retrain, self.test)))


@dataclass(frozen=True)
class Trial:
    """A run of a study with a seed.

    Args:
        run: The run of the study.
        seed: Seed of the training.
        folder: Holds all that it writes. Its name ends with a hash of all that the result depends
            on, so that a trial that was changed is another one.
        config: File in the folder with the whole config.
        retrain_config: The same, on the training and the validation split; None if it is not
            trained again.
    """

    run: Run
    seed: int
    folder: Path
    config: Path
    retrain_config: Path | None

    @property
    def title(self) -> str:
        """The name of the trial for people."""
        return f'{self.run.name}, seed {self.seed}'

    def read_state(self) -> State:
        """Reads how far the trial is."""
        if not (self.folder / _STATE).is_file():
            return State()
        try:
            return msgspec.convert(read_json(self.folder / _STATE), State)
        except msgspec.ValidationError as error:
            raise InputError(f'{self.folder / _STATE}: {error}; delete the folder') from None

    def write_state(self, state: State) -> None:
        """Writes how far the trial is."""
        write_files(self.folder, {_STATE: to_json(asdict(state))})


@dataclass(frozen=True)
class Launcher:
    """How the commands of a trial are started.

    Args:
        tools: Folder of the commands.
        gpus: Processes, and so GPUs, of each.
        partition: Of a Slurm cluster; None runs the commands on this machine.
    """

    tools: Path
    gpus: int
    partition: str | None

    def train(self, config: Path, work_dir: Path, name: str, options: Sequence[str]) -> list[str]:
        """The command of a training; it goes on from the last checkpoint, if there is one."""
        given = [*(['--resume'] if list(work_dir.glob('epoch_*.pth')) else []), *options]
        if self.partition:
            start = ['slurm_train.sh', self.partition, name, str(config), str(work_dir)]
            return [*self._tool(*start), *given]
        given = ['--work-dir', str(work_dir), *given]
        if self.gpus > 1:
            return [*self._tool('dist_train.sh', str(config), str(self.gpus)), *given]
        return [*self._tool('train.py', str(config)), *given]

    def test(self, config: Path, checkpoint: Path, work_dir: Path, name: str) -> list[str]:
        """The command of a test."""
        tested, given = [str(config), str(checkpoint)], ['--work-dir', str(work_dir)]
        if self.partition:
            return [*self._tool('slurm_test.sh', self.partition, name, *tested), *given]
        if self.gpus > 1:
            return [*self._tool('dist_test.sh', *tested, str(self.gpus)), *given]
        return [*self._tool('test.py', *tested), *given]

    def _tool(self, name: str, *arguments: str) -> list[str]:
        start = ['bash'] if name.endswith('.sh') else [sys.executable]
        return [*start, str(self.tools / name), *arguments]


class Interruption:
    """Runs commands, and stops them all once the study is interrupted."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._running: set[subprocess.Popen] = set()

    def stop(self) -> None:
        """Ends all commands that are running, and lets none begin."""
        self._is_over.set()
        for process in list(self._running):
            end_processes(process.pid)

    def run(
        self, command: Sequence[str], trial: Trial, log: Path, environment: Mapping[str, str]
    ) -> float:
        """Runs a command to its end and returns the seconds that it took.

        Raises:
            InputError: If it fails; with the reason that its log gives.
        """
        began = time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open('a') as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,  # Ctrl+C reaches this process alone, which then ends it
            )
            self._running.add(process)
            try:
                identity = process.pid, psutil.Process(process.pid).create_time()
                trial.write_state(replace(trial.read_state(), process=identity))
                if self._is_over.is_set():
                    end_processes(process.pid)
                status = process.wait()
            finally:
                self._running.discard(process)
        if status and not self._is_over.is_set():
            raise InputError(f'{trial.title}: {why_it_failed(status, log)}')
        if self._is_over.is_set():
            raise KeyboardInterrupt
        return time.monotonic() - began


def end_processes(process: int, started: float | None = None) -> None:
    """Ends a process and all that it has started; only one that started at that time, if given."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process)
        if started is not None and parent.create_time() != started:
            return  # another, with the same number
        every = [parent, *parent.children(recursive=True)]
        for one in every:
            with suppress(psutil.NoSuchProcess):
                one.terminate()
        for one in psutil.wait_procs(every, timeout=20)[1]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def conduct(
    trial: Trial, launcher: Launcher, commands: Interruption, environment: Mapping[str, str]
) -> State:
    """Trains, trains again if the study asks for it, and tests, all that is not done yet.

    Raises:
        InputError: If a command fails.
    """
    state, folder, name = trial.read_state(), trial.folder, f'{trial.run.slug}-{trial.seed}'
    if state.process:
        end_processes(*state.process)  # left by a study that was killed
    trained = folder / 'train'
    if state.train is None:
        command = launcher.train(trial.config, trained, name, [])
        seconds = commands.run(command, trial, folder / 'train.log', environment)
        epoch = re.search(r'epoch_(\d+)\.pth', best_checkpoint(trained).name)
        state = replace(state, train=seconds, epoch=int(epoch[1]) if epoch else None)
        trial.write_state(state)
        _drop_checkpoints(trained)
    if trial.retrain_config:
        trained = folder / 'retrain'
        if state.retrain is None:
            if state.epoch is None:
                raise InputError(f'{trial.title}: it has no epochs, so it cannot be trained again')
            options = [f'train_cfg.val_interval={state.epoch}', f'{STOP}.epoch={state.epoch}']
            command = launcher.train(
                trial.retrain_config, trained, name, ['--cfg-options', *options]
            )
            seconds = commands.run(command, trial, folder / 'retrain.log', environment)
            state = replace(state, retrain=seconds)
            trial.write_state(state)
            _drop_checkpoints(trained)
    if state.test is None:
        command = launcher.test(trial.config, best_checkpoint(trained), folder / 'test', name)
        state = replace(state, test=commands.run(command, trial, folder / 'test.log', environment))
        trial.write_state(state)
    return state


def _drop_checkpoints(folder: Path) -> None:
    """Removes what only an interrupted training needs."""
    for path in folder.glob('epoch_*.pth'):
        path.unlink()
