"""Options that are misspelt, of another type or missing: one line, wherever they are given."""

import pytest
from mmdet.registry import DATASETS, HOOKS, LOG_PROCESSORS, METRICS, MODELS

import taco_plugin.plugin  # noqa: F401
from taco_plugin.config import fine_tune, use_taco
from taco_plugin.errors import InputError

LOSS = {'type': 'WeightedFocalLoss', 'use_sigmoid': True}
ENTROPY = {'type': 'WeightedCrossEntropyLoss', 'use_sigmoid': True}
DATASET, METRIC = {'type': 'TacoDataset'}, {'type': 'TacoMetric'}
STOPPING = {'type': 'TacoEarlyStoppingHook'}


@pytest.mark.parametrize(
    ('registry', 'config', 'message'),
    [
        (MODELS, {**LOSS, 'reducton': 'sum'}, "WeightedFocalLoss has no option 'reducton', did"),
        (MODELS, {**LOSS, 'class_weight': [1]}, "'class_weight', did you mean 'class_weights'?"),
        (MODELS, {**LOSS, 'loss': print}, "WeightedFocalLoss has no option 'loss', it has"),
        (MODELS, {**ENTROPY, 'gamma': 2}, "no option 'gamma', it has label_smoothing, "),
        (MODELS, {**LOSS, 'gamma': '2'}, "gamma of WeightedFocalLoss must be float, but is '2'"),
        (MODELS, {**LOSS, 'alpha': True}, 'alpha of WeightedFocalLoss must be float | None'),
        (MODELS, {**LOSS, 'use_sigmoid': 'yes'}, "use_sigmoid of WeightedFocalLoss must be bool"),
        (MODELS, {'type': 'WeightedFocalLoss'}, 'WeightedFocalLoss lacks use_sigmoid'),
        (MODELS, {'type': 'TacoSSDHead', 'loss_clss': {}}, "TacoSSDHead has no option 'loss_clss'"),
        (DATASETS, {**DATASET, 'taxonmy': 'x'}, "TacoDataset has no option 'taxonmy', did you"),
        (DATASETS, {**DATASET, 'pipelin': []}, "'pipelin', did you mean 'pipeline'?"),
        (DATASETS, {**DATASET, 'ann_file': 7}, 'TacoDataset must be Optional[str], but is 7'),
        (METRICS, {**METRIC, 'proposal_nums': 100}, 'must be Sequence[int], but is 100'),
        (DATASETS, {**DATASET, 'taxonomy': 7}, 'taxonomy of TacoDataset must be str, but is 7'),
        (METRICS, {**METRIC, 'iou_thresholds': 0.5}, 'TacoMetric must be Sequence[float], but is'),
        (METRICS, {**METRIC, 'iou_thresholds': ['a']}, "must be Sequence[float], but is ['a']"),
        (METRICS, {**METRIC, 'claswise': False}, "'claswise', did you mean 'classwise'?"),
        (METRICS, {**METRIC, 'proposal_num': [1]}, "'proposal_num', did you mean 'proposal_nums'?"),
        (HOOKS, {**STOPPING, 'patience': '3'}, 'must be int | None, but is '),
        (HOOKS, {**STOPPING, 'pateince': 3}, "'pateince', did you mean 'patience'?"),
        (HOOKS, {**STOPPING, 'rule': 'more'}, "must be Literal['greater', 'less'], but is 'more'"),
        (HOOKS, {**STOPPING, 'min_delta': float('nan')}, 'min_delta must be 0 or more, but is nan'),
        (HOOKS, {'type': 'EvaluationReportHook', 'images': -1}, 'images must be 0 or more, but'),
        (HOOKS, {'type': 'EvaluationReportHook', 'image': 3}, "did you mean 'images'?"),
        (HOOKS, {'type': 'ClassCheckHook', 'strickt': True}, "did you mean 'strict'?"),
        (HOOKS, {'type': 'TacoVisualizationHook', 'drw': True}, "did you mean 'draw'?"),
        (LOG_PROCESSORS, {'type': 'TacoLogProcessor', 'window': 3}, "did you mean 'window_size'?"),
    ],
)  # fmt: skip
def test_options_of_configs_are_checked(registry, config, message):
    with pytest.raises(InputError) as error:
        registry.build(config)
    assert message in str(error.value)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: use_taco({}, taxonmy='taco10'), "use_taco has no option 'taxonmy', did you mean"),
        (lambda: use_taco({}, taxonomy=10), 'taxonomy of use_taco must be str, but is 10'),
        (lambda: use_taco({}), 'use_taco lacks taxonomy'),
        (lambda: fine_tune({}, epochs=3), "fine_tune has no option 'epochs', it has none"),
    ],
)
def test_calls_in_configs_are_checked(call, message):
    with pytest.raises(InputError) as error:
        call()
    assert message in str(error.value)
