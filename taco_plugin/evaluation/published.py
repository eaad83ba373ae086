"""Published results, to stand beside one's own."""

from dataclasses import dataclass

import msgspec

from ..errors import InputError


@dataclass(frozen=True)
class Published:
    """A published result, in a file of ``--published``, which is a list of these in JSON.

    Args:
        name: Of the detector.
        source: Where it was published.
        same_split: Whether it was trained and tested on the same images as the runs.
        classes: Their number.
        AP50: In [0, 1], as all metrics.
        study_map: Mean over IoU 0.25, 0.50 and 0.75.
    """

    name: str
    source: str
    same_split: bool = False
    classes: int | None = None
    AP50: float | None = None
    AP: float | None = None
    study_map: float | None = None


def parse_published(rows: object) -> list[Published]:
    """Reads published results, each of which is a dict of the arguments of :class:`Published`.

    Raises:
        InputError: If it is not a list of them.
    """
    try:
        return msgspec.convert(rows, list[Published])
    except msgspec.ValidationError as error:
        raise InputError(f'no published results: {error}') from None
