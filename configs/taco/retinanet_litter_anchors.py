"""RetinaNet with smaller anchors, fitted to TACO's boxes.

Train: tools/train.py configs/taco/retinanet_litter_anchors.py
Result: not measured.

tools/analysis_tools/fit_anchors.py configs/taco/retinanet.py data/taco/annotations.json, on 1,192
of TACO's photographs, suggests anchors from 2.44 strides (stock: 4), or 20 to 500 px (stock: 32 to
813), and ratios of 0.47, 0.97 and 2.09; the stock ratios, which COCO's weights know, do as well.
On 308 held-out images, the share of boxes that an anchor matches rises from 70 to 81 % at an IoU of
0.5 (trained as an object), and from 75 to 85 % at 0.4 (below it, trained as background). For boxes
smaller than 32 px, it rises from 25 to 55 % at 0.5. At 0.7 it falls from 56 to 43 %, because small
anchors on the same grid are sparser. The number of anchors stays, so that COCO's weights fit.
"""

_base_ = './retinanet.py'

_base_.model.bbox_head.anchor_generator.octave_base_scale = 2.5
