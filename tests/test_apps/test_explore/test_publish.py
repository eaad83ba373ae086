import json

import pytest

from taco_plugin.apps.explore.publish import REPORT, staged
from taco_plugin.errors import InputError


def publish(folder, **texts):
    """Writes pictures and the report that lists them."""
    with staged(folder) as stage:
        for name, text in texts.items():
            (stage / f'{name}.png').write_text(text)
        report = {'pictures': [f'{name}.png' for name in texts]}
        (stage / REPORT).write_text(json.dumps(report))


def fail(folder, error):
    with staged(folder) as stage:
        (stage / 'a.png').write_text('2')
        raise error


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.suffix == '.png'}


def test_files_arrive_and_nothing_else_is_left(tmp_path):
    publish(tmp_path / 'new' / 'out', a='1')
    assert contents(tmp_path / 'new' / 'out') == {'a.png': '1'}
    assert {path.name for path in (tmp_path / 'new' / 'out').iterdir()} == {'a.png', REPORT}


def test_pictures_of_an_earlier_run_go_and_the_users_stay(tmp_path):
    publish(tmp_path, a='1', b='2')
    (tmp_path / 'mine.png').write_text('mine')
    publish(tmp_path, b='3')
    assert contents(tmp_path) == {'b.png': '3', 'mine.png': 'mine'}


@pytest.mark.parametrize(
    'pictures',
    [['../victim.png'], ['victim.txt'], ['/etc/x.png'], [7], 'victim.png', 3, None, [['b.png']]],
)
def test_a_forged_report_removes_nothing_elsewhere(tmp_path, pictures):
    out, victim = tmp_path / 'out', tmp_path / 'victim.png'
    publish(out, a='1')
    victim.write_text('precious')
    (out / 'victim.txt').write_text('precious')
    (out / REPORT).write_text(json.dumps({'pictures': pictures}))
    publish(out, b='2')
    assert victim.read_text() == (out / 'victim.txt').read_text() == 'precious'
    assert contents(out)['b.png'] == '2'


@pytest.mark.parametrize('error', [InputError, KeyboardInterrupt])
def test_after_an_error_all_is_as_before(tmp_path, error):
    publish(tmp_path / 'out', a='1')
    for folder in (tmp_path / 'out', tmp_path / 'new' / 'deep'):
        with pytest.raises(error):
            fail(folder, error)
    assert contents(tmp_path / 'out') == {'a.png': '1'}
    assert [path.name for path in tmp_path.iterdir()] == ['out']


def test_a_place_that_is_taken_is_told_before_anything_is_replaced(tmp_path):
    publish(tmp_path, a='1')
    (tmp_path / 'b.png').mkdir()
    with pytest.raises(InputError, match='b.png: cannot be written'):
        publish(tmp_path, a='2', b='2')
    assert (tmp_path / 'a.png').read_text() == '1'
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='file.*: cannot be written'):
        publish(tmp_path / 'file' / 'out', a='1')
