"""Step 1 from SSD to RetinaNet: half of the photographs are flipped.

Train: tools/train.py configs/taco/retinanet_steps/retinanet_step1_flip.py
Result: not measured.
"""

_base_ = './retinanet_step0_ssd.py'

_base_.train_dataloader.dataset.pipeline.insert(3, dict(type='RandomFlip', prob=0.5))
