"""Runs one after the other, into one folder."""

import errno
import os
from pathlib import Path

import pytest

from taco_plugin.coco import check_images, read_coco
from taco_plugin.errors import InputError


def test_only_what_lacks_is_fetched(server, fetch, encode):
    server.answers = {f'/{number}': encode() for number in range(5)}
    coco = server.make_coco(*(f'b/{number}.jpg' for number in range(5)))
    run = fetch(coco)
    (run.folder / 'b/1.jpg').unlink()
    (run.folder / 'b/2.jpg').write_bytes(encode()[:-100])
    (run.folder / 'b/3.jpg').write_text('<html>404</html>')
    kept = (run.folder / 'b/0.jpg').stat().st_mtime_ns
    server.requests.clear()
    run = fetch(coco)
    assert server.requests == {'/1': 1, '/2': 1, '/3': 1}
    assert run.report['counts'] == {'images': 5, 'there_before': 2, 'fetched': 3, 'missing': 0}
    assert (run.folder / 'b/0.jpg').stat().st_mtime_ns == kept
    assert all((run.folder / name).read_bytes() == encode() for name in run.files)


def test_what_the_user_had_and_is_sound_stays_byte_for_byte(server, fetch, encode):
    server.answers = {f'/{number}': encode() for number in range(6)}
    coco = server.make_coco(
        'png.jpg', 'turned.jpg', 'cut.jpg', 'pipe.jpg', 'folder.jpg', 'none.jpg'
    )
    server.answers['/5'] = encode((48, 64), orientation=6)
    folder = fetch({**coco, 'images': coco['images'][5:]}).folder
    had = {'png.jpg': encode(suffix='PNG'), 'turned.jpg': encode((48, 64), orientation=6)}
    for name, data in {**had, 'cut.jpg': encode()[:-100]}.items():
        (folder / name).write_bytes(data)
    times = {name: (folder / name).stat().st_mtime_ns for name in had}
    os.mkfifo(folder / 'pipe.jpg')
    (folder / 'folder.jpg').mkdir()
    server.requests.clear()
    run = fetch(coco)
    assert server.requests == {'/2': 1, '/3': 1}
    assert {name: (folder / name).read_bytes() for name in had} == had
    assert {name: (folder / name).stat().st_mtime_ns for name in had} == times
    assert (folder / 'cut.jpg').read_bytes() == (folder / 'pipe.jpg').read_bytes() == encode()
    assert run.report['changed'] == {}
    assert run.kinds == {'folder.jpg': 'bad_name'}
    (folder / 'folder.jpg').rmdir()
    fetch(coco)
    assert check_images(coco, folder) == []


def test_another_photograph_that_was_there_stays_and_a_damaged_one_is_told(server, fetch, encode):
    server.answers = {f'/{number}': encode() for number in range(2)}
    coco = server.make_coco('other.jpg', 'cut.jpg')
    folder = fetch({**coco, 'images': coco['images'][1:]}).folder
    (folder / 'other.jpg').write_bytes(encode((30, 20)))
    (folder / 'cut.jpg').write_bytes(encode()[:-100])
    run = fetch(coco)
    assert (folder / 'other.jpg').read_bytes() == encode((30, 20))
    assert run.kinds == {'other.jpg': 'another_is_there'}
    assert run.report['replaced'] == ['cut.jpg']


def test_the_annotation_file_is_not_written_over(server, fetch, encode, tmp_path):
    server.answers['/0'] = encode()
    (tmp_path / 'annotations.json').touch()
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'a.jpg').hardlink_to(tmp_path / 'annotations.json')
    with pytest.raises(InputError, match='out/a.jpg: an input of this command'):
        fetch(server.make_coco('a.jpg'))
    assert not server.requests


def test_retry_failed_asks_for_nothing_else(server, fetch, encode):
    server.answers = {'/0': encode(), '/1': b'wrong', '/2': encode()}
    coco = server.make_coco('a.jpg', 'b.jpg', 'c.jpg', '../d.jpg')
    run = fetch(coco)
    assert run.kinds == {'b.jpg': 'not_a_photograph', '../d.jpg': 'bad_name'}
    (run.folder / 'c.jpg').unlink()
    server.requests.clear()
    server.answers['/1'] = encode()
    run = fetch(coco, retry_failed=True)
    assert server.requests == {'/1': 1}
    assert run.kinds == {'c.jpg': 'not_tried', '../d.jpg': 'bad_name'}
    assert run.files == ['a.jpg', 'b.jpg']
    server.requests.clear()
    fetch(coco, retry_failed=True)
    assert not server.requests


def test_retry_failed_needs_the_report_of_the_same_run(server, fetch, tmp_path):
    coco = server.make_coco('a.jpg')
    with pytest.raises(InputError, match='no report of a run before: run once without --retry'):
        fetch(coco, retry_failed=True)
    fetch(coco)
    for other, size in (({**coco, 'info': {}}, 'original'), (coco, '640')):
        with pytest.raises(InputError, match='is of another annotation file or --size'):
            fetch(other, size=size, retry_failed=True)
    for text in ('[]', '{"missing": [{"image_id": []}]}'):
        (tmp_path / 'out' / 'download_report.json').write_text(text)
        with pytest.raises(InputError, match='not a report of download_taco.py'):
            fetch(coco, retry_failed=True)


def test_names_that_lead_out_write_nothing_outside(server, fetch, encode, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'out' / 'link').symlink_to(tmp_path / 'elsewhere')
    (tmp_path / 'out' / 'a').mkdir()
    (tmp_path / 'out' / 'inside').symlink_to(tmp_path / 'out' / 'a')
    bad = ['../evil.jpg', 'b/../../evil.jpg', f'{tmp_path}/evil.jpg', 'C:evil.jpg', 'link/evil.jpg']
    bad += ['C:\\evil.jpg', 'b\\evil.jpg', 'a\0.jpg', '\x1b[2Ja.jpg', 'a\u2028.jpg', '\ud800.jpg']
    bad += ['x' * 252 + '.jpg', 'ü' * 126 + '.jpg', 'b/' * 600, 'a.sh', '.jpg', '.']
    names = [
        *bad,
        'download_report.json',
        'b..c/d e.jpeg',
        'ü/é.JPG',
        'good.jpg',
        './GOOD.jpg',
        'e\u0301.jpg',
        'é.jpg',
        'inside/b.jpg',
    ]
    server.answers = {f'/{number}': encode() for number in range(len(names))}
    run = fetch(server.make_coco(*names), per_host=1)
    assert run.kinds == dict.fromkeys([*names[:18], './GOOD.jpg', 'é.jpg'], 'bad_name')
    assert run.report['missing'][-1]['detail'] == "is the same file as 'e\u0301.jpg'"
    assert run.files == ['a/b.jpg', 'b..c/d e.jpeg', 'e\u0301.jpg', 'good.jpg', 'ü/é.JPG']
    assert len(list(tmp_path.iterdir())) == 3  # annotations.json, elsewhere and out
    assert list((tmp_path / 'elsewhere').iterdir()) == []


def test_size_640_scales_what_flickr_has_not(server, fetch, encode):
    box = {'id': 1, 'image_id': 0, 'category_id': 0, 'area': 9e4, 'iscrowd': 0}
    server.answers = {
        '/0': encode((1200, 803)),
        '/640': encode((1200, 803)),  # as large as the original: refused
        '/z': encode((640, 428)),
        '/off': encode((640, 429)),  # a pixel more than rounding gives
    }
    coco = server.make_coco('a.jpg', 'b.jpg', 'c.jpg', 'd.jpg', size=(1200, 803))
    for image, url in zip(coco['images'], (None, '/z', '/off', '/640'), strict=True):
        image['flickr_640_url'] = url and server.url + url
    coco['categories'] = [{'id': 0, 'name': 'Can'}]
    for number, left in enumerate((100, float('inf')), start=1):
        coco['annotations'].append({**box, 'id': number, 'bbox': [left, 200, 300, 400]})
    run = fetch(coco, size='640')
    assert run.kinds == {'d.jpg': 'size_differs'}
    assert run.report['changed'] == dict.fromkeys(['a.jpg', 'c.jpg'], ['scaled to 640 pixels'])
    assert run.files == ['a.jpg', 'annotations_640.json', 'b.jpg', 'c.jpg']
    scaled = read_coco(run.folder / 'annotations_640.json')
    assert [(image['width'], image['height']) for image in scaled['images']] == [(640, 428)] * 4
    assert [problem.kind for problem in check_images(scaled, run.folder)] == ['missing']
    (annotation,) = scaled['annotations']  # the box that is not finite is left out
    across, down = 640 / 1200, 428 / 803
    expected = [100 * across, 200 * down, 300 * across, 400 * down]
    assert annotation['bbox'] == pytest.approx(expected)
    server.requests.clear()
    fetch(coco, size='640')
    assert server.requests == {'/640': 1}


@pytest.mark.parametrize(('first', 'second'), [('original', '640'), ('640', 'original')])
def test_one_size_does_not_overwrite_the_other(server, fetch, encode, first, second):
    server.answers = {'/0': encode((1200, 800)), '/1': b''}
    coco = server.make_coco('a.jpg', 'b.jpg', size=(1200, 800))
    run = fetch(coco, size=first)
    before = (run.folder / 'a.jpg').read_bytes()
    with pytest.raises(InputError, match=f'has the size of --size {first}: give another folder'):
        fetch(coco, size=second)
    assert (run.folder / 'a.jpg').read_bytes() == before


def test_a_full_disk_ends_the_run(server, fetch, encode, monkeypatch):
    def fail(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, 'no more')

    server.answers = {f'/{number}': encode() for number in range(50)}
    monkeypatch.setattr(Path, 'write_bytes', fail)
    with pytest.raises(InputError, match='out/0.jpg: cannot be written .no more'):
        fetch(server.make_coco(*(f'{number}.jpg' for number in range(50))), per_host=1)
    assert len(server.requests) < 50


def test_a_file_without_images_is_refused(fetch, tmp_path):
    with pytest.raises(InputError, match=r'annotations\.json: has no images'):
        fetch({'images': [], 'annotations': [], 'categories': []})
    assert not (tmp_path / 'out').exists()
