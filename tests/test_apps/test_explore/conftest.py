import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def coco():
    """Three images, the last without boxes; four boxes of two of three classes; no defect."""
    boxes = [
        (1, 10, 5, [0, 0, 20, 10], 150.0),
        (2, 10, 5, [50, 40, 50, 40], 2000.0),
        (3, 10, 3, [10, 10, 10, 40], 400.0),
        (4, 11, 5, [100, 0, 100, 100], 10_000.0),
    ]
    return {
        'categories': [
            {'id': 5, 'name': 'Drink can'},
            {'id': 3, 'name': 'Cigarette'},
            {'id': 9, 'name': 'Shoe'},
        ],
        'images': [
            {'id': 10, 'file_name': 'a/1.jpg', 'width': 100, 'height': 80},
            {'id': 11, 'file_name': 'a/2.jpg', 'width': 400, 'height': 200},
            {'id': 12, 'file_name': 'b/1.jpg', 'width': 100, 'height': 80},
        ],
        'annotations': [
            {
                'id': number,
                'image_id': image,
                'category_id': category,
                'bbox': box,
                'area': area,
                'iscrowd': 0,
            }
            for number, image, category, box, area in boxes
        ],
    }


@pytest.fixture
def save():
    """Writes a COCO file and returns its path."""

    def write(path, coco):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(coco))
        return str(path)

    return write


@pytest.fixture
def scene():
    """Pixels of something that a perceptual hash can tell apart: blurred noise."""

    def draw(seed, width=100, height=80):
        noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)

    return draw


@pytest.fixture
def photographs(tmp_path, scene):
    """Folder of the photographs of ``coco``, all different."""
    folder = tmp_path / 'photographs'
    for seed, (name, size) in enumerate(
        [('a/1.jpg', (100, 80)), ('a/2.jpg', (400, 200)), ('b/1.jpg', (100, 80))]
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        scene(seed, *size).save(folder / name)
    return folder
