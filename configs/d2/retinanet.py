"""RetinaNet, ResNet-50 and FPN, on the classes of detect-waste, from COCO's weights.

Train: tools/d2_train.py --config-file configs/d2/retinanet.py
Result: not measured.

Its loss is Detectron2's sigmoid focal loss. The schedule is faster_rcnn.py's, at half the rate, as
Detectron2's RetinaNet on COCO has half the rate of its Faster R-CNN.
"""

from detectron2.model_zoo import get_config

from taco_plugin.d2.config import fine_tune, use_taco

_config = get_config('COCO-Detection/retinanet_R_50_FPN_1x.py')
use_taco(_config, taxonomy='detectwaste7')
fine_tune(
    _config,
    'detectron2://COCO-Detection/retinanet_R_50_FPN_3x/190397829/model_final_5bd44e.pkl',
    lr=0.01,
)
model, dataloader, train = _config.model, _config.dataloader, _config.train
optimizer, lr_multiplier = _config.optimizer, _config.lr_multiplier
