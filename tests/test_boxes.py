import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask

from taco_plugin.boxes import Boxes, box_iou
from taco_plugin.errors import InputError

RESULT = {'image_id': 7, 'category_id': 5, 'bbox': [1, 2, 3, 4], 'score': 0.5}
COLUMNS = {
    'image': [3, 9],
    'label': [0, 1],
    'xyxy': [[0, 0, 4, 4], [1, 2, 3, 4]],
    'score': [0.5, 1],
    'crowd': [False, True],
}

# Integers, so that no rounding separates two ways to compute an overlap.
xywh = st.lists(st.tuples(*[st.integers(0, 12)] * 4), max_size=6)


def to_xyxy(boxes):
    boxes = np.array(boxes, dtype=float).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


@settings(derandomize=True, deadline=None)
@given(xywh, xywh, st.integers(0, 63))
def test_iou_is_that_of_pycocotools(found, truth, bits):
    crowd = np.array([bits >> n & 1 for n in range(len(truth))], dtype=bool)
    ours = box_iou(to_xyxy(found), to_xyxy(truth), crowd)
    assert ours.shape == (len(found), len(truth))
    if found and truth:
        theirs = mask.iou(np.array(found, float), np.array(truth, float), crowd.astype('uint8'))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_iou_worked_by_hand():
    found = np.array([[0, 0, 10, 10], [20, 0, 30, 10]])
    truth = np.array([[0, 0, 10, 20], [5, 0, 25, 10], [10, 0, 20, 10], [3, 3, 3, 9]])
    expected = [[1 / 2, 5 / 25, 0, 0], [0, 5 / 25, 0, 0]]
    np.testing.assert_allclose(box_iou(found, truth), expected)
    apart = np.array([[10.5, 10.5, 19, 19]])  # to the right of the first and below it
    assert box_iou(found, apart).tolist() == [[0], [0]]
    as_crowds = box_iou(found, truth, np.array([True, True, False, True]))
    np.testing.assert_allclose(as_crowds, [[1, 1 / 2, 0, 0], [0, 1 / 2, 0, 0]])


def test_ground_truth_from_coco():
    coco = {
        'annotations': [
            {'image_id': 4, 'category_id': 9, 'bbox': [1.5, 2, 3, 4], 'iscrowd': 1},
            {'image_id': 2, 'category_id': 5, 'bbox': [0, 0, 8, 6]},
        ]
    }
    boxes = Boxes.from_coco(coco, {5: 0, 9: 1})
    assert boxes.image.tolist() == [4, 2]
    assert boxes.label.tolist() == [1, 0]
    assert boxes.xyxy.tolist() == [[1.5, 2, 4.5, 6], [0, 0, 8, 6]]
    assert boxes.score.tolist() == [1, 1]
    assert boxes.crowd.tolist() == [True, False]


def test_detections_from_results():
    boxes = Boxes.from_results([RESULT, {**RESULT, 'score': 1, 'iscrowd': 1}], {5: 3})
    assert boxes.image.tolist() == [7, 7]
    assert boxes.label.tolist() == [3, 3]
    assert boxes.xyxy.tolist() == [[1, 2, 4, 6]] * 2
    assert boxes.score.tolist() == [0.5, 1]
    assert not boxes.crowd.any()


def test_no_boxes_have_the_shapes_and_dtypes_of_some():
    some = Boxes.from_results([RESULT], {5: 0})
    for none in (Boxes.from_results([], {}), Boxes.from_coco({'annotations': []}, {}), some[1:]):
        assert len(none) == 0
        assert none.xyxy.shape == (0, 4)
        for name in COLUMNS:
            assert getattr(none, name).dtype == getattr(some, name).dtype


def test_rows_are_selected_in_every_column():
    boxes = Boxes(**COLUMNS)[np.array([False, True])]
    assert (boxes.image.tolist(), boxes.label.tolist()) == ([9], [1])
    assert boxes.xyxy.tolist() == [[1, 2, 3, 4]]
    assert (boxes.score.tolist(), boxes.crowd.tolist()) == ([1], [True])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'image': 3}, r'image must have the shape \(1,\), but has \(\)'),
        ({'label': [0]}, r'label must have the shape \(2,\), but has \(1,\)'),
        ({'xyxy': [0, 1, 2, 3]}, r'xyxy must have the shape \(2, 4\), but has \(4,\)'),
        ({'label': [0.0, 1.0]}, 'label must hold int64, but holds float64'),
        ({'image': ['1', '2']}, 'image must hold int64, but holds <U1'),
        ({'crowd': [0, 1]}, 'crowd must hold bool, but holds int64'),
        ({'label': [0, -1]}, 'label must be >= 0, but has -1'),
        ({'score': [0.5, np.nan]}, 'score must be finite, but has nan'),
        ({'xyxy': [[0, 0, np.inf, 4], [1, 2, 3, 4]]}, 'xyxy must be finite, but has inf'),
        ({'xyxy': [[0, 0, 4, 4], [1, 2, 3, 1]]}, r'but has \[1\.0, 2\.0, 3\.0, 1\.0\]'),
    ],
)
def test_bad_columns_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        Boxes(**{**COLUMNS, **change})


def test_unknown_category_is_refused():
    with pytest.raises(InputError, match=r'no label for .* ids \[5\]; there are \[1, 2\]'):
        Boxes.from_results([RESULT], {2: 0, 1: 1})
