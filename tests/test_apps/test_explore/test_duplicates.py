import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taco_plugin.apps.explore import duplicates
from taco_plugin.apps.explore.duplicates import find_pairs
from taco_plugin.apps.explore.photographs import Photographs


def photographs(hashes, files, digests=None):
    digests = [bytes([n]) * 32 for n in range(len(hashes))] if digests is None else digests
    names = [f'{number}.jpg' for number in range(len(hashes))]
    files = np.array(files, dtype=bool).reshape(len(hashes), -1 if len(hashes) else 2)
    return Photographs(names, files, digests, np.array(hashes, np.uint64), [[], []], [])


def test_pairs_across_files_come_first_then_the_closest():
    files = [[1, 0], [1, 0], [0, 1], [1, 0], [1, 1]]
    hashes = [0, 0b1, 0b111, 2**63, 2**64 - 1]
    pairs = find_pairs(photographs(hashes, files), threshold=3)
    assert pairs.rows.tolist() == [[1, 2], [0, 2], [0, 1], [0, 3], [1, 3]]
    assert pairs.distance.tolist() == [2, 3, 1, 1, 2]
    assert pairs.across.tolist() == [True, True, False, False, False]
    assert not pairs.exact.any()
    assert pairs.counts == {'across_files': 2, 'within_files': 3, 'exact': 0}


def test_threshold_is_the_most_that_may_differ():
    some = photographs([0, 0b11], [[1], [1]])
    assert len(find_pairs(some, threshold=1)) == 0
    assert len(find_pairs(some, threshold=2)) == 1


def test_two_photographs_that_both_files_name_are_across_them():
    pairs = find_pairs(photographs([5, 5], [[1, 1], [1, 1]]), threshold=0)
    assert pairs.across.tolist() == [True]


def test_same_bytes_are_exact_and_come_before_the_merely_alike():
    some = photographs([5, 5, 5], [[1], [1], [1]], [b'a\0', b'b\0', b'a\0'])
    pairs = find_pairs(some, threshold=0)
    assert pairs.rows.tolist() == [[0, 2], [0, 1], [1, 2]]
    assert pairs.exact.tolist() == [True, False, False]
    assert pairs.counts['exact'] == 1


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 40), st.sampled_from([(1, 0), (0, 1), (1, 1)]))),
    threshold=st.integers(0, 4),
    most=st.integers(1, 30),
    cells=st.sampled_from([1, 7, 10_000]),
)
def test_whatever_is_compared_at_once_all_pairs_are_counted(rows, threshold, most, cells):
    hashes, files = [row[0] for row in rows], [row[1] for row in rows]
    expected = []
    for second in range(len(rows)):
        for first in range(second):
            distance = (hashes[first] ^ hashes[second]).bit_count()
            if distance <= threshold:
                within = len({*np.flatnonzero(files[first]), *np.flatnonzero(files[second])}) == 1
                expected.append((within, distance, first, second))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, '_CELLS_AT_ONCE', cells)
        digests = [number.to_bytes(32) for number in range(len(rows))]
        pairs = find_pairs(photographs(hashes, files, digests), threshold, most)
    found = zip(~pairs.across, pairs.distance, *pairs.rows.T, strict=True)
    assert [tuple(map(int, pair)) for pair in found] == sorted(expected)[:most]
    within = sum(pair[0] for pair in expected)
    counted = {'across_files': len(expected) - within, 'within_files': within, 'exact': 0}
    assert pairs.counts == counted


def test_thousands_of_equal_photographs_are_counted_and_few_are_listed():
    count = 2500
    digests = [number.to_bytes(32) for number in range(count)]
    pairs = find_pairs(photographs([7] * count, [[1]] * count, digests), threshold=0)
    assert pairs.counts['within_files'] == count * (count - 1) // 2
    assert len(pairs) == duplicates.MOST_PAIRS
