"""What holds for all commands that write: inputs are safe, and so is what others write."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys

import pytest

CONVERTERS = 'dataset_converters'
EXPLORE = 'analysis_tools/explore_dataset.py'
MERGE, PREPARE = f'{CONVERTERS}/merge_taco.py', f'{CONVERTERS}/prepare_taco.py'
SAMPLE, TO_YOLO = f'{CONVERTERS}/make_sample.py', f'{CONVERTERS}/coco_to_yolo.py'
TO_COCO = f'{CONVERTERS}/yolo_to_coco.py'
COMMANDS = ['explore', 'merge', 'prepare', 'scale', 'sample', 'to_yolo', 'to_coco']


@pytest.fixture(scope='session')
def yolo(small_taco, tmp_path_factory, run_tool):
    out = tmp_path_factory.mktemp('yolo') / 'out'
    assert not run_tool(
        TO_YOLO, small_taco / 'annotations', '--images', small_taco, '--out', out
    ).returncode
    return out


@pytest.fixture
def command(small_taco, yolo):
    """The command line of each command with its inputs, and what it writes into."""

    def make(name, out):
        source, splits = small_taco / 'annotations.json', small_taco / 'annotations'
        images = '--images', small_taco
        scale = (PREPARE, source, *images, '--taxonomy', 'taco10', '--max-side', 100, '--out', out)
        return {
            'explore': (EXPLORE, splits / 'train.json', '--out', out),
            'merge': (MERGE, source, splits / 'train.json', '--out', out / 'merged.json'),
            'prepare': (*scale[:6], '--out', out),
            'scale': scale,
            'sample': (SAMPLE, '--images', 3, '--out', out),
            'to_yolo': (TO_YOLO, splits, *images, '--link', 'copy', '--out', out),
            'to_coco': (TO_COCO, yolo / 'data.yaml', '--out', out),
        }[name]

    return make


def tree(folder):
    """The bytes of all files, by their paths."""
    files = sorted(path for path in folder.rglob('*') if not path.is_dir())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize('name', COMMANDS)
def test_ctrl_c_removes_only_what_the_command_made(tmp_path, command, stop_tool, name):
    precious = tmp_path / 'R' / 'other' / 'precious.txt'
    out = tmp_path / 'R' / 'exp'
    status, stderr = stop_tool('SIGINT', 0, out, *command(name, out), precious=precious)
    assert (status, 'Traceback' in stderr) == (130, False), stderr
    left = tree(tmp_path)
    if name == 'scale':  # photographs that are complete stay: the next run goes on from there
        left = {path: data for path, data in left.items() if not path.endswith('.jpg')}
    assert left == {'R/other/precious.txt': b'precious'}
    assert not [*tmp_path.rglob('.new.*')]


@pytest.mark.parametrize('signal', ['SIGINT', 'SIGTERM'])
def test_what_is_being_moved_into_place_is_moved_whole(tmp_path, command, stop_tool, signal):
    stop_tool('SIGINT', 99, tmp_path / 'a', *command('prepare', tmp_path / 'a'))
    status, stderr = stop_tool(signal, 2, tmp_path / 'b', *command('prepare', tmp_path / 'b'))
    assert (status, 'Traceback' in stderr) == (130, False), stderr
    results = [tree(tmp_path / name) for name in 'ab']
    assert results[0] == results[1] != {}


@pytest.mark.parametrize(
    ('name', 'number'),
    [
        *(('merge', 2), ('prepare', 2), ('prepare', 4), ('scale', 1), ('scale', 9), ('scale', 18)),
        *(('sample', 2), ('to_yolo', 1), ('to_coco', 1)),
    ],
)
def test_what_a_killed_run_left_is_gone_after_the_next(
    tmp_path, command, run_tool, stop_tool, name, number
):
    """And what is there is what a run that was not disturbed writes."""
    for out in ('expected', 'out'):
        (tmp_path / out / 'out').mkdir(parents=True)
        (tmp_path / out / 'out' / 'notes.txt').write_text('mine')
        if name in ('sample', 'to_yolo'):
            shutil.rmtree(tmp_path / out / 'out')
    expected, out = tmp_path / 'expected' / 'out', tmp_path / 'out' / 'out'
    if name == 'prepare':  # over what is there
        assert run_tool(*command(name, out), '--seed', 1).returncode == 0
    assert run_tool(*command(name, expected)).returncode == 0
    status, _ = stop_tool('SIGKILL', number, out, *command(name, out))
    assert status == -9
    assert [*out.parent.rglob('.new.*')]
    assert run_tool(*command(name, out)).returncode == 0
    found, wanted = tree(out.parent), tree(expected.parent)
    if name == 'to_yolo':  # it names the folder
        del found['out/data.yaml'], wanted['out/data.yaml']
    assert found == wanted
    assert not [*out.parent.rglob('.new.*')]


@pytest.fixture
def refuses(run_tool):
    """The command ends in one line that names the file, and changes nothing."""

    def call(root, file, *arguments):
        before = tree(root)
        result = run_tool(*arguments)
        message = f'{file}: an input of this command, which it would write over; give another --out'
        assert result.stderr.splitlines()[-1].partition('error: ')[2] == message
        assert (result.returncode, tree(root)) == (1, before)

    return call


def test_no_command_writes_over_a_file_that_it_reads(small_taco, tmp_path, refuses):
    root = tmp_path / 'data'
    shutil.copytree(small_taco, root)
    source, train = root / 'annotations.json', root / 'annotations/train.json'
    merged, report, explored = root / 'm.json', root / 'm.report.json', root / 'exploration.json'
    for path in (merged, report, explored):
        shutil.copy(source, path)
    prepare = PREPARE, '--images', root, '--taxonomy', 'taco10', '--out', root
    refuses(root, train, *prepare, train)
    refuses(root, train, *prepare, source, '--test-images', train)
    for path in (merged, report):
        refuses(root, path, MERGE, source, path, '--out', merged)
    refuses(root, explored, EXPLORE, explored, '--out', root)


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_a_file_is_recognized_by_whatever_name(small_taco, tmp_path, refuses, link):
    out, given = tmp_path / 'out', tmp_path / 'given'
    for name in ('annotations/train.json', 'batch_1/000001.jpg'):
        (out / name).parent.mkdir(parents=True)
        shutil.copy(small_taco / 'annotations.json', out / name)
        link(out / name, given)
        scale = PREPARE, given, '--images', small_taco, '--max-side', 50, '--out', out
        refuses(tmp_path, out / name, *scale)
        given.unlink()
        (out / name).unlink()


def test_no_command_writes_over_the_photographs(small_taco, tmp_path, refuses):
    originals, links = tmp_path / 'originals', tmp_path / 'links'
    shutil.copytree(small_taco / 'batch_1', originals / 'batch_1')
    names = sorted(path.name for path in (originals / 'batch_1').iterdir())
    (links / 'train/batch_1').mkdir(parents=True)
    for name in names:  # as coco_to_yolo.py links them
        (links / 'train/batch_1' / name).symlink_to(originals / 'batch_1' / name)
    prepare = PREPARE, small_taco / 'annotations.json', '--max-side', 50, '--out', originals
    first = originals / 'batch_1' / names[0]
    refuses(tmp_path, first, *prepare, '--images', originals)
    refuses(tmp_path, first, *prepare, '--images', links / 'train')
    coco = json.loads((small_taco / 'annotations.json').read_text())
    coco['images'] = [{**coco['images'][0], 'file_name': 'classes.png'}]
    (tmp_path / 'a.json').write_text(json.dumps(coco))
    shutil.copy(first, originals / 'classes.png')
    explore = EXPLORE, tmp_path / 'a.json', '--images', originals, '--out', originals
    refuses(tmp_path, originals / 'classes.png', *explore)


def test_a_picture_of_an_earlier_run_that_is_now_an_input_stays(small_taco, tmp_path, refuses):
    coco = json.loads((small_taco / 'annotations.json').read_text())
    coco['images'] = [{**coco['images'][0], 'file_name': 'mine.png'}]
    (tmp_path / 'a.json').write_text(json.dumps(coco))
    shutil.copy(small_taco / 'batch_1/000000.jpg', tmp_path / 'mine.png')
    (tmp_path / 'exploration.json').write_text('{"pictures": ["mine.png"]}')
    explore = EXPLORE, tmp_path / 'a.json', '--images', tmp_path, '--out', tmp_path
    refuses(tmp_path, tmp_path / 'mine.png', *explore)


@pytest.mark.parametrize('name', ['explore', 'scale', 'to_yolo'])
def test_what_is_no_file_is_reported_and_blocks_nothing(
    small_taco, tmp_path, run_tool, command, name
):
    root = tmp_path / 'data'
    shutil.copytree(small_taco, root)
    names = sorted(path.name for path in (root / 'batch_1').iterdir())[:5]
    for odd in names:
        (root / 'batch_1' / odd).rename(root / odd)
    pipe, device, plug, folder, link = (root / 'batch_1' / odd for odd in names)
    os.mkfifo(pipe)
    device.symlink_to('/dev/zero')
    folder.mkdir()
    link.symlink_to(root / names[4])
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(plug))
    tool, _, *rest = command(name, tmp_path / 'out')
    rest = [root if argument == small_taco else argument for argument in rest]
    source = root / ('annotations' if name == 'to_yolo' else 'annotations.json')
    images = () if '--images' in rest else ('--images', root)
    result = run_tool(tool, source, *rest, *images)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if 'photographs unreadable' in line]
    assert sum(int(re.search('[0-9]+', line)[0]) for line in lines) == 4


@pytest.mark.parametrize(
    ('name', 'file'),
    [
        ('explore', 'aspect_ratios.png|box_sizes.png|classes.png|image_sizes.png|boxes_per.*png'),
        ('merge', 'merged.json'),
        ('prepare', 'annotations/train.json'),
        ('scale', 'batch_1/0000...jpg'),
        ('sample', 'batch_1/0000...jpg'),
        ('to_yolo', 'images/(train|val|test)/batch_1/0000...jpg'),
        ('to_coco', 'annotations/train.json'),
    ],
)
def test_a_full_disk_names_the_file_that_could_not_be_written(tmp_path, command, name, file):
    tool, *arguments = command(name, tmp_path / 'out')
    script = 'ulimit -f 1; exec "$@"'  # files of at most 1 KiB
    run = ['bash', '-c', script, 'bash', sys.executable, f'tools/{tool}', *map(str, arguments)]
    result = subprocess.run(run, capture_output=True, text=True)
    assert result.returncode == 1
    line = result.stderr.splitlines()[-1]
    pattern = rf'\w+\.py: error: {tmp_path}/out/({file}): cannot be written \(.+\)'
    assert re.fullmatch(pattern, line), line
    assert not (tmp_path / 'out').exists() or name == 'scale'
