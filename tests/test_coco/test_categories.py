import copy
import json

import pytest

from taco_plugin.coco import (
    clean_annotations,
    fit_categories,
    load_for_taxonomy,
    remap_categories,
)
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import Taxonomy

MADE_UP = Taxonomy(
    'made_up', ('Smoke', 'Metal'), {'Cigarette': 'Smoke', 'Drink can': 'Metal', 'Shoe': None}
)


def test_maps_to_ids_in_the_order_of_the_taxonomy(coco):
    before = copy.deepcopy(coco)
    remapped = remap_categories(coco, MADE_UP)
    assert fit_categories(coco, MADE_UP) == remapped
    assert fit_categories(remapped, MADE_UP) is remapped  # a prepared file
    assert remapped['categories'] == [
        {'supercategory': 'Cigarette', 'id': 1, 'name': 'Smoke'},
        {'supercategory': 'Can', 'id': 2, 'name': 'Metal'},
    ]
    assert [a['category_id'] for a in remapped['annotations']] == [2, 1, 2]
    assert coco == before
    for old, new in zip(coco['annotations'], remapped['annotations'], strict=True):
        assert {**old, 'category_id': None} == {**new, 'category_id': None}


def test_other_categories_of_one_class_and_of_none(coco):
    litter = Taxonomy('all', ('Litter',), {'Drink can': 'Litter', 'Cigarette': 'Litter'})
    assert remap_categories(coco, litter)['categories'] == [
        {'supercategory': 'Litter', 'id': 1, 'name': 'Litter'}
    ]
    coco['categories'].append({'id': 9, 'name': 'Shoe'})
    coco['annotations'][1]['category_id'] = 9
    assert [a['id'] for a in remap_categories(coco, MADE_UP)['annotations']] == [1, 5]
    coco['categories'][0]['name'] = 'Drink Can'
    with pytest.raises(InputError, match="made_up does not name 1 of 3 categories: 'Drink Can'"):
        remap_categories(coco, MADE_UP)


@pytest.mark.parametrize('names', [['Metal', 'Smoke'], ['Smoke'], ['Smoke', 'metal'], []])
def test_refuses_other_categories_and_shows_both_lists(coco, names):
    coco['categories'] = [{'id': n, 'name': name} for n, name in enumerate(names)]
    with pytest.raises(InputError, match="in this order \\('Smoke', 'Metal'\\)") as caught:
        fit_categories(coco, MADE_UP)
    assert f'({", ".join(map(repr, names))})' in str(caught.value)


def test_loading_reads_cleans_and_fits(tmp_path, coco):
    coco['annotations'][1]['id'] = 1
    path = tmp_path / 'file.json'
    path.write_text(json.dumps(coco))
    clean, changes = clean_annotations(coco)
    assert load_for_taxonomy(path, MADE_UP) == (remap_categories(clean, MADE_UP), changes)
    with pytest.raises(InputError, match='file.json: the categories do not fit the taxonomy taco'):
        load_for_taxonomy(path, Taxonomy('taco', ('A',), {'B': 'A'}))
