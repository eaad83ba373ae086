"""Faster R-CNN with smaller anchors and a lower NMS threshold, both fitted to TACO's boxes.

Train: tools/train.py configs/taco/faster_rcnn_litter_anchors.py
Result: not measured.

In images of 800 x 1333, 36 % of TACO's boxes are smaller than 32 px (square root of the area),
the smallest stock anchor; the median is 55 px, the 10th and 90th percentile are 11 and 242 px.
Half the scale and a sixth level, which has no weights, give anchors of 16 to 512 px. On 225
held-out images, the share of boxes that an anchor matches at an IoU of 0.3, the least that trains
the RPN, rises from 84 to 96 %; at 0.5, from 73 to 88 %; at 0.7 it falls from 34 to 29 %.
Three anchors per position keep the shapes of COCO's weights, which were trained on anchors twice
the size at each level. Nine (three scales per octave) would give 96, 89 and 74 %, but need new last
layers of the RPN.
Litter seldom overlaps: of TACO's 4,784 boxes, NMS within the classes of detect-waste drops 14 at
the stock threshold of 0.5, 24 at 0.4 and 43 at 0.3.
"""

_base_ = './faster_rcnn.py'

_base_.model.neck.num_outs = 6
_base_.model.rpn_head.anchor_generator.update(scales=[4], strides=[4, 8, 16, 32, 64, 128])
_base_.model.test_cfg.rcnn.nms.iou_threshold = 0.4
