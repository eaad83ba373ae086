import pytest


@pytest.fixture
def coco():
    """Two images, three boxes, two categories; no defect."""
    return {
        'info': {'description': 'made up'},
        'categories': [
            {'id': 3, 'name': 'Drink can', 'supercategory': 'Can'},
            {'id': 0, 'name': 'Cigarette', 'supercategory': 'Cigarette'},
        ],
        'images': [
            {'id': 7, 'file_name': 'a/1.jpg', 'width': 100, 'height': 80, 'license': None},
            {'id': 2, 'file_name': 'b/1.jpg', 'width': 60, 'height': 90},
        ],
        'annotations': [
            {
                'id': number,
                'image_id': image_id,
                'category_id': category_id,
                'bbox': [10.0, 20.0, 30.0, 40.0],
                'segmentation': [[10.0, 20.0, 40.0, 20.0, 40.0, 60.0]],
                'area': 600.0,
                'iscrowd': 0,
            }
            for number, image_id, category_id in [(1, 7, 3), (2, 7, 0), (5, 2, 3)]
        ],
        'scene_annotations': [{'image_id': 7, 'background_ids': [1]}, {'image_id': 2}],
    }
