"""The import rule: every module imports only from layers below its own."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / 'taco_plugin'

LAYERS = [
    {'errors'},
    {'files', 'json_files', 'images', 'options', 'checkpoint_files', 'tables', 'web_page'},
    {'command_line'},  # runs stock scripts, for which it calls compat: see ALLOWED
    {'taxonomies'},
    {'coco'},
    {'boxes', 'class_counts'},
    {'compat'},
    {'datasets', 'models', 'evaluation', 'visualization'},
    {'engine', 'runtime'},
    {'config', 'config_files', 'plugin', 'tiles', 'model_facts'},
    {'detector'},
    {'apps', 'd2'},
]
SIDEWAYS = {
    ('visualization', 'evaluation'),
    ('plugin', 'config'),
    ('datasets', 'models'),
}
"""Rooms of one layer of which the first may import the second."""

ALLOWED = {('command_line', 'compat')}
TORCH_FREE = {
    *('errors', 'files', 'json_files', 'images', 'checkpoint_files', 'command_line', 'coco'),
    *('taxonomies', 'boxes', 'runtime', 'tables'),
}


def room_of(module: str) -> str:
    return module.split('.')[1] if '.' in module else ''


def imports_of(path: Path) -> set[str]:
    """Modules of this package and of others that a file imports anywhere."""
    parts = ('taco_plugin', *path.relative_to(PACKAGE).with_suffix('').parts)
    package = parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = '.'.join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f'{module}.{alias.name}' for alias in node.names}
    return found


def rooms() -> dict[str, dict[str, set[str]]]:
    """Room -> file -> what it imports."""
    found: dict[str, dict[str, set[str]]] = {}
    for path in PACKAGE.rglob('*.py'):
        room = path.relative_to(PACKAGE).parts[0].removesuffix('.py')
        if room != '__init__':
            found.setdefault(room, {})[str(path.relative_to(PACKAGE))] = imports_of(path)
    return found


def test_every_room_has_its_layer():
    assert set(rooms()) == set().union(*LAYERS)


def test_nothing_imports_upward():
    level = {room: number for number, layer in enumerate(LAYERS) for room in layer}
    upward = [
        f'{file} imports {module}'
        for room, files in rooms().items()
        for file, modules in files.items()
        for module in modules
        if module.startswith('taco_plugin.')
        and (other := room_of(module)) in level
        and other != room
        and (room, other) not in SIDEWAYS | ALLOWED
        and level[other] >= level[room]
    ]
    assert not upward


def test_no_app_imports_another():
    sideways = [
        f'{file} imports {module}'
        for file, modules in rooms()['apps'].items()
        for module in modules
        if module.startswith('taco_plugin.apps.')
        and module.split('.')[2] != Path(file).parts[1].removesuffix('.py')
    ]
    assert not sideways


def test_the_ground_floor_knows_neither_torch_nor_mmdet():
    torch_users = [
        f'{file} imports {module}'
        for room, files in rooms().items()
        if room in TORCH_FREE - {'command_line'}
        for file, modules in files.items()
        for module in modules
        if module.split('.')[0] in {'torch', 'torchvision', 'mmdet', 'mmcv', 'mmengine'}
    ]
    assert not torch_users


def test_importing_the_package_loads_nothing_heavy():
    code = (
        'import sys; before = set(sys.modules); import taco_plugin, taco_plugin.command_line;'
        'print(*{name.partition(".")[0] for name in set(sys.modules) - before})'
    )
    loaded = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {'torch', 'mmdet', 'mmengine', 'mmcv', 'numpy', 'PIL', 'matplotlib'} & set(loaded)
