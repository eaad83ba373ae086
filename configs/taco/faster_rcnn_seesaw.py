"""Faster R-CNN with Seesaw loss in its second stage.

Train: tools/train.py configs/taco/faster_rcnn_seesaw.py
Result: not measured.

A frequent class is pushed down less by samples of a rarer one, but more where it is scored higher
than the truth (arXiv:2008.10032). The classes are counted while training, so no annotation file is
read. Objects are told from background by two outputs of their own. Classifier and options are those
of mmdet::seesaw_loss for LVIS. All else is as in faster_rcnn.py.
"""

_base_ = './faster_rcnn.py'

_base_.model.roi_head.bbox_head.cls_predictor_cfg = dict(type='NormedLinear', tempearture=20)
_base_.model.roi_head.bbox_head.loss_cls = dict(
    type='SeesawLoss', p=0.8, q=2.0, num_classes=_base_.model.roi_head.bbox_head.num_classes
)
