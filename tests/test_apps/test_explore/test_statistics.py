import numpy as np
import pytest

from taco_plugin.apps.explore.statistics import (
    bucket_sizes,
    count_cooccurrence,
    describe_aspect_ratios,
    describe_box_sizes,
    describe_boxes_per_image,
    describe_image_sizes,
    summarize,
)
from taco_plugin.apps.explore.table import tabulate


def test_table_has_positions_and_not_ids(coco):
    table = tabulate(coco)
    assert table.label.tolist() == [0, 0, 1, 0]
    assert table.image.tolist() == [0, 0, 0, 1]
    assert table.of_image.tolist() == [3, 1, 0]
    assert table.classes == ('Drink can', 'Cigarette', 'Shoe')
    assert table.relative_sides.tolist() == [[0.2, 0.125], [0.5, 0.5], [0.1, 0.5], [0.25, 0.5]]
    assert table.log_aspect.tolist() == pytest.approx([1, np.log2(1.25), -2, 0])
    coco['annotations'][1]['iscrowd'] = 1
    assert (table.crowd, tabulate(coco).crowd) == (0, 1)


def test_boxes_per_image(coco):
    report = describe_boxes_per_image(tabulate(coco))
    assert report['images_by_boxes'] == {'0': 1, '1': 1, '3': 1}
    assert report['mean'] == pytest.approx(4 / 3)
    assert (report['min'], report['median'], report['max']) == (0, 1, 3)


def test_image_sizes(coco):
    report = describe_image_sizes(tabulate(coco))
    assert report['different'] == 2
    assert report['most_frequent'] == [
        {'width': 100, 'height': 80, 'images': 2},
        {'width': 400, 'height': 200, 'images': 1},
    ]
    assert report['megapixels']['max'] == pytest.approx(0.08)
    assert report['width']['mean'] == 200


def test_box_sizes_natively_relatively_and_at_input_size(coco):
    report = describe_box_sizes(tabulate(coco), (200, 160))
    assert report['native']['width']['max'] == 100
    assert report['native']['root_area']['max'] == 100
    assert report['relative']['height']['median'] == 0.5
    assert report['relative']['root_area']['min'] == pytest.approx((150 / 8000) ** 0.5)
    # The first image is doubled, the second halved.
    assert report['input']['width']['max'] == 100
    assert report['input']['height']['max'] == 80
    assert report['input']['root_area']['min'] == pytest.approx(2 * 150**0.5)


def test_size_buckets_count_the_annotated_area(coco):
    assert bucket_sizes(tabulate(coco), (200, 160)) == {
        'native': {'small': 2, 'medium': 1, 'large': 1},
        'input': {'small': 1, 'medium': 3, 'large': 0},
    }


def test_aspect_ratios(coco):
    report = describe_aspect_ratios(tabulate(coco))
    assert report == pytest.approx(
        {
            **{'mean': (2 * 1.25 * 0.25 * 1) ** 0.25, 'min': 0.25, 'max': 2},
            **{'median': 1.25**0.5, 'p25': 0.25**0.25, 'p75': (1.25**0.75) * 2**0.25},
            **{'p5': 0.25**0.85, 'p95': 2**0.85 * 1.25**0.15},
        }
    )


def test_cooccurrence_counts_images_and_orders_by_frequency(coco):
    labels, together = count_cooccurrence(tabulate(coco))
    assert labels.tolist() == [0, 1]
    assert together.tolist() == [[1, 1], [1, 0]]


def test_cooccurrence_agrees_with_counting_by_hand():
    rng = np.random.default_rng(0)
    boxes = [
        {'image_id': i, 'category_id': c, 'bbox': [0, 0, 1, 1], 'area': 1, 'iscrowd': 0}
        for i, c in rng.integers(0, (40, 90), (300, 2)).tolist()
    ]
    coco = {
        'images': [{'id': i, 'width': 5, 'height': 5} for i in range(40)],
        'categories': [{'id': c, 'name': str(c)} for c in range(90)],
        'annotations': boxes,
    }
    labels, together = count_cooccurrence(tabulate(coco))
    number = [sum(box['category_id'] == c for box in boxes) for c in range(90)]
    assert len(labels) == 80
    assert [number[label] for label in labels] == sorted(number, reverse=True)[:80]
    has = [[b['category_id'] for b in boxes if b['image_id'] == i] for i in range(40)]
    for row, a in enumerate(labels.tolist()):
        for column, b in enumerate(labels.tolist()):
            expected = sum(a in x and b in x if a != b else x.count(a) > 1 for x in has)
            assert together[row, column] == expected


def test_of_nothing_there_is_no_summary(coco):
    table = tabulate({**coco, 'annotations': []})
    assert summarize(table.area) is None
    assert describe_aspect_ratios(table) is None
    assert describe_box_sizes(table, (64, 64))['native']['width'] is None
    assert count_cooccurrence(table)[1].shape == (0, 0)


def test_extreme_boxes_overflow_nothing(coco):
    coco['images'][0].update(width=2**53 - 1, height=2**53 - 1)
    coco['annotations'][0].update(bbox=[0, 0, 2.0**52, 5e-300], area=1e308)
    table = tabulate(coco)
    with np.errstate(all='raise', under='ignore'):
        sizes = describe_box_sizes(table, (99999, 99999))
        ratios = describe_aspect_ratios(table)
    assert np.isfinite([*sizes['input']['root_area'].values(), *ratios.values()]).all()
    assert sizes['buckets']['native']['large'] == 2
