"""``export.py``, and ``predict.py`` with what it wrote, where there is no PyTorch."""

import json
import os
import re
import shutil
import subprocess
import venv
from argparse import Namespace
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from packaging.requirements import Requirement

import taco_plugin.plugin  # noqa: F401
from taco_plugin.apps.export.export import export
from taco_plugin.apps.export.photographs import find_photographs
from taco_plugin.apps.export.proof import BOUNDS, Comparison
from taco_plugin.datasets import TacoDataset
from taco_plugin.errors import InputError
from taco_plugin.runtime.detector import ExportedDetector
from taco_plugin.runtime.metadata import KEY, decode_metadata
from taco_plugin.runtime.prediction import make_prediction
from taco_plugin.runtime.preparation import as_input

ROOT = Path(__file__).parents[2]
RUNTIME = [
    *('jinja2', 'markupsafe', 'matplotlib', 'msgspec', 'numpy', 'onnxruntime', 'opencv-python'),
    *('pillow', 'pycocotools', 'pyyaml', 'tqdm'),
]


@pytest.fixture(scope='module')
def run(small_taco, tmp_path_factory, monkeymodule):
    """A work dir of the demo's detector, whose scores differ as those of a trained one do."""
    monkeymodule.setenv('TACO_DATA_ROOT', f'{small_taco}/')
    folder = tmp_path_factory.mktemp('run')
    config = Config.fromfile(ROOT / 'configs' / 'taco' / 'demo.py')
    photographs = sorted(small_taco.glob('batch_1/*.jpg'))
    pictures = [cv2.resize(cv2.imread(str(path)), (160, 160)) for path in photographs]
    torch.manual_seed(0)
    model = MODELS.build({**config.model, '_scope_': 'mmdet'})
    model.init_weights()
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None  # the statistics become those of the photographs
            part.reset_running_stats()
    with torch.no_grad():
        model.train().bbox_head(model.extract_feat(torch.from_numpy(as_input(pictures))))
        for name, bias, factor in (('cls', 0, 3), ('obj', -2, 3), ('reg', 0, 0.2)):
            for part in getattr(model.bbox_head, f'multi_level_conv_{name}'):
                part.weight.mul_(factor)
                part.bias.fill_(bias)
    config.dump(folder / 'demo.py')
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, folder / 'best_epoch_1.pth')
    return folder


@pytest.fixture(scope='module')
def monkeymodule():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope='module')
def call(run):
    def call(out, **options):
        given = {'run': str(run), 'config': None, 'format': 'onnx', 'precision': 'fp32'}
        given |= {'calibration': None, 'size': None, 'tiles': False, 'raw': False, 'limit': 2}
        given |= {'images': None, 'annotations': None, 'cfg_options': [], 'out': str(out)}
        return export(Namespace(**given | options))

    return call


@pytest.fixture(scope='module')
def exported(call, tmp_path_factory):
    """An ONNX file."""
    folder = tmp_path_factory.mktemp('exported')
    assert 'whole' in call(folder)
    return folder / 'demo.onnx'


def test_an_export_proves_that_it_finds_the_same(exported):
    assert sorted(path.name for path in exported.parent.iterdir()) == ['demo.json', 'demo.onnx']
    report = json.loads(exported.with_suffix('.json').read_text())
    assert set(report) == {'whole', 'tiles'}
    for way in report.values():
        assert way['detections'] > 20
        assert way['unmatched'] <= 0.01 * way['detections']
    first, second = report['whole']['ap']
    assert first == pytest.approx(second, abs=1e-3)


@pytest.mark.parametrize(
    'options',
    [
        {
            'format': 'openvino',
            'cfg_options': ['test_dataloader.dataset.pipeline.1.scale=(200,200)'],
        },
        {'raw': True, 'size': 128},
        {'tiles': True},
    ],
)
def test_other_exports_find_the_same(call, tmp_path, options):
    call(tmp_path, **options)
    (report,) = tmp_path.glob('*.json')
    assert all(way['detections'] > 20 for way in json.loads(report.read_text()).values())


def test_int8_is_small_and_not_left_if_it_loses_too_much(call, exported, tmp_path, small_taco):
    options = {'precision': 'int8', 'calibration': str(small_taco), 'limit': 2}
    patch = pytest.MonkeyPatch()
    patch.setitem(BOUNDS, 'int8', BOUNDS['fp32'])
    with patch.context(), pytest.raises(InputError, match='not proved.*have no counterpart'):
        call(tmp_path / 'new', **options)
    assert not (tmp_path / 'new').exists()


def test_a_detector_without_a_way_is_named(call, run, tmp_path):
    options = ['model.bbox_head.type=YOLOXHead', 'model.test_cfg.nms.type=soft_nms']
    with pytest.raises(InputError, match='test_cfg.nms cannot be exported: .*soft_nms'):
        call(tmp_path / 'new', cfg_options=options)
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('given', [None, 'batch_1'])
def test_photographs_are_found_where_the_dataset_has_them(small_taco, tmp_path, given):
    coco = json.loads((small_taco / 'annotations' / 'test.json').read_text())
    coco['info']['image_folder'] = str(small_taco)
    (tmp_path / 'test.json').write_text(json.dumps(coco))
    where = {'ann_file': str(tmp_path / 'test.json'), 'data_root': str(tmp_path)}
    if given:
        where['data_prefix'] = {'img': given}
    dataset = TacoDataset(**where, taxonomy='taco10', pipeline=[], lazy_init=True)
    detector = Namespace(dataset=dataset)
    if given:
        with pytest.raises(InputError, match='no such photograph'):
            find_photographs(detector, None, None, 2)
    else:
        assert all(map(Path.is_file, find_photographs(detector, None, None, 2).paths))


def test_nothing_found_is_no_proof():
    comparison = Comparison()
    comparison.add({'size': [9, 9], 'boxes': []}, {'size': [9, 9], 'boxes': []}, BOUNDS['fp32'])
    assert 'nothing was compared' in comparison.judge(BOUNDS['fp32'])[0]


def test_masks_are_alike_if_both_are_empty_and_else_as_far_as_they_overlap():
    def predict(second):
        boxes, masks = np.array([[0, 0, 4, 4], [4, 4, 8, 8]]), np.zeros((2, 8, 8), bool)
        masks[1, 4:second, 4:] = True
        return make_prediction(boxes, np.full(2, 0.9), np.zeros(2, int), (8, 8), masks)

    for height, overlap, unmatched in ((8, 1.0, 0), (6, 0.5, 1), (4, 0.0, 1)):
        comparison = Comparison()
        comparison.add(predict(8), predict(height), BOUNDS['fp32'])
        assert (comparison.mask_iou, comparison.unmatched) == (overlap, unmatched)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda text: '', 'has no metadata'),
        (lambda text: text.replace('"classes"', '"x"'), 'its metadata is broken'),
        (lambda text: text.replace('"scale":[160,160]', '"scale":[160,99999999]'), 'broken'),
        (lambda text: re.sub(r'"classes":\["', r'"classes":["\\u001b[31m', text), 'broken'),
        (lambda text: '[' * 100_000, 'broken'),
    ],
)
def test_metadata_is_not_believed(exported, change, message):
    properties = onnx.load(exported).metadata_props
    (text,) = (one.value for one in properties if one.key == KEY)
    with pytest.raises(InputError, match=message) as caught:
        decode_metadata(change(text), 'a.onnx')
    assert str(caught.value).isprintable()


def test_outputs_are_not_believed(exported, tmp_path):
    names, values = ('boxes', 'scores', 'labels'), (np.zeros(4, np.float32), np.float32(1), 0)
    constants = [onnx.numpy_helper.from_array(np.asarray(one)) for one in values]
    nodes = [
        onnx.helper.make_node('Constant', [], [name], value=one)
        for name, one in zip(names, constants, strict=True)
    ]
    model = onnx.load(exported)
    outputs = [
        onnx.helper.make_tensor_value_info(name, one.data_type, one.dims)
        for name, one in zip(names, constants, strict=True)
    ]
    model.graph.CopyFrom(onnx.helper.make_graph(nodes, 'g', model.graph.input, outputs))
    onnx.save(model, tmp_path / 'a.onnx')
    detector = ExportedDetector(str(tmp_path / 'a.onnx'))
    image = detector.prepare(np.zeros((64, 64, 3), np.uint8), '')
    with pytest.raises(InputError, match='outputs are not those of an exported detector'):
        detector.predict([image])


@pytest.fixture(scope='module')
def bare(tmp_path_factory):
    """A Python with what the extra ``runtime`` lists and nothing else: no PyTorch, no mmdet."""
    setup = (ROOT / 'setup.py').read_text()
    (listed,) = re.findall(r'RUNTIME = \[(.*?)\n\]', setup, flags=re.DOTALL)
    assert sorted(re.findall(r"'([\w-]+)", listed)) == RUNTIME
    root = tmp_path_factory.mktemp('bare')
    venv.create(root, with_pip=False)
    (target,) = root.glob('lib/*/site-packages')
    wanted, seen = list(RUNTIME), set()
    while wanted:
        name = wanted.pop()
        found = distribution(name)
        if found.name in seen:
            continue
        seen.add(found.name)
        needs = map(Requirement, found.requires or ())
        wanted += [
            one.name for one in needs if one.marker is None or one.marker.evaluate({'extra': ''})
        ]
        for file in found.files or ():
            top = file.parts[0]
            if not top.startswith('..') and not (target / top).exists():
                (target / top).symlink_to(Path(found.locate_file(top)).resolve())
    return root / 'bin' / 'python'


def read_rows(path):
    """Image, class and box of each detection in COCO's format."""
    found = json.loads(path.read_text())['annotations']
    return np.array([[one['image_id'], one['category_id'], *one['bbox']] for one in found])


def test_predicting_needs_neither_torch_nor_mmdet(
    bare, exported, run, small_taco, tmp_path, run_tool
):
    hostile = tmp_path / 'a\nb\x1b[31m.onnx'
    shutil.copy(exported, hostile)
    env = {'PYTHONPATH': str(ROOT), 'PATH': os.environ['PATH']}

    def predict(*arguments):
        command = [bare, ROOT / 'tools' / 'predict.py', *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path)

    check = [
        bare,
        '-c',
        'import importlib.util as u; print(u.find_spec("torch"), u.find_spec("mmdet"))',
    ]
    assert subprocess.run(check, capture_output=True, text=True).stdout == 'None None\n'
    kinds = '--write', 'json', 'csv', 'pictures', 'crops', 'yolo', 'gallery'
    done = predict(small_taco / 'batch_1', '--onnx', hostile, '--out', 'a', *kinds)
    assert done.returncode == 0, done.stderr
    done = predict(small_taco / 'batch_1', '--onnx', exported, '--tiles', '--out', 'b')
    assert done.returncode == 0, done.stderr
    for out, options in (('a', ()), ('b', ('--tiles',))):
        inputs = small_taco / 'batch_1', '--run', run, '--out', tmp_path / f'{out}2', *options
        assert run_tool('predict.py', *inputs).returncode == 0
        ours, theirs = (
            read_rows(tmp_path / name / 'predictions.json') for name in (out, f'{out}2')
        )
        assert len(theirs) > 5
        # The last bit decides where an overlap is just that at which one box suppresses another.
        alike = sum(bool((abs(theirs - one).max(axis=1) < 0.1).any()) for one in ours)
        assert alike > 0.99 * max(len(ours), len(theirs))
    (tmp_path / 'text.onnx').write_text('no model')
    for name in ('text.onnx', 'missing\n.onnx'):
        refused = predict(small_taco, '--onnx', name, '--out', 'c')
        assert refused.returncode == 1
        assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / 'c').exists()
