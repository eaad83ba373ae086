import pytest

from taco_plugin.coco import class_statistics
from taco_plugin.files import format_table

PUBLISHED = {
    'metals_and_plastic': (1520, '1.986193', '0.000997'),
    'non_recyclable': (848, '3.558304', '0.001785'),
    'unknown': (306, '9.840391', '0.004937'),
    'glass': (185, '16.241935', '0.008149'),
    'paper': (155, '19.365385', '0.009716'),
    'bio': (6, '431.571429', '0.216537'),
    'other': (1, '1510.500000', '0.757878'),
}


def test_published_table():
    categories = [{'id': n, 'name': name} for n, name in enumerate(PUBLISHED)]
    annotations = [
        {'image_id': 1, 'category_id': n}
        for n, (count, _, _) in enumerate(PUBLISHED.values())
        for _ in range(count)
    ]
    coco = {'images': [{'id': 1}], 'annotations': annotations, 'categories': categories}
    assert {
        entry.name: (entry.boxes, f'{entry.inverse_density:.6f}', f'{entry.weight:.6f}')
        for entry in class_statistics(coco).classes
    } == PUBLISHED


def test_counts_images_and_boxes(coco):
    coco['images'].append({'id': 3})
    coco['annotations'].append({**coco['annotations'][0], 'id': 9})
    coco['categories'].append({'id': 8, 'name': 'Shoe'})
    statistics = class_statistics(coco)
    assert (statistics.images, statistics.images_without_boxes, statistics.boxes) == (3, 1, 4)
    assert [(c.name, c.boxes, c.images) for c in statistics.classes] == [
        ('Drink can', 3, 2),
        ('Cigarette', 1, 1),
        ('Shoe', 0, 0),
    ]
    assert [c.inverse_density for c in statistics.classes] == [1, 2, 4]
    assert sum(c.weight for c in statistics.classes) == pytest.approx(1)


def test_without_boxes_weights_are_zero(coco):
    coco['annotations'] = []
    assert [c.weight for c in class_statistics(coco).classes] == [0, 0]


def test_table_is_aligned_without_trailing_spaces():
    table = format_table(['class', 'boxes'], [['Can', '5'], ['Aluminium foil', '12345']])
    assert table.splitlines() == [
        'class           boxes',
        'Can                 5',
        'Aluminium foil  12345',
    ]
