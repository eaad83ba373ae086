import pytest
from hypothesis import given
from hypothesis import strategies as st

from taco_plugin.apps.explore.names import file_parts, label_files, make_distinct, printable
from taco_plugin.errors import InputError


@given(st.text(), st.integers(1, 40))
def test_whatever_is_in_a_name_it_is_shown_on_one_line(name, longest):
    shown = printable(name, longest)
    assert shown.isprintable()
    assert len(shown) <= longest
    shown.encode()
    if name.isprintable() and len(name) <= longest:
        assert shown == name


def test_a_name_that_is_cut_says_so():
    assert printable('a' * 10_000) == 'a' * 31 + '…'
    assert printable('a\x1b' * 16) == 'a\\x1b' * 6 + 'a…'
    assert printable('\ud800\u202e') == '\\ud800\\u202e'


@given(st.lists(st.sampled_from(['a', 'A', 'a (2)', 'a_2', 'a/b', 'ä', '..'])))
def test_names_become_distinct(names):
    assert len(set(make_distinct(names))) == len(names)
    parts = file_parts(names)
    assert len(set(parts)) == len(names)
    assert all(part.replace('_', '').replace('-', '').isalnum() or part == '_' for part in parts)


def test_labels_are_as_short_as_tells_files_apart():
    assert label_files(['x/train.json', 'x/val.json']) == ['train', 'val']
    assert label_files(['x/train.json', 'y/train.json']) == ['x/train', 'y/train']
    assert label_files(['x/a.json', 'x/a.coco']) == ['a', 'a (2)']


def test_a_file_given_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match='given twice'):
        label_files([f'{tmp_path}/a.json', f'{tmp_path}/../{tmp_path.name}/a.json'])
