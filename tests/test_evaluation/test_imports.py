import subprocess
import sys

import pytest

HEAVY = ('mmcv', 'mmdet', 'mmengine', 'torch')


@pytest.mark.parametrize(
    'package',
    [
        'taco_plugin.boxes',
        'taco_plugin.evaluation.coco_scores',
        'taco_plugin.evaluation.confusion',
        'taco_plugin.evaluation.curves',
        'taco_plugin.evaluation.detection_errors',
        'taco_plugin.evaluation.record',
        'taco_plugin.visualization',
        'taco_plugin.visualization.mosaics',
    ],
)
def test_needs_neither_torch_nor_mmdetection(package):
    """What reads records and draws starts fast, and works where neither is installed."""
    code = f'import sys, {package}; print(*sorted(set({HEAVY}) & set(sys.modules)))'
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, ''), done.stderr
