"""Step 7 from SSD to RetinaNet: TACO's unofficial photographs too, 5,331 instead of 1,500.

Train: tools/train.py configs/taco/retinanet_steps/retinanet_step7_more_data.py
Result: not measured.

yolox_extended.py says how these data are prepared, and that the test split stays the same.
"""

_base_ = './retinanet_step6_anchors.py'

train_annotations = _base_.data_root + '/extended/annotations/train.json'
_base_.train_dataloader.dataset.ann_file = 'extended/annotations/train.json'
_base_.val_dataloader.dataset.ann_file = 'extended/annotations/val.json'
_base_.test_dataloader.dataset.ann_file = 'extended/annotations/test.json'
