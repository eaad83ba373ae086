"""What ``predict.py`` writes, whole or after interruptions."""

import csv
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO

from taco_plugin.detector import Detector

CLASSES = ['Can', 'Cup']
KINDS = ['json', 'csv', 'pictures', 'crops', 'yolo', 'gallery']
STEMS = ['grey16', 'B/cmyk', 'B/turned', 'B/wide', 'B/x', 'a/x', 'a/x_png']
NAMES = ['grey16.png', 'B/cmyk.jpg', 'B/turned.jpg', 'B/wide.png', 'B/x.png', 'a/x.JPG', 'a/x.png']
FRAMES = [f'clip.mp4#{number:06}' for number in range(1, 6)]
COUNTS = [(0, 0), (1, 1), (1, 1), (0, 1), (0, 0), (1, 1), (1, 1), *[(1, 0)] * 3, *[(1, 1)] * 2]


@pytest.fixture(scope='module')
def undisturbed(call, inputs, work):
    """The results of a run, and what it returned."""
    return work / 'undisturbed', call(inputs, work / 'clip.mp4', out=work / 'undisturbed')


def tree(folder: Path) -> dict[str, object]:
    """Bytes of all results by their paths, but speeds and what names the folder."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob('*')):
        if path.is_file() and '.journal' not in path.parts:
            found[str(path.relative_to(folder))] = path.read_bytes()
    summary = json.loads(found.pop('summary.json'))
    del summary['images_per_second'], found['yolo/data.yaml']
    return {**found, 'summary.json': summary}


def test_the_litter_in_each_image_is_counted(undisturbed):
    _, summary = undisturbed
    names = [row['file'].removeprefix('photographs/') for row in summary['per_image']]
    assert names == NAMES + FRAMES
    counts = [tuple(row['counts'].get(name, 0) for name in CLASSES) for row in summary['per_image']]
    assert counts == COUNTS
    assert summary['classes'] == {
        'Can': {'litter': 9, 'images': 9},
        'Cup': {'litter': 7, 'images': 7},
    }
    assert (summary['images'], summary['litter'], summary['images_with_litter']) == (12, 16, 10)
    assert summary['most_in_one_image'] == 2
    assert (summary['threshold'], summary['threshold_is']) == (0.3, 'no evaluation to take it from')


def test_what_cannot_be_read_is_told_and_left_out(undisturbed):
    out, summary = undisturbed
    cut, text = summary['unreadable']
    assert cut['file'] == 'photographs/a/cut.jpg'
    assert 'truncated' in cut['reason']
    assert text == {
        'file': 'photographs/a/text.jpg',
        'reason': 'not an image, or of an unknown format',
    }
    assert not [*out.rglob('*cut*'), *out.rglob('*text*')]


def test_a_photograph_that_cannot_be_resized_is_told_on_one_line(
    call, inputs, tmp_path, monkeypatch, capsys
):
    def prepare(self, image, path):
        cv2.resize(image, (image.shape[1] // 20, 5))
        return before(self, image, path)

    before = Detector.prepare
    monkeypatch.setattr(Detector, 'prepare', prepare)
    (tmp_path / 'in').mkdir()
    shutil.copy(inputs / 'a' / 'x.png', tmp_path / 'in' / 'a.png')
    Image.new('RGB', (1, 400)).save(tmp_path / 'in' / 'thin\n\x1b[31m.png')
    summary = call(tmp_path / 'in', out=tmp_path / 'out')
    (unreadable,) = summary['unreadable']
    assert 'cannot be resized' in unreadable['reason']
    assert summary['litter'] == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(r'thin\n\x1b[31m.png: cannot be resized')


def test_results_are_cocos(undisturbed, inputs):
    out, _ = undisturbed
    path = out / 'predictions.json'
    truth = COCO(path)
    results = truth.loadRes(json.loads(path.read_text())['annotations'])
    by_name = {image['file_name']: image for image in truth.imgs.values()}
    for name in ('a/x.png', 'B/turned.jpg'):
        image = by_name[f'photographs/{name}']
        assert (image['width'], image['height']) == (120, 100)
        found = results.imgToAnns[image['id']]
        assert [one['category_id'] for one in found] == [1, 2]  # the surest first
        boxes = [one['bbox'] for one in found]
        np.testing.assert_allclose(
            boxes, [[30, 20, 40, 30], [90, 60, 20, 20]], atol=0 if name == 'a/x.png' else 1
        )
        assert found[0]['score'] > found[1]['score'] > 0.3
    (row,) = [
        row
        for row in csv.DictReader((out / 'predictions.csv').open())
        if row['file'] == 'photographs/B/wide.png'
    ]
    cells = {'class': 'Cup', 'score': '0.8', 'x': '90.0', 'y': '60.0', 'width': '20.0'}
    assert {key: row[key] for key in cells} == cells
    counts = list(csv.reader((out / 'counts.csv').open()))
    assert counts[0] == ['file', 'litter', 'Can', 'Cup']
    assert [tuple(map(int, row[2:])) for row in counts[1:]] == COUNTS


def test_a_file_name_is_no_formula_of_a_spreadsheet(call, inputs, tmp_path):
    (tmp_path / 'in').mkdir()
    shutil.copy(inputs / 'B' / 'wide.png', tmp_path / 'in' / '=1+1.png')
    call(tmp_path / 'in', out=tmp_path / 'out', write=['csv'])
    for name in ('predictions.csv', 'counts.csv'):
        (row,) = csv.DictReader((tmp_path / 'out' / name).open())
        assert row['file'] == "'=1+1.png"


def test_labels_are_yolos(undisturbed, run_tool, tmp_path):
    out, _ = undisturbed
    labels = (out / 'yolo/labels/photographs/a/x_png.txt').read_text().splitlines()
    assert labels[1] == f'1 {100 / 120:.8g} 0.7 {20 / 120:.8g} 0.2'
    data = yaml.safe_load((out / 'yolo/data.yaml').read_text())
    assert data['names'] == {0: 'Can', 1: 'Cup'}
    for stem in STEMS:  # as trainers look for them
        (link,) = out.glob(f'yolo/images/photographs/{stem}.*')
        assert link.is_symlink()
        assert (out / f'yolo/labels/photographs/{stem}.txt').is_file()
    result = run_tool(
        'dataset_converters/yolo_to_coco.py', out / 'yolo/data.yaml', '--out', tmp_path
    )
    assert result.returncode == 0, result.stderr
    coco = json.loads((tmp_path / 'annotations' / 'train.json').read_text())
    assert len(coco['annotations']) == 9


def test_pictures_show_the_objects_and_crops_hold_them(undisturbed, inputs):
    out, _ = undisturbed
    pictures = {str(p.relative_to(out / 'pictures')) for p in out.glob('pictures/**/*.*')}
    assert pictures == {f'photographs/{stem}.jpg' for stem in STEMS} | {'clip.mp4'}
    before = cv2.imread(str(inputs / 'a' / 'x.png')).astype(int)
    after = cv2.imread(str(out / 'pictures/photographs/a/x_png.jpg')).astype(int)
    changed = np.abs(after - before).max(axis=2) > 100
    assert changed[18:20, 30:70].mean() > 0.9  # the frame lies around the object
    assert not changed[24:46, 34:66].any()
    assert Image.open(out / 'crops/photographs/a/x_png_1.jpg').size == (41, 31)
    film = cv2.VideoCapture(str(out / 'pictures/clip.mp4'))
    assert (film.get(cv2.CAP_PROP_FRAME_COUNT), film.get(cv2.CAP_PROP_FPS)) == (5, 5)
    assert len([*out.glob('crops/clip/00000?_?.jpg')]) == 7
    page = (out / 'gallery.html').read_text()
    assert page.count('"image":') == len(STEMS)
    assert 'Videos are not shown (frames: 5).' in page
    assert 'No map' in page


def test_a_run_that_was_killed_is_resumed_by_two_processes(
    undisturbed, inputs, work, run_tool, stop_tool, monkeypatch
):
    monkeypatch.setenv('PYTHONPATH', str(work / 'code'), prepend=os.pathsep)
    out, options = work / 'killed', ['--batch-size', 2, '--write', *KINDS, '--device', 'cpu']
    given = inputs, work / 'clip.mp4', '--run', work / 'run', '--out', out, *options
    journals = '.journal/*.jsonl'
    status, stderr = stop_tool('SIGKILL', 3, out, 'predict.py', *given, after=journals)
    assert status == -9, stderr
    (journal,) = out.glob(journals)
    assert 1 <= len(journal.read_text().splitlines()) < 12
    assert not (out / 'summary.json').exists()
    with journal.open('a') as file:
        file.write('{"source": 5, "size": [120, 1')  # torn
    done = run_tool('dist_predict.sh', 2, *given, '--resume', PORT='29741')
    assert done.returncode == 1  # two files cannot be read
    assert f'written: {out}' in done.stdout
    assert tree(out) == tree(undisturbed[0])
    assert not [*out.glob('.new.*')]
    again = run_tool('predict.py', *given)
    assert 'is there and not empty; add --resume' in again.stderr.splitlines()[-1]


def test_only_what_is_left_is_predicted_again(call, inputs, tmp_path, capsys):
    out = tmp_path / 'out'
    call(inputs, out=out, write=['json'])
    before = (out / 'predictions.json').read_text()
    lines = sum(len(path.read_text().splitlines()) for path in out.glob('.journal/*.jsonl'))
    call(inputs, out=out, write=['json'], resume=True)
    after = sum(len(path.read_text().splitlines()) for path in out.glob('.journal/*.jsonl'))
    assert after - lines == 2  # those that cannot be read are tried again
    assert (out / 'predictions.json').read_text() == before
    assert sorted(path.name for path in out.iterdir()) == [
        *('.journal', 'predictions.json', 'summary.json')
    ]


def test_masks(call, inputs, tmp_path):
    call(inputs / 'a' / 'x.png', out=tmp_path / 'out', cfg_options=['model.masks=True'])
    can, _ = json.loads((tmp_path / 'out' / 'predictions.json').read_text())['annotations']
    mask = rle.decode(can['segmentation'])
    assert mask.sum() == 40 * 30
    assert mask[20:50, 30:70].all()
    picture = cv2.imread(str(tmp_path / 'out/pictures/x.jpg'))
    assert picture[35, 50].tolist() != [0, 0, 255]  # the object is tinted
