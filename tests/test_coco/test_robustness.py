"""Whatever a file holds, it is used or refused: nothing else is ever raised."""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taco_plugin.coco import (
    check_file_names,
    class_statistics,
    clean_annotations,
    read_coco,
    remap_categories,
    split_images,
)
from taco_plugin.errors import InputError
from taco_plugin.files import to_json
from taco_plugin.taxonomies import load_taxonomy

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats()
    | st.sampled_from([10**400, -(2**60), 1e308, 5e-324, '', '\ud800', '../x', 'a\0\n', 'Shoe']),
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
    refusal = use(file, coco)
    if refusal is not None:
        assert '\n' not in refusal
        refusal.encode()  # can be printed


def use(file, coco):
    """The error's message, if the file is refused."""
    try:
        clean, changes = clean_annotations(read_coco(file))
        remapped = remap_categories(clean, load_taxonomy('taco10'))
        check_file_names(remapped)
        for part in split_images(remapped, 0, 0.1, 0).values():
            class_statistics(part)
            json.loads(to_json(part))
    except InputError as error:
        return str(error)
    assert clean_annotations(clean)[1] == []
    dropped = sum(change.after is None for change in changes)
    assert len(remapped['annotations']) == len(coco['annotations']) - dropped
    return None


def test_the_file_without_junk_is_used(tmp_path, coco):
    file = tmp_path / 'good.json'
    file.write_text(json.dumps(coco))
    assert clean_annotations(read_coco(file)) == (coco, [])
    with pytest.raises(InputError):
        read_coco(tmp_path)
