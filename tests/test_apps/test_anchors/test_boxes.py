import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.image.geometric import rescale_size

from taco_plugin.apps.anchors.boxes import InputSize, read_boxes

SIDES = st.integers(1, 9000)


def make_coco(width, height, *boxes, iscrowd=0):
    entries = [{'image_id': 4, 'bbox': list(box), 'iscrowd': iscrowd} for box in boxes]
    return {'images': [{'id': 4, 'width': width, 'height': height}], 'annotations': entries}


@settings(derandomize=True, deadline=None)
@given(SIDES, SIDES, st.sampled_from([(1333, 800), (800, 1333), (640, 640)]))
def test_an_image_is_resized_as_mmcv_does(width, height, scale):
    coco = make_coco(width, height, [0, 0, width, height])
    boxes = read_boxes(coco, InputSize(scale, keep_ratio=True, divisor=1))
    expected = np.maximum(rescale_size((width, height), scale), 1)
    assert boxes.image_sizes.tolist() == [expected.tolist()]
    assert boxes.xyxy[0].tolist() == pytest.approx([0, 0, *expected])


def test_stretches_where_the_ratio_is_not_kept_and_pads():
    coco = make_coco(200, 100, [20, 10, 40, 50])
    boxes = read_boxes(coco, InputSize((300, 300), keep_ratio=False, divisor=32))
    assert boxes.xyxy.tolist() == [[30, 30, 90, 180]]
    assert boxes.image_sizes.tolist() == [[320, 320]]
    assert boxes.areas().tolist() == [60 * 150]


def test_crowds_are_no_boxes_to_fit_to():
    boxes = read_boxes(make_coco(9, 9, [1, 1, 2, 2], iscrowd=1), InputSize((9, 9), True, 1))
    assert (len(boxes.xyxy), boxes.images) == (0, 1)
    assert boxes.areas().tolist() == []
