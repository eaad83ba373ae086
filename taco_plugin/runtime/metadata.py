"""What an exported file says about itself: classes, preparation of images, thresholds, tiles."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..errors import InputError
from ..models.detectors.tiling import Tiling

KEY = 'taco_plugin'
"""Under which the metadata is stored in an ONNX file, and in the ``rt_info`` of OpenVINO's."""

_MOST_BYTES = 1_000_000

Side = Annotated[int, Meta(ge=1, le=32768)]
Share = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=r'^[^\x00-\x1f\x7f-\x9f]*$')]


class Preparation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a photograph becomes the input of the network, as MMDetection's test pipeline makes it.

    Args:
        scale: Width and height to which it is resized; with ``keep_ratio`` longest and shortest
            side, in any order, that it must not exceed.
        keep_ratio: Whether the aspect ratio is kept.
        pad_to: Width and height to which it is padded, at its right and bottom.
        pad_to_square: Whether it is padded to a square.
        pad_value: Of each channel, BGR.
        as_float: Whether pixels are not rounded when they are resized.
    """

    scale: tuple[Side, Side]
    keep_ratio: bool
    pad_to: tuple[Side, Side] | None
    pad_to_square: bool
    pad_value: tuple[float, float, float]
    as_float: bool


class Suppression(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last non-maximum suppression, by class.

    Args:
        iou: Above which a box is suppressed.
        limit: Detections per image.
        least: Scores up to this are left out.
    """

    iou: Share
    limit: Annotated[int, Meta(ge=1, le=100_000)]
    least: Share


class Tiled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a photograph is looked at in tiles."""

    preparation: Preparation
    tiling: Tiling


class Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is needed to predict with an exported file.

    Args:
        schema_version: Of this structure.
        detector: MMDetection's name of its kind.
        classes: In the order of the labels.
        threshold: Least confidence of a prediction.
        threshold_is: Where that comes from.
        preparation: Of whole photographs.
        tiled: If it can look at tiles.
        always_tiled: Whether it does so without being asked.
        suppression: What is left to do after the graph, if it was exported raw.
        mask_threshold: From which a pixel belongs to a mask, if there are masks.
        precision: Of the weights.
    """

    schema_version: Literal[1]
    detector: Text
    classes: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=10_000)]
    threshold: Share
    threshold_is: Text
    preparation: Preparation
    tiled: Tiled | None
    always_tiled: bool
    suppression: Suppression | None
    mask_threshold: Share | None
    precision: Literal['fp32', 'fp16', 'int8']


def encode_metadata(metadata: Metadata) -> str:
    """Writes metadata as JSON."""
    return msgspec.json.encode(metadata).decode()


def decode_metadata(text: str, name: str) -> Metadata:
    """Reads metadata from a file that may come from anywhere, and checks it.

    Args:
        text: JSON.
        name: Of the file, for messages.

    Raises:
        InputError: If it is missing or not exactly what :func:`encode_metadata` writes.
    """
    if not text:
        raise InputError(f'{name}: has no metadata of taco_plugin; export it with tools/export.py')
    if len(text) > _MOST_BYTES:
        raise InputError(f'{name}: its metadata has {len(text)} characters, which none has')
    try:
        return msgspec.json.decode(text, type=Metadata, strict=True)
    except (msgspec.MsgspecError, InputError, RecursionError, UnicodeError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise InputError(f'{name}: its metadata is broken ({show(reason)})') from None


def show(text: str) -> str:
    r"""A name from outside, safe to print on one line.

    >>> show('a\n\x1b[31m.onnx')
    'a\\n\\x1b[31m.onnx'
    """
    return ''.join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
