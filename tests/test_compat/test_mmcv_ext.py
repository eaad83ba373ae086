import importlib.util
import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from taco_plugin.compat import mmcv_ext, pkg_resources_warning

REPOSITORY = Path(__file__).parents[2]
DEPRECATED = 'pkg_resources is deprecated as an API. See https://setuptools.pypa.io'


def run_python(code, *options):
    """What a fresh interpreter prints as JSON, and its stderr."""
    command = [sys.executable, *options, '-c', code]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_install_imports_nothing_heavy():
    code = """
import json, sys
from taco_plugin.compat import mmcv_ext, pkg_resources_warning
for module in (mmcv_ext, pkg_resources_warning) * 2:
    module.install()
names = [getattr(finder, '__module__', '') for finder in sys.meta_path]
print(json.dumps({'modules': list(sys.modules), 'finders': names}))
"""
    printed, _ = run_python(code)
    heavy = {'torch', 'torchvision', 'numpy', 'mmcv', 'mmdet', 'mmengine', 'pkg_resources'}
    assert not heavy.intersection(printed['modules'])
    assert printed['finders'].count(mmcv_ext.__name__) == 1
    assert printed['finders'].count(pkg_resources_warning.__name__) == 1


def test_mmdet_imports_in_silence():
    code = """
import json, sys
from taco_plugin.compat import mmcv_ext, pkg_resources_warning
pkg_resources_warning.install()
mmcv_ext.install()
import mmdet.apis, mmdet.models, mmcv.ops
from mmengine.utils import is_installed
is_installed('mmdet')  # this is what imports pkg_resources
print(json.dumps([mmcv.ops.get_compiler_version(), 'pkg_resources' in sys.modules]))
"""
    (compiler, has_pkg_resources), stderr = run_python(code)
    assert compiler
    assert has_pkg_resources
    assert 'pkg_resources' not in stderr


def test_missing_module_is_still_missing():
    mmcv_ext.install()
    assert importlib.util.find_spec('mmcv._extension') is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('mmcv._ext2')


def test_compiled_extension_is_used_as_it_is(compiled):
    mmcv_ext.install()
    assert importlib.util.find_spec('mmcv._ext').origin == compiled.__file__
    assert compiled.__file__.endswith('.so')


@pytest.mark.parametrize(
    ('message', 'category', 'module', 'count'),
    [
        (DEPRECATED, UserWarning, 'mmengine.utils.package_utils', 0),
        (DEPRECATED, UserWarning, 'importlib', 0),
        (DEPRECATED, UserWarning, 'my_script', 1),
        (DEPRECATED, DeprecationWarning, 'importlib', 1),
        ('numpy is deprecated', UserWarning, 'mmengine.utils.package_utils', 1),
    ],
)
def test_one_warning_is_filtered(monkeypatch, message, category, module, count):
    watcher = pkg_resources_warning._MMEngineWatcher
    monkeypatch.setattr(watcher, 'filtered', False)
    with warnings.catch_warnings(record=True) as shown:
        warnings.resetwarnings()
        warnings.simplefilter('always')
        watcher.find_spec('mmengine')
        warnings.warn_explicit(message, category, 'file.py', 1, module=module)
    assert len(shown) == count


def test_filter_waits_for_mmengine(monkeypatch):
    watcher = pkg_resources_warning._MMEngineWatcher
    monkeypatch.setattr(watcher, 'filtered', False)
    with warnings.catch_warnings():
        before = list(warnings.filters)
        watcher.find_spec('mmengineering')
        assert warnings.filters == before
        watcher.find_spec('mmengine')
        watcher.find_spec('mmengine')
        assert len(warnings.filters) == len(before) + 1
