import re

import pytest

from taco_plugin.coco import read_coco
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import TAXONOMIES, load_taxonomy

CLASSES = {
    'detectwaste7': 7,
    'taco60': 60,
    'taco28': 28,
    'taco10': 10,
    'taco1': 1,
}


@pytest.mark.parametrize('name', TAXONOMIES)
def test_shipped_taxonomies_name_the_60_categories(name):
    taxonomy = load_taxonomy(name)
    assert taxonomy.name == name
    assert len(taxonomy.classes) == CLASSES[name]
    assert taxonomy.mapping.keys() == load_taxonomy('taco60').mapping.keys()
    assert len(taxonomy.mapping) == 60
    assert set(taxonomy.mapping.values()) == set(taxonomy.classes)


def test_classes_in_the_published_order():
    assert load_taxonomy('taco1').classes == ('Litter',)
    assert load_taxonomy('taco10').classes == (
        'Can',
        'Bottle',
        'Bottle cap',
        'Cup',
        'Lid',
        'Plastic bag + wrapper',
        'Pop tab',
        'Straw',
        'Cigarette',
        'Other',
    )


def test_paper_bag_is_non_recyclable_and_carton_belongs_to_three_classes():
    mapping = load_taxonomy('detectwaste7').mapping
    assert mapping['Paper bag'] == mapping['Plastified paper bag'] == 'non_recyclable'
    cartons = ('Drink carton', 'Meal carton', 'Egg carton')
    assert [mapping[name] for name in cartons] == [
        'metals_and_plastic',
        'non_recyclable',
        'paper',
    ]


def test_taco60_and_taco28_follow_the_official_file(real_taco):
    categories = read_coco(real_taco / 'annotations.json')['categories']
    assert load_taxonomy('taco60').classes == tuple(c['name'] for c in categories)
    assert load_taxonomy('taco28').mapping == {c['name']: c['supercategory'] for c in categories}
    assert load_taxonomy('taco28').classes == tuple(
        dict.fromkeys(c['supercategory'] for c in categories)
    )


def test_own_csv_with_dropped_category_quotes_blank_lines_and_byte_order_mark(tmp_path):
    path = tmp_path / 'mine.csv'
    path.write_bytes(
        b'\xef\xbb\xbfcategory,class\r\n\r\n"Cup, paper",Cup\r\nShoe,\r\n Can , Metal \r\n'
    )
    taxonomy = load_taxonomy(str(path))
    assert taxonomy.name == 'mine'
    assert taxonomy.classes == ('Cup', 'Metal')
    assert taxonomy.mapping == {'Cup, paper': 'Cup', 'Shoe': None, 'Can': 'Metal'}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'line 1: the file is empty, expected the header category,class'),
        (b'Can,Metal\n', "line 1: expected the header category,class, not 'Can,Metal'"),
        (b'category,class\n', 'line 1: no category has a class'),
        (b'category,class\nCan,\n', 'line 1: no category has a class'),
        (b'category,class\nCan,A\n\nCan,B\n', "line 4: the category 'Can' is there twice"),
        (b'category,class\nCan\n', "line 2: expected category,class, not 'Can'"),
        (b'category,class\nCan,A,B\n', "line 2: expected category,class, not 'Can,A,B'"),
        (b'category,class\n,A\n', "line 2: expected category,class, not ',A'"),
        (b'category,class\nCan,\xff\n', 'line 2: not UTF-8'),
        (b'category,class\n"Can,A\n', 'line 2: not CSV'),
    ],
)
def test_bad_csv_names_file_and_line(tmp_path, content, message):
    path = tmp_path / 'bad.csv'
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f'{path}, {message}')) as caught:
        load_taxonomy(str(path))
    assert '\n' not in str(caught.value)


def test_unknown_name_lists_what_there_is():
    with pytest.raises(InputError, match='detectwaste7, taco60, taco28, taco10, taco1') as caught:
        load_taxonomy('taco7')
    assert "'taco7'" in str(caught.value)
    assert 'CSV' in str(caught.value)


def test_missing_csv_and_folder_named_csv(tmp_path):
    with pytest.raises(InputError, match='gone.csv: cannot be read'):
        load_taxonomy(str(tmp_path / 'gone.csv'))
    (tmp_path / 'folder.csv').mkdir()
    with pytest.raises(InputError, match='folder.csv: cannot be read'):
        load_taxonomy(str(tmp_path / 'folder.csv'))
