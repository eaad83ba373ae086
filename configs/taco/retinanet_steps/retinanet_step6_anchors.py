"""Step 6 from SSD to RetinaNet: anchors fitted to TACO's boxes, as in retinanet_litter_anchors.py.

Train: tools/train.py configs/taco/retinanet_steps/retinanet_step6_anchors.py
Result: not measured.
"""

_base_ = './retinanet_step5_bias.py'

_base_.model.bbox_head.anchor_generator.octave_base_scale = 2.5
