"""The dicts are made, and these tests run, without Detectron2."""

from taco_plugin.coco import clean_annotations, count_changes
from taco_plugin.d2.dataset_dicts import make_dataset_dicts


def row(number, image, category, **changes):
    known = {'id': number, 'image_id': image, 'category_id': category, 'bbox': [10, 20, 30, 40]}
    return {**known, 'area': 1200, 'iscrowd': 0, **changes}


POLYGON = [[10, 20, 40, 20, 40, 60]]
COCO = {
    'categories': [{'id': 5, 'name': 'Can'}, {'id': 2, 'name': 'Cup'}],
    'images': [
        {'id': 9, 'file_name': 'b/1.jpg', 'width': 100, 'height': 80, 'license': None},
        {'id': 3, 'file_name': 'a.jpg', 'width': 60, 'height': 90, 'original_width': 120}
        | {'original_height': 180, 'original_file_name': 'a.png'},
    ],
    'annotations': [
        row(1, 3, 2, segmentation=POLYGON),
        row(2, 9, 5, segmentation={'size': [80, 100], 'counts': [0, 8000]}, iscrowd=1),
        row(3, 9, 2),
    ],
}


def test_each_image_is_a_dict_in_the_format_of_detectron2():
    coco, changes = clean_annotations(COCO)
    dicts = make_dataset_dicts(coco, '/photos', 'a mode')
    shared = {'bbox': [10, 20, 30, 40], 'bbox_mode': 'a mode'}
    outline = [[10, 20, 40, 20, 40, 60, 10, 60]]
    crowd, unmasked = dicts[0].pop('annotations')
    assert dicts == [
        {'file_name': '/photos/b/1.jpg', 'image_id': 9, 'width': 100, 'height': 80},
        {
            **{'file_name': '/photos/a.jpg', 'image_id': 3, 'width': 60, 'height': 90},
            **{'original_width': 120, 'original_height': 180},
            'annotations': [{**shared, 'category_id': 1, 'iscrowd': 0, 'segmentation': POLYGON}],
        },
    ]
    assert unmasked == {**shared, 'category_id': 1, 'iscrowd': 0, 'segmentation': outline}
    assert count_changes(changes)['segmentation_from_box'] == 1
    mask = crowd.pop('segmentation')
    assert crowd == {**shared, 'category_id': 0, 'iscrowd': 1}
    assert (mask['size'], type(mask['counts'])) == ([80, 100], bytes)


def test_a_file_of_boxes_alone_gets_no_masks():
    annotations = [row(1, 3, 2), row(2, 9, 5, segmentation=None)]
    coco, changes = clean_annotations({**COCO, 'annotations': annotations})
    dicts = make_dataset_dicts(coco, '', 0)
    assert 'segmentation_from_box' not in count_changes(changes)
    assert not any('segmentation' in one for image in dicts for one in image['annotations'])
