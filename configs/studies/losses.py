"""Class weights and focal loss for Faster R-CNN.

Run: tools/study.py configs/studies/losses.py --out work_dirs/losses
"""

taxonomy = 'detectwaste7'
test_images = 'taco_test.txt'


def _weighted(scheme: str) -> dict:
    scheme_key = 'model.roi_head.bbox_head.loss_cls.class_weights.scheme'
    return {'config': '../taco/faster_rcnn_weighted_ce.py', 'options': {scheme_key: scheme}}


runs = {
    'cross-entropy': '../taco/faster_rcnn.py',
    'smoothed cross-entropy': '../taco/faster_rcnn_smoothed_ce.py',
    'focal': '../taco/faster_rcnn_focal.py',
    'weighted, inverse density': _weighted('inverse_density'),
    'weighted, square root': _weighted('sqrt_inverse'),
    'weighted, effective number': _weighted('effective_number'),
    'weighted, hard': _weighted('hard'),
}
