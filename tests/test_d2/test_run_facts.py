import json
from pathlib import Path

import msgspec
import pytest

from taco_plugin.apps.compare.model import Model

pytestmark = pytest.mark.usefixtures('detectron2')


@pytest.mark.parametrize(
    ('name', 'detector', 'loss'),
    [
        (
            'COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x',
            'GeneralizedRCNN (StandardROIHeads)',
            'FastRCNNOutputLayers',
        ),
        ('COCO-Detection/retinanet_R_50_FPN_1x', 'RetinaNet', 'RetinaNet'),
    ],
)
def test_the_facts_of_stock_detectors(tmp_path, catalogs, name, detector, loss):
    from detectron2 import model_zoo
    from detectron2.config import instantiate

    from taco_plugin.d2.datasets import register_taco
    from taco_plugin.d2.run_facts import read_input_size, write_run_facts

    config = model_zoo.get_config(f'{name}.py')
    model = instantiate(config.model)
    (train, *_) = register_taco(tmp_path, 'taco10')
    size = read_input_size(config)
    write_run_facts(
        tmp_path, model, config=f'configs/{name}.py', dataset_name=train, input_size=size
    )
    facts = msgspec.convert(json.loads((tmp_path / 'run.json').read_text()), Model)
    assert facts == Model(
        config=Path(name).name,
        detector=detector,
        taxonomy='taco10',
        loss=f'built into {loss}',
        input_size=(1333, 800),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


def test_the_input_size_of_other_configs():
    from detectron2.config import LazyConfig, get_cfg
    from omegaconf import OmegaConf

    from taco_plugin.d2.run_facts import read_input_size

    cfg = get_cfg()
    cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST = 224, 320
    assert read_input_size(cfg) == (320, 224)
    cfg.INPUT.MIN_SIZE_TEST = 0
    assert read_input_size(cfg) is None
    steps = [{'short_edge_length': [200, 224], 'max_size': 320}]
    lazy = OmegaConf.create({'dataloader': {'test': {'mapper': {'augmentations': steps}}}})
    assert read_input_size(lazy) == (320, 224)
    LazyConfig.apply_overrides(lazy, ['dataloader.test.mapper.augmentations=[]'])
    assert read_input_size(lazy) == read_input_size(OmegaConf.create({})) is None
