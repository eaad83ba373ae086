import copy
import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from taco_plugin.coco import (
    clean_annotations,
    fit_categories,
    load_for_taxonomy,
    read_coco,
    remap_categories,
)
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import Taxonomy, load_taxonomy

MADE_UP = Taxonomy(
    'made_up', ('Smoke', 'Metal'), {'Cigarette': 'Smoke', 'Drink can': 'Metal', 'Shoe': None}
)


def test_maps_to_ids_in_the_order_of_the_taxonomy(coco):
    before = copy.deepcopy(coco)
    remapped = remap_categories(coco, MADE_UP)
    assert remapped['categories'] == [
        {'supercategory': 'Cigarette', 'id': 1, 'name': 'Smoke'},
        {'supercategory': 'Can', 'id': 2, 'name': 'Metal'},
    ]
    assert [a['category_id'] for a in remapped['annotations']] == [2, 1, 2]
    assert coco == before
    for old, new in zip(coco['annotations'], remapped['annotations'], strict=True):
        assert {**old, 'category_id': None} == {**new, 'category_id': None}


def test_dropped_categories_lose_their_boxes_but_not_their_images(coco):
    taxonomy = Taxonomy('metal', ('Metal',), {'Cigarette': None, 'Drink can': 'Metal'})
    remapped = remap_categories(coco, taxonomy)
    assert [a['id'] for a in remapped['annotations']] == [1, 5]
    assert remapped['images'] == coco['images']


def test_class_of_several_supercategories_is_its_own():
    categories = [
        {'id': 1, 'name': 'Drink can', 'supercategory': 'Can'},
        {'id': 2, 'name': 'Cigarette'},
    ]
    taxonomy = Taxonomy('all', ('Litter',), {'Drink can': 'Litter', 'Cigarette': 'Litter'})
    coco = {'images': [], 'annotations': [], 'categories': categories}
    assert remap_categories(coco, taxonomy)['categories'] == [
        {'supercategory': 'Litter', 'id': 1, 'name': 'Litter'}
    ]


def test_category_that_the_taxonomy_does_not_name(coco):
    coco['categories'][0]['name'] = 'Drink Can'
    with pytest.raises(InputError, match="made_up does not name 1 of 2 categories: 'Drink Can'"):
        remap_categories(coco, MADE_UP)


@settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.integers(0, 9), st.sampled_from(['A', 'B', 'C', None]), min_size=1, max_size=9
    ),
    st.data(),
)
def test_remapping_conserves_boxes(classes, data):
    drawn = data.draw(st.lists(st.sampled_from(sorted(classes)), max_size=30))
    names = tuple(dict.fromkeys(name for name in classes.values() if name))
    taxonomy = Taxonomy('drawn', names, {f'category {k}': name for k, name in classes.items()})
    coco = {
        'images': [],
        'categories': [{'id': k, 'name': f'category {k}'} for k in classes],
        'annotations': [{'id': n, 'category_id': k} for n, k in enumerate(drawn)],
    }
    remapped = remap_categories(coco, taxonomy)
    found = Counter(a['category_id'] for a in remapped['annotations'])
    expected = Counter(classes[k] for k in drawn)
    for class_id, name in enumerate(names, start=1):
        assert found[class_id] == expected[name]
    assert len(remapped['annotations']) == len(drawn) - expected[None]


def test_published_counts_on_the_official_file(real_taco):
    coco, _ = load_for_taxonomy(real_taco / 'annotations.json', load_taxonomy('detectwaste7'))
    counts = Counter(annotation['category_id'] for annotation in coco['annotations'])
    assert len(coco['images']) == 1500
    assert {c['name']: counts[c['id']] for c in coco['categories']} == {
        'metals_and_plastic': 2403,
        'other': 2,
        'non_recyclable': 1351,
        'glass': 248,
        'paper': 255,
        'bio': 8,
        'unknown': 517,
    }


def test_fits_a_prepared_file_as_it_is_and_tacos_own_remapped(coco):
    remapped = fit_categories(coco, MADE_UP)
    assert remapped == remap_categories(coco, MADE_UP)
    assert fit_categories(remapped, MADE_UP) is remapped


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
    loaded, changes = load_for_taxonomy(path, MADE_UP)
    expected, expected_changes = clean_annotations(read_coco(path))
    assert loaded == remap_categories(expected, MADE_UP)
    assert changes == expected_changes
    assert [change.kind for change in changes] == ['id_duplicate']
    with pytest.raises(InputError, match='file.json: the categories do not fit the taxonomy taco'):
        load_for_taxonomy(path, Taxonomy('taco', ('A',), {'B': 'A'}))
