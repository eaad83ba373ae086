"""A detector that looks at tiles finds in large images what it finds in small ones."""

import copy

import cv2
import numpy as np
import pytest
import torch
from mmdet.models.data_preprocessors import DetDataPreprocessor
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.structures import InstanceData

import taco_plugin.plugin  # noqa: F401
from taco_plugin.errors import InputError

SEEN: list[tuple[int, ...]] = []
"""Shapes of the batches that the detector below was given."""


@MODELS.register_module()
class BrightnessDetector(BaseDetector):
    """Finds the bright regions of an image that have 30 to 10,000 pixels, to the pixel.

    The score grows with the size. Needs no training, so that what tiles add can be told exactly.
    """

    def __init__(self, masks: bool = False, data_preprocessor: dict | None = None) -> None:
        super().__init__(data_preprocessor or {'type': DetDataPreprocessor})
        self.masks = masks
        self.weight = torch.nn.Linear(1, 1)

    def predict(self, batch_inputs, batch_data_samples):
        SEEN.append(tuple(batch_inputs.shape))
        found = [
            self.find(image, sample.metainfo)
            for image, sample in zip(batch_inputs, batch_data_samples, strict=True)
        ]
        return self.add_pred_to_datasample(batch_data_samples, found)

    def find(self, image, meta):
        bright = (image[0] > 128).numpy().astype(np.uint8)
        _, regions, rows, _ = cv2.connectedComponentsWithStats(bright, connectivity=4)
        kept = [number for number in range(1, len(rows)) if 30 <= rows[number, 4] <= 10_000]
        boxes = torch.tensor(rows[kept, :4], dtype=torch.float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        boxes /= boxes.new_tensor(meta['scale_factor'] * 2)
        areas = torch.tensor(rows[kept, 4], dtype=torch.float)
        found = InstanceData(
            bboxes=boxes, scores=areas / 10_000, labels=torch.zeros(len(kept), dtype=torch.int64)
        )
        if self.masks:
            size = meta['ori_shape'][::-1]
            masks = [cv2.resize((regions == n).astype(np.uint8), size) > 0 for n in kept]
            found.masks = torch.tensor(np.array(masks).reshape(-1, *meta['ori_shape']))
        return found

    def loss(self, batch_inputs, batch_data_samples): ...
    def _forward(self, batch_inputs, batch_data_samples=None): ...
    def extract_feat(self, batch_inputs): ...


def build(masks=False, **tiling):
    model = MODELS.build(
        {'type': 'TiledDetector', 'detector': 'BrightnessDetector', 'masks': masks}
        | {'tiling': {'tile_size': 200, **tiling}}
    )
    SEEN.clear()
    return model.eval()


def batch(*images, scale=1.0):
    """A batch as from a pipeline that resized photographs by ``scale``."""
    samples = []
    for image in images:
        height, width = image.shape[1:]
        meta = {'img_shape': (height, width), 'scale_factor': (scale, scale), 'img_id': 7}
        meta['ori_shape'] = (round(height / scale), round(width / scale))
        samples.append(DetDataSample(metainfo=meta))
    return {'inputs': list(images), 'data_samples': samples}


def draw(height, width, *boxes):
    image = torch.zeros((3, height, width), dtype=torch.uint8)
    for left, top, right, bottom in boxes:
        image[:, top:bottom, left:right] = 255
    return image


def boxes_of(sample):
    return sorted(sample.pred_instances.bboxes.tolist())


SMALL = [[10, 10, 16, 16], [190, 60, 210, 80], [395, 395, 405, 405], [700, 460, 710, 480]]
"""Objects; the edges of some tiles cut the second and the third, but not those of all."""


@pytest.mark.parametrize('scale', [1.0, 0.5])
@pytest.mark.parametrize('merge', ['nms', 'nmm'])
def test_small_objects_are_found_where_they_are_and_once(scale, merge):
    image = draw(500, 720, *SMALL)
    (sample,) = build(merge=merge).test_step(batch(image, scale=scale))
    assert boxes_of(sample) == [[side / scale for side in box] for box in SMALL]
    assert sample.scale_factor == (scale, scale)  # by which sizes at input are told
    scores = sample.pred_instances.scores.tolist()
    assert scores == sorted(scores, reverse=True)


def test_masks_are_those_of_the_photograph():
    image = draw(500, 720, *SMALL)
    (sample,) = build(masks=True).test_step(batch(image))
    masks = sample.pred_instances.masks
    assert masks.shape == (4, 500, 720)
    assert torch.equal(masks.any(dim=0), image[0] > 0)
    for box, mask in zip(sample.pred_instances.bboxes.int().tolist(), masks, strict=True):
        left, top, right, bottom = box
        assert mask[top:bottom, left:right].all()
        assert mask.sum() == (bottom - top) * (right - left)
    (nothing,) = build(masks=True).test_step(batch(draw(500, 720)))
    assert nothing.pred_instances.masks.shape == (0, 500, 720)


def test_masks_of_parts_are_joined_by_merging():
    whole = [100, 20, 260, 50]  # no tile of 200 px that starts at 0 or 160 has all of it
    tiles = {'merge_overlap': 'ios', 'merge_threshold': 0.2, 'whole_image': False}
    (sample,) = build(masks=True, merge='nmm', **tiles).test_step(batch(draw(200, 360, whole)))
    assert boxes_of(sample) == [whole]
    assert sample.pred_instances.masks.sum() == 160 * 30


def test_large_objects_are_left_to_the_whole_image():
    large = [100, 100, 420, 400]  # it fills tiles; a quarter of the scale makes 80 x 75 px of it
    image = draw(800, 800, large, [600, 600, 620, 620])
    (sample,) = build().test_step(batch(image))
    found = boxes_of(sample)
    assert np.abs(np.subtract(found[0], large)).max() <= 4  # a pixel of the smaller image
    assert found[1:] == [[600, 600, 620, 620]]
    (alone,) = build(whole_image=False).test_step(batch(image))
    assert boxes_of(alone)[-1] == [600, 600, 620, 620]
    assert not any(np.abs(np.subtract(box, large)).max() <= 4 for box in boxes_of(alone))


def test_what_the_whole_image_can_hardly_show_is_left_to_tiles():
    image = draw(1600, 1600, [700, 700, 770, 770])  # a third of a tile, and 9 px in the whole
    (sample,) = build().test_step(batch(image))
    assert boxes_of(sample) == [[700, 700, 770, 770]]


def test_scores_of_tiles_are_weighed():
    image = draw(400, 400, [10, 10, 30, 30])
    scores = [
        build(tile_score=factor).test_step(batch(image))[0].pred_instances.scores[0].item()
        for factor in (1.0, 0.5)
    ]
    assert scores[1] == pytest.approx(scores[0] / 2)


def test_the_network_sees_no_more_than_a_batch_of_tiles():
    data = batch(draw(900, 1300, *SMALL), draw(100, 150, SMALL[0]))
    large, small = build(batch_size=3).test_step(copy.deepcopy(data))
    assert boxes_of(large) == SMALL
    assert boxes_of(small) == SMALL[:1]
    assert max(shape[0] for shape in SEEN) == 3
    assert max(shape[2:] for shape in SEEN) == (200, 200)
    assert boxes_of(build().test_step(copy.deepcopy(data))[0]) == SMALL
    assert {shape[0] for shape in SEEN} == {1}  # on a CPU
    limited = build(max_per_image=2).test_step(batch(draw(900, 1300, *SMALL)))[0]
    assert boxes_of(limited) == [SMALL[1], SMALL[3]]  # the largest, whose scores are highest


@pytest.mark.parametrize('leaf', ['yolox_tiny', 'mask_rcnn'])
def test_one_tile_is_the_plain_detector_to_the_last_digit(leaf, mmdet_scope):
    config = Config.fromfile(f'configs/taco/{leaf}.py')
    config.model.backbone.init_cfg = None
    config.model.data_preprocessor.pop('batch_augments', None)
    if leaf == 'mask_rcnn':
        config.model.backbone = {'type': 'ResNet', 'depth': 18}
        config.model.neck.in_channels = [64, 128, 256, 512]
        config.model.test_cfg.rpn.max_per_img = 20
    tiled = copy.deepcopy(config.model)
    tiled.update(type='TiledDetector', detector=config.model.type, tiling={'tile_size': 128})
    torch.manual_seed(0)
    plain = MODELS.build(config.model).eval()
    model = MODELS.build(tiled).eval()
    assert list(model.state_dict()) == list(plain.state_dict())
    model.load_state_dict(plain.state_dict())
    images = [
        torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in ((96, 128), (64, 99))
    ]
    with torch.no_grad():
        expected, found = (one.test_step(batch(*images)) for one in (plain, model))
    for one, other in zip(expected, found, strict=True):
        assert len(one.pred_instances) > 0
        for key, value in one.pred_instances.items():
            assert torch.equal(value, other.pred_instances[key])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'tiling': {'tile_size': 31}}, r'tiling\.tile_size must be in \[64, inf\], but is 31'),
        ({'tiling': {'overlap': 1}}, r'tiling\.overlap must be in \[0, 0\.9\], but is 1'),
        ({'tiling': {'overlapp': 0.1}}, "no option 'overlapp', did you mean 'overlap'"),
        ({'tiling': {'merge': 'wbf'}}, "merge of model.tiling must be .*'wbf'"),
        ({'detector': 'YOLOXX'}, "model.detector must be the type of a detector, but is 'YOLOXX'"),
        ({'detector': 'RetinaHead'}, 'model.detector must be the type of a detector'),
    ],
)
def test_wrong_settings_are_refused(changes, message, mmdet_scope):
    with pytest.raises(InputError, match=message):
        MODELS.build({'type': 'TiledDetector', 'detector': 'BrightnessDetector'} | changes)
