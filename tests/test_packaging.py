"""The wheel: what it holds, and that it works outside the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def source(tmp_path_factory) -> Path:
    """A copy of the checkout, as a build writes beside its source."""
    source = tmp_path_factory.mktemp('source')
    files = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        **{'cwd': ROOT, 'capture_output': True, 'text': True, 'check': True},
    ).stdout.split('\0')
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    return source


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('wheel')
    command = [sys.executable, '-m', 'build', '--no-isolation', '--outdir', out, source]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr + built.stdout
    return next(out.glob('*.whl'))


def test_the_wheel_is_whole(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / 'taco_plugin').rglob('*.*'):
        if path.suffix != '.pyc':
            assert str(path.relative_to(ROOT)) in names
    for folder in ('configs', 'tools'):
        for path in (ROOT / folder).rglob('*.[ps]*'):
            if path.suffix in ('.py', '.sh'):
                assert f'taco_plugin/.mim/{path.relative_to(ROOT)}' in names
    assert 'taco_plugin.pth' in names
    assert not [name for name in names if name.startswith('tests')]


CODE = """
import sys
assert 'taco_plugin.compat.start_up' in sys.modules, 'the .pth file was not read'
from mmengine.config import Config
from taco_plugin.taxonomies import load_taxonomy
config = Config.fromfile(sys.argv[1] + '/configs/taco/detr.py')
print(config.model.bbox_head.num_classes, load_taxonomy('taco60').classes[0])
"""


@pytest.mark.parametrize('editable', [False, True])
def test_an_installation_works_and_is_uninstalled(source, wheel, tmp_path, editable):
    venv.create(tmp_path / 'venv', with_pip=False)
    python, libraries = tmp_path / 'venv/bin/python', Path(sysconfig.get_path('purelib'))
    (tmp_path / 'setuptools').mkdir()  # and nothing else, so that no other package is at stake
    for path in [*libraries.glob('setuptools*'), libraries / '_distutils_hack']:
        (tmp_path / 'setuptools' / path.name).symlink_to(path)

    def run(*command):
        env = {'PATH': os.environ['PATH'], 'PYTHONPATH': str(tmp_path / 'setuptools')}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pip = (sys.executable, '-m', 'pip', '--python', python)
    install = (*pip, 'install', '--no-deps', '--no-build-isolation', '--no-index')
    run(*install, *(['--editable', source] if editable else [wheel]))
    (start_up_file,) = (tmp_path / 'venv').rglob('taco_plugin.pth')
    mim = source if editable else start_up_file.parent / 'taco_plugin' / '.mim'
    others = start_up_file.with_name('others.pth')
    others.write_text(str(libraries))
    assert run(python, '-c', CODE, mim) == '7 Aluminium foil\n'
    assert 'usage: ' in run(python, mim / 'tools' / 'train.py', '--help')
    others.unlink()
    run(*pip, 'uninstall', '--yes', 'taco_plugin')
    left = [path for path in (tmp_path / 'venv').rglob('*taco*') if '__pycache__' not in path.parts]
    assert left == []
