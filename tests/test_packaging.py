"""The wheel: what it holds, and that it works outside the checkout."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    source, out = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('wheel')
    files = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        **{'cwd': ROOT, 'capture_output': True, 'text': True, 'check': True},
    ).stdout.split('\0')
    for name in filter(None, files):  # a build writes beside its source
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
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


def test_the_wheel_works_outside_the_checkout(wheel, tmp_path):
    site = tmp_path / 'site'
    subprocess.run(
        [sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--target', site, wheel],
        check=True,
    )
    code = (
        'import taco_plugin, pathlib\n'
        'from mmengine.config import Config\n'
        'from taco_plugin.taxonomies import load_taxonomy\n'
        'folder = pathlib.Path(taco_plugin.__file__).parent\n'
        f'assert folder == pathlib.Path({str(site)!r}) / "taco_plugin", folder\n'
        'config = Config.fromfile(folder / ".mim/configs/taco/detr.py")\n'
        'print(config.model.bbox_head.num_classes, load_taxonomy("taco60").classes[0])\n'
    )
    # -S: without the checkout's own installation, which the environment would import first.
    paths = [str(site), sysconfig.get_path('purelib')]
    command = [sys.executable, '-S', '-c', f'import sys; sys.path[:0] = {paths}\n{code}']
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.strip() == '7 Aluminium foil', result.stderr[-3000:]
    tool = site / 'taco_plugin' / '.mim' / 'tools' / 'train.py'
    helped = subprocess.run(
        [sys.executable, tool, '--help'], capture_output=True, env={'PYTHONPATH': str(site)}
    )
    assert helped.returncode == 0
