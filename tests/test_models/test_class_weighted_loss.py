import copy
import json
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from mmdet.models.losses import CrossEntropyLoss, accuracy
from mmdet.registry import MODELS
from mmengine.config import Config

import taco_plugin.plugin  # noqa: F401
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy

pytestmark = pytest.mark.usefixtures('mmdet_scope')

LABELS = torch.tensor([0, 2, 3, 1, 3, 2, 0, 1, 3])  # of 3 classes: 3 is background
ROW_WEIGHT = torch.tensor([1, 0.5, 0, 2, 1, 3, 1, 1, 0.25])
LOGIT_WEIGHT = torch.linspace(0, 2, 27).reshape(9, 3)
WEIGHTS = [0.5, 2.0, 3.0]
TACO10 = load_taxonomy('taco10').classes
BY_NAME = dict(taxonomy='taco10', weights={'Plastic bag + wrapper': 0.5, 'Pop tab': 4.0})
MISSING = dict(taxonomy='taco10', ann_file='no/train.json', scheme='hard', scale=None)

both_losses = pytest.mark.parametrize('name', ['WeightedCrossEntropyLoss', 'WeightedFocalLoss'])
both_activations = pytest.mark.parametrize('use_sigmoid', [False, True])
NO_MEAN = {'reduction_override': 'none'}


def build(name='WeightedCrossEntropyLoss', **options):
    return MODELS.build(dict(type=name, **options))


def make_logits(use_sigmoid):
    generator = torch.Generator().manual_seed(0)
    shape = (len(LABELS), 3 if use_sigmoid else 4)
    return torch.randn(shape, dtype=torch.float64, generator=generator).mul(3)


def assert_same(loss, other, logits):
    """Loss and gradient."""
    results = []
    for function in (loss, other):
        pred = logits.detach().requires_grad_()
        value = function(pred)
        results.append((value.detach(), *torch.autograd.grad(value.sum(), pred)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, check_dtype=False)


@both_activations
@pytest.mark.parametrize('weight', [None, ROW_WEIGHT])
@pytest.mark.parametrize('options', [{'avg_factor': torch.tensor(0.0)}, NO_MEAN, {}])
@pytest.mark.parametrize('name', [None, 'WeightedFocalLoss'], ids=['cross-entropy', 'focal-0'])
def test_equals_mmdets_cross_entropy(use_sigmoid, weight, options, name):
    arguments = dict(use_sigmoid=use_sigmoid, loss_weight=2.0)
    focal = dict(name=name, gamma=0, class_weights=[1, 1, 1]) if name else {}
    ours = build(**focal, **arguments)
    theirs, labels = CrossEntropyLoss(**arguments), LABELS.clone()
    labels[3] = -100  # ignored
    assert_same(
        lambda x: ours(x, labels, weight, **options),
        lambda x: theirs(x, labels, weight, **options),
        make_logits(use_sigmoid),
    )


@pytest.mark.parametrize('weight', [None, ROW_WEIGHT])
def test_average_by_weight_is_pytorchs_for_softmax(weight):
    options = {'class_weights': WEIGHTS, 'background_weight': 0.25}
    loss = build(use_sigmoid=False, avg_by_weight=True, **options)
    rows = torch.tensor([*WEIGHTS, 0.25])[LABELS].double() * (1 if weight is None else weight)
    assert_same(
        lambda x: loss(x, LABELS, weight, avg_factor=123.0),
        lambda x: (F.cross_entropy(x, LABELS, reduction='none') * rows).sum() / rows.sum(),
        make_logits(False),
    )


@both_losses
@both_activations
def test_average_by_weight(name, use_sigmoid):
    """It ignores the head's average factor and the size of the weights; sums stay sums."""

    def average(scale, **changed):
        options = dict(class_weights=[w * scale for w in WEIGHTS], background_weight=scale / 4)
        return build(name, use_sigmoid=use_sigmoid, avg_by_weight=True, **options, **changed)

    logits = make_logits(use_sigmoid)
    total = average(1)(logits, LABELS, reduction_override='sum')
    # 0.5, 2 and 3 twice each, and background three times.
    expected = total / (2 * 0.5 + 2 * 2 + 2 * 3 + 3 * 0.25)
    for scale in (1, 8, 1e-12):
        torch.testing.assert_close(average(scale)(logits, LABELS, avg_factor=5.0), expected)
    torch.testing.assert_close(average(1, loss_weight=2.0)(logits, LABELS), 2 * expected)
    elements = average(1)(logits, LABELS, reduction_override='none')
    torch.testing.assert_close(elements.sum(), total)
    nothing = torch.full_like(LABELS, -1)
    assert average(1)(logits, nothing) == 0
    if use_sigmoid:
        with pytest.raises(InputError, match='one weight for each sample, not each logit'):
            average(1)(logits, LABELS, LOGIT_WEIGHT)


# One process imports, and forks before anything has run in it.
TWO_PROCESSES = """
import sys
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import taco_plugin.plugin
from mmdet.registry import MODELS

def work(rank, folder):
    dist.init_process_group('gloo', init_method=f'file://{folder}/init', rank=rank, world_size=2)
    given = torch.load(f'{folder}/given.pt')
    loss = MODELS.build(given['loss'])
    parts = [part[rank] for part in given['parts']]
    torch.save(torch.stack([loss(*part) for part in parts]), f'{folder}/rank{rank}.pt')
    dist.destroy_process_group()

if __name__ == '__main__':
    mp.start_processes(work, (sys.argv[1],), nprocs=2, start_method='fork')
"""


def test_average_by_weight_over_two_processes(tmp_path):
    cfg = dict(type='mmdet.WeightedCrossEntropyLoss', use_sigmoid=False, avg_by_weight=True)
    cfg |= dict(class_weights=WEIGHTS, background_weight=0.25)
    rows = (make_logits(False), LABELS, ROW_WEIGHT.double())
    parts = [
        [tuple(t[:first] for t in rows), tuple(t[first:] for t in rows)] for first in (2, 6, 0)
    ]
    torch.save(dict(loss=cfg, parts=parts), tmp_path / 'given.pt')
    (tmp_path / 'script.py').write_text(TWO_PROCESSES)
    command = [sys.executable, str(tmp_path / 'script.py'), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f'rank{rank}.pt') for rank in (0, 1))
    whole = MODELS.build(cfg)(*rows)
    torch.testing.assert_close((first + second) / 2, whole.expand(3))
    assert not torch.isclose(first, second).any()


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        ('WeightedFocalLoss', {'gamma': -1}, 'gamma must be .*>= 0, but is -1'),
        ('WeightedFocalLoss', {'alpha': 0.3, 'class_weights': [1]}, 'alpha and class_weights both'),
        ('WeightedFocalLoss', {'alpha': 0.3, 'class_weights': MISSING}, 'alpha and class_weights'),
        ('WeightedCrossEntropyLoss', {'label_smoothing': 1.0}, r'label_smoothing .* \[0, 1\)'),
        ('WeightedCrossEntropyLoss', {'reduction': 'max'}, "one of .* but is 'max'"),
        ('WeightedCrossEntropyLoss', {'class_weights': [-1.0]}, 'class_weights must be finite'),
        (
            'WeightedCrossEntropyLoss',
            {'reduction': 'sum', 'avg_by_weight': True},
            'avg_by_weight needs reduction="mean", not \'sum\'',
        ),
    ],
)
def test_what_does_not_fit_is_refused_when_built(name, options, message):
    with pytest.raises(InputError, match=message):
        build(name, use_sigmoid=True, **options)


@both_losses
def test_class_weights_are_no_part_of_checkpoints_but_move(name):
    loss = build(name, use_sigmoid=True, class_weights=WEIGHTS)
    assert loss.state_dict() == {}
    loss.load_state_dict(build(name, use_sigmoid=True).state_dict())
    assert loss.class_weights.tolist() == WEIGHTS
    assert 'class_weights=[0.5, 2.0, 3.0]' in str(loss)
    copy.deepcopy(loss).class_weights.zero_()
    assert loss.class_weights.tolist() == WEIGHTS
    assert loss.to(torch.float64).class_weights.dtype == torch.float64
    assert loss.to('meta').class_weights.device.type == 'meta'


@both_losses
def test_a_missing_annotation_file_matters_only_to_training(name):
    loss = build(name, use_sigmoid=True, class_weights=MISSING)
    message = r'no/train\.json: no such annotation file .*/prepare_taco\.py, or set TACO_DATA_ROOT'
    with pytest.raises(InputError, match=message):
        loss(make_logits(True), LABELS)
    with pytest.raises(InputError, match=message):
        loss.check_classes(TACO10)
    assert loss.get_cls_channels(10) == 10
    assert loss.get_activation(torch.zeros(1, 1)).tolist() == [[0.5, 0.5]]


def test_classes_of_the_data_set_are_compared():
    named = build(use_sigmoid=True, class_weights=BY_NAME)
    named.check_classes(list(TACO10))
    with pytest.raises(InputError, match=r"\['Can', .* the data set has .* give both one taxonomy"):
        named.check_classes(TACO10[::-1])
    listed = build(use_sigmoid=True, class_weights=WEIGHTS)
    listed.check_classes('abc')
    for refuses, classes in ((listed.check_classes, 'abcd'), (listed.get_cls_channels, 4)):
        with pytest.raises(InputError, match='one weight for each of the 4 .* but holds 3'):
            refuses(classes)


@both_losses
def test_two_stage_heads_get_a_column_for_background(name):
    loss = build(name, use_sigmoid=False)
    logits = torch.tensor([[4.0, 1, 5]]).log()
    torch.testing.assert_close(loss.get_activation(logits), torch.tensor([[0.4, 0.1]]))
    assert loss.get_cls_channels(2) == 3
    torch.testing.assert_close(loss.get_activation(logits), torch.tensor([[0.4, 0.1, 0.5]]))

    loss = build(name, use_sigmoid=True)
    logits = torch.tensor([[0.5, 0.25], [0.75, 0.75]]).logit()
    torch.testing.assert_close(loss.get_activation(logits), logits.sigmoid())
    assert loss.get_cls_channels(2) == 2
    expected = torch.tensor([[0.5, 0.25, 0.25], [0.75, 0.75, 0]])
    torch.testing.assert_close(loss.get_activation(logits), expected)


@both_losses
def test_accuracy(name):
    logits = make_logits(False)
    ours = build(name, use_sigmoid=False).get_accuracy(logits, LABELS)
    assert ours == {'acc': accuracy(logits, LABELS)}
    logits = torch.tensor([[2.0, -1], [-1, -2], [1, 3], [0.1, -3]])
    ours = build(name, use_sigmoid=True).get_accuracy(logits, torch.tensor([0, 2, 0, 2]))
    assert ours['acc'].item() == 50


@pytest.mark.parametrize('suffix', ['py', 'json', 'yml'])
def test_config_survives_a_dump(tmp_path, suffix):
    losses = [
        dict(type='WeightedFocalLoss', use_sigmoid=True, class_weights=weights)
        for weights in (BY_NAME, MISSING)
    ]
    Config(dict(losses=losses)).dump(tmp_path / f'config.{suffix}')
    again = Config.fromfile(tmp_path / f'config.{suffix}').losses
    assert again[1].class_weights == MISSING
    by_name = dict(zip(TACO10, MODELS.build(again[0]).class_weights.tolist(), strict=True))
    assert by_name == dict.fromkeys(TACO10, 1.0) | BY_NAME['weights']


def test_weights_are_counted_from_a_file(tmp_path):
    coco = {
        'images': [{'id': 1, 'file_name': 'a.jpg', 'width': 40, 'height': 30}],
        'annotations': [{'id': 1, 'image_id': 1, 'category_id': 2, 'bbox': [1, 1, 9, 9]}],
        'categories': [{'id': n, 'name': name} for n, name in enumerate(TACO10)],
    }
    (tmp_path / 'train.json').write_text(json.dumps(coco))
    given = MISSING | {'ann_file': str(tmp_path / 'train.json'), 'scheme': 'inverse_density'}
    loss = build(use_sigmoid=True, class_weights=given)
    assert loss.class_weights.tolist() == [1, 1, 0.5, *[1] * 7]
