import argparse
import os
import subprocess
import sys

import pytest

from taco_plugin.command_line import (
    at_least,
    import_extra,
    make_parser,
    one_line_errors,
)
from taco_plugin.errors import InputError


def test_an_error_without_a_message_is_named_by_its_type(capsys):
    with pytest.raises(SystemExit) as exit_, one_line_errors():
        raise PermissionError
    assert exit_.value.code == 1
    assert capsys.readouterr().err.endswith('error: PermissionError\n')


def test_a_failure_of_the_machine_keeps_its_traceback_in_the_log_file(tmp_path, capsys):
    from mmengine.logging import MMLogger

    log = tmp_path / 'run.log'
    logger = MMLogger('test_command_line', logger_name='test', log_file=str(log))
    MMLogger._instance_dict['test_command_line'] = logger
    try:
        with pytest.raises(SystemExit), one_line_errors():
            raise OSError(28, 'No space left on device', 'a.pth')
    finally:
        del MMLogger._instance_dict['test_command_line']
        for handler in logger.handlers:
            handler.close()
    assert 'Traceback' not in capsys.readouterr().err
    assert 'Traceback (most recent call last)' in log.read_text()
    assert 'No space left on device' in log.read_text()


def test_what_the_user_can_mend_is_not_logged_as_a_failure(capsys):
    with pytest.raises(SystemExit), one_line_errors():
        raise InputError('no such taxonomy')
    assert capsys.readouterr().err.endswith('error: no such taxonomy\n')


def test_every_traceback_is_shown_on_request(monkeypatch):
    monkeypatch.setenv('TACO_TRACEBACK', '1')
    with pytest.raises(InputError), one_line_errors():
        raise InputError('no such taxonomy')


def test_an_interrupt_has_the_exit_status_of_shells():
    with pytest.raises(SystemExit) as exit_, one_line_errors():
        raise KeyboardInterrupt
    assert exit_.value.code == 130


def test_wrong_arguments_end_in_the_same_way_as_wrong_input():
    with pytest.raises(InputError, match=r'unrecognized arguments: --sede 3 \(see --help\)'):
        make_parser('Does nothing.').parse_args(['--sede', '3'])


@pytest.mark.parametrize('text', ['0', 'nan', 'inf', '51'])
def test_numbers_out_of_range_are_refused(text):
    with pytest.raises((argparse.ArgumentTypeError, ValueError), match=text):
        at_least(1, float, 50)(text)


def test_a_missing_library_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, 'httpx', None)
    with pytest.raises(InputError, match=r"pip install 'taco_plugin\[download\]'"):
        import_extra('httpx', 'download')


PRINTER = """
import signal, sys
from taco_plugin.command_line import one_line_errors
with one_line_errors():
    try:
        print('é' * 200_000, flush=True)
        signal.pause()
    finally:
        print('cleaned up', file=sys.stderr)
"""


def start_printer(**options):
    command = [sys.executable, '-c', PRINTER]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_a_reader_of_the_output_that_has_had_enough_ends_a_command_quietly():
    with start_printer() as process:
        process.stdout.close()
        assert process.stderr.read() == 'cleaned up\n'
    assert process.returncode == 141


def test_sigterm_lets_a_command_clean_up_and_any_encoding_will_do():
    with start_printer(env={**os.environ, 'PYTHONIOENCODING': 'ascii'}) as process:
        assert process.stdout.readline() == r'\xe9' * 200_000 + '\n'
        process.terminate()
        assert process.stderr.read() == 'cleaned up\n'
    assert process.returncode == 130
