"""Photographs that are the same, or nearly."""

from dataclasses import dataclass

import numpy as np

from .photographs import Photographs

MOST_PAIRS = 1000
"""How many pairs are listed."""

_CELLS_AT_ONCE = 4_000_000
"""Bounds the memory while hashes are compared: some 50 bytes each."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of photographs that are alike: those across files first, then the closest.

    Args:
        rows: Their rows in the photographs, ascending within a pair, int64, shape (P, 2).
        distance: Bits in which their hashes differ, int64, shape (P,).
        across: Whether they are not both of one and the same file, bool, shape (P,).
        exact: Whether they are the same, byte for byte, bool, shape (P,).
        counts: Number of all pairs, listed or not: ``across_files``, ``within_files``, ``exact``.
    """

    rows: np.ndarray
    distance: np.ndarray
    across: np.ndarray
    exact: np.ndarray
    counts: dict[str, int]

    def __len__(self) -> int:
        return len(self.rows)


def find_pairs(photographs: Photographs, threshold: int, most: int = MOST_PAIRS) -> Pairs:
    """Compares every photograph with every other.

    Args:
        photographs: As they were hashed.
        threshold: Bits, of 64, in which the hashes of a pair may differ.
        most: How many pairs are listed.
    """
    hashes, files = photographs.hashes, photographs.files
    digests = np.unique(np.array(photographs.digests), return_inverse=True)[1]
    counts = {'across_files': 0, 'within_files': 0, 'exact': 0}
    columns = [np.empty((0, 5), dtype=np.int64)]  # within, distance, first, second, exact
    step = max(_CELLS_AT_ONCE // max(len(hashes), 1), 1)
    for start in range(0, len(hashes), step):
        end = min(start + step, len(hashes))
        distances = np.bitwise_count(hashes[start:end, None] ^ hashes[None, start:])
        near = np.triu(distances <= threshold, k=1)
        first, second = np.nonzero(near)
        distance = distances[first, second].astype(np.int64)
        first, second = first + start, second + start
        in_both = (files[first] == files[second]).all(axis=1)
        across = ~in_both | (files[first].sum(axis=1) > 1)
        exact = digests[first] == digests[second]
        counts['across_files'] += int(across.sum())
        counts['within_files'] += int((~across).sum())
        counts['exact'] += int(exact.sum())
        found = np.stack([~across, distance, first, second, exact], axis=1)
        columns.append(_keep_first(np.concatenate([columns.pop(), found]), most))
    within, distance, first, second, exact = columns[0].T
    rows = np.stack([first, second], axis=1)
    return Pairs(rows, distance, within == 0, exact == 1, counts)


def _keep_first(columns: np.ndarray, most: int) -> np.ndarray:
    """The first rows in the order of their columns, but exact before merely alike."""
    within, distance, first, second, exact = columns.T
    return columns[np.lexsort((second, first, -exact, distance, within))[:most]]
