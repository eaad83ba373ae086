from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def real_taco() -> Path:
    """Folder of TACO's annotation files and some photographs; a test skips where it is absent."""
    folder = Path(__file__).parents[2] / 'shared' / 'data' / 'taco'
    if not (folder / 'annotations.json').is_file():
        pytest.skip('TACO is not there: expected ../shared/data/taco beside the repository')
    return folder


@pytest.fixture
def mmdet_scope():
    """Builds from MMDetection's registries, as its scripts do."""
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmdet'):
        yield
