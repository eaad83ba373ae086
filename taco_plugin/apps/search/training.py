"""Trains configs, each in a process group of its own, and reads validations meanwhile."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...evaluation.metrics import flatten_metrics
from ...evaluation.record import read_record

_PATIENCE = 10  # seconds between asking a process to end, and killing it
_KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


@contextmanager
def training(leaf: Path, tools: Path, processes: int) -> Iterator[subprocess.Popen]:
    """Trains a config, and ends all processes of the training on exit.

    Its output goes to a file beside the config, and all else to a folder beside it; both have its
    name. If this process is killed, the training ends too (on Linux).

    Args:
        leaf: The config.
        tools: Folder of the launchers.
        processes: Number of processes that train together.
    """
    command = [sys.executable, str(tools / 'train.py'), str(leaf)]
    if processes > 1:
        command = ['bash', str(tools / 'dist_train.sh'), str(leaf), str(processes)]
    path = f'{Path(sys.executable).parent}:{os.environ.get("PATH", "")}'
    with leaf.with_suffix('.log').open('w') as log:
        process = subprocess.Popen(
            [*command, '--work-dir', str(leaf.with_suffix(''))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'PORT': str(_free_port()), 'PATH': path},
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == 'linux' else None,
        )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_KILL_WITH_PARENT, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(('127.0.0.1', 0))
        return any_port.getsockname()[1]


def new_validations(work_dir: Path, seen: set[Path]) -> dict[int, dict[str, float]]:
    """Reads the validations that are not in ``seen``, and adds them.

    Returns:
        Epoch, or iteration if there are no epochs -> the metrics, by the names that a training
        logs; in order.
    """
    paths = set(work_dir.glob('*/evaluations/val_*.json')) - seen
    seen |= paths
    found = {}
    for record in map(read_record, paths):
        assert record.run is not None
        found[record.run.epoch or record.run.iteration] = {
            f'coco/{kind}_{name}': value
            for kind, metrics in record.metrics.items()
            for name, value in flatten_metrics(metrics, record.classes).items()
        }
    return dict(sorted(found.items()))
