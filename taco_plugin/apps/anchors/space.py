"""What may be changed of an anchor generator without changing the shapes of its weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_RATIO = (-2.5, 2.5)  # height over width, as a power of 2


class ScaleSpace:
    """Of ``AnchorGenerator``: the scales, which all levels share as they share a head, and ratios.

    A level's anchors are its stride times the scales; of RetinaNet's octave, whose scales are
    evenly spread, only the first may change.

    Args:
        settings: Config of the generator.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._is_octave = settings.get('octave_base_scale') is not None
        scales = [settings['octave_base_scale']] if self._is_octave else settings['scales']
        self._num_scales = len(scales)
        self.start = np.log2([*scales, *settings['ratios']])
        widest = max(scales) * 2
        self.bounds = [(0.0, float(np.log2(widest)))] * len(scales)
        self.bounds += [_RATIO] * len(settings['ratios'])

    def make(self, point: np.ndarray) -> dict[str, Any]:
        """The settings at a point within ``bounds``, rounded and in ascending order."""
        scales = _round(point[: self._num_scales])
        ratios = _round(point[self._num_scales :])
        if self._is_octave:
            return {'octave_base_scale': scales[0], 'ratios': ratios}
        return {'scales': scales, 'ratios': ratios}


class SSDSpace:
    """Of ``SSDAnchorGenerator``: the size of each level, which has a head of its own, and ratios.

    A level's anchors go from its own size to that of the next level, as in SSD.

    Args:
        settings: Config of the generator.
        sizes: The size of each level as it is, and the largest of the last.
        side: Longest side of the input.
    """

    def __init__(self, settings: Mapping[str, Any], sizes: Sequence[float], side: int) -> None:
        self._ratios = [list(ratios) for ratios in settings['ratios']]
        self._values = sorted({ratio for ratios in self._ratios for ratio in ratios})
        self._num_sizes = len(sizes)
        self.start = np.log2([*sizes, *self._values])
        self.bounds = [(2.0, float(np.log2(1.05 * side)))] * len(sizes)
        self.bounds += [(0.2, _RATIO[1])] * len(self._values)

    def make(self, point: np.ndarray) -> dict[str, Any]:
        """The settings at a point within ``bounds``, rounded and in ascending order."""
        sizes = [round(size) for size in np.sort(2 ** point[: self._num_sizes]).tolist()]
        new = dict(zip(self._values, _round(point[self._num_sizes :]), strict=True))
        return {
            'min_sizes': sizes[:-1],
            'max_sizes': sizes[1:],
            'ratios': [[new[ratio] for ratio in ratios] for ratios in self._ratios],
        }


def _round(powers: np.ndarray) -> list[float]:
    return sorted(round(2**power, 2) for power in powers.tolist())
