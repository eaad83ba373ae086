"""Detectors of MMDetection that need mmcv's ops train and predict with ours."""

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config, ConfigDict
from mmengine.hub import get_config
from mmengine.logging import MessageHub

DETECTORS = {
    'tood/tood_r50_fpn_1x_coco': {},
    'vfnet/vfnet_r50_fpn_1x_coco': {},
    'reppoints/reppoints-moment_r50_fpn_1x_coco': {},
    'dyhead/atss_r50_fpn_dyhead_1x_coco': {},
    'faster_rcnn/faster-rcnn_r50_fpn_soft-nms_1x_coco': {},
    'deformable_detr/deformable-detr_r50_16xb2-50e_coco': {'num_queries': 20},
    'dino/dino-4scale_r50_8xb2-12e_coco': {'num_queries': 20},
    'mask_rcnn/mask-rcnn_r50_fpn_1x_coco': {},
    'dcn/faster-rcnn_r50-dconv-c3-c5_fpn_1x_coco': {},
    'dcnv2/faster-rcnn_r50-mdconv-c3-c5_fpn_1x_coco': {},
}


def walk(node):
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list | tuple):
            yield from walk(child)


def build_small(name):
    """The detector with three classes, an eighth of the backbone's channels, random weights."""
    config: Config = get_config(f'mmdet::{name}.py')
    config.merge_from_dict({'model': DETECTORS[name]})
    for part in walk(config.model):
        part.pop('init_cfg', None)
        if 'num_classes' in part:
            part.num_classes = 3
        if part.get('type') == 'ResNet':
            part.base_channels = part.stem_channels = 8
            part.frozen_stages = -1
        if isinstance(part.get('in_channels'), list):
            part.in_channels = [channels // 8 for channels in part.in_channels]
        for limit in {'nms_pre', 'max_per_img'} & set(part):  # random weights score everything
            part[limit] = min(part[limit], 50)
    model = MODELS.build(ConfigDict(config.model))
    model.init_weights()
    return model


@pytest.mark.usefixtures('mmcv_ops', 'mmdet_scope')
@pytest.mark.parametrize('name', DETECTORS)
def test_a_detector_trains_and_predicts(name):
    torch.manual_seed(0)
    MessageHub.get_current_instance().update_info('epoch', 0)  # TOOD asks for it
    model = build_small(name).train()
    batch = demo_mm_inputs(2, [[3, 64, 64]] * 2, num_classes=3, with_mask=True)
    batch = model.data_preprocessor(batch, training=True)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    # MMDetection's own loss of VFNet mixes dtypes under autocast, on a GPU too.
    for precision in (None, None, *([] if 'vfnet' in name else [torch.bfloat16])):
        with torch.autocast('cpu', precision, enabled=precision is not None):
            loss, _ = model.parse_losses(model(**batch, mode='loss'))
        optimizer.zero_grad()
        loss.backward()
        assert loss.isfinite()
        if precision is None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, error_if_nonfinite=True)
            optimizer.step()
    with torch.no_grad():
        predicted = model.eval()(**batch, mode='predict')[0].pred_instances
    assert predicted.bboxes.isfinite().all()
    assert predicted.bboxes.shape == (len(predicted.scores), 4)
