"""Photographs that are decoded in part give the same training data as whole ones."""

import json

import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose
from PIL import Image

from taco_plugin.datasets import TacoDataset, TacoMultiImageMixDataset
from taco_plugin.errors import InputError

SIZES = [(403, 301), (301, 403), (640, 479), (60, 50)]
LOAD = {'type': 'LoadTacoImage'}
ANNOTATIONS = {'type': 'LoadTacoAnnotations', 'with_bbox': True, 'with_mask': True}
RESIZE = {'type': 'Resize', 'scale': (133, 80), 'keep_ratio': True}
FLIP = {'type': 'RandomFlip', 'prob': 1.0}
PACK = {
    'type': 'PackDetInputs',
    'meta_keys': ('ori_shape', 'img_shape', 'scale_factor', 'flip'),
}
TRAIN = [LOAD, ANNOTATIONS, FLIP, RESIZE, PACK]
TEST = [LOAD, RESIZE, ANNOTATIONS, {**PACK, 'meta_keys': PACK['meta_keys'][:3]}]


@pytest.fixture
def root(tmp_path, mmdet_scope):
    """Photographs of odd sizes, the second turned by EXIF, with a triangle and an RLE each."""
    rng = np.random.default_rng(0)
    coco = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': 'Drink can'}]}
    for number, (width, height) in enumerate(SIZES):
        picture = cv2.resize(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8), (width, height))
        exif = Image.Exif()
        image = Image.fromarray(picture)
        if number == 1:
            image, exif[0x0112] = image.transpose(Image.Transpose.ROTATE_90), 6
        image.save(tmp_path / f'{number}.jpg', exif=exif, quality=95)
        coco['images'].append(
            {'id': number, 'file_name': f'{number}.jpg', 'width': width, 'height': height}
        )
        x, y, w, h = 0.2 * width, 0.3 * height, 0.5 * width, 0.6 * height
        triangle = [x, y, x + w, y, x + w, y + h]
        counts = [width * height // 2, width * height - width * height // 2]
        for mask in ([triangle], {'size': [height, width], 'counts': counts}):
            annotation = {'id': len(coco['annotations']) + 1, 'image_id': number}
            annotation |= {'category_id': 1, 'bbox': [x, y, w, h], 'area': w * h / 2, 'iscrowd': 0}
            coco['annotations'].append({**annotation, 'segmentation': mask})
    (tmp_path / 'annotations.json').write_text(json.dumps(coco))
    return tmp_path


def build(root, pipeline, **options) -> TacoDataset:
    return TacoDataset(
        **{'data_root': str(root), 'ann_file': 'annotations.json', 'taxonomy': 'taco10'},
        **{'data_prefix': {'img': ''}, 'pipeline': pipeline, **options},
    )


def whole(pipeline: list[dict]) -> list[dict]:
    stand_ins = {'LoadTacoImage': 'LoadImageFromFile', 'LoadTacoAnnotations': 'LoadAnnotations'}
    return [{**step, 'type': stand_ins.get(step['type'], step['type'])} for step in pipeline]


def decoded_shapes(dataset: TacoDataset, monkeypatch) -> list[tuple[int, int]]:
    """What OpenCV returned for each photograph."""
    shapes, decode = [], cv2.imdecode

    def spy(*args):
        image = decode(*args)
        shapes.append(image.shape[:2])
        return image

    with monkeypatch.context() as patch:
        patch.setattr(cv2, 'imdecode', spy)
        for index in range(len(dataset)):
            dataset[index]
    return shapes


@pytest.mark.parametrize('cached', [False, True])
@pytest.mark.parametrize('pipeline', [TRAIN, TEST])
def test_boxes_masks_and_meta_are_those_of_whole_photographs(root, pipeline, cached):
    cache = {'cache_dir': str(root / 'cache')} if cached else {}
    stock, ours = build(root, whole(pipeline)), build(root, pipeline, **cache)
    for index in range(len(SIZES)):
        expected, got = stock[index], ours[index]
        samples = expected['data_samples'], got['data_samples']
        for key in ('ori_shape', 'img_shape'):
            assert getattr(samples[0], key) == getattr(samples[1], key)
        # A pixel at 1/8 may lie partly beyond the photograph, by which the factors differ.
        pixel = 8 / min(SIZES[index])
        scale_factors = [sample.scale_factor for sample in samples]
        assert scale_factors[1] == pytest.approx(scale_factors[0], rel=pixel)
        boxes = [getattr(s.gt_instances.bboxes, 'tensor', s.gt_instances.bboxes) for s in samples]
        assert np.allclose(*boxes, atol=1e-3 if cached or pipeline is TEST else 1)
        masks = [sample.gt_instances.masks.masks for sample in samples]
        shared = np.logical_and(*masks).sum((1, 2)) / np.logical_or(*masks).sum((1, 2))
        assert (shared > 0.85).all()
        images = [data['inputs'].numpy().astype(int) for data in (expected, got)]
        assert np.abs(images[0] - images[1]).mean() < 3


@pytest.mark.parametrize('scale', [(50, 50), (90, 90), (190, 190)])
@pytest.mark.parametrize('cached', [False, True])
def test_boxes_lie_where_the_pixels_do(root, scale, cached):
    """A white square near the far corner of a photograph whose edges no scale divides."""
    picture = np.zeros((301, 403, 3), np.uint8)
    picture[250:290, 340:400] = 255
    cv2.imwrite(str(root / '0.jpg'), picture)
    coco = json.loads((root / 'annotations.json').read_text())
    box = {**coco['annotations'][0], 'bbox': [340, 250, 60, 40]}
    coco = {**coco, 'images': coco['images'][:1], 'annotations': [box]}
    (root / 'annotations.json').write_text(json.dumps(coco))
    pipeline = [LOAD, ANNOTATIONS, {**RESIZE, 'scale': scale}, PACK]
    cache = {'cache_dir': str(root / 'cache')} if cached else {}
    data = build(root, pipeline, **cache)[0]
    sample, image = data['data_samples'], data['inputs'].numpy()[0] / 255
    (box,) = sample.gt_instances.bboxes.tensor.numpy()
    down, across = np.mgrid[: image.shape[0], : image.shape[1]] + 0.5
    centre = (image * across).sum() / image.sum(), (image * down).sum() / image.sum()
    assert centre == pytest.approx(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), abs=0.1)
    back = box / np.tile(sample.scale_factor, 2)
    assert back == pytest.approx([340, 250, 400, 290], abs=1e-3)


def test_photographs_are_decoded_no_larger_than_needed(root, monkeypatch):
    expected = [(151, 202), (202, 151), (120, 160), (50, 60)]
    assert decoded_shapes(build(root, TRAIN), monkeypatch) == expected
    larger = [LOAD, ANNOTATIONS, {**RESIZE, 'scale': (403, 300)}, PACK]
    assert decoded_shapes(build(root, larger), monkeypatch)[0] == (301, 403)


def test_a_pipeline_that_is_exchanged_is_obeyed(root, monkeypatch):
    dataset = build(root, TRAIN)
    dataset.pipeline = Compose([LOAD, ANNOTATIONS, {**RESIZE, 'scale': (400, 400)}, PACK])
    assert decoded_shapes(dataset, monkeypatch)[2] == (479, 640)


def test_what_needs_the_whole_gets_it(root, monkeypatch):
    crop = {'type': 'RandomCrop', 'crop_size': (30, 30)}
    dataset = build(root, [LOAD, ANNOTATIONS, crop, RESIZE, PACK])
    assert decoded_shapes(dataset, monkeypatch)[0] == (301, 403)
    assert decoded_shapes(build(root, [LOAD, ANNOTATIONS]), monkeypatch)[0] == (301, 403)


def test_a_wrong_size_is_noticed_where_rounding_would_hide_it(root):
    image = Image.open(root / '0.jpg').resize((404, 302))
    image.save(root / '0.jpg')
    pipeline = [LOAD, {**ANNOTATIONS, 'with_mask': False}, RESIZE]
    with pytest.raises(InputError, match=r'0\.jpg: decoded to 404 x 302 px, .* 403 x 301 px'):
        build(root, pipeline)[0]


def test_a_photograph_that_is_cut_short_is_refused(root):
    path = root / '0.jpg'
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match='cut short'):
        build(root, TRAIN)[0]


@pytest.mark.parametrize('cached', [False, True])
def test_mosaic_and_what_follows_it_share_one_decode(root, monkeypatch, cached):
    steps = [
        {'type': 'Mosaic', 'img_scale': (64, 64)},
        {'type': 'MixUp', 'img_scale': (64, 64)},
        {'type': 'Resize', 'scale': (160, 160), 'keep_ratio': True},
        PACK,
    ]
    inner = {'type': 'TacoDataset', 'data_root': str(root), 'ann_file': 'annotations.json'}
    inner |= {'taxonomy': 'taco10', 'data_prefix': {'img': ''}}
    inner |= {'pipeline': [LOAD, {**ANNOTATIONS, 'with_mask': False}]}
    if cached:
        inner['cache_dir'] = str(root / 'cache')
    mixed = TacoMultiImageMixDataset(dataset=inner, pipeline=steps)
    shape = mixed.dataset[2]['img_shape']
    assert shape == ((48, 64) if cached else (60, 80))
    assert mixed[0]['inputs'].shape == (3, 160, 160)
    mixed.update_skip_type_keys(('Mosaic', 'MixUp'))
    assert mixed.dataset[2]['img_shape'] == (120, 160)
