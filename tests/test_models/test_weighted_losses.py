from functools import partial
from math import log as ln

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

import taco_plugin.plugin  # noqa: F401
from taco_plugin.errors import InputError
from taco_plugin.models.losses import focal_loss, weighted_cross_entropy, weighted_focal_loss

LABELS = torch.tensor([0, 2, 3, 1, 3, 2, 0, 1, 3])  # of 3 classes: 3 is background
BACKGROUND = torch.full_like(LABELS, 3)
IS_CLASS = F.one_hot(LABELS, 4)[:, :3]
ROW_WEIGHT = torch.tensor([1, 0.5, 0, 2, 1, 3, 1, 1, 0.25])
LOGIT_WEIGHT = torch.linspace(0, 2, 27).reshape(9, 3)
SOFT = IS_CLASS * torch.linspace(1, 0.1, 9)[:, None]
CLASS_WEIGHTS = torch.tensor([0.5, 2.0, 3.0])
GAMMAS = [0, 0.5, 2]
FINE = {'rtol': 1e-12, 'atol': 1e-12}

every_dtype = pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
every_gamma = pytest.mark.parametrize('gamma', GAMMAS)
every_reduction = pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
LOSSES = {
    'softmax-ce': partial(weighted_cross_entropy, use_sigmoid=False),
    'sigmoid-ce': partial(weighted_cross_entropy, use_sigmoid=True),
    'smooth-softmax': partial(weighted_cross_entropy, use_sigmoid=False, label_smoothing=0.1),
    'smooth-sigmoid': partial(weighted_cross_entropy, use_sigmoid=True, label_smoothing=0.1),
    'softmax-focal': partial(weighted_focal_loss, use_sigmoid=False),
    'sigmoid-focal': partial(weighted_focal_loss, use_sigmoid=True),
}
every_loss = pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES)
# Each loss over class indices, and those over sigmoids also over soft targets.
CASES = {name: (loss, LABELS) for name, loss in LOSSES.items()}
CASES |= {f'{name}-soft': (LOSSES[name], SOFT) for name in LOSSES if 'sigmoid' in name}
every_case = pytest.mark.parametrize(('loss', 'target'), CASES.values(), ids=CASES)


def make_logits(use_sigmoid, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shape = (len(LABELS), 3 if use_sigmoid else 4)
    return torch.randn(shape, dtype=torch.float64, generator=generator).mul(3).to(dtype)


def logits_for(loss, dtype=torch.float64):
    return make_logits(loss.keywords['use_sigmoid'], dtype)


def differentiate(loss, logits):
    """The loss, and the gradient of its sum."""
    logits = logits.detach().requires_grad_()
    value = loss(logits)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


def assert_same(loss, other, logits, **tolerance):
    for ours, theirs in zip(*(differentiate(f, logits) for f in (loss, other)), strict=True):
        torch.testing.assert_close(ours, theirs, check_dtype=False, **tolerance)


@every_case
@pytest.mark.parametrize('reduction', ['none', 'sum'])
def test_gradients(loss, target, reduction):
    focused = {'gamma': 2} if loss.func is weighted_focal_loss else {}
    loss = partial(loss, class_weights=CLASS_WEIGHTS, reduction=reduction, **focused)
    assert gradcheck(lambda x: loss(x, target), logits_for(loss).requires_grad_())


@every_reduction
@pytest.mark.parametrize('loss', [weighted_cross_entropy, partial(weighted_focal_loss, gamma=0)])
@pytest.mark.parametrize('target', [LABELS, SOFT], ids=['index', 'soft'])
@pytest.mark.parametrize('weight', [None, ROW_WEIGHT, LOGIT_WEIGHT.flatten()])
def test_sigmoid_equals_pytorch(reduction, loss, target, weight):
    probabilities = (IS_CLASS if target.dim() == 1 else target).double()
    factor = None if weight is None else weight.reshape(len(LABELS), -1).double()
    options = dict(use_sigmoid=True, class_weights=torch.ones(3), reduction=reduction)
    assert_same(
        lambda x: loss(x, target, weight, **options),
        lambda x: F.binary_cross_entropy_with_logits(x, probabilities, factor, reduction=reduction),
        make_logits(True),
    )


@every_gamma
@pytest.mark.parametrize('target', [LABELS, SOFT, BACKGROUND], ids=['index', 'soft', 'background'])
@pytest.mark.parametrize('reduction', ['none', 'sum'])
def test_equals_torchvisions_formula(gamma, target, reduction):
    t = (F.one_hot(target, 4)[:, :3] if target.dim() == 1 else target).double()

    def formula(x):
        p = x.sigmoid()
        ce = F.binary_cross_entropy_with_logits(x, t, reduction='none')
        p_t = p * t + (1 - p) * (1 - t)
        loss = (0.3 * t + 0.7 * (1 - t)) * ce * (1 - p_t) ** gamma
        return loss if reduction == 'none' else loss.sum()

    options = dict(gamma=gamma, alpha=0.3, reduction=reduction)
    assert_same(lambda x: weighted_focal_loss(x, target, **options), formula, make_logits(True))


@every_gamma
@pytest.mark.parametrize('alpha', [None, 0, 0.3, 1])
def test_softmax_focal_loss_equals_its_formula(gamma, alpha):
    alphas = [1, 1] if alpha is None else [alpha, 1 - alpha]
    balance = torch.tensor(alphas, dtype=torch.float64)[(LABELS == 3).long()]

    def formula(x):
        p = x.softmax(1).gather(1, LABELS[:, None]).squeeze(1)
        return balance * -((1 - p) ** gamma) * p.log()

    options = dict(use_sigmoid=False, gamma=gamma, alpha=alpha, reduction='none')
    logits = make_logits(False)
    assert_same(lambda x: weighted_focal_loss(x, LABELS, **options), formula, logits, **FINE)


# Logits ln 4 and 0: p is 4/5 and 1/2 by sigmoid; with a third of 0, 4/6, 1/6 and 1/6 by softmax.
# Smoothed by 0.3, targets are 0.8, 0.1 and 0.1 by softmax, 0.85 and 0.15 by sigmoid.
@pytest.mark.parametrize(
    ('loss', 'of_class_0', 'of_background'),
    [
        ('softmax-ce', ln(1.5), ln(6)),
        ('sigmoid-ce', ln(1.25) + ln(2), ln(5) + ln(2)),
        ('smooth-softmax', 0.8 * ln(1.5) + 0.2 * ln(6), 0.9 * ln(6) + 0.1 * ln(1.5)),
        ('smooth-sigmoid', ln(5) - 0.85 * ln(4) + ln(2), ln(5) - 0.15 * ln(4) + ln(2)),
        ('softmax-focal', ln(1.5) / 9, ln(6) * 25 / 36),
        ('sigmoid-focal', 0.04 * ln(1.25) + ln(2) / 4, 0.64 * ln(5) + ln(2) / 4),
    ],
)
def test_by_hand(loss, of_class_0, of_background):
    loss = LOSSES[loss]
    channels = 2 if loss.keywords['use_sigmoid'] else 3
    logits = torch.tensor([[4.0, 1.0, 1.0]] * 2, dtype=torch.float64).log()[:, :channels]
    options = dict(class_weights=torch.tensor([3.0, 9.0]), background_weight=0.5, reduction='none')
    if 'label_smoothing' in loss.keywords:
        options['label_smoothing'] = 0.3
    values = loss(logits, torch.tensor([0, 2]), **options).reshape(2, -1).sum(1)
    assert values.tolist() == pytest.approx([3 * of_class_0, 0.5 * of_background], rel=1e-12)


@pytest.mark.parametrize('loss', [weighted_cross_entropy, weighted_focal_loss])
def test_soft_targets_weigh_the_mean_of_their_classes(loss):
    target = torch.cat([SOFT, torch.tensor([[0.6, 0.2, 0], [0, 1, 1]])])
    logits = torch.cat([make_logits(True), make_logits(True)[:2]])
    options = dict(use_sigmoid=True, reduction='none')
    plain = loss(logits, target, **options)
    options.update(class_weights=CLASS_WEIGHTS, background_weight=0.25)
    table = torch.cat([CLASS_WEIGHTS, torch.tensor([0.25])])
    rows = torch.cat([table[LABELS], torch.tensor([(0.6 * 0.5 + 0.2 * 2) / 0.8, 2.5])])
    torch.testing.assert_close(loss(logits, target, **options), plain * rows[:, None])


@every_loss
@every_reduction
@pytest.mark.parametrize('ignored', [-1, -100])
def test_negative_labels_are_ignored(loss, reduction, ignored):
    kept = torch.tensor([0, 1, 1, 1, 0, 1, 1, 1, 1]).double()
    labels = torch.where(kept > 0, LABELS, ignored)
    options = dict(reduction=reduction, class_weights=CLASS_WEIGHTS)
    logits = logits_for(loss)
    _, gradient = differentiate(lambda x: loss(x, labels, **options), logits)
    assert not gradient[kept == 0].any()
    assert gradient[kept > 0].all()
    assert_same(
        lambda x: loss(x, labels, **options), lambda x: loss(x, LABELS, kept, **options), logits
    )


@every_gamma
@pytest.mark.parametrize('alpha', [None, 0.25])
@pytest.mark.parametrize('weight', [None, ROW_WEIGHT])
@pytest.mark.parametrize('chunk', [7, 2**17])
def test_sum_in_one_pass_equals_the_sum_of_elements(monkeypatch, gamma, alpha, weight, chunk):
    monkeypatch.setattr(focal_loss, 'CHUNK_ELEMENTS', chunk)
    options = dict(gamma=gamma, alpha=alpha, background_weight=0.5)
    options['class_weights'] = CLASS_WEIGHTS if alpha is None else None
    labels = torch.where(torch.arange(9) == 3, -1, LABELS)
    loss = partial(weighted_focal_loss, target=labels, weight=weight, **options)
    for reduction, factor, count in [('sum', None, 1), ('mean', None, 27), ('mean', 1e6, 1e6)]:
        assert_same(
            lambda x: loss(x, reduction=reduction, avg_factor=factor) * count,  # noqa: B023
            lambda x: loss(x, reduction='none').sum(),
            make_logits(True),
        )


@every_case
@every_reduction
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize('autocast', [False, True])
def test_half_precision_is_computed_in_float32_whatever_the_strides_are(
    loss, target, reduction, dtype, autocast
):
    options = dict(class_weights=CLASS_WEIGHTS / 3, reduction=reduction)

    def mixed(x):
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=autocast):
            return loss(x.t().contiguous().t(), target, **options)

    logits = logits_for(loss, dtype)
    half, slope = differentiate(mixed, logits)
    full, expected = differentiate(lambda x: loss(x, target, **options), logits.float())
    torch.testing.assert_close(half, full)
    torch.testing.assert_close(slope, expected.to(dtype))


@every_dtype
@every_gamma
@pytest.mark.parametrize('reduction', ['none', 'sum'])
@pytest.mark.parametrize('use_sigmoid', [False, True])
def test_extreme_logits(dtype, gamma, reduction, use_sigmoid):
    """Sure and right costs nothing, sure and wrong costs the logit, whatever gamma is."""
    logits = 1e4 * torch.tensor([[1.0, -1], [1, -1], [-1, 1], [-1, 1]], dtype=dtype)
    labels = torch.tensor([0, 1, 0, 1])
    options = dict(use_sigmoid=use_sigmoid, gamma=gamma, reduction=reduction)
    loss, gradient = differentiate(lambda x: weighted_focal_loss(x, labels, **options), logits)
    wrong = torch.tensor([[0.0, 0], [1, -1], [-1, 1], [0, 0]], dtype=dtype)
    assert loss.sum() == 4e4
    torch.testing.assert_close(gradient, wrong)


@every_case
@pytest.mark.parametrize(
    ('reduction', 'avg_factor'), [('none', None), ('mean', None), ('mean', 0.0)]
)
def test_empty_batch(loss, target, reduction, avg_factor):
    options = dict(class_weights=CLASS_WEIGHTS, reduction=reduction, avg_factor=avg_factor)
    logits = logits_for(loss)[:0]
    value, gradient = differentiate(lambda x: loss(x, target[:0], **options), logits)
    shape = logits.shape if loss.keywords['use_sigmoid'] else (0,)
    assert torch.equal(value, torch.zeros(shape if reduction == 'none' else ()).double())
    assert gradient.shape == logits.shape


@every_loss
@pytest.mark.parametrize('weight', [None, torch.zeros(9)])
def test_weights_of_zero_give_zero(loss, weight):
    options = dict(class_weights=torch.zeros(3), background_weight=0) if weight is None else {}
    results = differentiate(
        lambda x: loss(x, LABELS, weight, avg_factor=0.0, **options), logits_for(loss)
    )
    assert not any(result.any() for result in results)


SOFTMAX, FOCAL = LOSSES['softmax-ce'], LOSSES['sigmoid-focal']


@pytest.mark.parametrize(
    ('loss', 'options', 'message'),
    [
        (FOCAL, {'class_weights': torch.ones(2)}, 'each of the 3 classes, .* but holds 2'),
        (SOFTMAX, {'target': LABELS[:5]}, r'target N rows, but they are \(9, 4\) and \(5,\)'),
        (FOCAL, {'target': SOFT[:, :2]}, r'for each logit, but has the shape \(9, 2\)'),
        (SOFTMAX, {'target': torch.ones(9, 4)}, r'class indices, .* but has the shape \(9, 4\)'),
        (SOFTMAX, {'weight': LOGIT_WEIGHT}, r'weight must have the shape \(9,\) .* \(9, 3\)'),
        (FOCAL, {'weight': torch.ones(5)}, r'\(9,\) or \(9, 3\), but has \(5,\)'),
        (FOCAL, {'background_weight': -1}, 'background_weight must be .*>= 0, but is -1'),
        (FOCAL, {'class_weights': -torch.ones(3)}, r'class_weights must be >= 0, but are \[-1'),
        (FOCAL, {'alpha': 1.1}, r'alpha must be in \[0, 1\], but is 1\.1'),
        (FOCAL, {'alpha': 0.2, 'class_weights': torch.ones(3)}, 'alpha and class_weights both'),
        (SOFTMAX, {'reduction': 'sum', 'avg_factor': 2.0}, 'avg_factor cannot be used with'),
    ],
)
def test_what_does_not_fit_is_refused(loss, options, message):
    with pytest.raises(InputError, match=message):
        loss(logits_for(loss), **{'target': LABELS, **options})
