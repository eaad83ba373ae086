import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmdet.models.task_modules.assigners import BBoxL1Cost, ClassificationCost, FocalLossCost
from mmdet.models.test_time_augs import DetTTAModel
from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from torch import nn

import taco_plugin.taxonomies
from taco_plugin.engine import ClassCheckHook, TacoEarlyStoppingHook
from taco_plugin.engine.hooks import class_check_hook
from taco_plugin.errors import InputError
from taco_plugin.evaluation.taco_metric import TacoMetric


class Head(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.fc = nn.Linear(2, num_classes)


class Detector(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.rpn_head = Head(1)
        self.rpn_head.stages = nn.ModuleList([Head(1)])  # as a Cascade RPN's
        self.bbox_head = Head(num_classes)


def loop(*classes: str, **metrics: object) -> SimpleNamespace:
    dataset = SimpleNamespace(metainfo={'classes': classes})
    return SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset), **metrics)


AB = loop('a', 'b')


def runner(
    num_classes=2, train=None, val=None, test=None, resume=False, cfg=None, hooks=()
) -> SimpleNamespace:
    return SimpleNamespace(
        model=Detector(num_classes), _train_loop=train, _val_loop=val, _test_loop=test,
        _resume=resume, cfg=cfg or {}, hooks=hooks,
    )  # fmt: skip


def checkpoint(*classes: str) -> dict:
    return {
        'meta': {'dataset_meta': {'classes': classes}},
        'state_dict': Detector(len(classes)).state_dict(),
    }


def test_what_agrees_passes():
    ClassCheckHook().before_run(runner(2, AB, AB, {'type': 'TestLoop'}))


@pytest.mark.parametrize('num_classes', [1, 80])
def test_a_head_of_another_size_is_named(num_classes):
    with pytest.raises(InputError, match=rf'model\.bbox_head\.num_classes is {num_classes}, .*2'):
        ClassCheckHook().before_run(runner(num_classes, AB))


def test_a_detector_that_counts_itself_is_named():
    training = runner(2, AB)
    training.model.num_classes = 80  # as a MaskFormer does
    with pytest.raises(InputError, match=r'^model\.num_classes is 80, .*; take taxonomy'):
        ClassCheckHook().before_run(training)


@pytest.mark.parametrize('other', [('a', 'c'), ('b', 'a'), ('a',)])
def test_data_sets_of_other_classes_are_refused(other):
    with pytest.raises(InputError, match='different classes'):
        ClassCheckHook().before_run(runner(2, AB, loop(*other)))


@pytest.mark.parametrize('loops', [{'test': AB, 'train': {}}, {'train': AB, 'resume': True}])
@pytest.mark.parametrize('classes', ['ba', 'ac'])
def test_testing_and_resuming_with_other_classes_is_refused(loops, classes):
    message = rf"trained on the classes \['{classes[0]}', '{classes[1]}'\]"
    with pytest.raises(InputError, match=message):
        ClassCheckHook().after_load_checkpoint(runner(**loops), checkpoint(*classes))


def test_fine_tuning_from_other_classes_is_allowed():
    ClassCheckHook().after_load_checkpoint(runner(train=AB), checkpoint('a', 'b', 'c'))


def test_weights_alone_are_told_by_their_shape():
    weights = {'state_dict': Detector(3).state_dict()}
    with pytest.raises(InputError, match=r'bbox_head\.fc\.weight: .* shape .*\[3, 2\]'):
        ClassCheckHook().after_load_checkpoint(runner(test=AB), weights)
    fitting = {f'module.{name}': value for name, value in Detector(2).state_dict().items()}
    ClassCheckHook().after_load_checkpoint(runner(test=AB), fitting)


@pytest.mark.parametrize('loops', [{'test': AB}, {'train': AB, 'resume': True}])
@pytest.mark.parametrize(
    ('keys', 'message'),
    [
        ([], '6 weights are missing, e.g. rpn_head.fc.weight;'),
        (['backbone.a', 'backbone.b'], '2 weights are unexpected, e.g. backbone.a;'),
    ],
)
def test_weights_of_another_detector_are_refused_unless_they_are_meant(loops, keys, message):
    fitting = Detector(2).state_dict() if keys else {}
    other = {'message_hub': {}, 'state_dict': {**fitting, **dict.fromkeys(keys, torch.ones(1))}}
    with pytest.raises(InputError, match=message):
        ClassCheckHook().after_load_checkpoint(runner(**loops), other)
    ClassCheckHook(strict=False).after_load_checkpoint(runner(**loops), other)
    if keys:  # to fine-tune, some must fit
        ClassCheckHook().after_load_checkpoint(runner(train=AB), other)
    else:
        with pytest.raises(InputError, match='none of its weights is one of the model'):
            ClassCheckHook().after_load_checkpoint(runner(train=AB), other)


def test_test_time_augmentation_is_looked_through():
    testing = runner(test=AB)
    testing.model.test_step = None  # a DetTTAModel asks for it
    testing.model = DetTTAModel(module=testing.model)
    ClassCheckHook().after_load_checkpoint(testing, Detector(2).state_dict())
    with pytest.raises(InputError, match='6 weights are missing'):
        ClassCheckHook().after_load_checkpoint(testing, {})


def test_weights_alone_cannot_be_resumed():
    with pytest.raises(InputError, match='no state of a training to resume: use load_from'):
        ClassCheckHook().after_load_checkpoint(
            runner(train=AB, resume=True), Detector(2).state_dict()
        )


@pytest.mark.parametrize('use_sigmoid', [True, False])
def test_matching_goes_with_the_loss(use_sigmoid):
    training = runner(2, AB)
    head = training.model.bbox_head
    head.loss_cls = SimpleNamespace(use_sigmoid=use_sigmoid)
    right, wrong = FocalLossCost(), ClassificationCost()
    if not use_sigmoid:
        right, wrong = wrong, right
    head.assigner = SimpleNamespace(match_costs=[BBoxL1Cost(), right])
    ClassCheckHook().before_run(training)
    head.assigner = SimpleNamespace(match_costs=[BBoxL1Cost(), wrong])
    with pytest.raises(
        InputError, match=f'use_sigmoid is {use_sigmoid}, but {type(wrong).__name__} needs'
    ):
        ClassCheckHook().before_run(training)


CONFIG = {'taxonomy': 'taco10', 'loaders': [{'dataset': {'taxonomy': 'taco10'}}]}


def test_one_taxonomy_passes():
    same = Path(taco_plugin.taxonomies.__file__).parent / 'taco10.csv'
    for config in (CONFIG, CONFIG | {'taxonomy': str(same)}, {'loaders': CONFIG['loaders']}):
        ClassCheckHook().before_run(runner(train=AB, cfg=Config(config)))


@pytest.mark.parametrize('trains', [True, False])
def test_a_taxonomy_that_was_changed_in_one_place_is_refused(trains):
    started = runner(
        cfg=Config(CONFIG | {'taxonomy': 'taco60'}), **{'train' if trains else 'test': AB}
    )
    message = (
        r'^taxonomy is taco60, but loaders\.0\.dataset\.taxonomy is taco10; classes .*use_taco\('
    )
    with pytest.raises(InputError, match=message):
        ClassCheckHook().before_run(started)
    started.cfg = Config(CONFIG | {'taxonomy': 'taco61'})
    with pytest.raises(InputError, match="unknown taxonomy 'taco61'"):
        ClassCheckHook().before_run(started)


@pytest.fixture
def validated(tmp_path):
    """A run on one image with a can, that is validated by a TacoMetric of these options."""
    box = {'bbox': [0, 0, 9, 9], 'area': 81, 'segmentation': [[0, 0, 9, 0, 9, 9]], 'iscrowd': 0}
    coco = {
        'images': [{'id': 1, 'file_name': 'a.jpg', 'width': 20, 'height': 20}],
        'annotations': [{'id': 1, 'image_id': 1, 'category_id': 1, **box}],
        'categories': [{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'b'}],
    }
    (tmp_path / 'val.json').write_text(json.dumps(coco))

    def make(save_best='coco/bbox_mAP', monitor='coco/bbox_mAP', masks=False, **options):
        metric = TacoMetric(str(tmp_path / 'val.json'), **options)
        metric.dataset_meta = {'classes': ('a', 'b')}
        hooks = [CheckpointHook(save_best=save_best, rule='greater')]
        hooks.append(TacoEarlyStoppingHook(monitor=monitor))
        val = loop('a', 'b', evaluator=SimpleNamespace(metrics=[metric]))
        started = runner(train=AB, val=val, hooks=hooks)
        if masks:
            started.model.mask_head = nn.Linear(1, 1)
        return started

    return make


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'classwise': False},
        {
            'save_best': ['coco/bbox_study_map', 'coco/bbox_a_AP50'],
            'monitor': 'coco/bbox_mAP_s_input',
        },
        {'save_best': 'auto'},
        {'save_best': None},
        {'metric': ['segm', 'bbox'], 'masks': True},
        {
            'metric': 'segm',
            'masks': True,
            'save_best': 'coco/segm_mAP',
            'monitor': 'coco/segm_mAP_50',
        },
        {'prefix': 'x', 'save_best': 'x/bbox_mAP', 'monitor': 'x/bbox_mAP'},
    ],
)
def test_a_metric_that_is_returned_can_be_monitored(validated, options):
    ClassCheckHook().before_run(validated(**options))


SAVE, STOP = 'default_hooks.checkpoint.save_best', 'default_hooks.early_stopping.monitor'


@pytest.mark.parametrize(
    ('options', 'advice'),
    [
        ({'metric': 'segm', 'masks': True}, f'{SAVE}=coco/segm_mAP {STOP}=coco/segm_mAP'),
        ({'prefix': 'val'}, f'{SAVE}=val/bbox_mAP {STOP}=val/bbox_mAP'),
        ({'save_best': 'coco/bbox_mPA'}, f'{SAVE}=coco/bbox_mAP'),
        ({'save_best': ['coco/bbox_mAP', 'coco/bbox_a_AP60']}, f'{SAVE}=coco/bbox_a_AP50'),
        ({'monitor': 'bbox_mAP'}, f'{STOP}=coco/bbox_mAP'),
        ({'monitor': 'coco/bbox_b_AP', 'classwise': False}, f'{STOP}=coco/bbox_mAP'),
    ],
)
def test_a_metric_that_is_waited_for_in_vain_is_refused(validated, options, advice):
    with pytest.raises(InputError) as error:
        ClassCheckHook().before_run(validated(**options))
    assert str(error.value).endswith(f'--cfg-options {advice}')
    assert 'but no metric of val_evaluator is called so' in str(error.value)


def test_masks_that_nobody_predicts_are_not_scored(validated):
    with pytest.raises(InputError, match="metric='segm' scores masks, but the model predicts none"):
        ClassCheckHook().before_run(validated(metric='segm'))


def test_weights_of_a_training_that_diverged_are_refused():
    weights = Detector(2).state_dict()
    weights['bbox_head.fc.weight'][0, 0] = float('nan')
    with pytest.raises(InputError, match=r'bbox_head\.fc\.weight is not finite, as after'):
        ClassCheckHook().after_load_checkpoint(runner(test=AB), {'state_dict': weights})


def test_a_data_root_that_nothing_reads_is_told(monkeypatch):
    said = []
    monkeypatch.setattr(class_check_hook, 'print_log', lambda text, *args: said.append(text))
    training = runner(2, AB)
    for root in ('a', 'b'):
        training.cfg = Config({'data_root': root, 'x': {'data_root': 'a'}})
        ClassCheckHook().before_run(training)
    assert said == [
        'data_root=b alone has no effect; the data are in a: set TACO_DATA_ROOT instead'
    ]


def test_a_checkpoint_of_detectron2_is_refused_by_its_keys():
    other = {'model': Detector(2).state_dict(), 'optimizer': {}, 'iteration': 9}
    with pytest.raises(InputError, match='6 weights are missing, .*; 3 weights are unexpected'):
        ClassCheckHook().after_load_checkpoint(runner(test=AB), other)
