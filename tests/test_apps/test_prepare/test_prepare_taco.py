import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from taco_plugin.taxonomies import load_taxonomy

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'dataset_converters' / 'prepare_taco.py'


def call(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={'PYTHONPATH': str(ROOT)},
        check=False,
    )


def fails(message, *arguments):
    """Ends with one line on stderr, and nothing on stdout."""
    result = call(*arguments)
    assert result.returncode == 1, result
    assert result.stdout == ''
    assert result.stderr.startswith('prepare_taco.py: error: ')
    assert result.stderr.count('\n') == 1
    assert message in result.stderr


def succeeds(*arguments, cwd=None):
    result = call(*arguments, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return result


def load(folder):
    return {
        str(path.relative_to(folder)): json.loads(path.read_text())
        for path in sorted(folder.rglob('*.json'))
    }


@pytest.fixture
def made_up(tmp_path):
    """Twenty photographs and their annotations, with all 60 categories."""
    folder = tmp_path / 'data'
    names = load_taxonomy('taco60').classes
    coco = {
        'categories': [{'id': n, 'name': name} for n, name in enumerate(names)],
        'images': [],
        'annotations': [],
        'licenses': [],
    }
    for number in range(20):
        name = f'batch_{number % 2}/{number // 2}.jpg'
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((40, 30), 60).save(path)
        coco['images'].append({'id': number, 'file_name': name, 'width': 40, 'height': 30})
        annotation = {'image_id': number, 'category_id': number % 3, 'bbox': [1, 2, 3, 4]}
        coco['annotations'].append({'id': 1 + number, **annotation, 'area': 12, 'iscrowd': 0})
    save(folder, coco)
    return folder


def save(folder, coco):
    (folder / 'annotations.json').write_text(json.dumps(coco))


def edit(folder, change):
    coco = json.loads((folder / 'annotations.json').read_text())
    change(coco)
    save(folder, coco)


def test_official_file_gives_the_published_counts(real_taco, tmp_path):
    start = time.monotonic()
    succeeds(real_taco / 'annotations.json', '--allow-missing-images', '--out', tmp_path)
    assert time.monotonic() - start < 1.5 * 3  # other work may share the machine
    files = load(tmp_path)
    report = files.pop('report.json')
    assert report['source'] == {
        'file': 'annotations.json',
        'sha256': hashlib.sha256((real_taco / 'annotations.json').read_bytes()).hexdigest(),
    }
    assert report['counts']['prepared'] == {'images': 1500, 'annotations': 4784, 'categories': 7}
    assert report['changes']['counts'] == {'box_clipped': 7, 'id_duplicate': 2}
    counts = dict.fromkeys(report['taxonomy']['classes'], 0)
    for coco in files.values():
        names = {c['id']: c['name'] for c in coco['categories']}
        assert list(names.items()) == list(enumerate(counts, start=1))
        for annotation in coco['annotations']:
            counts[names[annotation['category_id']]] += 1
    assert counts == {
        'metals_and_plastic': 2403,
        'other': 2,
        'non_recyclable': 1351,
        'glass': 248,
        'paper': 255,
        'bio': 8,
        'unknown': 517,
    }
    assert abs(len(files['annotations/train.json']['images']) - 1200) <= 15
    scenes = sum(len(coco['scene_annotations']) for coco in files.values())
    assert scenes == len(
        json.loads((real_taco / 'annotations.json').read_text())['scene_annotations']
    )


def test_unofficial_file_has_every_change_in_the_report(real_taco, tmp_path):
    succeeds(
        *(real_taco / 'annotations_unofficial.json', '--allow-missing-images'),
        *('--out', tmp_path, '--taxonomy', 'taco60'),
    )
    changes = json.loads((tmp_path / 'report.json').read_text())['changes']
    assert changes['counts'] == {
        'box_not_finite': 15,
        'box_outside': 8,
        'box_clipped': 19,
        'id_zero': 1,
    }
    assert len(changes['list']) == 43
    infinite = [entry for entry in changes['list'] if entry['kind'] == 'box_not_finite']
    assert all(entry['before'] == ['inf', 'inf', '-inf', '-inf'] for entry in infinite)


def test_real_photographs_pass_the_check(real_taco, tmp_path):
    out = tmp_path / 'out'
    source = real_taco / 'subset_annotations.json'
    result = succeeds(source, '--images', real_taco, '--taxonomy', 'taco1', '--out', out)
    assert result.stderr == ''
    report = json.loads((out / 'report.json').read_text())
    assert report['images']['dropped'] == report['images']['not_checked'] == []
    assert report['counts']['prepared'] == {'images': 276, 'annotations': 793, 'categories': 1}


def test_prints_a_table_for_each_split(made_up, tmp_path):
    arguments = made_up / 'annotations.json', '--images', made_up, '--out', tmp_path / 'out'
    lines = succeeds(*arguments).stdout.splitlines()
    assert lines[0] == 'annotations.json: 20 images, 20 boxes, 60 categories'
    assert [line.split(':')[0] for line in lines if 'images,' in line] == [
        'annotations.json',
        'taxonomy detectwaste7',
        'train',
        'val',
        'test',
    ]
    header = ['class', 'boxes', 'images', 'inverse', 'density', 'weight']
    assert sum(line.split() == header for line in lines) == 3
    glass = [line.split() for line in lines if line.split()[:1] == ['glass']]
    assert glass[0][1:3] == ['0', '0']


def test_same_input_and_seed_give_the_same_bytes(made_up, tmp_path):
    source, contents = made_up / 'annotations.json', []
    for out, seed in (('a', 0), ('b', 0), ('c', 1)):
        # The folder that the command is called in must not matter either.
        path = source if out == 'a' else 'annotations.json'
        succeeds(path, '--images', '.', '--out', tmp_path / out, '--seed', seed, cwd=made_up)
        contents.append([path.read_bytes() for path in sorted((tmp_path / out).rglob('*.json'))])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_bad_photographs_are_dropped_and_listed(made_up, tmp_path):
    photograph = made_up / 'batch_0' / '0.jpg'
    photograph.write_bytes(photograph.read_bytes()[:-200])
    (made_up / 'batch_1' / '0.jpg').unlink()
    Image.new('RGB', (30, 40)).save(made_up / 'batch_0' / '3.jpg')
    edit(made_up, lambda coco: coco['images'][8].update(file_name='../data/batch_0/4.jpg'))
    out = tmp_path / 'out'
    result = succeeds(made_up / 'annotations.json', '--images', made_up, '--out', out)
    files = load(out)
    images = files.pop('report.json')['images']
    expected = {
        'batch_0/0.jpg': 'unreadable',
        'batch_1/0.jpg': 'missing',
        'batch_0/3.jpg': 'size_differs',
        '../data/batch_0/4.jpg': 'outside_folder',
    }
    assert {entry['file_name']: entry['kind'] for entry in images['dropped']} == expected
    assert images['dropped_counts'] == dict.fromkeys(sorted(expected.values()), 1) | {}
    names = [image['file_name'] for coco in files.values() for image in coco['images']]
    assert len(names) == 16
    assert not set(names) & set(expected)
    assert sum(len(coco['annotations']) for coco in files.values()) == 16
    assert 'warning: 4 of 20 images were dropped' in result.stderr
    assert '--allow-missing-images' in result.stderr
    assert '1 images dropped: photographs unreadable' in result.stdout


def test_missing_photographs_can_be_kept_but_others_are_checked(made_up, tmp_path):
    (made_up / 'batch_1' / '0.jpg').unlink()
    (made_up / 'batch_0' / '0.jpg').write_text('damaged')
    out = tmp_path / 'out'
    succeeds(
        *(made_up / 'annotations.json', '--images', made_up, '--out', out),
        '--allow-missing-images',
    )
    report = json.loads((out / 'report.json').read_text())
    assert report['images']['not_checked'] == ['batch_1/0.jpg']
    assert report['images']['dropped_counts'] == {'unreadable': 1}
    assert report['counts']['prepared']['images'] == 19


@pytest.mark.parametrize('suffix', ['json', 'txt'])
def test_given_test_images(made_up, tmp_path, suffix):
    coco = json.loads((made_up / 'annotations.json').read_text())
    names = [image['file_name'] for image in coco['images']][3:9]
    path = tmp_path / f'test.{suffix}'
    path.write_text(
        '\n'.join([*names, ''])
        if suffix == 'txt'
        else json.dumps({**coco, 'images': coco['images'][3:9], 'annotations': []})
    )
    out = tmp_path / 'out'
    arguments = made_up / 'annotations.json', '--images', made_up, '--out', out
    succeeds(*arguments, '--test-images', path)
    files = load(out)
    assert [i['file_name'] for i in files['annotations/test.json']['images']] == names
    assert 11 <= len(files['annotations/train.json']['images']) <= 13  # of 14, 2 for val
    fails('--test-fraction has no effect', *arguments, '--test-images', path, '--test-fraction', 0)
    path = tmp_path / 'unknown.txt'
    path.write_text('a.jpg\nbatch_0/0.jpg\nb.jpg\nc.jpg\nd.jpg\n')
    message = "4 of 5 test images are not in the annotations: 'a.jpg', 'b.jpg', 'c.jpg', ..."
    fails(message, *arguments, '--test-images', path)
    (tmp_path / 'empty.txt').touch()
    fails('empty.txt: names no test image', *arguments, '--test-images', tmp_path / 'empty.txt')
    fails('gone.txt: cannot be read', *arguments, '--test-images', tmp_path / 'gone.txt')


def test_fraction_0_writes_no_file_and_removes_an_old_one(made_up, tmp_path):
    out = tmp_path / 'out'
    arguments = made_up / 'annotations.json', '--images', made_up, '--out', out
    succeeds(*arguments)
    assert (out / 'annotations' / 'val.json').exists()
    result = succeeds(*arguments, '--val-fraction', 0)
    assert 'val: none (its share of the images is 0), no file written' in result.stdout
    assert list(load(out)) == ['annotations/test.json', 'annotations/train.json', 'report.json']


def test_own_taxonomy_drops_and_warns(made_up, tmp_path):
    path = tmp_path / 'mine.csv'
    rows = [f'{name},' for name in load_taxonomy('taco60').classes[2:]]
    path.write_text('\n'.join(['category,class', 'Aluminium foil,Foil', 'Battery,Power', *rows]))
    out = tmp_path / 'out'
    arguments = made_up / 'annotations.json', '--images', made_up, '--out', out
    edit(made_up, lambda coco: coco['annotations'][1].update(category_id=3))
    result = succeeds(*arguments, '--taxonomy', path)
    report = json.loads((out / 'report.json').read_text())
    assert report['taxonomy'] == {'name': 'mine', 'classes': ['Foil', 'Power']}
    assert report['dropped_categories']['Aluminium blister pack'] == 6
    assert report['dropped_categories']['Carded blister pack'] == 1
    assert report['counts']['prepared'] == {'images': 20, 'annotations': 13, 'categories': 2}
    assert "6 boxes dropped: the taxonomy drops 'Aluminium blister pack'" in result.stdout
    path.write_text(path.read_text().replace('Battery,Power\n', ''))
    fails("does not name 1 of 60 categories: 'Battery'", *arguments, '--taxonomy', path)
    path.write_text(path.read_text() + '\nShoe,Foil\n')
    fails("mine.csv, line 61: the category 'Shoe' is there twice", *arguments, '--taxonomy', path)
    fails('unknown taxonomy', *arguments, '--taxonomy', 'taco7')


def test_bad_annotations_and_arguments_write_nothing(made_up, tmp_path):
    out = tmp_path / 'out'
    source = made_up / 'annotations.json'
    rest = '--images', made_up, '--out', out
    fails('gone.json: cannot be read', made_up / 'gone.json', *rest)
    broken = tmp_path / 'broken.json'
    broken.write_text('{"images": [')
    fails('broken.json, line 1, column 13: broken JSON', broken, *rest)
    broken.write_text('{"images": []}')
    fails("broken.json: not a COCO file: expected a list 'categories'", broken, *rest)
    broken.write_text('{"images": [], "annotations": [], "categories": []}')
    fails('broken.json: has no images', broken, *rest)
    fails('--images', source, '--out', out)
    fails('the image folder does not exist', source, '--images', tmp_path / 'no', '--out', out)
    fails("none of the 20 photographs can be used, 20 are missing; the first: 'batch_0/0.jpg'",
          source, '--images', tmp_path, '--out', out)  # fmt: skip
    fails('test_fraction must be in [0, 1), not 1.5', source, *rest, '--test-fraction', 1.5)
    fails('must add up to less than 1', source, *rest, '--val-fraction', 0.95)
    fails("invalid float value: 'x'", source, *rest, '--val-fraction', 'x')
    fails('the following arguments are required: --out', source)
    edit(made_up, lambda coco: coco.update(info={'year': float('nan')}))
    fails('info.year is nan', source, *rest)
    assert not out.exists()


def test_folder_that_cannot_be_written(made_up, tmp_path):
    (tmp_path / 'file').touch()
    arguments = made_up / 'annotations.json', '--images', made_up, '--out'
    fails(f'{tmp_path}/file/out: cannot be written', *arguments, tmp_path / 'file' / 'out')
    out = tmp_path / 'out'
    (out / 'report.json').mkdir(parents=True)
    fails('report.json: cannot be written (it is a folder)', *arguments, out)
    assert list(out.iterdir()) == [out / 'report.json']
    fails('cannot be written', *arguments, '/proc/out')


def test_help_is_quick_and_names_every_option():
    start = time.monotonic()
    text = succeeds('--help').stdout
    assert time.monotonic() - start < 1
    for option in ('--images', '--taxonomy', '--out', '--test-images', '--test-fraction'):
        assert option in text
    for option in ('--val-fraction', '--seed', '--allow-missing-images', '--max-side', 'taco1'):
        assert option in text
