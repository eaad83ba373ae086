import json
import re

import pytest

from taco_plugin.coco import read_coco
from taco_plugin.errors import InputError


def read_text(tmp_path, text):
    path = tmp_path / 'file.json'
    path.write_text(text)
    return read_coco(path)


def test_reads_everything_as_it_is(tmp_path, coco):
    assert read_text(tmp_path, json.dumps(coco)) == coco


def test_accepts_numbers_that_are_not_finite_and_duplicate_annotations(tmp_path, coco):
    coco['annotations'][0]['bbox'] = [float('inf'), float('-inf'), 1, 2]
    coco['annotations'].append(coco['annotations'][0])
    coco['annotations'][1]['segmentation'] = [[float('inf')] * 6]
    coco['annotations'][2]['image_id'] = 99
    assert read_text(tmp_path, json.dumps(coco)) == coco


def test_accepts_crowds_and_missing_segmentations(tmp_path, coco):
    coco['annotations'][0]['segmentation'] = {'size': [80, 100], 'counts': [0, 5]}
    coco['annotations'][1]['segmentation'] = None
    del coco['annotations'][2]['segmentation']
    assert read_text(tmp_path, json.dumps(coco)) == coco


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"images": [\n1,, 2]}', 'file.json, line 2, column 3: broken JSON'),
        ('', 'line 1, column 1: broken JSON'),
        ('[' * 100_000, 'file.json: nested too deeply'),
        ('{"images": ' + '9' * 5000 + '}', 'holds a number that is too large'),
        ('[]', 'file.json: not a COCO file: expected a JSON object at the top'),
        ('{}', "expected a list 'categories', the file has none"),
        ('{"categories": {"a": 1}}', "expected a list 'categories', the file has {'a': 1}"),
    ],
)
def test_refuses_what_is_not_coco(tmp_path, text, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_text(tmp_path, text)
    assert '\n' not in str(caught.value)


def test_refuses_what_is_not_text_or_not_there(tmp_path):
    path = tmp_path / 'file.json'
    path.write_bytes(b'\xff\xd8\xff\xe0')
    with pytest.raises(InputError, match='file.json: not JSON'):
        read_coco(path)
    with pytest.raises(InputError, match=r'gone.json: cannot be read \(No such file'):
        read_coco(tmp_path / 'gone.json')
    with pytest.raises(InputError, match='cannot be read'):
        read_coco(tmp_path)


@pytest.mark.parametrize(
    ('section', 'index', 'changes', 'message'),
    [
        ('images', 1, None, "images[1] must be an object, not 'x'"),
        ('images', 0, {'width': '100'}, "images[0]: 'width' must be a whole number above 0"),
        ('images', 0, {'height': 0}, "'height' must be a whole number above 0, not 0"),
        ('images', 0, {'width': True}, "'width' must be a whole number above 0, not True"),
        ('images', 0, {'width': float('nan')}, "'width' must be a whole number above 0, not nan"),
        ('images', 0, {'file_name': ''}, "'file_name' must be a text that is not empty, not ''"),
        ('images', 1, {'id': 7}, 'images[1]: the id 7 occurs twice'),
        ('images', 1, {'id': 2**53}, "images[1]: 'id' must be a whole number"),
        ('categories', 1, {'id': 3}, 'categories[1]: the id 3 occurs twice'),
        ('categories', 1, {'name': 'Drink can'}, "the name 'Drink can' occurs twice"),
        ('categories', 1, {'name': 5}, "'name' must be a text that is not empty, not 5"),
        ('annotations', 2, {'category_id': 9}, 'annotations[2] (id 5) has the unknown category'),
        ('annotations', 0, {'image_id': '7'}, "'image_id' must be a whole number, not '7'"),
        ('annotations', 0, {'bbox': [1, 2, 3]}, "'bbox' must be a list of 4 numbers"),
        ('annotations', 0, {'bbox': [1, 2, 3, None]}, "'bbox' must be a list of 4 numbers"),
        ('annotations', 0, {'bbox': [1, 2, 3, 10**400]}, "'bbox' must be a list of 4 numbers"),
        ('annotations', 0, {'segmentation': [['a']]}, "'segmentation' must be lists of numbers"),
        ('annotations', 0, {'segmentation': [1.0]}, "'segmentation' must be lists of numbers"),
        ('annotations', 0, {'segmentation': [[10**400]]}, "'segmentation' must be lists of"),
    ],
)
def test_names_the_entry_that_is_wrong(tmp_path, coco, section, index, changes, message):
    if changes is None:
        coco[section][index] = 'x'
    else:
        coco[section][index].update(changes)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_text(tmp_path, json.dumps(coco))
    assert str(caught.value).startswith(str(tmp_path / 'file.json'))
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('section', 'field'),
    [('images', 'width'), ('annotations', 'bbox'), ('categories', 'name')],
)
def test_names_the_field_that_is_missing(tmp_path, coco, section, field):
    del coco[section][1][field]
    with pytest.raises(InputError, match=re.escape(f"{section}[1] has no '{field}'")):
        read_text(tmp_path, json.dumps(coco))
