"""What helps rare classes: on real batches of the drawn data set, and in training."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config

from taco_plugin.config import use_taco

FOLDER = Path(__file__).parents[1] / 'configs' / 'taco'


@pytest.fixture
def leaf(small_taco, monkeypatch, mmdet_scope):
    """Loads a leaf for the drawn data set, with its ten classes."""
    monkeypatch.setenv('TACO_DATA_ROOT', str(small_taco))

    def load(name: str) -> Config:
        config = Config.fromfile(FOLDER / f'{name}.py')
        use_taco(config, taxonomy='taco10')
        return config

    return load


def test_photographs_of_rare_classes_are_repeated(leaf):
    settings = leaf('faster_rcnn_repeat_factor').train_dataloader.dataset
    settings.oversample_thr = 0.2
    repeated = DATASETS.build(settings)
    plain = repeated.dataset
    classes = [set(plain.get_cat_ids(index)) for index in range(len(plain))]
    share = {c: n / len(plain) for c, n in Counter(c for s in classes for c in s).items()}
    expected = {
        plain.get_data_info(index)['img_path']: math.ceil(
            max(1, *(math.sqrt(0.2 / share[label]) for label in labels))
        )
        for index, labels in enumerate(classes)
    }
    drawn = Counter(repeated.get_data_info(index)['img_path'] for index in range(len(repeated)))
    assert drawn == expected
    assert set(expected.values()) >= {1, 2}


def test_litter_is_pasted_with_its_outline_class_and_box(leaf):
    np.random.seed(0)
    settings = leaf('mask_rcnn_copy_paste').train_dataloader.dataset
    pipeline = settings.dataset.dataset.pipeline
    pipeline[2].scale, pipeline[6].size = (256, 256), (320, 320)
    mixed = DATASETS.build(settings)
    before = [len(mixed.dataset[index]['gt_bboxes']) for index in range(len(mixed))]
    after = 0
    for index in range(len(mixed)):
        objects = mixed[index]['data_samples'].gt_instances
        assert len(objects.masks) == len(objects.labels) == len(objects.bboxes)
        outlines = objects.masks.get_bboxes('hbox').tensor
        assert (outlines - objects.bboxes.tensor).abs().max() <= 1.5
        after += len(objects.labels)
    assert after > 1.2 * sum(before)


def test_eqlv2_predicts_by_the_sigmoid_that_it_trains(leaf):
    loss = leaf('faster_rcnn_eqlv2').model.roi_head.bbox_head.loss_cls
    head = {'type': 'BBoxHead', 'num_classes': 10, 'in_channels': 4, 'loss_cls': loss}
    logits = torch.full((1, 11), -2.0)
    logits[0, 3] = 1.0
    (found,) = MODELS.build(head).predict_by_feat(
        (torch.tensor([[0.0, 0, 0, 40, 40]]),),
        (logits,),
        (torch.zeros(1, 40),),
        [{'img_shape': (64, 64)}],
        rcnn_test_cfg=Config(
            {'score_thr': 0.2, 'nms': {'type': 'nms', 'iou_threshold': 0.5}, 'max_per_img': 5}
        ),
    )
    background = 1 / (1 + math.exp(2))
    assert found.labels.tolist() == [3]
    assert found.scores.tolist() == pytest.approx([(1 - background) / (1 + math.exp(-1))])
