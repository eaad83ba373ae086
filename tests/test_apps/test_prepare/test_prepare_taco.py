"""prepare_taco.py, as a user calls it."""

import json

import pytest
from PIL import Image

from taco_plugin.taxonomies import load_taxonomy

PUBLISHED = {
    'metals_and_plastic': 2403,
    'other': 2,
    'non_recyclable': 1351,
    'glass': 248,
    'paper': 255,
    'bio': 8,
    'unknown': 517,
}


def test_official_file_gives_the_published_counts(real_taco, tmp_path, succeeds, load):
    succeeds(real_taco / 'annotations.json', '--allow-missing-images', '--out', tmp_path)
    files = load(tmp_path)
    report = files.pop('report.json')
    assert report['source'] == {
        'file': 'annotations.json',
        'sha256': 'ac1ec605c9e1fcda767970de3457c69b4a43b62c02aca8c4c80f51d1b5ae8449',
    }
    assert report['counts']['prepared'] == {'images': 1500, 'annotations': 4784, 'categories': 7}
    assert report['changes']['counts'] == {'box_clipped': 7, 'id_duplicate': 2}
    counts = dict.fromkeys(report['taxonomy']['classes'], 0)
    for coco in files.values():
        names = {c['id']: c['name'] for c in coco['categories']}
        assert list(names.items()) == list(enumerate(counts, start=1))
        for annotation in coco['annotations']:
            counts[names[annotation['category_id']]] += 1
    assert counts == PUBLISHED
    assert abs(len(files['annotations/train.json']['images']) - 1200) <= 15
    scenes = json.loads((real_taco / 'annotations.json').read_text())['scene_annotations']
    assert sum(len(coco['scene_annotations']) for coco in files.values()) == len(scenes)


def test_prints_a_table_for_each_split(arguments, succeeds):
    lines = succeeds(*arguments).stdout.splitlines()
    assert lines[0] == 'annotations.json: 20 images, 20 boxes, 60 categories'
    assert [line.split(':')[0] for line in lines if 'images,' in line] == [
        *('annotations.json', 'taxonomy detectwaste7', 'train', 'val', 'test')
    ]
    header = ['class', 'boxes', 'images', 'inverse', 'density', 'weight']
    assert sum(line.split() == header for line in lines) == 3
    glass = [line.split() for line in lines if line.split()[:1] == ['glass']]
    assert glass[0][1:3] == ['0', '0']


def test_same_input_and_seed_give_the_same_bytes(made_up, tmp_path, succeeds, monkeypatch):
    contents = []
    for out, seed in (('a', 0), ('b', 0), ('c', 1)):
        # The folder that the command is called in must not matter either.
        monkeypatch.chdir(tmp_path if out == 'a' else made_up)
        path = made_up / 'annotations.json' if out == 'a' else 'annotations.json'
        images = 'data' if out == 'a' else '.'
        succeeds(path, '--images', images, '--out', tmp_path / out, '--seed', seed)
        contents.append([path.read_bytes() for path in sorted((tmp_path / out).rglob('*.json'))])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_bad_photographs_are_dropped_and_listed(made_up, arguments, succeeds, load, edit):
    photograph = made_up / 'batch_0' / '0.jpg'
    photograph.write_bytes(photograph.read_bytes()[:-200])
    (made_up / 'batch_1' / '0.jpg').unlink()
    Image.new('RGB', (30, 40)).save(made_up / 'batch_0' / '3.jpg')
    edit(made_up, lambda coco: coco['images'][8].update(file_name='../data/batch_0/4.jpg'))
    result = succeeds(*arguments)
    files = load(arguments[-1])
    images = files.pop('report.json')['images']
    expected = {
        'batch_0/0.jpg': 'unreadable',
        'batch_1/0.jpg': 'missing',
        'batch_0/3.jpg': 'size_differs',
        '../data/batch_0/4.jpg': 'outside_folder',
    }
    assert {entry['file_name']: entry['kind'] for entry in images['dropped']} == expected
    assert images['dropped_counts'] == dict.fromkeys(expected.values(), 1)
    names = [image['file_name'] for coco in files.values() for image in coco['images']]
    assert len({*names} - {*expected}) == len(names) == 16
    assert sum(len(coco['annotations']) for coco in files.values()) == 16
    assert 'warning: 4 of 20 images were dropped' in result.stderr
    assert '--allow-missing-images' in result.stderr
    assert '1 images dropped: photographs unreadable' in result.stdout


def test_missing_photographs_can_be_kept_but_others_are_checked(made_up, arguments, succeeds):
    (made_up / 'batch_1' / '0.jpg').unlink()
    (made_up / 'batch_0' / '0.jpg').write_text('damaged')
    succeeds(*arguments, '--allow-missing-images')
    report = json.loads((arguments[-1] / 'report.json').read_text())
    assert report['images']['not_checked'] == ['batch_1/0.jpg']
    assert report['counts']['prepared']['images'] == 19


@pytest.mark.parametrize('suffix', ['json', 'txt'])
def test_given_test_images(made_up, arguments, tmp_path, suffix, succeeds, fails, load):
    coco = json.loads((made_up / 'annotations.json').read_text())
    names = [image['file_name'] for image in coco['images']][3:9]
    path = tmp_path / f'test.{suffix}'
    path.write_text(
        '\n'.join([*names, ''])
        if suffix == 'txt'
        else json.dumps({**coco, 'images': coco['images'][3:9], 'annotations': []})
    )
    result = succeeds(*arguments, '--test-images', path, '--strict-test-images')
    assert 'warning' not in result.stderr.replace('warning: the training split', '')
    files = load(arguments[-1])
    assert [i['file_name'] for i in files['annotations/test.json']['images']] == names
    assert 11 <= len(files['annotations/train.json']['images']) <= 13  # of 14, 2 for val
    fails('--test-fraction has no effect', *arguments, '--test-images', path, '--test-fraction', 0)


def test_test_images_may_name_those_of_other_data(arguments, tmp_path, succeeds, fails, load):
    path = tmp_path / 'list.txt'
    path.write_text('a.jpg\n./batch_0/0.jpg\nb.jpg\nc.jpg\nbatch_1/0.jpg\nd.jpg\n')
    warning = succeeds(*arguments, '--test-images', path).stderr
    assert 'warning: 2 of 6 names in list.txt are those of images here; 4 are left out' in warning
    files = load(arguments[-1])
    names = [image['file_name'] for image in files['annotations/test.json']['images']]
    assert names == ['batch_0/0.jpg', 'batch_1/0.jpg']
    assert files['report.json']['test_names']['unknown'] == ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg']
    message = "4 of 6 test images are not in the annotations: 'a.jpg', 'b.jpg', 'c.jpg', ..."
    fails(message, *arguments, '--test-images', path, '--strict-test-images')
    path.write_text('a.jpg\nb.jpg')
    fails('2 of 2 test images are not in the annotations', *arguments, '--test-images', path)
    path.write_text('\n')
    fails('list.txt: names no test image', *arguments, '--test-images', path)
    path.unlink()
    fails('list.txt: cannot be read', *arguments, '--test-images', path)
    fails('--strict-test-images has no effect', *arguments, '--strict-test-images')


def test_a_test_list_of_which_nothing_is_left_is_told(made_up, arguments, tmp_path, succeeds):
    (made_up / 'batch_0' / '0.jpg').write_bytes(b'')
    (tmp_path / 'list.txt').write_text('batch_0/0.jpg')
    warnings = succeeds(*arguments, '--test-images', tmp_path / 'list.txt').stderr
    assert 'warning: no image of the test list is left: no test split is written' in warnings


def test_files_say_where_their_photographs_lie(made_up, tmp_path, succeeds, load, edit):
    edit(made_up, lambda coco: coco.update(info={'year': 2019, 'image_folder': 'elsewhere'}))
    source, folders = made_up / 'annotations.json', {}
    for out in (made_up, tmp_path / 'a' / 'out'):
        succeeds(source, '--images', made_up, '--out', out)
        folders[out] = load(out)['annotations/train.json']['info']
    assert folders[made_up] == {'year': 2019, 'image_folder': '..'}
    assert folders[tmp_path / 'a' / 'out'] == {'year': 2019, 'image_folder': '../../../data'}
    succeeds(source, '--allow-missing-images', '--out', tmp_path / 'none')
    assert load(tmp_path / 'none')['annotations/train.json']['info'] == {'year': 2019}


def test_fraction_0_writes_no_file_and_removes_an_old_one(arguments, succeeds, load):
    succeeds(*arguments)
    assert 'annotations/val.json' in load(arguments[-1])
    result = succeeds(*arguments, '--val-fraction', 0)
    assert 'val: none (its share of the images is 0), no file written' in result.stdout
    names = ['annotations/test.json', 'annotations/train.json', 'report.json']
    assert list(load(arguments[-1])) == names


def test_own_taxonomy_drops_and_warns(made_up, arguments, tmp_path, succeeds, fails, edit):
    path = tmp_path / 'mine.csv'
    rows = [f'{name},' for name in load_taxonomy('taco60').classes[2:]]
    path.write_text('\n'.join(['category,class', 'Aluminium foil,Foil', 'Battery,Power', *rows]))
    edit(made_up, lambda coco: coco['annotations'][1].update(category_id=3))
    result = succeeds(*arguments, '--taxonomy', path)
    report = json.loads((arguments[-1] / 'report.json').read_text())
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


def test_bad_annotations_and_arguments_write_nothing(made_up, arguments, tmp_path, fails, edit):
    source, *rest = arguments
    out = arguments[-1]
    fails('gone.json: cannot be read', made_up / 'gone.json', *rest)
    broken = tmp_path / 'broken.json'
    broken.write_text('{"images": [], "annotations": [], "categories": []}')
    fails('broken.json: has no images', broken, *rest)
    fails('--images', source, '--out', out)
    fails('the image folder does not exist', source, '--images', tmp_path / 'no', '--out', out)
    message = "none of the 20 photographs can be used, 20 are missing; the first: 'batch_0/0.jpg'"
    fails(message, source, '--images', tmp_path, '--out', out)
    fails('test_fraction must be in [0, 1), not 1.5', *arguments, '--test-fraction', 1.5)
    fails('must add up to less than 1', *arguments, '--val-fraction', 0.95)
    fails('the following arguments are required: --out', source)
    edit(made_up, lambda coco: coco.update(info={'year': float('nan')}))
    fails('info.year is nan', *arguments)
    assert not out.exists()


def test_folder_that_cannot_be_written(arguments, tmp_path, fails):
    (tmp_path / 'file').touch()
    *rest, out = arguments
    fails(f'{tmp_path}/file/out: cannot be written', *rest, tmp_path / 'file' / 'out')
    (out / 'report.json').mkdir(parents=True)
    fails('report.json: cannot be written (it is a folder)', *arguments)
    assert list(out.iterdir()) == [out / 'report.json']
    fails('cannot be written', *rest, '/proc/out')
