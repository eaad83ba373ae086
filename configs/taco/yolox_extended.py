"""YOLOX-s on TACO and its unofficial photographs: 5,331 instead of 1,500.

Train: tools/train.py configs/taco/yolox_extended.py
Result: not measured.

The unofficial file has TACO's own 60 categories, so the classes stay those of detect-waste. Its
8,311 boxes include 22 batteries and 27 pieces of food waste; TACO has 2 and 8. It is less well
checked than TACO: 23 of its boxes cannot be used, and 19 more extend beyond their photograph.
The test split is that of yolox.py, so that the two can be compared; the validation split is drawn
from all photographs. With them in data/taco (batch_1 to batch_15, and unofficial), run:
tools/dataset_converters/merge_taco.py data/taco/annotations.json data/taco/annotations_unofficial.json --out data/taco/extended.json
tools/dataset_converters/prepare_taco.py data/taco/extended.json --images data/taco --test-images data/taco/annotations/test.json --out data/taco/extended
"""  # noqa: E501

_base_ = './yolox.py'

train_annotations = _base_.data_root + '/extended/annotations/train.json'
_base_.train_dataloader.dataset.dataset.ann_file = 'extended/annotations/train.json'
_base_.val_dataloader.dataset.ann_file = 'extended/annotations/val.json'
_base_.test_dataloader.dataset.ann_file = 'extended/annotations/test.json'
