import json
import math
import os

import pytest

from taco_plugin.errors import InputError
from taco_plugin.files import to_json, write_files


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


@pytest.mark.parametrize('failing', range(1, 6))
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


def test_json_is_strict_and_says_which_number_is_not():
    assert json.loads(to_json({'a': [1.5, None]})) == {'a': [1.5, None]}
    with pytest.raises(InputError, match=r'images\[1\]\.gps\[0\] is nan'):
        to_json({'images': [{'id': 1}, {'gps': [math.nan]}]})


def test_json_nested_too_deeply():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InputError, match='nested too deeply'):
        to_json(value)
