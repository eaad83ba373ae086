"""Rare classes: what helps Faster R-CNN on TACO's 28 supercategories.

Run: tools/study.py configs/studies/long_tail.py --out work_dirs/long_tail
"""

taxonomy = 'taco28'
test_images = 'taco_test.txt'
runs = {
    'plain': '../taco/faster_rcnn.py',
    'weighted cross-entropy': '../taco/faster_rcnn_weighted_ce.py',
    'repeats': '../taco/faster_rcnn_repeat_factor.py',
    'Seesaw': '../taco/faster_rcnn_seesaw.py',
    'EQLv2': '../taco/faster_rcnn_eqlv2.py',
}
