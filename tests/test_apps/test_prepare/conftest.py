import json

import pytest
from PIL import Image

from taco_plugin.taxonomies import load_taxonomy

TOOL = 'dataset_converters/prepare_taco.py'


@pytest.fixture
def succeeds(run_tool):
    def call(*arguments):
        result = run_tool(TOOL, *arguments)
        assert result.returncode == 0, result.stderr
        return result

    return call


@pytest.fixture
def fails(run_tool):
    """Ends with one line on stderr, and nothing on stdout."""

    def call(message, *arguments):
        result = run_tool(TOOL, *arguments)
        assert (result.returncode, result.stdout) == (1, '')
        assert result.stderr.startswith('prepare_taco.py: error: ')
        assert result.stderr.count('\n') == 1
        assert message in result.stderr

    return call


@pytest.fixture
def load():
    """What the JSON files of a folder hold, by their paths in it."""

    def read(folder):
        paths = sorted(folder.rglob('*.json'))
        return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in paths}

    return read


@pytest.fixture
def edit():
    """Changes the annotations of a folder."""

    def edit(folder, change):
        coco = json.loads((folder / 'annotations.json').read_text())
        change(coco)
        (folder / 'annotations.json').write_text(json.dumps(coco))

    return edit


@pytest.fixture
def made_up(tmp_path):
    """Twenty photographs and their annotations, with all 60 categories."""
    folder = tmp_path / 'data'
    names = load_taxonomy('taco60').classes
    coco = {'images': [], 'annotations': [], 'licenses': []}
    coco['categories'] = [{'id': n, 'name': name} for n, name in enumerate(names)]
    for number in range(20):
        name = f'batch_{number % 2}/{number // 2}.jpg'
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40, 30), 60).save(folder / name)
        coco['images'].append({'id': number, 'file_name': name, 'width': 40, 'height': 30})
        annotation = {'image_id': number, 'category_id': number % 3, 'bbox': [1, 2, 3, 4]}
        coco['annotations'].append({'id': 1 + number, **annotation, 'area': 12, 'iscrowd': 0})
    (folder / 'annotations.json').write_text(json.dumps(coco))
    return folder


@pytest.fixture
def arguments(made_up, tmp_path):
    return made_up / 'annotations.json', '--images', made_up, '--out', tmp_path / 'out'
