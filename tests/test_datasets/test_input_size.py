import copy

import pytest
from mmdet.datasets.transforms import Resize
from mmdet.registry import TRANSFORMS

from taco_plugin.datasets.input_size import (
    Fit,
    NoResizeError,
    UnknownInputSizeError,
    find_fits,
    needed_size,
)

LOAD = [{'type': 'LoadTacoImage'}, {'type': 'LoadTacoAnnotations', 'with_bbox': True}]
FLIP = {'type': 'RandomFlip', 'prob': 0.5}
RESIZE = {'type': 'Resize', 'scale': (640, 640), 'keep_ratio': True}
MOSAIC = {'type': 'Mosaic', 'img_scale': (320, 320)}
MIXUP = {'type': 'MixUp', 'img_scale': (512, 512)}
PACK = {'type': 'PackDetInputs'}


@pytest.fixture
def fits(mmdet_scope):
    def find(*steps: dict) -> list[tuple]:
        found = find_fits([TRANSFORMS.build(copy.deepcopy(step)) for step in steps])
        return [(fit.scale, fit.mode) for fit in found]

    return find


def test_the_first_resize_counts(fits):
    crop = {'type': 'MinIoURandomCrop'}
    last = {'type': 'Resize', 'scale': (2000, 2000), 'keep_ratio': False}
    assert fits(*LOAD, FLIP, RESIZE, crop, last, PACK) == [((640, 640), 'edges')]
    assert fits(LOAD[0], last, LOAD[1], PACK) == [((2000, 2000), 'stretch')]


def test_what_chance_may_choose_counts(fits):
    few = {'type': 'RandomChoiceResize', 'scales': [(480, 1333), (800, 1333)], 'keep_ratio': True}
    crop = {'type': 'RandomCrop', 'crop_size': (384, 600)}
    choice = {'type': 'RandomChoice', 'transforms': [[few], [RESIZE, crop, few]]}
    expected = [((480, 1333), 'edges'), ((800, 1333), 'edges'), ((640, 640), 'edges')]
    assert fits(*LOAD, FLIP, choice, PACK) == expected
    only_a_flip = {'type': 'RandomChoice', 'transforms': [[FLIP], [few]]}
    assert fits(*LOAD, only_a_flip, RESIZE)[0] == ((640, 640), 'edges')
    jitter = {'type': 'RandomResize', 'scale': (1000, 600), 'ratio_range': (0.1, 2.0)}
    assert fits(*LOAD, {**jitter, 'keep_ratio': True}) == [((2000, 1200), 'edges')]
    between = {'type': 'RandomResize', 'scale': [(640, 400), (500, 900)], 'keep_ratio': True}
    assert fits(*LOAD, between) == [((640, 900), 'edges')]


def test_mosaic_and_mixup_take_fresh_photographs(fits):
    mosaic, mixup = ((320, 320), 'box'), ((512, 512), 'box')
    assert set(fits(*LOAD, MOSAIC, MIXUP, RESIZE)) == {mosaic, mixup}
    assert set(fits(*LOAD, RESIZE, MOSAIC)) == {((640, 640), 'edges'), mosaic}
    assert set(fits(*LOAD, {**MOSAIC, 'prob': 0.5}, RESIZE)) == {mosaic, ((640, 640), 'edges')}


@pytest.mark.parametrize(
    ('steps', 'message'),
    [
        ([{'type': 'RandomCrop', 'crop_size': (99, 99)}], 'RandomCrop may depend on their size'),
        ([{'type': 'Pad', 'size_divisor': 32}], 'Pad may'),
        ([{'type': 'RandomAffine'}], 'RandomAffine may'),
        ([{'type': 'Resize', 'scale_factor': 0.5}], 'Resize may'),
        ([{'type': 'MixUp'}], 'MixUp may'),
        ([{'type': 'LoadAnnotations'}], r'LoadAnnotations may .*\(LoadTacoAnnotations does not\)'),
        ([{'type': 'LoadTacoAnnotations', 'with_seg': True}], 'LoadTacoAnnotations may'),
        ([{'type': 'RandomChoice', 'transforms': [[RESIZE], [{'type': 'AutoContrast'}]]}], 'AutoC'),
    ],
)
def test_what_may_depend_on_the_size_needs_the_whole(fits, steps, message):
    with pytest.raises(UnknownInputSizeError, match=message):
        fits(LOAD[0], *steps, RESIZE, PACK)


def test_copy_paste_takes_fresh_photographs_of_the_same_size(fits):
    with pytest.raises(UnknownInputSizeError, match='CopyPaste'):
        fits(*LOAD, RESIZE, {'type': 'CopyPaste'})


def test_a_subclass_of_a_resize_is_not_taken_for_it(mmdet_scope):
    class Odd(Resize):
        pass

    loader = TRANSFORMS.build(LOAD[0])
    with pytest.raises(UnknownInputSizeError, match='Odd'):
        find_fits([loader, Odd(scale=(9, 9))])


def test_loaders_that_decode_otherwise_need_the_whole(fits):
    for loader in ({'type': 'LoadImageFromFile'}, {**LOAD[0], 'color_type': 'grayscale'}):
        with pytest.raises(UnknownInputSizeError, match='LoadTacoImage'):
            fits(loader, RESIZE)
    with pytest.raises(UnknownInputSizeError, match='does not begin'):
        find_fits([])


def test_no_resize_is_told_apart(fits):
    with pytest.raises(NoResizeError):
        fits(*LOAD, FLIP, PACK)


@pytest.mark.parametrize('size', [(4032, 3024), (3024, 4032), (1000, 4000), (900, 899)])
@pytest.mark.parametrize(('scale', 'keep_ratio'), [((1333, 800), True), ((300, 200), False)])
def test_fits_agree_with_the_resize(size, scale, keep_ratio, mmdet_scope):
    import numpy as np

    step = TRANSFORMS.build({'type': 'Resize', 'scale': scale, 'keep_ratio': keep_ratio})
    resized = step({'img': np.zeros((*size[::-1], 3), np.uint8)})['img_shape']
    fit = Fit(scale, 'edges' if keep_ratio else 'stretch')
    assert np.abs(np.subtract(fit.size(*size), resized[::-1])).max() <= 1
    assert min(np.subtract(fit.size(*size), resized[::-1])) >= 0


def test_a_photograph_is_never_enlarged():
    assert needed_size([Fit((640, 640), 'edges')], 100, 50) == (100, 50)
    assert needed_size([Fit((80, 640), 'stretch')], 100, 50) == (80, 50)
