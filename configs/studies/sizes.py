"""YOLOX from nano to l: what a larger detector brings.

YOLOX-m is not among them, as MMDetection publishes no weights of it.

Run: tools/study.py configs/studies/sizes.py --out work_dirs/sizes
"""

taxonomy = 'detectwaste7'
test_images = 'taco_test.txt'
_WEIGHTS = 'https://download.openmmlab.com/mmdetection/v2.0/yolox/yolox_l_8x8_300e_coco/'
_LARGE = {
    'model.backbone.deepen_factor': 1.0,
    'model.backbone.widen_factor': 1.0,
    'model.neck.in_channels': [256, 512, 1024],
    'model.neck.out_channels': 256,
    'model.neck.num_csp_blocks': 3,
    'model.bbox_head.in_channels': 256,
    'model.bbox_head.feat_channels': 256,
    'load_from': f'{_WEIGHTS}yolox_l_8x8_300e_coco_20211126_140236-d3bd2b23.pth',
}
runs = {
    'nano': '../taco/yolox_nano.py',
    'tiny': '../taco/yolox_tiny.py',
    's': '../taco/yolox.py',
    'l': {'config': '../taco/yolox.py', 'options': _LARGE},
}
