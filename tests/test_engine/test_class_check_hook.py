from types import SimpleNamespace

import pytest
from mmdet.models.task_modules.assigners import BBoxL1Cost, ClassificationCost, FocalLossCost
from torch import nn

from taco_plugin.engine import ClassCheckHook
from taco_plugin.errors import InputError


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


def loop(*classes: str) -> SimpleNamespace:
    dataset = SimpleNamespace(metainfo={'classes': classes})
    return SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))


AB = loop('a', 'b')


def runner(num_classes=2, train=None, val=None, test=None, resume=False) -> SimpleNamespace:
    return SimpleNamespace(
        model=Detector(num_classes), _train_loop=train, _val_loop=val, _test_loop=test,
        _resume=resume,
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
    with pytest.raises(InputError, match=r'bbox_head\.fc\.weight has the shape \(3, 2\)'):
        ClassCheckHook().after_load_checkpoint(runner(test=AB), weights)
    fitting = {f'module.{name}': value for name, value in Detector(2).state_dict().items()}
    ClassCheckHook().after_load_checkpoint(runner(test=AB), fitting)


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
    with pytest.raises(InputError, match=f'use_sigmoid={use_sigmoid}, .*matches by'):
        ClassCheckHook().before_run(training)
