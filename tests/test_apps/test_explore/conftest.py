import json

import numpy as np
import pytest
from PIL import Image

from taco_plugin.apps.explore.explore import REPORT, explore
from taco_plugin.apps.explore.summary import format_report


@pytest.fixture
def coco():
    """Three images, the last without boxes; four boxes of two of three classes; no defect."""
    categories, images = {5: 'Drink can', 3: 'Cigarette', 9: 'Shoe'}, [(100, 80), (400, 200)]
    boxes = [
        (10, 5, [0, 0, 20, 10], 150.0),
        (10, 5, [50, 40, 50, 40], 2000.0),
        (10, 3, [10, 10, 10, 40], 400.0),
        (11, 5, [100, 0, 100, 100], 10_000.0),
    ]
    keys = ('id', 'image_id', 'category_id', 'bbox', 'area')
    return {
        'categories': [{'id': n, 'name': name} for n, name in categories.items()],
        'images': [
            {'id': 10 + n, 'file_name': name, 'width': images[n % 2][0], 'height': images[n % 2][1]}
            for n, name in enumerate(['a/1.jpg', 'a/2.jpg', 'b/1.jpg'])
        ],
        'annotations': [
            {**dict(zip(keys, (n, *box), strict=True)), 'iscrowd': 0}
            for n, box in enumerate(boxes, start=1)
        ],
    }


@pytest.fixture
def save(tmp_path):
    """Writes a COCO file and returns its path."""

    def write(name, coco):
        (tmp_path / f'{name}.json').write_text(json.dumps(coco))
        return str(tmp_path / f'{name}.json')

    return write


@pytest.fixture
def scene():
    """Pixels of something that a perceptual hash can tell apart: blurred noise."""

    def draw(seed, width=100, height=80):
        noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)

    return draw


@pytest.fixture
def photographs(tmp_path, coco, scene):
    """Folder of the photographs of ``coco``, all different."""
    folder = tmp_path / 'photographs'
    for seed, image in enumerate(coco['images']):
        path = folder / image['file_name']
        path.parent.mkdir(parents=True, exist_ok=True)
        scene(seed, image['width'], image['height']).save(path)
    return folder


@pytest.fixture
def run(tmp_path):
    """Explores files; returns the report."""

    def call(*paths, **options):
        given = {
            **{'images': None, 'taxonomy': None, 'input_size': (200, 160), 'samples': 0},
            **{'seed': 0, 'duplicate_bits': 8, 'out': str(tmp_path / 'out'), **options},
        }
        report = explore(paths, **given)
        written = {path.name for path in (tmp_path / 'out').iterdir()}
        assert written >= {REPORT, *report['pictures']}
        assert json.loads((tmp_path / 'out' / REPORT).read_text()) == report
        lines = format_report(report).split('\n')
        assert all(line.isprintable() for line in lines)
        assert max(map(len, lines)) < 200
        return report

    return call


@pytest.fixture
def no_figures(monkeypatch):
    """For tests that look at none: drawing takes a second or two."""
    monkeypatch.setattr('taco_plugin.apps.explore.explore.list_figures', lambda *_: {})
