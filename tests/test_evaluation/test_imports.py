import subprocess
import sys

HEAVY = ('mmcv', 'mmdet', 'mmengine', 'torch')
CODE = f"""
import sys
import taco_plugin.visualization.evaluation_report
print(*sorted(set({HEAVY}) & set(sys.modules)))
"""


def test_needs_neither_torch_nor_mmdetection():
    """What reads records and draws starts fast, and works where neither is installed."""
    command = [sys.executable, '-c', CODE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, ''), done.stderr
