"""A leaf and its checkpoint predict alike in all that reads MMDetection's configs."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import DetInferencer, inference_detector, init_detector
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from sahi import AutoDetectionModel
from sahi.predict import get_prediction, get_sliced_prediction
from sahi.prediction import PredictionResult

from taco_plugin.taxonomies import load_taxonomy

LEAVES = Path(__file__).parents[1] / 'configs' / 'taco'
CLASSES = load_taxonomy('taco10').classes
LEAST = 0.3
SIDE = 256
Detections = list[tuple[float, str, list[float]]]

MASK_RCNN = f"""
_base_ = '{LEAVES}/mask_rcnn.py'
from taco_plugin.config import use_taco

use_taco(_base_, taxonomy='taco10')
_base_.model.backbone = dict(type='ResNet', depth=18)
_base_.model.neck.in_channels = [64, 128, 256, 512]
_base_.model.test_cfg.rpn.max_per_img = 50
_base_.model.test_cfg.rcnn.max_per_img = 20
_base_.test_dataloader.dataset.pipeline[1].scale = (128, 128)
"""

TILED = f"""
_base_ = '{LEAVES}/demo.py'
from taco_plugin.tiles import use_tiles

use_tiles(_base_, tile_size=96, longest_side=160)
"""


def write_config(name: str, folder: Path) -> Path:
    if name == 'demo':
        return LEAVES / 'demo.py'
    path = folder / f'small_{name}.py'
    path.write_text({'mask_rcnn': MASK_RCNN, 'tiled': TILED}[name])
    return path


@pytest.fixture(scope='module', params=['demo', 'mask_rcnn', 'tiled'])
def config(request, tmp_path_factory) -> Path:
    return write_config(request.param, tmp_path_factory.mktemp('leaf'))


def draw() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def save_checkpoint(config: Path, path: Path) -> Path:
    """Weights that were never trained, but are sure of many boxes, as a training saves them."""
    settings = Config.fromfile(config)
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        model = MODELS.build(settings.model)
        dataset = DATASETS.build({**settings.test_dataloader.dataset, 'lazy_init': True})
    generator = torch.Generator().manual_seed(1)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # takes the statistics of one image
        elif name.endswith('fc_cls'):
            module.weight.data.normal_(generator=generator)
        elif 'multi_level_conv_reg.' in name:
            module.weight.data /= 10  # sizes are exponential
        elif 'multi_level_conv_cls.' in name:
            module.bias.data.fill_(0)
        elif 'multi_level_conv_obj.' in name or name.endswith('conv_logits'):
            module.bias.data.fill_(3)
    if hasattr(model, 'bbox_head'):
        model.train()(torch.tensor(draw()).permute(2, 0, 1)[None].float(), mode='tensor')
    meta = {'dataset_meta': dataset.metainfo}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, path)
    return path


@pytest.fixture(scope='module')
def checkpoint(config, tmp_path_factory) -> Path:
    return save_checkpoint(config, tmp_path_factory.mktemp('checkpoint') / 'random.pth')


@pytest.fixture(scope='module')
def photograph(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('photographs') / 'noise.png'
    cv2.imwrite(str(path), draw())
    return path


def listed(bboxes: list, labels: list, scores: list, shift: tuple[int, int] = (0, 0)) -> Detections:
    """Sure detections with their classes' names, clipped as SAHI does."""
    boxes = np.clip(np.reshape(bboxes, (-1, 4)), 0, SIDE) + [*shift, *shift]
    boxes = np.clip(boxes, 0, SIDE).tolist()
    names = [CLASSES[label] for label in labels]
    return [
        (score, name, box)
        for score, name, box in zip(scores, names, boxes, strict=True)
        if score >= LEAST and box[0] < box[2] and box[1] < box[3]
    ]


def of_mmdet(found: InstanceData, shift: tuple[int, int] = (0, 0)) -> Detections:
    return listed(found.bboxes.tolist(), found.labels.tolist(), found.scores.tolist(), shift)


def of_sahi(result: PredictionResult) -> Detections:
    found = result.object_prediction_list
    labels = [CLASSES.index(one.category.name) for one in found]
    return listed([b.bbox.to_xyxy() for b in found], labels, [b.score.value for b in found])


def assert_same(found: Detections, expected: Detections, pixels: float = 0.01) -> None:
    found, expected = sorted(found), sorted(expected)
    assert len(found) > 5
    assert [row[1] for row in found] == [row[1] for row in expected]
    np.testing.assert_allclose([r[0] for r in found], [r[0] for r in expected], atol=1e-5)
    np.testing.assert_allclose([r[2] for r in found], [r[2] for r in expected], atol=pixels)


def test_init_detector_det_inferencer_and_sahi_agree(config, checkpoint, photograph, tmp_path):
    detector = init_detector(str(config), str(checkpoint), device='cpu')
    assert detector.dataset_meta['classes'] == CLASSES
    assert len(detector.dataset_meta['palette']) == len(CLASSES)
    expected = of_mmdet(inference_detector(detector, str(photograph)).pred_instances)
    image = cv2.imread(str(photograph))
    assert_same(of_mmdet(inference_detector(detector, image).pred_instances), expected)

    inferencer = DetInferencer(str(config), str(checkpoint), device='cpu', show_progress=False)
    results = inferencer(str(photograph), out_dir=str(tmp_path), no_save_pred=False)
    (found,) = results['predictions']
    assert_same(listed(found['bboxes'], found['labels'], found['scores']), expected)
    drawn = cv2.imread(str(next(tmp_path.glob('vis/*'))))
    assert drawn.shape == image.shape
    assert (drawn != image).any()

    model = AutoDetectionModel.from_pretrained(
        'mmdet', str(checkpoint), config_path=str(config), device='cpu', confidence_threshold=LEAST
    )
    pixels = 2 if model.has_mask else 0.01  # SAHI takes the boxes of masks, in whole pixels
    assert_same(of_sahi(get_prediction(str(photograph), model)), expected, pixels)
    sliced = get_sliced_prediction(
        str(photograph), model, 128, 128, overlap_height_ratio=0, overlap_width_ratio=0,
        perform_standard_pred=False, postprocess_type='NMS', postprocess_match_threshold=1.1,
    )  # fmt: skip
    slices = []
    for x, y in ((0, 0), (128, 0), (0, 128), (128, 128)):
        crop = np.ascontiguousarray(image[y : y + 128, x : x + 128])
        slices += of_mmdet(inference_detector(detector, crop).pred_instances, shift=(x, y))
    assert_same(of_sahi(sliced), slices, pixels)


@pytest.mark.parametrize('name', ['demo', 'tiled'])
def test_a_test_with_augmentation(name, small_taco, run_tool, tmp_path):
    config = write_config(name, tmp_path)
    checkpoint = save_checkpoint(config, tmp_path / 'random.pth')
    options = ['--tta', '--work-dir', tmp_path, '--out', tmp_path / 'out.pkl', '--cfg-options']
    options += [f'tta_pipeline.1.transforms.0.{index}.scale=(160,160)' for index in range(3)]
    run = run_tool('test.py', config, checkpoint, *options, TACO_DATA_ROOT=small_taco)
    assert run.returncode == 0, run.stderr
    assert 'coco/bbox_mAP' in run.stdout + run.stderr
    results = pickle.loads((tmp_path / 'out.pkl').read_bytes())
    assert len(results) == 4
    for result in results:
        height, width = result['ori_shape']
        found = result['pred_instances']
        assert len(found['labels']) > 5
        assert set(found['labels'].tolist()) <= set(range(len(CLASSES)))
        centres = (found['bboxes'][:, :2] + found['bboxes'][:, 2:]) / 2
        inside = (centres >= 0) & (centres <= torch.tensor([width, height]))
        assert inside.float().mean() > 0.3  # an untrained detector also leaves the photograph
