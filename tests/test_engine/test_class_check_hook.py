from types import SimpleNamespace

import pytest
from mmdet.models.task_modules.assigners import (
    BBoxL1Cost,
    ClassificationCost,
    FocalLossCost,
)
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
        self.bbox_head = Head(num_classes)


def loop(*classes: str) -> SimpleNamespace:
    dataset = SimpleNamespace(metainfo={'classes': classes})
    return SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))


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
    ClassCheckHook().before_run(runner(2, loop('a', 'b'), loop('a', 'b'), {'type': 'TestLoop'}))


@pytest.mark.parametrize('num_classes', [1, 3, 80])
def test_a_head_of_another_size_is_named(num_classes):
    with pytest.raises(InputError, match=rf'model\.bbox_head\.num_classes is {num_classes}, .*2'):
        ClassCheckHook().before_run(runner(num_classes, loop('a', 'b')))


@pytest.mark.parametrize('other', [('a', 'c'), ('b', 'a'), ('a',)])
def test_data_sets_of_other_classes_are_refused(other):
    with pytest.raises(InputError, match='different classes'):
        ClassCheckHook().before_run(runner(2, loop('a', 'b'), loop(*other)))


def test_testing_a_checkpoint_of_other_classes_is_refused():
    with pytest.raises(InputError, match=r"trained on the classes \['b', 'a'\]"):
        ClassCheckHook().after_load_checkpoint(
            runner(test=loop('a', 'b'), train={}), checkpoint('b', 'a')
        )


def test_resuming_from_other_classes_is_refused():
    with pytest.raises(InputError, match='trained on the classes'):
        ClassCheckHook().after_load_checkpoint(
            runner(train=loop('a', 'b'), resume=True), checkpoint('a', 'c')
        )


def test_fine_tuning_from_other_classes_is_allowed():
    ClassCheckHook().after_load_checkpoint(runner(train=loop('a', 'b')), checkpoint('a', 'b', 'c'))


def test_weights_alone_are_told_by_their_shape():
    weights = {'state_dict': Detector(3).state_dict()}
    with pytest.raises(InputError, match=r'bbox_head\.fc\.weight has the shape \(3, 2\)'):
        ClassCheckHook().after_load_checkpoint(runner(test=loop('a', 'b')), weights)
    fitting = {f'module.{name}': value for name, value in Detector(2).state_dict().items()}
    ClassCheckHook().after_load_checkpoint(runner(test=loop('a', 'b')), fitting)


@pytest.mark.parametrize(
    ('use_sigmoid', 'cost', 'fits'),
    [
        (True, FocalLossCost(), True),
        (False, ClassificationCost(), True),
        (True, ClassificationCost(), False),
        (False, FocalLossCost(), False),
    ],
)
def test_matching_goes_with_the_loss(use_sigmoid, cost, fits):
    training = runner(2, loop('a', 'b'))
    head = training.model.bbox_head
    head.loss_cls = SimpleNamespace(use_sigmoid=use_sigmoid)
    head.assigner = SimpleNamespace(match_costs=[BBoxL1Cost(), cost])
    if fits:
        ClassCheckHook().before_run(training)
    else:
        with pytest.raises(InputError, match=f'use_sigmoid={use_sigmoid}, .*matches by'):
            ClassCheckHook().before_run(training)
