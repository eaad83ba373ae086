"""A config on tiles tests and trains at their scale, and is the plain one otherwise."""

import copy
from pathlib import Path

import mmdet
import pytest
from mmengine.config import Config

from taco_plugin.config import use_taco
from taco_plugin.errors import InputError
from taco_plugin.tiles import use_tiles

RTMDET = 'rtmdet/rtmdet_tiny_8xb32-300e_coco'


def stock(name: str) -> Config:
    return Config.fromfile(Path(mmdet.__file__).parent / '.mim' / 'configs' / f'{name}.py')


def on_tiles(name: str, **settings) -> tuple[Config, Config]:
    """A stock config on TACO, without tiles and with."""
    plain = stock(name)
    use_taco(plain, taxonomy='taco10')
    tiled = copy.deepcopy(plain)
    use_tiles(tiled, **settings)
    return plain, tiled


def test_photographs_are_tested_at_the_scale_of_tiles_and_padded_by_the_model():
    plain, tiled = on_tiles(RTMDET, tile_size=512, longest_side=1536, overlap=0.3)
    expected = [{'type': 'Resize', 'scale': (1536, 1536), 'keep_ratio': True}]
    for loader in (tiled.val_dataloader, tiled.test_dataloader):
        assert [t for t in loader.dataset.pipeline if t.type in ('Resize', 'Pad')] == expected
    scales, _, *others = tiled.tta_pipeline[1].transforms
    assert [resize.scale for resize in scales] == [(1536, 1536), (768, 768), (2304, 2304)]
    assert 'Pad' not in str(others)
    model = copy.deepcopy(plain.model)
    model.data_preprocessor.pad_size_divisor = 32
    tiling = {'tile_size': 512, 'overlap': 0.3}
    assert tiled.model == {**model, 'type': 'TiledDetector', 'detector': 'RTMDet', 'tiling': tiling}


def test_training_sees_tiles_and_whole_photographs_before_other_transforms():
    plain, tiled = on_tiles(RTMDET, train=0.7, litter_fraction=0.9)
    switch = tiled.custom_hooks[1].switch_pipeline
    for pipeline, before in (
        (tiled.train_dataloader.dataset.pipeline, plain.train_dataloader.dataset.pipeline),
        (switch, plain.custom_hooks[1].switch_pipeline),
    ):
        choice = pipeline.pop(2)
        assert pipeline == before
        assert choice['type'] == 'RandomChoice'
        assert choice['prob'] == pytest.approx([0.7, 0.3])
        (resize, crop), whole = choice['transforms']
        assert whole == []
        assert (resize['scale'], resize['ratio_range']) == ((1600, 1600), (0.8, 1.25))
        assert (crop['crop_size'], crop['litter_fraction']) == ((640, 640), 0.9)
    _, tested_only = on_tiles(RTMDET, train=0)
    assert tested_only.train_dataloader == plain.train_dataloader


def test_tiles_of_a_mosaic_are_cut_before_it():
    _, tiled = on_tiles('yolox/yolox_s_8xb8-300e_coco')
    inner = tiled.train_dataloader.dataset.dataset.pipeline
    assert [transform['type'] for transform in inner][-2:] == ['LoadAnnotations', 'RandomChoice']
    assert tiled.model.tiling.tile_size == 640
    _, tiled = on_tiles('faster_rcnn/faster-rcnn_r50_fpn_1x_coco')
    assert tiled.model.tiling.tile_size == 800
    assert tiled.test_dataloader.dataset.pipeline[1].scale == (2000, 2000)


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(InputError, match=r'^test_dataloader.*Resize with keep_ratio=True'):
        on_tiles('ssd/ssd300_coco')
    _, tiled = on_tiles(RTMDET)
    with pytest.raises(InputError, match=r'^model\.type: .* on tiles already'):
        use_tiles(tiled)
    with pytest.raises(InputError, match='tile_size of use_tiles must be .*int'):
        on_tiles(RTMDET, tile_size='640')
