import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taco_plugin.compat.ops.nms import nms

# Whole coordinates and few scores: many ties, and many IoUs that are exactly a threshold.
SMALL = st.integers(0, 8)
BOX = st.tuples(SMALL, SMALL, SMALL, SMALL).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
SCORED_BOXES = st.lists(st.tuples(BOX, st.sampled_from([0.1, 0.5, 0.5, 0.9])), max_size=25)


def nms_by_loops(boxes, scores, threshold, offset):
    """mmcv's nms.cpp, line by line, in float32 scalars."""
    boxes = boxes.numpy().astype(np.float32)
    order = scores.sort(0, descending=True)[1].tolist()
    fallen = set()
    for rank, i in enumerate(order):
        if i in fallen:
            continue
        fallen.update(
            j for j in order[rank + 1 :] if iou(boxes[i], boxes[j], offset) > np.float32(threshold)
        )
    return [i for i in order if i not in fallen]


@np.errstate(all='ignore')
def iou(a, b, offset):
    offset, zero = np.float32(offset), np.float32(0)
    width = max(zero, min(a[2], b[2]) - max(a[0], b[0]) + offset)
    height = max(zero, min(a[3], b[3]) - max(a[1], b[1]) + offset)
    area_a, area_b = ((box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (a, b))
    return width * height / (area_a + area_b - width * height)


def random_boxes(count, spread, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(count, 2, generator=generator) * spread
    sizes = torch.rand(count, 2, generator=generator) * 40 + 5
    boxes = torch.cat([centres - sizes / 2, centres + sizes / 2], 1)
    return boxes, torch.rand(count, generator=generator)


def test_iou_of_one_third_by_hand(standin):
    # 10 x 10 boxes, 5 apart: 50 / (100 + 100 - 50) = 1/3; with offset 1, 66 / (242 - 66) = 0.375.
    boxes = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10]])
    scores = torch.tensor([0.5, 0.6])
    kept = [standin.nms(boxes, scores, t, offset=0).tolist() for t in (0.33, 0.34)]
    assert kept == [[1], [1, 0]]
    kept = [standin.nms(boxes, scores, t, offset=1).tolist() for t in (0.37, 0.38)]
    assert kept == [[1], [1, 0]]


@pytest.mark.parametrize('threshold', [0.3, 0.7])
def test_threshold_rounds_to_float32(standin, threshold):
    # IoU is exactly 3/10 and 7/10, which are not float32 numbers: equal, so both boxes stay.
    boxes = torch.tensor([[0.0, 0, 10, 1], [0, 0, threshold * 10, 1]])
    assert standin.nms(boxes, torch.tensor([0.9, 0.8]), threshold, offset=0).tolist() == [0, 1]


@settings(max_examples=150, deadline=None)
@given(SCORED_BOXES, st.sampled_from([0.0, 0.25, 0.3, 0.5, 0.7, 1.0]), st.sampled_from([0, 1]))
def test_equals_loops(scored_boxes, threshold, offset):
    boxes = torch.tensor([box for box, _ in scored_boxes], dtype=torch.float32).view(-1, 4)
    scores = torch.tensor([score for _, score in scored_boxes])
    kept = nms(boxes, scores, threshold, offset)
    assert kept.tolist() == nms_by_loops(boxes, scores, threshold, offset)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('spread', [10, 300])
def test_equals_loops_across_blocks(standin, spread, offset):
    boxes, scores = random_boxes(300, spread)
    kept = standin.nms(boxes, scores, 0.4, offset)
    assert kept.tolist() == nms_by_loops(boxes, scores, 0.4, offset)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize(('count', 'spread'), [(1, 1), (128, 10), (129, 1e4), (2000, 100)])
def test_equals_compiled(standin, compiled, count, spread, offset):
    boxes, scores = random_boxes(count, spread)
    boxes = torch.cat([boxes, boxes.round()])
    scores = torch.cat([scores, (scores * 4).round() / 4])
    for threshold in (0.0, 0.3, 0.5, 0.7, 1.0):
        ours = standin.nms(boxes, scores, threshold, offset)
        theirs = compiled.nms(boxes, scores, iou_threshold=threshold, offset=offset)
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize('offset', [0, 1])
def test_odd_numbers_equal_compiled(standin, compiled, offset):
    boxes, scores = random_boxes(200, 20)
    odd = torch.tensor([math.nan, math.inf, -math.inf])
    boxes[:60, :] = boxes[:60].where(torch.rand(60, 4) > 0.3, odd.repeat(20)[:, None])
    boxes[60:80] = boxes[60:80].flip(1)
    scores[70:100] = odd.repeat(10)
    ours = standin.nms(boxes, scores, 0.3, offset)
    assert ours.tolist() == compiled.nms(boxes, scores, iou_threshold=0.3, offset=offset).tolist()


def test_nan_box_neither_falls_nor_suppresses(standin):
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, math.nan, 10], [0, 0, 10, 10]])
    scores = torch.tensor([0.8, 0.9, 0.7])
    assert standin.nms(boxes, scores, 0.5, offset=0).tolist() == [1, 0]


@pytest.mark.parametrize('offset', [0, 1])
def test_no_boxes(standin, offset):
    kept = standin.nms(torch.zeros(0, 4), torch.zeros(0), 0.5, offset)
    assert kept.dtype == torch.int64
    assert kept.tolist() == []


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize('offset', [0, 1])
def test_other_dtypes(standin, dtype, offset):
    boxes, scores = (tensor.to(dtype) for tensor in random_boxes(100, 60))
    expected = nms_by_loops(boxes.double(), scores, 0.5, offset)
    assert standin.nms(boxes, scores, 0.5, offset).tolist() == expected


def test_columns_of_a_wider_tensor(standin):
    boxes, scores = random_boxes(100, 60)
    detections = torch.cat([boxes, scores[:, None]], 1)
    kept = standin.nms(detections[:, :4], detections[:, 4], 0.5, offset=0)
    assert kept.tolist() == standin.nms(boxes, scores, 0.5, offset=0).tolist()
