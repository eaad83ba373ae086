"""Reads from a config what an exported file must know, and fixes the size of its input."""

from collections.abc import Sequence
from typing import Any

from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config

from ...class_counts import type_name
from ...detector import read_config
from ...errors import InputError
from ...models.detectors.tiling import Tiling
from ...runtime.metadata import Preparation, Tiled

_KNOWN = {
    'LoadImageFromFile': {'to_float32', 'backend_args'},
    'Resize': {'scale', 'keep_ratio'},
    'Pad': {'pad_to_square', 'pad_val', 'size'},
    'LoadAnnotations': {'with_bbox', 'with_mask'},
    'PackDetInputs': {'meta_keys'},
}
"""Transforms of a test pipeline that are known, with their arguments."""


def fix_size(config: Config, side: int) -> None:
    """Resizes and pads photographs to a square in the test pipeline, in place."""
    steps = _steps(config)
    resize = next((step for step in steps if type_name(step) == 'Resize'), None)
    if resize is None:
        raise InputError('--size: the test pipeline has no Resize')
    resize['scale'] = (side, side)
    pads = [step for step in steps if type_name(step) == 'Pad']
    for pad in pads:
        steps.remove(pad)
    if resize.get('keep_ratio'):
        means = config.model.data_preprocessor.get('mean') or [0, 0, 0]
        color = [float(round(mean)) for mean in means[::-1]]
        value = pads[0].get('pad_val', {}) if pads else {'img': tuple(color)}
        steps.insert(
            steps.index(resize) + 1, {'type': 'Pad', 'pad_to_square': True, 'pad_val': value}
        )


def describe_preparation(config: Config) -> Preparation:
    """Reads the test pipeline of a config.

    Raises:
        InputError: If it has a step that an export cannot do; names it.
    """
    of: dict[str, dict[str, Any]] = {}
    for step in _steps(config):
        name = type_name(step)
        unknown = set(step) - {'type'} - _KNOWN.get(name, set())
        if name not in _KNOWN or unknown or name in of:
            what = f'{name} with {sorted(unknown)[0]}' if name in _KNOWN and unknown else name
            raise InputError(f'cannot be exported: {what} in the test pipeline')
        of[name] = step
    if 'Resize' not in of:
        raise InputError('cannot be exported: the test pipeline has no Resize')
    pad = of.get('Pad', {})
    value = pad.get('pad_val', 0)
    value = value.get('img', 0) if isinstance(value, dict) else value
    blue, green, red = (value,) * 3 if isinstance(value, int | float) else value
    return Preparation(
        scale=tuple(of['Resize']['scale']),
        keep_ratio=bool(of['Resize'].get('keep_ratio')),
        pad_to=tuple(pad['size']) if pad.get('size') else None,
        pad_to_square=bool(pad.get('pad_to_square')),
        pad_value=(float(blue), float(green), float(red)),
        as_float=bool(of.get('LoadImageFromFile', {}).get('to_float32')),
    )


def describe_tiles(config: Config, path: str, options: Sequence[str]) -> Tiled | None:
    """How a detector looks at tiles; None if its graph cannot do that, for want of padding.

    ``config`` is what was read from ``path`` with ``options``, which are made to that of tiles too.
    """
    divisor = config.model.data_preprocessor.get('pad_size_divisor', 1)
    if type_name(config.model) != 'TiledDetector':
        try:
            config = read_config(path, options, tiles=True)
        except InputError:
            return None
    if config.model.data_preprocessor.get('pad_size_divisor', 1) != divisor:
        return None
    return Tiled(describe_preparation(config), Tiling(**config.model.tiling))


def _steps(config: Config) -> list[dict[str, Any]]:
    return get_test_pipeline_cfg(config)
