"""The command, on a drawn data set."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from taco_plugin.apps.anchors.fit import compare_anchors
from taco_plugin.errors import InputError

ROOT = Path(__file__).parents[3]
TOOL = 'analysis_tools/fit_anchors.py'
CONFIG = ROOT / 'configs' / 'taco' / 'retinanet.py'


@pytest.fixture
def files(tmp_path):
    """Training and held-out files of boxes of 20 x 9 px in images of 900 px."""
    rng = np.random.default_rng(0)
    for name, count in (('train', 30), ('val', 10)):
        images = [
            {'id': n, 'file_name': f'{n}.jpg', 'width': 900, 'height': 900} for n in range(count)
        ]
        places = rng.uniform(40, 800, (count, 2)).tolist()
        boxes = [
            {'id': n + 1, 'image_id': n, 'category_id': 1, 'bbox': [*place, 20, 9]}
            for n, place in enumerate(places)
        ]
        coco = {'images': images, 'annotations': boxes, 'categories': [{'id': 1, 'name': 'Can'}]}
        (tmp_path / f'{name}.json').write_text(json.dumps(coco))
    return tmp_path


def column(text, row):
    line = next(line for line in text.splitlines() if line.startswith(row))
    return [float(number) for number in re.findall(r'[\d.]+(?=%|  |$)', line)[-4:]]


def test_states_what_the_fit_gains_on_images_held_out_and_what_to_paste(run_tool, files):
    from mmengine.config import Config

    train, val = files / 'train.json', files / 'val.json'
    result = run_tool(TOOL, CONFIG, train, '--held-out', val)
    assert result.returncode == 0, result.stderr
    assert (
        '1333 x 800: 30 boxes in 30 images to fit, 10 boxes in 10 images held out' in result.stdout
    )
    stock, held_out, fitted, fitted_held_out = column(result.stdout, 'mean IoU')
    assert fitted > stock + 0.1
    assert fitted_held_out > held_out + 0.1
    pasted = files / 'pasted.py'
    line = result.stdout.splitlines()[-1]
    pasted.write_text(f"_base_ = '{CONFIG}'\n{line}\n")
    anchors = Config.fromfile(pasted).model.bbox_head.anchor_generator
    assert anchors.strides == [8, 16, 32, 64, 128]
    assert anchors.octave_base_scale < 3


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ((CONFIG.with_name('yolox.py'), 'train.json', None), 'has no anchors'),
        ((CONFIG, 'none.json', None), 'none.json: cannot be read'),
        ((CONFIG, 'train.json', 'empty.json'), 'empty.json: has no boxes'),
    ],
)
def test_bad_input_is_refused_in_one_line(files, args, message):
    empty = {'images': [], 'annotations': [], 'categories': []}
    (files / 'empty.json').write_text(json.dumps(empty))
    config, *names = args
    paths = [name and str(files / name) for name in names]
    with pytest.raises(InputError, match=message) as error:
        compare_anchors(str(config), *paths, seed=0)
    assert '\n' not in str(error.value)


def test_a_config_that_does_not_run_is_named(files):
    (files / 'bad.py').write_text('model = dict(')
    with pytest.raises(InputError, match=r'bad\.py: no config of a detector .SyntaxError'):
        compare_anchors(str(files / 'bad.py'), str(files / 'absent.json'), None, seed=0)
