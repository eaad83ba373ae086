import copy
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taco_plugin.coco import (
    check_file_names,
    class_statistics,
    clean_annotations,
    find_image_folder,
    read_coco,
    remap_categories,
    restore_originals,
    shrink_images,
    split_images,
)
from taco_plugin.errors import InputError
from taco_plugin.json_files import to_json
from taco_plugin.taxonomies import load_taxonomy


def read_text(tmp_path, text):
    path = tmp_path / 'file.json'
    path.write_text(text)
    return read_coco(path)


def test_reads_everything_as_it_is_and_leaves_much_to_cleaning(tmp_path, coco):
    assert read_text(tmp_path, json.dumps(coco)) == coco
    first, second, third = coco['annotations']
    first.update(bbox=[float('inf'), float('-inf'), 1, 2], segmentation=None)
    second['segmentation'] = [[float('inf')] * 6]
    third.update(image_id=99, segmentation={'size': [80, 100], 'counts': [0, 5]})
    coco['annotations'].append({**third, 'segmentation': 'none'})
    del coco['annotations'][0]['segmentation']
    coco['annotations'].append(first)
    assert read_text(tmp_path, json.dumps(coco)) == coco


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'{"images": [\n1,, 2]}', 'file.json, line 2, column 3: broken JSON'),
        (b'[' * 100_000, 'file.json: nested too deeply'),
        (b'{"images": ' + b'9' * 5000 + b'}', 'holds a number that is too large'),
        (b'\xff\xd8\xff\xe0', 'file.json: not JSON'),
        (None, 'file.json: cannot be read (No such file'),
        (b'[]', 'file.json: not a COCO file: expected a JSON object at the top'),
        (b'{}', "expected a list 'categories', the file has none"),
        (b'{"categories": {"a": 1}}', "expected a list 'categories', the file has {'a': 1}"),
    ],
)
def test_refuses_what_is_not_coco(tmp_path, content, message):
    if content is not None:
        (tmp_path / 'file.json').write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_coco(tmp_path / 'file.json')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('section', 'index', 'changes', 'message'),
    [
        ('images', 1, None, "images[1] has no 'id'"),
        ('images', 0, {'width': '100'}, "images[0]: 'width' must be a whole number above 0"),
        ('images', 0, {'height': 0}, "'height' must be a whole number above 0, not 0"),
        ('images', 1, {'original_width': 9}, 'images[1] has only one of original_width and'),
        ('images', 0, {'file_name': ''}, "'file_name' must be a text that is not empty, not ''"),
        ('images', 1, {'id': 7}, 'images[1]: the id 7 occurs twice'),
        ('images', 1, {'id': 2**53}, "images[1]: 'id' must be a whole number"),
        ('categories', 1, {'id': 3}, 'categories[1]: the id 3 occurs twice'),
        ('categories', 1, {'name': 'Drink can'}, "the name 'Drink can' occurs twice"),
        ('annotations', 2, {'category_id': 9}, 'annotations[2] (id 5) has the unknown category'),
        ('annotations', 0, {'image_id': '7'}, "'image_id' must be a whole number, not '7'"),
        ('annotations', 0, {'bbox': [1, 2, 3, 10**400]}, "'bbox' must be a list of 4 numbers"),
        ('annotations', 0, {'segmentation': [[10**400]]}, "'segmentation' must be lists of"),
        ('annotations', 0, {'original': {'bbox': [1]}}, "'original' must be an object with a bbox"),
    ],
)
def test_names_the_entry_that_is_wrong(tmp_path, coco, section, index, changes, message):
    coco[section][index] = {**coco[section][index], **changes} if changes else {}
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_text(tmp_path, json.dumps(coco))
    assert str(caught.value).startswith(str(tmp_path / 'file.json'))
    assert '\n' not in str(caught.value)


LEAVES = [None, True, 10**400, -(2**60), 5e-324, '', '\ud800', '../x', 'a\0\n', 'Shoe']
JUNK = st.recursive(
    st.integers(-3, 9) | st.floats() | st.sampled_from(LEAVES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.just('id'), inner, max_size=1),
    max_leaves=5,
)


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items if isinstance(value, dict | list) else ():
        yield from places(item, (*path, key)) if isinstance(item, dict | list) else [(*path, key)]


@settings(
    derandomize=True,
    deadline=None,
    max_examples=600,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_junk_anywhere_is_used_or_refused(tmp_path, coco, data):
    coco = copy.deepcopy(coco)
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([path for path in places(coco) if path]))
        parent = coco
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = data.draw(JUNK)
    file = tmp_path / 'junk.json'
    file.write_text(json.dumps(coco))
    assert b'\n' not in use(file, coco).encode()  # can be printed


def use(file, coco):
    """Returns the error's message, empty if the file is used."""
    try:
        clean, changes = clean_annotations(read_coco(file))
        remapped = remap_categories(clean, load_taxonomy('taco10'))
        check_file_names(remapped)
        find_image_folder(file, coco)
        restore_originals(shrink_images(remapped, 50))
        for part in split_images(remapped, 0, 0.1, 0).values():
            class_statistics(part)
            json.loads(to_json(part))
    except InputError as error:
        return str(error)
    assert clean_annotations(clean)[1] == []
    dropped = sum(change.after is None for change in changes)
    assert len(remapped['annotations']) == len(coco['annotations']) - dropped
    return ''
