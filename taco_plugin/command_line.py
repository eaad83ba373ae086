"""What all commands share: parsing, one-line errors and exit status, running stock scripts."""

import argparse
import importlib
import io
import logging
import math
import os
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from types import ModuleType
from typing import Any, NoReturn

from .errors import InputError, describe_error


class ArgumentParser(argparse.ArgumentParser):
    """Raises an :class:`InputError` where argparse would print its usage and exit with status 2."""

    def error(self, message: str) -> NoReturn:
        """Refuses the arguments."""
        raise InputError(f'{message} (see --help)')


def make_parser(description: str) -> ArgumentParser:
    """Makes the parser of a command; the line breaks of ``description`` are kept."""
    kept = argparse.RawDescriptionHelpFormatter
    return ArgumentParser(description=description, formatter_class=kept)


def check_run_options(args: argparse.Namespace) -> None:
    """Raises an InputError unless either ``--run``, or ``--config`` and ``--checkpoint`` came."""
    if bool(args.run) == bool(args.config) or bool(args.config) != bool(args.checkpoint):
        raise InputError('give either --run, or --config and --checkpoint')


def at_least(
    least: float, kind: Callable[[str], Any] = int, most: float = math.inf
) -> Callable[[str], Any]:
    """An argparse ``type``: a finite number that is ``least`` or more, and at most ``most``.

    >>> at_least(1)('8')
    8
    """

    def parse(text: str) -> Any:  # noqa: ANN401
        value = kind(text)
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f'must be {least} or more, but is {text}')
        if value > most:
            raise argparse.ArgumentTypeError(f'must be {most} or less, but is {text}')
        return value

    parse.__name__ = kind.__name__  # argparse names it when the text is no number
    return parse


def import_extra(module: str, extra: str) -> ModuleType:
    """Imports a module that only one of this package's extras installs.

    Raises:
        InputError: If it is not installed; names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed: pip install 'taco_plugin[{extra}]'"
        ) from None


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turns an error that the user can fix into one line on stderr and exit status 1.

    These are :class:`InputError` and :class:`OSError`; anything else is a defect and keeps its
    traceback. The traceback of an :class:`OSError`, which may be the machine's fault, goes to the
    log file of the run, if there is one. ``TACO_TRACEBACK=1`` in the environment shows every
    traceback. SIGTERM ends the command as Ctrl+C does, so that nothing is left half-written, and a
    reader of its output that has had enough, such as ``head``, ends it quietly.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors='backslashreplace')  # no encoding error, as for stderr
    try:
        yield
        print(end='', flush=True)
        if distributed := sys.modules.get('taco_plugin.compat.distributed'):
            distributed.end_process()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (InputError, OSError) as error:
        if os.environ.get('TACO_TRACEBACK'):
            raise
        if not isinstance(error, InputError):
            _log_traceback()
        # A DataLoader worker's error arrives as a traceback that ends with the line itself.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        line = lines[-1].removeprefix(f'{InputError.__module__}.{InputError.__qualname__}: ')
        print(f'{Path(sys.argv[0]).name}: error: {line}', file=sys.stderr)
        sys.exit(1)


def _interrupt(*_: object) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # in the background of a script
        sys.exit(143)
    signal.raise_signal(signal.SIGINT)


def _log_traceback() -> None:
    """Writes the traceback of the current error to the files that MMEngine logs to, if any."""
    if 'mmengine.logging' not in sys.modules:
        return
    from mmengine.logging import MMLogger

    text = traceback.format_exc()
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.emit(logger.makeRecord(logger.name, logging.ERROR, '', 0, text, (), None))


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Reports on stderr what is going on, if it takes more than two seconds."""
    timer = Timer(2, lambda: print(f'{name} ...', file=sys.stderr))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def why_it_failed(status: int, log: Path) -> str:
    """What the output of a command that failed says about it, in one line with the log's path.

    Args:
        status: Its exit status; negative for a signal.
        log: File of its output.
    """
    if status < 0:
        return f'ended by {signal.Signals(-status).name} (see {log})'
    lines = [line.strip() for line in log.read_text(errors='replace').splitlines()]
    own = [line for line in lines if '.py: error: ' in line]
    errors = [line for line in lines if line.partition(':')[0].endswith(('Error', 'Exception'))]
    errors = [line for line in errors if 'ChildFailedError' not in line]  # of the launcher
    reason = ['no output', *filter(None, lines)][-1:] + errors[-1:] + own[:1]
    return f'{reason[-1][:300]} (see {log})'


_OF_A_RUN = {'run_epoch', 'run_iter', '__next__'}
"""Functions that are called once images are loaded."""


def run_stock_script(name: str) -> None:
    """Runs one of MMDetection's scripts in this process, as if it had been called directly.

    ``name`` is the path of the script below MMDetection's ``tools`` folder. An error before the
    first image is taken for one of the config or of the arguments, and becomes one line too.

    Raises:
        SystemExit: With status 1 after one line on stderr, if MMDetection is not installed or
            the user's input is at fault.
    """
    with one_line_errors():
        package = find_spec('mmdet')
        if package is None or package.origin is None:
            raise InputError('MMDetection is not installed: run `make setup`')
        if {'-h', '--help'} & set(sys.argv[1:]):
            sys.meta_path.insert(0, _EmptyModules())
        else:
            from . import compat

            compat.install()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # launchers send it, maybe to workers
        script = Path(package.origin).parent / '.mim' / 'tools' / name
        try:
            runpy.run_path(str(script), run_name='__main__')
        except (InputError, OSError):
            raise
        except Exception as error:
            if isinstance(error.__context__, KeyboardInterrupt):  # MMEngine's bare `except`
                raise KeyboardInterrupt from error
            frames = traceback.walk_tb(error.__traceback__)
            if _OF_A_RUN & {frame.f_code.co_name for frame, _ in frames}:
                raise
            _log_traceback()
            given = ''.join(f'{argument}: ' for argument in sys.argv[1:2])
            text = f'{given}{describe_error(error)} (TACO_TRACEBACK=1 shows where)'
            raise InputError(text) from error


class _EmptyModules:
    """Import finder that supplies an empty module for all but the standard library.

    A stock script imports torch and all of MMDetection before it parses its arguments. To print its
    help, it only needs the names of the actions that it passes to argparse.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition('.')[0] in sys.stdlib_module_names:
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = lambda name: _Anything  # type: ignore[method-assign]


class _AnyAttribute(type):
    def __getattr__(cls, name: str) -> type:
        if name.startswith('__'):
            raise AttributeError(name)
        return cls


class _Anything(argparse.Action, metaclass=_AnyAttribute):
    """Stands for any name imported from an empty module; works as an argparse action."""

    def __init__(self, option_strings: Sequence[str] = (), dest: str = '', **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(option_strings, dest, **kwargs)
