"""The Python of docs/detectron2.md; its commands are run with those of the README."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r'```python\n(.*?)```', (ROOT / 'docs' / 'detectron2.md').read_text(), flags=re.DOTALL
)


@pytest.fixture
def checkout(tmp_path, small_taco, run_tool, monkeypatch, catalogs):
    """A folder like the checkout, with drawn data and checkpoints of detectors not trained yet."""
    from detectron2.checkpoint import DetectionCheckpointer

    from taco_plugin.d2.plan import read_plan

    prepared = run_tool(
        *('dataset_converters/prepare_taco.py', small_taco / 'annotations.json', '--images'),
        *(small_taco, '--out', tmp_path / 'data' / 'taco', '--taxonomy', 'detectwaste7'),
    )
    assert prepared.returncode == 0, prepared.stderr
    (photograph, *_) = small_taco.rglob('*.jpg')
    shutil.copy(photograph, tmp_path / 'photograph.jpg')
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('TACO_DATA_ROOT', raising=False)
    for name in ('faster_rcnn_weighted_ce.yaml', 'faster_rcnn.py'):
        plan = read_plan(f'configs/d2/{name}', [], testing=False)
        torch.manual_seed(0)  # with some weights, an untrained detector overflows
        folder = tmp_path / 'work_dirs' / 'd2' / Path(name).stem
        folder.mkdir(parents=True)
        DetectionCheckpointer(plan.model(), str(folder)).save('model_best')
        if name.endswith('.yaml'):
            (folder / 'config.yaml').write_text(plan.cfg.dump())
    return tmp_path


def test_data_and_predictions(checkout):
    register, _, _, predict, predict_lazily = BLOCKS
    known = {}
    exec(register, known)
    assert len(known['dicts']) > 4
    assert known['classes'][0] == 'metals_and_plastic'
    exec(predict.replace('THRESH_TEST = 0.3', 'THRESH_TEST = 0.0'), known)
    assert len(known['names']) == len(known['instances']) > 0
    assert set(known['names']) <= set(known['classes'])
    with Image.open('predictions.png') as picture, Image.open('photograph.jpg') as photograph:
        assert picture.size == photograph.size
        drawn = np.asarray(picture.convert('RGB'), dtype=int) - np.asarray(photograph)
        assert np.abs(drawn).max() > 50
    exec(predict_lazily, known)
    assert known['instances'].image_size == photograph.size[::-1]


def test_a_script_of_ones_own(checkout):
    from detectron2.data import build_detection_test_loader

    register, _, script, _, predict_lazily = BLOCKS
    known = {}
    exec(register, known)
    exec(predict_lazily, known)
    dicts = known['DatasetCatalog'].get(known['val'])
    known['loader'] = build_detection_test_loader(dicts, mapper=known['mapper'])
    exec('from detectron2.evaluation import inference_on_dataset\n' + script, known)
    assert set(known['results']['bbox']) >= {'AP', 'AP50', 'AP-glass'}
    written = {path.name for path in Path('output').iterdir()}
    assert written == {'run.json', 'evaluations', 'figures'}


def test_a_leaf_with_another_loss(checkout):
    from detectron2.config import LazyConfig, instantiate

    from taco_plugin.d2.run_facts import describe_loss

    leaf = checkout / 'configs' / 'd2' / 'mine.py'
    leaf.write_text(BLOCKS[1])
    model = instantiate(LazyConfig.load(str(leaf)).model)
    assert describe_loss(model) == 'cross-entropy, inverse_density'
