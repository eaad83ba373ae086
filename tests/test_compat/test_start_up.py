import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from taco_plugin.compat import start_up
from taco_plugin.compat.torch_builds import TESTED

ROOT = Path(__file__).parents[2]
DEPRECATED = 'pkg_resources is deprecated as an API. See https://setuptools.pypa.io'

PINS = ' '.join(f'{name}=={number}' for name, number in TESTED.items())


def run_python(code, *search):
    """What a fresh interpreter that has put our remedies in effect prints as JSON, and stderr."""
    code = f'import json, sys; sys.path[:0] = {list(map(str, search))}\n{code}'
    command = [sys.executable, '-c', f'from taco_plugin.compat import at_start; at_start()\n{code}']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_mmdet_imports_in_silence():
    code = (
        'import mmdet.apis, mmdet.models, mmcv.ops\n'
        'from mmengine.utils import is_installed\n'
        'is_installed("mmdet")  # this is what imports pkg_resources\n'
        'print(json.dumps([mmcv.ops.get_compiler_version(), "pkg_resources" in sys.modules]))'
    )
    (compiler, has_pkg_resources), stderr = run_python(code)
    assert compiler
    assert has_pkg_resources
    assert 'pkg_resources' not in stderr


def test_a_compiled_mmcv_is_used_as_it_is(tmp_path):
    (tmp_path / 'mmcv').mkdir()
    (tmp_path / 'mmcv' / '__init__.py').touch()
    (tmp_path / 'mmcv' / '_ext.py').write_text('nms = "compiled"')
    code = 'import mmcv._ext; print(json.dumps(mmcv._ext.nms))'
    assert run_python(code, tmp_path)[0] == 'compiled'


@pytest.mark.parametrize(
    ('message', 'category', 'module', 'count'),
    [
        (DEPRECATED, UserWarning, 'importlib', 0),
        (DEPRECATED, UserWarning, 'my_script', 1),
        (DEPRECATED, DeprecationWarning, 'importlib', 1),
        ('numpy is deprecated', UserWarning, 'mmengine.utils.package_utils', 1),
    ],
)
def test_one_warning_is_filtered(message, category, module, count):
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter('always')
        start_up.install()
        warnings.warn_explicit(message, category, 'file.py', 1, module=module)
    assert len(shown) == count


@pytest.fixture
def run_with(tmp_path, run_tool):
    """Trains by a config that is not there, with a torchvision of our own."""

    def run(code):
        (tmp_path / 'torchvision.py').write_text(code)
        done = run_tool('train.py', 'no_such_config.py', PYTHONPATH=f'{tmp_path}:{ROOT}')
        assert done.returncode == 1
        return [*done.stdout.splitlines(), *done.stderr.splitlines()]

    return run


def test_a_torchvision_of_another_build_ends_in_one_line(run_with):
    lines = run_with('raise RuntimeError("operator torchvision::nms does not exist")')
    assert len(lines) == 1
    assert 'train.py: error: torchvision does not work with torch' in lines[0]
    assert lines[0].endswith(f'pip install --force-reinstall {PINS}')


@pytest.mark.parametrize(('number', 'count'), [('0.0.1', 1), (TESTED['torchvision'] + '+cpu', 0)])
def test_a_version_that_is_not_tested_is_said_in_one_line(run_with, number, count):
    said = [line for line in run_with(f'__version__ = {number!r}') if 'is tested with' in line]
    assert len(said) == count


def test_the_versions_that_are_tested_are_pinned():
    pinned = (ROOT / 'constraints.txt').read_text().splitlines()
    assert set(PINS.split()) <= set(pinned)
