import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from taco_plugin.errors import InputError
from taco_plugin.files import write_file, write_files
from taco_plugin.json_files import read_json, to_json


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in folder.rglob('*')
    }


def test_writes_replaces_and_removes(tmp_path):
    write_files(tmp_path / 'out', {'a/b.json': '1', 'c.json': '2'})
    assert tree(tmp_path / 'out') == {'a': None, 'a/b.json': '1', 'c.json': '2'}
    write_files(tmp_path / 'out', {'a/b.json': None, 'c.json': '3', 'd.json': None})
    assert tree(tmp_path / 'out') == {'a': None, 'c.json': '3'}


@pytest.mark.parametrize('failing', range(1, 5))
def test_after_a_failure_everything_is_as_before(tmp_path, monkeypatch, failing):
    write_files(tmp_path, {'old.json': 'old', 'gone.json': 'kept'})
    before = tree(tmp_path)
    replace, calls = os.replace, []

    def fail_once(source, target):
        calls.append(source)
        if len(calls) == failing:
            raise OSError(28, 'No space left on device', str(target))
        replace(source, target)

    monkeypatch.setattr(os, 'replace', fail_once)
    texts = {'sub/new.json': 'n', 'gone.json': None, 'old.json': 'new', 'z.json': 'z'}
    with pytest.raises(InputError, match='No space left'):
        write_files(tmp_path, texts)
    assert tree(tmp_path) == before


def test_folder_that_is_a_file_or_a_file_that_is_a_folder(tmp_path):
    (tmp_path / 'file').touch()
    (tmp_path / 'taken.json').mkdir()
    before = tree(tmp_path)
    with pytest.raises(InputError, match='file.*: cannot be written'):
        write_files(tmp_path / 'file', {'a.json': '1'})
    with pytest.raises(InputError, match='taken.json: cannot be written .it is a folder'):
        write_files(tmp_path, {'a.json': '1', 'taken.json': '2'})
    assert tree(tmp_path) == before


def start(code, *arguments):
    command = [sys.executable, '-c', f'import os, signal, sys\n{code}', *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


KILLED = """
from taco_plugin.files import write_files
replace = os.replace
def kill(source, target):
    replace(source, target)
    os.kill(os.getpid(), signal.SIGKILL)
def link(source, target):
    raise OSError('not on this file system')
os.replace, os.link = kill, link
write_files(sys.argv[1], {'a/b.json': 'new'})
"""


def test_what_a_killed_process_left_is_removed_and_what_it_moved_returns(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / '.new.mine').mkdir()
    (tmp_path / 'a' / 'b.json').write_text('old')
    assert start(KILLED, tmp_path).wait() == -9
    assert not (tmp_path / 'a' / 'b.json').exists()
    write_files(tmp_path, {'c.json': '3'})
    assert tree(tmp_path) == {'.new.mine': None, 'a': None, 'a/b.json': 'old', 'c.json': '3'}


def test_a_file_is_never_missing_while_it_is_replaced(tmp_path, monkeypatch):
    write_files(tmp_path, {'a.json': 'old'})
    replace, seen = os.replace, []

    def look(source, target):
        seen.append((tmp_path / 'a.json').read_text())
        replace(source, target)
        seen.append((tmp_path / 'a.json').read_text())

    monkeypatch.setattr(os, 'replace', look)
    write_files(tmp_path, {'a.json': 'new'})
    assert seen == ['old', 'new']


SLOW = """
from taco_plugin.files import stage_folder
with stage_folder(sys.argv[1]) as stage:
    (stage / 'slow.json').write_text('slow')
    (stage / 'both.json').write_text('last')
    print(stage.parent, flush=True)
    input()
"""


def test_two_processes_write_at_once(tmp_path):
    process = start(SLOW, tmp_path)
    stage = process.stdout.readline().strip()
    write_files(tmp_path, {'both.json': 'first', 'quick.json': 'quick'})
    assert os.path.isdir(stage)
    process.communicate('\n')
    assert process.returncode == 0
    assert tree(tmp_path) == {'both.json': 'last', 'quick.json': 'quick', 'slow.json': 'slow'}


MIXING = """
from taco_plugin.files import write_files
for number in range(60):
    write_files(sys.argv[1], {f'{number}.json': sys.argv[2] for number in range(8)})
"""


def test_files_of_two_writers_do_not_mix(tmp_path):
    processes = [start(MIXING, tmp_path, name) for name in ('first', 'second')]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(set(tree(tmp_path).values())) == 1


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / 'a.json')
    for path in (tmp_path / 'a.json', '/dev/zero'):
        with pytest.raises(InputError, match=f'{path}: cannot be read .a pipe or a device'):
            read_json(path)


def test_errors_name_what_cannot_be_read_or_written(tmp_path):
    source, target = tmp_path / 'source', tmp_path / 'target'
    with pytest.raises(InputError, match=f'{source}: cannot be read .No such file'):
        write_file(target, lambda path: path.write_bytes(source.read_bytes()))
    with pytest.raises(InputError, match=f'{target}: cannot be written .No space left'):
        write_file(target, lambda path: Path('/dev/full').write_text('x'))
    source.write_text('x')
    with pytest.raises(InputError, match=f'{target}: cannot be written .Invalid cross-device'):
        write_file(target, lambda path: path.hardlink_to('/dev/null'))
    assert tree(tmp_path) == {'source': 'x'}


def test_json_is_strict_and_says_which_number_is_not():
    assert json.loads(to_json({'a': [1.5, None]})) == {'a': [1.5, None]}
    with pytest.raises(InputError, match=r'images\[1\]\.gps\[0\] is nan'):
        to_json({'images': [{'id': 1}, {'gps': [math.nan]}]})


def test_a_key_that_stands_twice_is_refused(tmp_path):
    (tmp_path / 'a.json').write_text('{"images": [{"id": 1, "name": "a", "id": 2}]}')
    with pytest.raises(InputError, match=r"a\.json: 'id' stands twice in one object"):
        read_json(tmp_path / 'a.json')


def test_json_nested_too_deeply():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InputError, match='nested too deeply'):
        to_json(value)
