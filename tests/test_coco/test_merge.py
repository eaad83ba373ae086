import copy
import json
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taco_plugin.apps.merge import merge_files
from taco_plugin.coco import clean_annotations, read_coco
from taco_plugin.coco.merge import Duplicate, merge_cocos
from taco_plugin.errors import InputError
from taco_plugin.json_files import to_json

IDS = st.integers(-3, 5)
FOLDERS = st.sampled_from(['x', 'same'])
URLS = st.sampled_from([None, '', 'u1', 'u2', 7])
LICENSES = st.sampled_from([None, 'CC', 0, 1, 8])


@st.composite
def files(draw):
    """Two clean files that may share names, ids, URLs and licences."""
    cocos = []
    for number in range(2):
        names = draw(st.lists(st.sampled_from('abcd'), unique=True, min_size=1))
        ids = draw(st.lists(IDS, unique=True, min_size=len(names), max_size=len(names)))
        categories = [{'id': i, 'name': n} for i, n in zip(ids, names, strict=True)]
        images = [
            {'id': image_id, 'file_name': draw(FOLDERS) + f'/{image_id}{number}.jpg'}
            | {'flickr_url': draw(URLS), 'license': draw(LICENSES), 'width': 50, 'height': 50}
            for image_id in draw(st.lists(IDS, unique=True))
        ]
        boxes = [
            {'id': 1 + n, 'image_id': image['id'], 'category_id': draw(st.sampled_from(ids))}
            | {'bbox': [1, 1, 2, 2 + n], 'area': 4, 'iscrowd': 0}
            for n, image in enumerate(images * 2)
        ]
        licenses = [{'id': 0, 'name': 'CC BY'}, {'id': 1, 'name': f'own {number}'}]
        sections = {'images': images, 'annotations': boxes, 'licenses': licenses}
        cocos.append({**sections, 'categories': categories})
    return cocos


def contents(coco):
    """Every box by names in place of ids."""
    images = {image['id']: image['file_name'] for image in coco['images']}
    names = {category['id']: category['name'] for category in coco['categories']}
    return Counter(
        (images[a['image_id']], names[a['category_id']], tuple(a['bbox']))
        for a in coco['annotations']
    )


def license_of(coco, image):
    names = {entry['id']: entry['name'] for entry in coco.get('licenses') or []}
    value = image.get('license')
    return names.get(value) if isinstance(value, int) else value


@settings(derandomize=True, deadline=None, max_examples=200)
@given(files())
def test_merging_conserves_boxes_names_and_licences(cocos):
    before = copy.deepcopy(cocos)
    merged, reports = merge_cocos([('one', cocos[0]), ('two', cocos[1])])
    assert cocos == before
    dropped = {duplicate.file_name for duplicate in reports[1].duplicates}
    kept = Counter({key: n for key, n in contents(cocos[1]).items() if key[0] not in dropped})
    assert contents(merged) == contents(cocos[0]) + kept
    assert reports[0].duplicates == ()
    lost = sum(duplicate.annotations for duplicate in reports[1].duplicates)
    assert len(merged['annotations']) == sum(len(c['annotations']) for c in cocos) - lost
    for section in ('images', 'annotations', 'categories', 'licenses'):
        ids = [entry['id'] for entry in merged[section]]
        assert ids == list(range(1, len(ids) + 1))
    licenses = {i['file_name']: license_of(merged, i) for i in merged['images']}
    for coco in reversed(cocos):
        for image in coco['images']:
            if image['file_name'] not in dropped:
                assert licenses[image['file_name']] == license_of(coco, image)
    first = {image['flickr_url'] for image in cocos[0]['images']} & {'u1', 'u2'}
    second = {i['flickr_url'] for i in cocos[1]['images'] if i['file_name'] not in dropped}
    assert not first & second
    assert clean_annotations(merged) == (merged, [])


def test_an_image_of_both_files_is_left_out_of_the_second_and_described(coco):
    other = copy.deepcopy(coco)
    other['images'][0].update(file_name='./a//1.jpg', width=50)
    other['images'][1].update(file_name='c/1.jpg', flickr_url='u')
    coco['images'][0]['flickr_url'] = 'u'
    merged, (_, report) = merge_cocos([('one', coco), ('two', other)])
    assert [image['file_name'] for image in merged['images']] == ['a/1.jpg', 'b/1.jpg']
    assert report.duplicates == (
        Duplicate('./a//1.jpg', 'a/1.jpg', 'file_name', same_size=False, annotations=2),
        Duplicate('c/1.jpg', 'a/1.jpg', 'flickr_url', same_size=False, annotations=1),
    )
    assert (report.images, report.annotations, report.orphan_scenes) == (0, 0, 0)


def test_scenes_follow_their_images_and_orphans_are_counted(coco):
    first, other = (copy.deepcopy(coco) for _ in range(2))
    first['scene_categories'] = [{'id': 1, 'name': 'Water'}]
    scenes = [(7, [1]), (7, [2]), (99, [1]), ([], 3)]
    first['scene_annotations'] = [{'image_id': i, 'background_ids': ids} for i, ids in scenes]
    for image in other['images']:
        image['file_name'] = f'other/{image["file_name"]}'
    other['scene_categories'] = [{'id': 0, 'name': 'Sand'}, {'id': 1, 'name': 'Water'}]
    other['scene_annotations'] = [{'image_id': 2, 'background_ids': [1, 0]}]
    merged, reports = merge_cocos([('one', first), ('two', other)])
    assert merged['scene_annotations'] == [
        {'image_id': 1, 'background_ids': [1]},
        {'image_id': 4, 'background_ids': [1, 2]},
    ]
    assert [report.orphan_scenes for report in reports] == [3, 0]


@pytest.mark.parametrize(
    'junk', [7, 'x', [7], [{}], [{'id': 'a', 'name': 'b'}], [{'id': [], 'name': {}}]]
)
@pytest.mark.parametrize('section', ['licenses', 'scene_categories', 'scene_annotations'])
def test_junk_is_refused_with_the_file_or_counted(coco, section, junk):
    coco[section] = junk
    files = [('one.json', coco), ('two.json', {**coco, 'images': []})]
    if section == 'scene_annotations' and isinstance(junk, list) and junk != [7]:
        merged, reports = merge_cocos(files)
        assert reports[0].orphan_scenes == len(junk)
        to_json(merged)
        return
    place = section if junk in (7, 'x') else rf'{section}\[0\]'
    with pytest.raises(InputError, match=rf'^one\.json: .*{place}.*\Z'):
        merge_cocos(files)


def test_the_real_files(real_taco, tmp_path):
    paths = [str(real_taco / f'annotations{kind}.json') for kind in ('', '_unofficial')]
    out = tmp_path / 'extended.json'
    text = merge_files(paths, str(out))
    merged = read_coco(out)
    assert text.splitlines()[-1] == 'merged: 5331 images, 13095 boxes, 60 categories'
    licenses = Counter(image['license'] for image in merged['images'])
    assert (licenses[None], licenses['CC'], len(licenses)) == (715, 319 + 2399, 3)
    expected = Counter()
    for path in paths:
        expected += contents(clean_annotations(read_coco(path))[0])
    assert contents(merged) == expected
    report = json.loads((tmp_path / 'extended.report.json').read_text())
    assert report['files'][1]['changes']['counts']['box_not_finite'] == 15
    again = merge_files([paths[0], str(real_taco / 'subset_annotations.json')], str(out))
    assert '276 images left out with 793 boxes' in again
    assert '178 of these have another size' in again


@pytest.mark.parametrize(
    ('names', 'out', 'message'),
    [
        (['a.json'], 'out.json', 'give two files or more'),
        (['a.json', 'a.json'], 'out.txt', 'must be a .json'),
        (
            ['a.json', 'b.json'],
            'b.json',
            'b.json: an input of this command, which it would write over',
        ),
        (['a.json', 'none.json'], 'out.json', 'none.json: cannot be read'),
    ],
)
def test_refuses_what_it_cannot_merge(coco, tmp_path, names, out, message):
    for name in ('a.json', 'b.json'):
        (tmp_path / name).write_text(json.dumps(coco))
    with pytest.raises(InputError, match=message):
        merge_files([str(tmp_path / name) for name in names], str(tmp_path / out))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.json', 'b.json']


def test_a_number_that_json_lacks_is_named_with_its_file_and_place(coco, tmp_path):
    paths = [str(tmp_path / f'{name}.json') for name in 'ab']
    for path, gps in zip(paths, (0, math.nan), strict=True):
        coco['images'][1].update(gps=gps, file_name=path)
        with open(path, 'w') as file:
            json.dump(coco, file)
    with pytest.raises(InputError, match=r'b\.json: .*: images\[1\]\.gps is nan'):
        merge_files(paths, str(tmp_path / 'out.json'))


def test_the_command(coco, tmp_path, run_tool):
    files = [tmp_path / 'a.json', tmp_path / 'b.json']
    for file, name in zip(files, ('Drink can', 'Bottle'), strict=True):
        coco['categories'][0]['name'] = name
        file.write_text(json.dumps(coco))
    result = run_tool('dataset_converters/merge_taco.py', *files, '--out', tmp_path / 'out.json')
    assert result.returncode == 0, result.stderr
    assert "1 categories that no file before has: 'Bottle'" in result.stdout
    assert '2 images left out with 3 boxes: a file before has them' in result.stdout
    assert len(read_coco(tmp_path / 'out.json')['categories']) == 3


def test_files_that_name_one_folder_of_photographs_lead_there_when_merged(coco, tmp_path):
    paths = [tmp_path / 'a.json', tmp_path / 'b' / 'b.json']
    paths[1].parent.mkdir()
    for path, folder in zip(paths, ('photos', '../photos'), strict=True):
        path.write_text(json.dumps({**coco, 'info': {'image_folder': folder}}))
    out = tmp_path / 'c' / 'all.json'
    merge_files([str(path) for path in paths], str(out))
    assert read_coco(out)['info']['image_folder'] == '../photos'
    paths[1].write_text(json.dumps({**coco, 'info': {'image_folder': 'photos'}}))
    assert 'info.image_folder left out' in merge_files([str(path) for path in paths], str(out))
