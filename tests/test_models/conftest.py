import json

import pytest


@pytest.fixture
def write_coco(tmp_path):
    """Writes a file with so many boxes of each category; returns its path."""

    def write(counts):
        labels = [label for label, count in enumerate(counts.values(), 1) for _ in range(count)]
        box = {'image_id': 1, 'bbox': [9, 5, 8, 6], 'area': 48, 'iscrowd': 0}
        coco = {
            'images': [{'id': 1, 'file_name': 'a.jpg', 'width': 400, 'height': 300}],
            'annotations': [{**box, 'id': n, 'category_id': k} for n, k in enumerate(labels, 1)],
            'categories': [{'id': n, 'name': name} for n, name in enumerate(counts, 1)],
        }
        (tmp_path / 'train.json').write_text(json.dumps(coco))
        return str(tmp_path / 'train.json')

    return write
