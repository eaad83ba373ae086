"""Losses of the demo's detector on the embedded sample.

Run: tools/study.py configs/studies/demo.py --out work_dirs/study
"""

sample = True
taxonomy = 'taco10'
test_fraction = 0.2
seeds = [0]
_loss = 'model.bbox_head.loss_cls'
runs = {
    'cross-entropy': {'config': '../taco/demo.py', 'options': {f'{_loss}.class_weights': None}},
    'focal': {
        'config': '../taco/demo.py',
        'options': {
            f'{_loss}.type': 'WeightedFocalLoss',
            f'{_loss}.gamma': 2.0,
            f'{_loss}.class_weights': None,
        },
    },
    'weighted': '../taco/demo.py',
}
