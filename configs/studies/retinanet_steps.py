"""From a small SSD to RetinaNet, step by step.

Run: tools/study.py configs/studies/retinanet_steps.py --extended data/taco/extended.json \
    --out work_dirs/retinanet_steps

configs/taco/yolox_extended.py says how extended.json is made. Without it, name the other steps
with --runs.
"""

taxonomy = 'detectwaste7'
test_images = 'taco_test.txt'
_STEP = '../taco/retinanet_steps/retinanet_step'
runs = {
    'SSD': f'{_STEP}0_ssd.py',
    '+ flip': f'{_STEP}1_flip.py',
    '+ FPN': f'{_STEP}2_fpn.py',
    '+ focal loss': f'{_STEP}3_focal.py',
    '+ deep heads': f'{_STEP}4_deep_heads.py',
    '+ bias': f'{_STEP}5_bias.py',
    '+ anchors': f'{_STEP}6_anchors.py',
    '+ more data': f'{_STEP}7_more_data.py',
}
