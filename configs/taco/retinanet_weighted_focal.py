"""RetinaNet with class-balanced focal loss.

Train: tools/train.py configs/taco/retinanet_weighted_focal.py
Result: not measured.

Classes weigh by their effective number of boxes (arXiv:1901.05555, with its beta of 0.999), with a
mean of 1 over the training boxes. Background weighs three times an object, as RetinaNet's alpha of
0.25 has it, and the factor of the whole makes an average object weigh 0.25. All else is
retinanet.py's.
"""

_base_ = './retinanet.py'

_base_.model.bbox_head.loss_cls = dict(
    type='WeightedFocalLoss',
    use_sigmoid=True,
    gamma=2.0,
    class_weights=dict(
        scheme='effective_number',
        beta=0.999,
        scale='boxes',
        taxonomy=_base_.taxonomy,
        ann_file=_base_.train_annotations,
    ),
    background_weight=3.0,
    loss_weight=0.25,
)
