"""DETR, YOLOX and Faster R-CNN, each with its own loss, focal loss and weighted cross-entropy.

Run: tools/study.py configs/studies/comparison.py --out work_dirs/comparison_study

taco_test.txt is a fifth of TACO's photographs. For the split of detect-waste (1,183 and 317
photographs), add --test-images with annotations_test.json from its repository.
"""

taxonomy = 'detectwaste7'
test_images = 'taco_test.txt'
retrain = True
runs = {
    'DETR': '../taco/detr.py',
    'DETR, focal': '../taco/detr_focal.py',
    'DETR, weighted': '../taco/detr_weighted_ce.py',
    'YOLOX': '../taco/yolox.py',
    'YOLOX, focal': '../taco/yolox_focal.py',
    'YOLOX, weighted': '../taco/yolox_weighted_ce.py',
    'Faster R-CNN': '../taco/faster_rcnn.py',
    'Faster R-CNN, focal': '../taco/faster_rcnn_focal.py',
    'Faster R-CNN, weighted': '../taco/faster_rcnn_weighted_ce.py',
}

_STUDY = {'classes': 7, 'source': 'the study behind taco_plugin, 317 test images'}
_DETECT_WASTE = {'classes': 7, 'source': 'detect-waste, 915 test images'}
_CORDOVA = {'classes': 1, 'source': 'Córdova et al. 2022'}
published = [
    {'name': 'DETR-R50, weighted', 'AP50': 0.318, 'study_map': 0.286, **_STUDY},
    {'name': 'YOLOv8', 'AP50': 0.093, 'AP': 0.066, **_STUDY},
    {'name': 'Faster R-CNN R50, focal', 'AP50': 0.089, 'study_map': 0.089, **_STUDY},
    {'name': 'EfficientDet-D2', 'AP50': 0.188, **_DETECT_WASTE},
    {'name': 'DETR-R50', 'AP50': 0.12, 'AP': 0.067, **_DETECT_WASTE},
    {'name': 'YOLOv5x', 'AP50': 0.633, **_CORDOVA},
    {'name': 'Mask R-CNN', 'AP50': 0.523, **_CORDOVA},
    {'name': 'Faster R-CNN', 'AP50': 0.511, **_CORDOVA},
    {'name': 'RetinaNet', 'AP50': 0.506, **_CORDOVA},
]
