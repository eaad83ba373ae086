"""RTMDet-m, 640 px, on the classes of detect-waste, from COCO's weights.

Train: tools/train.py configs/taco/rtmdet_m.py
Result: not measured.

A one-stage detector for real time: on COCO, AP 49.1, against 40.5 for YOLOX-s. The schedule is a
third of MMDetection's for COCO: 100 epochs, five of them to warm up, 50 with a cosine of the
learning rate, and the last 20 without mosaic and mixup.
A GPU takes 16 images; stock gives it 32, which need 27.8 GB.
Linear scaling is on: the rate, 0.004 for a batch of 256, is scaled to the batch size of the run.
"""

_base_ = 'mmdet::rtmdet/rtmdet_m_8xb32-300e_coco.py'
from taco_plugin.config import use_taco

use_taco(
    _base_,
    taxonomy='detectwaste7',
    load_from='https://download.openmmlab.com/mmdetection/v3.0/rtmdet/rtmdet_m_8xb32-300e_coco/rtmdet_m_8xb32-300e_coco_20220719_112220-229f527c.pth',  # noqa: E501
)

_base_.train_cfg.update(max_epochs=100, val_interval=5, dynamic_intervals=None)
_base_.param_scheduler[0].update(by_epoch=True, end=5, convert_to_iter_based=True)
_base_.param_scheduler[1].update(begin=50, end=100, T_max=50)
_base_.custom_hooks[1].switch_epoch = 80
_base_.train_dataloader.batch_size = 16
