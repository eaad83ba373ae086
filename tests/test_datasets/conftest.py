import json
from pathlib import Path

import cv2
import numpy as np
import pytest

CATEGORIES = ['Drink can', 'Cigarette', 'Paper cup']


@pytest.fixture
def write_taco(tmp_path, mmdet_scope):
    """Writes one 40 x 30 px photograph and a file with a box of each category, as TACO's own."""

    def write(categories: list[str] = CATEGORIES, ids: list[int] | None = None) -> Path:
        ids = ids or list(range(len(categories)))
        (tmp_path / 'batch_1').mkdir(exist_ok=True)
        pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / 'batch_1' / '000000.jpg'), pixels)
        coco = {
            'images': [{'id': 5, 'file_name': 'batch_1/000000.jpg', 'width': 40, 'height': 30}],
            'annotations': [
                {
                    **{'id': number, 'image_id': 5, 'category_id': category_id},
                    **{'bbox': [10 * number, 5, 4, 4], 'area': 16, 'iscrowd': 0},
                }
                for number, category_id in enumerate(ids)
            ],
            'categories': [
                {'id': category_id, 'name': name, 'supercategory': name}
                for category_id, name in zip(ids, categories, strict=True)
            ],
        }
        (tmp_path / 'annotations.json').write_text(json.dumps(coco))
        return tmp_path

    return write
