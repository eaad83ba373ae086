"""Thresholds of non-maximum suppression and scores, and the number of boxes, without training.

Search: tools/search.py configs/taco/demo.py --space configs/search/post_processing.py --trials 100
        --checkpoint work_dirs/demo --out work_dirs/search_post_processing
Result: not measured.
"""


def space(trial, config):
    """Settings of the last step of a detector."""
    step, path = config.model.test_cfg, 'model.test_cfg'
    if 'rcnn' in step:
        step, path = step.rcnn, 'model.test_cfg.rcnn'
    settings = {
        f'{path}.score_thr': trial.suggest_float('score_thr', 0.001, 0.3, log=True),
        f'{path}.nms.iou_threshold': trial.suggest_float('iou_threshold', 0.3, 0.9),
    }
    if 'max_per_img' in step:
        settings[f'{path}.max_per_img'] = trial.suggest_int('max_per_img', 20, 300)
    return settings
