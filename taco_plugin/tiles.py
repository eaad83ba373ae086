"""Makes an MMDetection config find small litter in tiles of large photographs."""

import copy
import math
from collections.abc import MutableMapping
from typing import Any

from .class_counts import Config, type_name, walk
from .errors import InputError
from .options import checked

_TRAINING = ('train_dataloader', 'custom_hooks')
_TESTING = ('val_dataloader', 'test_dataloader', 'tta_pipeline')


@checked
def use_tiles(
    config: Config,
    tile_size: int | None = None,
    longest_side: int | None = None,
    *,
    train: float = 0.6,
    litter_fraction: float = 0.8,
    **tiling: Any,  # noqa: ANN401
) -> None:
    """Changes ``config`` in place to test on tiles of photographs, and to train on such tiles.

    In a config file::

        _base_ = './yolox.py'
        from taco_plugin.tiles import use_tiles

        use_tiles(_base_)

    Wherever photographs are tested, they are resized to ``longest_side``, and not padded; the model
    becomes a :func:`TiledDetector <.models.detectors.tiled_detector.build_tiled_detector>`. Where
    annotations are loaded for training, a part of the photographs is resized to that scale, by a
    factor between 0.8 and 1.25, and cut to a tile by a
    :class:`~.datasets.random_litter_crop.RandomLitterCrop`; the other transforms follow as before.

    Args:
        config: ``_base_`` in a config file, or a config that was loaded.
        tile_size: Longest side of the tiles, pixels; by default, the shorter side to which the
            config resizes photographs.
        longest_side: Longest side to which photographs are resized before they are cut, pixels; by
            default two and a half tiles.
        train: Share of the training images that are tiles, in [0, 1]; the others are whole.
        litter_fraction: Share of these tiles that are cut around litter.
        tiling: Further arguments of :class:`~.models.detectors.tiling.Tiling`.

    Raises:
        InputError: If the config is on tiles already, has no ``Resize`` that keeps the aspect
            ratio, or none of its pipelines loads annotations for training; the message begins with
            the dotted key.
    """
    root = getattr(config, '_cfg_dict', config)
    if type_name(root['model']) == 'TiledDetector':
        raise InputError('model.type: is TiledDetector, so the config is on tiles already')
    tests = [pipeline for key in _TESTING for pipeline in _pipelines(root, key)]
    resizes = [one for pipeline in tests for one in pipeline if type_name(one) == 'Resize']
    if not resizes or not all(resize.get('keep_ratio') for resize in resizes):
        raise InputError(
            'test_dataloader.dataset.pipeline: photographs can be cut into tiles only if it has a '
            'Resize with keep_ratio=True, by which the tiles get their scale'
        )
    base = resizes[0]['scale']
    tile = tile_size or min(base)
    side = longest_side or 5 * tile // 2
    for resize in resizes:  # test-time augmentation has some that are larger or smaller
        resize['scale'] = (round(side * max(resize['scale']) / max(base)),) * 2
    _pad_views(root, tests)
    if train:
        scale = {'type': 'RandomResize', 'scale': (side, side), 'ratio_range': (0.8, 1.25)}
        crop = {'type': 'RandomLitterCrop', 'crop_size': (tile, tile)}
        cut = [{**scale, 'keep_ratio': True}, {**crop, 'litter_fraction': litter_fraction}]
        choice = {'type': 'RandomChoice', 'transforms': [cut, []], 'prob': [train, 1 - train]}
        _insert_after_loading(root, choice)
    model = root['model']
    settings = {'tile_size': tile, **tiling}
    model.update(detector=model['type'], type='TiledDetector', tiling=settings)


def _pipelines(root: Config, key: str) -> list[list]:
    """Lists of transforms in a part of a config, each once, outer ones first."""
    lists: dict[int, list] = {}
    for _, node in walk({key: root.get(key)}):
        for value in node.values():
            for one in (value, *(value if isinstance(value, list) else ())):
                if isinstance(one, list) and one and all(map(_is_transform, one)):
                    lists.setdefault(id(one), one)
    return list(lists.values())


def _is_transform(value: object) -> bool:
    return isinstance(value, MutableMapping) and 'type' in value


def _pad_views(root: Config, pipelines: list[list]) -> None:
    """Pads each view in the model, which was done to the whole photograph in the pipeline."""
    for pipeline in pipelines:
        for pad in [one for one in pipeline if type_name(one) == 'Pad']:
            pipeline.remove(pad)
            preprocessor = root['model'].setdefault('data_preprocessor', {})
            divisor = preprocessor.get('pad_size_divisor', 1)
            preprocessor['pad_size_divisor'] = math.lcm(divisor, 32)
    for _, node in walk({key: root.get(key) for key in _TESTING}):
        if type_name(node) == 'TestTimeAug':  # which would find no way through an empty list
            node['transforms'] = [choice for choice in node['transforms'] if choice]


def _insert_after_loading(root: Config, transform: Config) -> None:
    """Inserts a transform after annotations are loaded for training."""
    found = False
    for key in _TRAINING:
        for pipeline in _pipelines(root, key):
            names = [type_name(one) for one in pipeline]
            if 'LoadAnnotations' in names:
                pipeline.insert(names.index('LoadAnnotations') + 1, copy.deepcopy(transform))
                found = True
    if not found:
        raise InputError(
            'train_dataloader: no LoadAnnotations in its pipeline, after which tiles are cut; '
            'train=0 trains on whole photographs'
        )
