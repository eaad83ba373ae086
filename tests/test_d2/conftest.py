"""Detectron2 is on no registry: where it is missing, the tests that need it skip, and say so."""

import pytest

REASON = 'Detectron2 is not installed: see its own documentation, or put a clone on PYTHONPATH'


@pytest.fixture(scope='session')
def detectron2():
    return pytest.importorskip('detectron2', reason=REASON)


@pytest.fixture
def catalogs(detectron2):
    """Detectron2's catalogs of data sets and of metadata, as they were before, afterwards."""
    from detectron2.data import DatasetCatalog, MetadataCatalog

    catalogs = DatasetCatalog, MetadataCatalog
    before = [dict(catalog.data) for catalog in catalogs]
    yield catalogs
    for catalog, content in zip(catalogs, before, strict=True):
        catalog.data.clear()
        catalog.data.update(content)
