"""Detections of one object in several views become one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taco_plugin.models.detectors.merging import merge_views, pairwise_overlap
from taco_plugin.models.detectors.views import cut_views, tile_starts

SEEDED = settings(derandomize=True, deadline=None)
OVERLAPS = st.sampled_from(['iou', 'ios'])
THRESHOLDS = st.sampled_from([0.0, 0.3, 0.5, 0.9])


@st.composite
def detections(draw):
    """Boxes on a coarse grid, so that many coincide, touch, or are empty; equal scores occur."""
    number = draw(st.integers(0, 12))
    corner = st.tuples(*[st.integers(0, 6)] * 2)
    size = st.tuples(*[st.integers(0, 4)] * 2)
    places = draw(st.lists(st.tuples(corner, size), min_size=number, max_size=number))
    boxes = np.array([[*a, *np.add(a, b)] for a, b in places], dtype=float).reshape(-1, 4)
    lists = (
        draw(st.lists(values, min_size=number, max_size=number))
        for values in (st.sampled_from([0.2, 0.5, 0.9]), st.integers(0, 1), st.booleans())
    )
    return boxes, *map(np.array, lists, (float, int, bool))


def overlap_of(a, b, measure: str) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    shared = max(width, 0) * max(height, 0)
    whole = sum(areas) - shared if measure == 'iou' else min(areas)
    return shared / whole if whole else 0.0


def merge_by_brute_force(boxes, scores, labels, is_cut, measure, threshold):
    """The rule, one pair at a time, over detections that are sorted by what they are."""
    rows = sorted(range(len(boxes)), key=lambda i: (is_cut[i], -scores[i], labels[i], *boxes[i]))
    groups: list[list[int]] = []
    for row in rows:
        for group in groups:
            keeper = group[0]
            measures = [measure, 'ios'] if is_cut[row] else [measure]
            shared = max(overlap_of(boxes[keeper], boxes[row], one) for one in measures)
            if labels[keeper] == labels[row] and shared > threshold:
                group.append(row)
                break
        else:
            groups.append([row])
    return groups


def described(groups, boxes, scores, labels, is_cut) -> list:
    """Groups by what is in them, as rows change their numbers."""

    def row(i):
        return (*boxes[i].tolist(), float(scores[i]), int(labels[i]), bool(is_cut[i]))

    return sorted((row(group[0]), sorted(map(row, group))) for group in groups)


@SEEDED
@given(detections(), OVERLAPS, THRESHOLDS)
def test_merging_is_the_rule_by_brute_force(found, overlap, threshold):
    groups = merge_views(*found, overlap=overlap, threshold=threshold)
    expected = merge_by_brute_force(*found, overlap, threshold)
    assert described(groups, *found) == described(expected, *found)
    keepers = [group[0] for group in groups]
    assert found[1][keepers].tolist() == sorted(found[1][keepers].tolist(), reverse=True)


@SEEDED
@given(detections(), OVERLAPS, THRESHOLDS)
def test_no_box_is_lost_without_a_keeper_that_overlaps_it(found, overlap, threshold):
    boxes, _, labels, is_cut = found
    groups = merge_views(*found, overlap=overlap, threshold=threshold)
    assert sorted(row for group in groups for row in group) == list(range(len(boxes)))
    for keeper, *others in groups:
        for row in others:
            measures = {overlap, 'ios'} if is_cut[row] else {overlap}
            shared = [overlap_of(boxes[keeper], boxes[row], measure) for measure in measures]
            assert max(shared) > threshold
            assert labels[keeper] == labels[row]
            assert is_cut[keeper] <= is_cut[row]


@SEEDED
@given(detections(), OVERLAPS, st.randoms(use_true_random=False))
def test_the_order_of_the_views_does_not_matter(found, overlap, random):
    order = list(range(len(found[0])))
    random.shuffle(order)
    others = [column[order] for column in found]
    groups, changed = (merge_views(*one, overlap=overlap, threshold=0.5) for one in (found, others))
    assert described(groups, *found) == described(changed, *others)


def test_a_box_that_is_cut_gives_way_to_the_whole_one_even_if_it_scores_higher():
    boxes = np.array([[0.0, 0, 10, 10], [0, 0, 4, 10], [20, 0, 24, 10]])
    scores, labels = np.array([0.3, 0.9, 0.8]), np.zeros(3, dtype=int)
    is_cut = np.array([False, True, True])
    groups = merge_views(boxes, scores, labels, is_cut, overlap='iou', threshold=0.5)
    assert [group.tolist() for group in groups] == [[2], [0, 1]]


@SEEDED
@given(detections(), detections(), OVERLAPS)
def test_overlaps_of_pairs_are_those_of_each(some, others, overlap):
    expected = [[overlap_of(a, b, overlap) for b in others[0]] for a in some[0]]
    overlaps = pairwise_overlap(some[0], others[0], overlap)
    np.testing.assert_allclose(overlaps, np.reshape(expected, overlaps.shape), atol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(1, 5000), st.integers(64, 1000), st.floats(0, 0.9))
def test_tiles_cover_every_pixel_with_the_overlap_and_no_tile_too_many(size, tile, overlap):
    starts = tile_starts(size, tile, overlap)
    if size <= tile:
        assert starts == [0]
        return
    assert starts[0] == 0
    assert starts[-1] + tile == size
    steps = np.diff(starts)
    assert steps.max() <= tile * (1 - overlap) + 1  # starts are rounded
    assert steps.max() - steps.min() <= 1
    fewer = len(starts) - 2
    assert fewer * tile * (1 - overlap) + tile < size  # one tile less would not reach


@pytest.mark.parametrize(('whole', 'number'), [(True, 7), (False, 6)])
def test_an_image_becomes_its_tiles_and_itself(whole, number):
    views = cut_views(3, (900, 1280), 640, 0.2, whole=whole)
    assert len(views) == number
    assert [view.box for view in views[:3]] == [
        (0, 0, 640, 640), (320, 0, 960, 640), (640, 0, 1280, 640),
    ]  # fmt: skip
    assert views[0].inner == (False, False, True, True)
    assert views[5].box == (640, 260, 1280, 900)
    assert views[5].inner == (True, True, False, False)
    if whole:
        assert views[6].size == (450, 640)
        assert views[6].is_whole
    assert [view.box for view in cut_views(0, (400, 600), 640, 0.2, whole=whole)] == [
        (0, 0, 600, 400)
    ]
