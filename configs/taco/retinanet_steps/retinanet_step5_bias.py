"""Step 5 from SSD to RetinaNet: the classifier starts from a probability of 0.01, instead of 0.5.

Train: tools/train.py configs/taco/retinanet_steps/retinanet_step5_bias.py
Result: not measured.

Nearly all anchors are background: at 0.5, their loss drowns that of the objects early on.
But for the box loss (stock: L1), the detector is now stock RetinaNet.
"""

_base_ = './retinanet_step4_deep_heads.py'

_base_.model.bbox_head.init_cfg.override = dict(
    type='Normal', name='retina_cls', std=0.01, bias_prob=0.01
)
