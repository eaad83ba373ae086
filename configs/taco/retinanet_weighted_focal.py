"""RetinaNet with class-balanced focal loss.

Train: tools/train.py configs/taco/retinanet_weighted_focal.py
Result: not measured.

Classes are weighted by their effective number of boxes (arXiv:1901.05555, beta 0.999), with a mean
of 1 over the training boxes. Background has three times the weight of an object, as with
RetinaNet's alpha of 0.25, and the loss weight gives an average object a weight of 0.25. All else is
as in retinanet.py.
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
