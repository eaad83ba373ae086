import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Two test processes on two cores: more threads would only wait for one another.
os.environ.setdefault('OMP_NUM_THREADS', '1')

# Shells let their background jobs ignore Ctrl+C, and so would the commands that are tested.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope='session')
def real_taco() -> Path:
    """Folder of TACO's annotation files and some photographs; a test skips where it is absent."""
    folder = ROOT.parent / 'shared' / 'data' / 'taco'
    if not (folder / 'annotations.json').is_file():
        pytest.skip('TACO is not there: expected ../shared/data/taco beside the repository')
    return folder


@pytest.fixture
def mmdet_scope():
    """Builds from MMDetection's registries, as its scripts do."""
    from mmengine.registry import DefaultScope

    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


@pytest.fixture(scope='session')
def run_tool():
    """Runs a command of ours as a user does; returns its exit status, stdout and stderr."""

    def run(tool: str, *args: object, **env: str) -> subprocess.CompletedProcess[str]:
        script = ROOT / 'tools' / tool
        command = [sys.executable] if script.suffix == '.py' else ['bash']
        path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
        return subprocess.run(
            [*command, str(script), *map(str, args)],
            capture_output=True,
            text=True,
            timeout=600,
            env={**os.environ, 'PATH': path, 'OMP_NUM_THREADS': '1', **env},
        )

    return run


# Renames are how files get to their places: a run can be stopped at each of them.
STOP = """
import os, pathlib, runpy, signal, sys
folder, precious, after, number, name = sys.argv[1:6]
left, replace, mkdir = [int(number)], os.replace, os.mkdir
def stop():
    left[0] = -1
    if precious:
        pathlib.Path(precious).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(precious).write_text('precious')
    os.kill(os.getpid(), getattr(signal, name))
def stopping_replace(source, target):
    is_counted = str(target).startswith(folder) and '/.new.' not in str(target)
    left[0] -= is_counted and (not after or any(pathlib.Path(folder).glob(after)))
    if left == [0]:
        stop()
    replace(source, target)
def stopping_mkdir(path, *args, **options):
    mkdir(path, *args, **options)
    if left == [0] and str(path).startswith(folder) and str(path).endswith('/new'):
        stop()
os.replace, os.mkdir = stopping_replace, stopping_mkdir
sys.argv = sys.argv[6:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


@pytest.fixture(scope='session')
def stop_tool():
    """Runs a command that is sent a signal before the nth file gets to its place in a folder.

    With 0, that is as soon as there is something in the folder. With ``after``, files count from
    when one in the folder matches this pattern. It writes the file ``precious``, if one is named,
    first. Returns exit status and stderr.
    """

    def run(signal, number, folder, tool, *args, precious='', after=''):
        command = [sys.executable, '-c', STOP, folder, precious, after, number, signal]
        command += [ROOT / 'tools' / tool, *args]
        env = {**os.environ, 'OMP_NUM_THREADS': '1'}
        done = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, timeout=600, env=env
        )
        return done.returncode, done.stderr

    return run


@pytest.fixture(scope='session')
def small_taco(tmp_path_factory, run_tool) -> Path:
    """A drawn data set of 16 images, prepared for taco10, as the configs expect data/taco."""
    root = tmp_path_factory.mktemp('taco')
    run_tool('dataset_converters/make_sample.py', '--out', root, '--images', 16)
    prepared = run_tool(
        *('dataset_converters/prepare_taco.py', root / 'annotations.json', '--images', root),
        *('--taxonomy', 'taco10', '--test-fraction', 0.25, '--val-fraction', 0.25, '--out', root),
    )
    assert prepared.returncode == 0, prepared.stderr
    return root


@pytest.fixture
def texts_of():
    """All that a figure says, legends and notes included."""

    def texts(figure):
        from matplotlib.text import Text

        return [text.get_text() for text in figure.findobj(Text) if text.get_text()]

    return texts


@pytest.fixture
def boxes():
    """Boxes of (image, label, xyxy, score); the score may be missing."""
    from taco_plugin.boxes import Boxes

    def make(*rows):
        if not rows:
            return Boxes.from_results([], {})
        return Boxes(*zip(*[(*row, *(1.0, False)[len(row) - 3 :]) for row in rows], strict=True))

    return make


@pytest.fixture
def make_cost():
    """The cost of a detector with this latency, in seconds, measured on this device."""

    def make(name='a', latency=0.025, device='CPU'):
        from taco_plugin.evaluation.cost import Conditions, Cost, Timing

        times = latency, 2 * latency, 3 * latency, 1 / latency
        parts = 9, 0.005, 0.018, None
        return Cost(
            **{'schema_version': 1, 'name': name, 'config': f'{name}.py', 'checkpoint': None},
            **{'detector': 'YOLOX', 'input_size': (64, 32), 'parameters': 10**6, 'flops': None},
            weights_size=4 * 10**6,
            latency=Timing(1, *times, latency, 1 / latency, *parts, 10**9),
            throughput=Timing(4, *times, latency / 4, 50.0, *parts, None),
            loading=None,
            conditions=Conditions(device, 2, {'torch': '2'}, 'photographs', 3, '2025-05-06'),
        )

    return make


@pytest.fixture
def coco():
    """Two images, three boxes, two categories; no defect."""
    return {
        'info': {'description': 'made up'},
        'categories': [
            {'id': 3, 'name': 'Drink can', 'supercategory': 'Can'},
            {'id': 0, 'name': 'Cigarette', 'supercategory': 'Cigarette'},
        ],
        'images': [
            {'id': 7, 'file_name': 'a/1.jpg', 'width': 100, 'height': 80, 'license': None},
            {'id': 2, 'file_name': 'b/1.jpg', 'width': 60, 'height': 90},
        ],
        'annotations': [
            {
                'id': number,
                'image_id': image_id,
                'category_id': category_id,
                'bbox': [10.0, 20.0, 30.0, 40.0],
                'segmentation': [[10.0, 20.0, 40.0, 20.0, 40.0, 60.0]],
                'area': 600.0,
                'iscrowd': 0,
            }
            for number, image_id, category_id in [(1, 7, 3), (2, 7, 0), (5, 2, 3)]
        ],
        'scene_annotations': [{'image_id': 7, 'background_ids': [1]}, {'image_id': 2}],
    }
