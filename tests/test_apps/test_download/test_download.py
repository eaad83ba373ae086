"""Runs one after the other, into one folder."""

import errno
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from taco_plugin.apps.download import fetch as fetch_module
from taco_plugin.apps.download import parts
from taco_plugin.apps.download import photograph as photograph_module
from taco_plugin.coco import check_images, read_coco
from taco_plugin.errors import InputError


def test_only_what_lacks_is_fetched(server, fetch, encode):
    server.answers = {f'/{number}': encode() for number in range(5)}
    coco = server.make_coco(*(f'b/{number}.jpg' for number in range(5)))
    run = fetch(coco)
    (run.folder / 'b/1.jpg').unlink()
    (run.folder / 'b/2.jpg').write_bytes(encode()[:-100])
    (run.folder / 'b/3.jpg').write_bytes(encode((10, 10)))
    kept = (run.folder / 'b/0.jpg').stat().st_mtime_ns
    server.requests.clear()
    run = fetch(coco)
    assert server.requests == {'/1': 1, '/2': 1, '/3': 1}
    assert run.report['counts'] == {'images': 5, 'there_before': 2, 'fetched': 3, 'missing': 0}
    assert (run.folder / 'b/0.jpg').stat().st_mtime_ns == kept
    assert all((run.folder / name).read_bytes() == encode() for name in run.files)


def test_photographs_of_another_tool_are_mended_in_place(server, fetch, encode):
    coco = server.make_coco('png.jpg', 'turned.jpg')
    folder = fetch(coco).folder
    (folder / 'png.jpg').write_bytes(encode(suffix='PNG'))
    (folder / 'turned.jpg').write_bytes(encode((48, 64), orientation=6))
    server.requests.clear()
    run = fetch(coco)
    assert not server.requests
    assert run.report['changed'] == {
        'png.jpg': ['PNG made a JPEG'],
        'turned.jpg': ['EXIF rotation applied'],
    }
    assert check_images(coco, folder) == []
    assert fetch(coco).report['changed'] == {}


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


def test_retry_failed_needs_the_report_of_the_same_run(server, fetch, encode, tmp_path):
    coco = server.make_coco('a.jpg')
    with pytest.raises(InputError, match='there is no report of a run before: run once without'):
        fetch(coco, retry_failed=True)
    report = tmp_path / 'out' / 'download_report.json'
    fetch(coco)
    with pytest.raises(InputError, match='is of another annotation file or --size'):
        fetch({**coco, 'info': {}}, retry_failed=True)
    with pytest.raises(InputError, match='is of another annotation file or --size'):
        fetch(coco, size='640', retry_failed=True)
    for text in ('[]', '{', '{"missing": [{"image_id": []}]}', '\udcff'):
        report.write_text(text, errors='surrogateescape')
        with pytest.raises(InputError, match='not a report of download_taco.py'):
            fetch(coco, retry_failed=True)


def test_names_that_lead_out_write_nothing_outside(server, fetch, encode, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'out' / 'link').symlink_to(tmp_path / 'elsewhere')
    names = ['../evil.jpg', f'{tmp_path}/evil.jpg', 'C:\\evil.jpg', 'link/evil.jpg', 'a\0.jpg']
    names += ['good.jpg', 'GOOD.jpg', 'good.jpg/below.jpg']
    server.answers = {f'/{number}': encode() for number in range(len(names))}
    run = fetch(server.make_coco(*names), per_host=1)
    assert run.kinds == dict.fromkeys([*names[:5], 'GOOD.jpg'], 'bad_name') | {
        'good.jpg/below.jpg': 'not_written'
    }
    assert run.files == ['good.jpg']
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *('annotations.json', 'elsewhere', 'out')
    ]
    assert list((tmp_path / 'elsewhere').iterdir()) == []


def test_size_640_scales_what_flickr_has_not(server, fetch, encode):
    polygon = [100.0, 200.0, 400.0, 200.0, 400.0, 600.0]
    box = {'category_id': 0, 'bbox': [100, 200, 300, 400], 'area': 9e4, 'iscrowd': 0}
    server.answers = {
        '/0': encode((1200, 803)),
        '/640': encode((1200, 803)),  # as large as the original: refused
        '/z': encode((640, 429)),  # a pixel more than rounding gives
    }
    coco = server.make_coco('a.jpg', 'b.jpg', 'c.jpg', size=(1200, 803))
    for image, url in zip(coco['images'], (None, '/z', '/640'), strict=True):
        image['flickr_640_url'] = url and server.url + url
    coco['categories'] = [{'id': 0, 'name': 'Can'}]
    coco['annotations'] = [
        {**box, 'id': number + 1, 'image_id': number, 'segmentation': [polygon]}
        for number in range(3)
    ] + [{**box, 'id': 4, 'image_id': 0, 'bbox': [float('inf')] * 4}]
    run = fetch(coco, size='640')
    assert run.kinds == {'c.jpg': 'size_differs'}
    assert run.report['changed'] == {'a.jpg': ['scaled to 640 pixels']}
    assert run.files == ['a.jpg', 'annotations_640.json', 'b.jpg']
    scaled = read_coco(run.folder / 'annotations_640.json')
    sizes = [(image['width'], image['height']) for image in scaled['images']]
    assert sizes == [(640, 428), (640, 429), (640, 428)]
    assert [problem.kind for problem in check_images(scaled, run.folder)] == ['missing']
    assert scaled['annotations'][0]['bbox'] == pytest.approx(
        [100 * 640 / 1200, 200 * 428 / 803, 300 * 640 / 1200, 400 * 428 / 803], abs=1e-3
    )
    assert scaled['annotations'][1]['segmentation'][0][5] == pytest.approx(
        600 * 429 / 803, abs=1e-3
    )
    assert scaled['annotations'][3]['bbox'] == [float('inf')] * 4
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


def test_what_a_killed_run_left_is_removed(server, fetch, encode, tmp_path):
    server.answers['/0'] = encode()
    target = tmp_path / 'out' / 'b' / 'a.jpg'
    target.parent.mkdir(parents=True)
    left = [parts.name_part(target), parts.name_part(tmp_path / 'out' / 'x')]
    for path in [*left, target.parent / '.download-notes.txt']:
        path.write_text('half')
    assert fetch(server.make_coco('b/a.jpg')).files == ['b/.download-notes.txt', 'b/a.jpg']


def test_two_runs_into_one_folder_do_not_meet(server, fetch, encode, tmp_path):
    server.answers['/0'] = encode()
    with (
        parts.locked(tmp_path / 'out'),
        pytest.raises(InputError, match='another download into it is running'),
    ):
        fetch(server.make_coco('a.jpg'))
    assert not server.requests
    assert fetch(server.make_coco('a.jpg')).files == ['a.jpg']


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_ends_the_run(server, fetch, encode, monkeypatch, number):
    server.answers = {f'/{number}': encode(suffix='PNG') for number in range(50)}

    def fail(source: Path, target: Path) -> None:
        raise OSError(number, 'no more')

    monkeypatch.setattr(photograph_module.os, 'replace', fail)
    names = [f'{number}.jpg' for number in range(50)]
    with pytest.raises(InputError, match='out: cannot be written .no more'):
        fetch(server.make_coco(*names), per_host=1)
    assert len(server.requests) < 50


def test_a_photograph_that_is_a_folder_is_reported(server, fetch, encode, tmp_path):
    server.answers = {'/0': encode(), '/1': encode()}
    (tmp_path / 'out' / 'a.jpg').mkdir(parents=True)
    run = fetch(server.make_coco('a.jpg', 'b.jpg'))
    assert run.kinds == {'a.jpg': 'not_written'}
    assert run.files == ['b.jpg']


def test_decoding_does_not_hold_up_the_fetching(server, fetch, encode, monkeypatch):
    """While the first photograph is decoded, all others are asked for."""
    others = threading.Event()

    def wait(self: Image.Image) -> None:
        assert others.wait(10)

    server.answers = {f'/{number}': encode() for number in range(6)}
    last = server.answers['/5']

    def answer_last(handler):
        others.set()
        server.send(handler, body=last)

    server.answers['/5'] = answer_last
    monkeypatch.setattr(photograph_module, '_check_pixels', wait)
    assert fetch(server.make_coco(*(f'{n}.jpg' for n in range(6))), workers=6).kinds == {}


def test_bad_input(fetch, tmp_path):
    with pytest.raises(InputError, match=r'annotations\.json: has no images'):
        fetch({'images': [], 'annotations': [], 'categories': []})
    mask = {'id': 1, 'image_id': 1, 'category_id': 1, 'bbox': [1, 1, 2, 2]}
    coco = {
        'images': [{'id': 1, 'file_name': 'a.jpg', 'width': 9, 'height': 9}],
        'annotations': [{**mask, 'segmentation': {'size': [9, 9], 'counts': 'x'}}],
        'categories': [{'id': 1, 'name': 'Can'}],
    }
    with pytest.raises(InputError, match='annotation 1 has a run-length encoded mask'):
        fetch(coco, size='640')
    assert not (tmp_path / 'out').exists()
    assert json.loads((tmp_path / 'annotations.json').read_text()) == coco


def test_after_ctrl_c_the_report_has_what_was_just_put_in_its_place(
    server, fetch, encode, tmp_path, monkeypatch
):
    settle = fetch_module.settle_photograph

    def settle_slowly(*args, **kwargs):
        settled = settle(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        return settled

    monkeypatch.setattr(fetch_module, 'settle_photograph', settle_slowly)
    server.answers['/0'] = encode()
    with pytest.raises(KeyboardInterrupt):
        fetch(server.make_coco('a.jpg'))
    (path,) = tmp_path.rglob('download_report.json')
    assert (path.parent / 'a.jpg').is_file()
    counts = json.loads(path.read_text())['counts']
    assert (counts['fetched'], counts['missing']) == (1, 0)
