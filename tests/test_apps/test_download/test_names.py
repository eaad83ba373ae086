import os

import pytest

from taco_plugin.apps.download.names import Names


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('../a.jpg', 'leads out'),
        ('b/../../a.jpg', 'leads out'),
        ('b/../a.jpg', 'leads out'),
        ('/etc/a.jpg', 'leads out'),
        ('//host/share/a.jpg', 'leads out'),
        ('C:a.jpg', 'leads out'),
        ('C:\\a.jpg', 'leads out'),
        ('..\\a.jpg', 'leads out'),
        ('b\\a.jpg', 'backslash'),
        ('a\0.jpg', 'control'),
        ('a\n.jpg', 'control'),
        ('\x1b[2Ja.jpg', 'control'),
        ('a\u2028.jpg', 'control'),
        ('\ud800.jpg', 'control'),
        ('x' * 252 + '.jpg', 'too long'),
        ('ü' * 126 + '.jpg', 'too long'),
        ('b/' * 600 + 'a.jpg', 'too long'),
        ('x' * 10_000_000, 'too long'),
        ('a.sh', 'does not end'),
        ('.jpg', 'does not end'),
        ('download_report.json', 'does not end'),
        ('.', 'does not end'),
    ],
)
def test_names_that_are_refused(tmp_path, name, reason):
    assert reason in Names(tmp_path).refuse(name)


@pytest.mark.parametrize(
    'name', ['a.jpg', 'batch_1/000001.JPG', 'b..c/d e.jpeg', 'ü/é.jpg', 'x' * 251 + '.jpg']
)
def test_names_that_are_taken(tmp_path, name):
    assert Names(tmp_path).refuse(name) is None


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        *(('b/a.jpg', 'b/a.jpg'), ('b/a.jpg', 'b//a.jpg'), ('b/a.jpg', './b/./a.jpg')),
        *(('b/a.jpg', 'B/A.JPG'), ('é.jpg', 'e\u0301.jpg'), ('straße.jpg', 'STRASSE.jpg')),
    ],
)
def test_two_names_of_one_file(tmp_path, first, second):
    names = Names(tmp_path)
    assert names.refuse(first) is None
    assert names.refuse(second) == f'is the same file as {first!r}'


def test_links_that_lead_out(tmp_path):
    folder, other = tmp_path / 'out', tmp_path / 'other'
    (folder / 'batch_1').mkdir(parents=True)
    other.mkdir()
    (other / 'a.jpg').touch()
    os.symlink(other, folder / 'linked')
    os.symlink(other / 'a.jpg', folder / 'a.jpg')
    os.symlink(folder / 'batch_1', folder / 'batch_2')
    names = Names(folder)
    for name in ('linked/b.jpg', 'linked/deep/b.jpg', 'a.jpg'):
        assert names.refuse(name) == 'leads out of the folder through a link'
    assert names.refuse('batch_2/a.jpg') is None
    # The folder itself may be a link: that is the user's own word.
    os.symlink(folder, tmp_path / 'link')
    assert Names(tmp_path / 'link').refuse('batch_1/a.jpg') is None
