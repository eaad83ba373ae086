"""Step 4 from SSD to RetinaNet: four more convolutions in the head, for classes and for boxes.

Train: tools/train.py configs/taco/retinanet_steps/retinanet_step4_deep_heads.py
Result: not measured.
"""

_base_ = './retinanet_step3_focal.py'

_base_.model.bbox_head.stacked_convs = 4
