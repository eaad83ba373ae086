"""Losses of the demo's detector on the embedded sample.

Run: tools/study.py configs/studies/demo.py --out work_dirs/study
Result: AP50 0.579 with cross-entropy, 0.269 focal, 0.629 weighted; 12 minutes on two CPU cores.
"""

sample = True
taxonomy = 'taco10'
test_fraction = 0.2
seeds = [0, 1]

_LOSS = 'model.bbox_head.loss_cls'
_FOCAL = {f'{_LOSS}.type': 'WeightedFocalLoss', f'{_LOSS}.gamma': 2.0}
_PLAIN = {f'{_LOSS}.class_weights': None}
runs = {
    'cross-entropy': {'config': '../taco/demo.py', 'options': _PLAIN},
    'focal': {'config': '../taco/demo.py', 'options': {**_FOCAL, **_PLAIN}},
    'weighted cross-entropy': '../taco/demo.py',
}
