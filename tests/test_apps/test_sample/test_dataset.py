import json

import cv2
import numpy as np
import pytest

from taco_plugin.apps.sample import settings
from taco_plugin.apps.sample.dataset import write_sample
from taco_plugin.apps.sample.shapes import polygon_area
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy


@pytest.fixture(scope='module')
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'sample'
    return folder, write_sample(folder, 100, seed=0)


def test_file_on_disk_is_what_is_returned(sample):
    folder, coco = sample
    assert json.loads((folder / 'annotations.json').read_text()) == coco
    assert sorted(entry.name for entry in folder.iterdir()) == [
        'annotations.json',
        'batch_1',
        'batch_2',
    ]


def test_images_lie_in_batches_as_in_taco(sample):
    folder, coco = sample
    names = [image['file_name'] for image in coco['images']]
    assert names[0] == 'batch_1/000000.jpg'
    assert names[80] == 'batch_2/000000.jpg'
    for image in coco['images'][::9]:
        pixels = cv2.imread(str(folder / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)
    assert len(list(folder.glob('batch_*/*.jpg'))) == len(names) == 100


def test_file_has_the_keys_of_taco(sample):
    _, coco = sample
    assert set(coco) == {
        'info',
        'images',
        'annotations',
        'scene_annotations',
        'licenses',
        'categories',
        'scene_categories',
    }
    assert set(coco['images'][0]) == {
        'id',
        'width',
        'height',
        'file_name',
        'license',
        'flickr_url',
        'coco_url',
        'date_captured',
        'flickr_640_url',
    }
    assert set(coco['annotations'][0]) == {
        'id',
        'image_id',
        'category_id',
        'segmentation',
        'area',
        'bbox',
        'iscrowd',
    }


def test_categories_are_those_of_taco(sample):
    _, coco = sample
    categories = {category['id']: category for category in coco['categories']}
    assert list(categories) == list(range(60))
    assert categories[7] == {'supercategory': 'Bottle cap', 'id': 7, 'name': 'Plastic bottle cap'}
    assert categories[59]['name'] == 'Cigarette'
    assert len({category['supercategory'] for category in coco['categories']}) == 28


def test_every_class_of_taco10_has_boxes(sample):
    _, coco = sample
    names = {category['id']: category['name'] for category in coco['categories']}
    taco10 = load_taxonomy('taco10')
    drawn = {taco10.mapping[names[item['category_id']]] for item in coco['annotations']}
    assert drawn == set(taco10.classes)


def test_scenes_name_their_ground(sample):
    _, coco = sample
    known = {category['id'] for category in coco['scene_categories']}
    assert [scene['image_id'] for scene in coco['scene_annotations']] == list(range(100))
    assert all(set(scene['background_ids']) <= known for scene in coco['scene_annotations'])


def test_ids_are_unique(sample):
    _, coco = sample
    assert [item['id'] for item in coco['annotations']] == [*range(1, len(coco['annotations']) + 1)]


def test_boxes_and_areas_are_those_of_the_polygons_inside_the_image(sample):
    _, coco = sample
    for item in coco['annotations']:
        polygon = np.reshape(item['segmentation'][0], (-1, 2))
        x, y, width, height = item['bbox']
        np.testing.assert_allclose(polygon.min(axis=0), (x, y), atol=1e-9)
        np.testing.assert_allclose(polygon.max(axis=0), (x + width, y + height), atol=1e-9)
        assert polygon.min() >= 0
        assert polygon.max() <= settings.IMAGE_SIZE
        assert item['area'] == pytest.approx(polygon_area(polygon), abs=1e-3)
        assert 0 < item['area'] <= width * height


def test_most_objects_are_learnable_and_some_are_small(sample):
    _, coco = sample
    sizes = np.array([item['bbox'][2:] for item in coco['annotations']])
    side, longest = np.sqrt(sizes.prod(axis=1)), sizes.max(axis=1)
    assert 0.2 < (side < 32).mean() < 0.5  # COCO's small
    assert 0 < (side < 16).mean() < 0.1
    assert ((longest >= 24) & (longest <= 120)).mean() > 0.7


def test_some_objects_are_cut_by_the_border(sample):
    _, coco = sample
    boxes = np.array([item['bbox'] for item in coco['annotations']])
    ends = boxes[:, :2] + boxes[:, 2:]
    cut = (boxes[:, :2] == 0).any(axis=1) | (ends >= settings.IMAGE_SIZE - 1e-6).any(axis=1)
    assert 0.01 < cut.mean() < 0.12


def test_same_seed_writes_the_same_bytes_and_another_seed_does_not(tmp_path):
    for folder, seed in (('a', 1), ('b', 1), ('c', 2)):
        write_sample(tmp_path / folder, 4, seed)
    for name in ('annotations.json', 'batch_1/000000.jpg', 'batch_1/000003.jpg'):
        first, second, other = ((tmp_path / folder / name).read_bytes() for folder in 'abc')
        assert first == second
        assert first != other


def test_a_previous_sample_is_replaced_and_other_files_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, 'IMAGES_PER_BATCH', 2)
    write_sample(tmp_path, 3, seed=0)
    (tmp_path / 'notes.txt').write_text('mine')
    coco = write_sample(tmp_path, 2, seed=3)
    assert json.loads((tmp_path / 'annotations.json').read_text()) == coco
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.*'))
    assert found == [
        'annotations.json',
        'batch_1/000000.jpg',
        'batch_1/000001.jpg',
        'notes.txt',
    ]


@pytest.mark.parametrize(
    'foreign', ['photo.jpg', 'annotations.json'], ids=['no annotations', 'annotations of others']
)
def test_a_folder_of_other_files_is_refused_and_kept(tmp_path, foreign):
    (tmp_path / foreign).write_text('{"info": {"description": "TACO"}}')
    with pytest.raises(InputError, match='holds other files than a sample'):
        write_sample(tmp_path, 1, seed=0)
    assert [entry.name for entry in tmp_path.iterdir()] == [foreign]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / 'out').write_text('')
    with pytest.raises(InputError, match='is a file; give a folder'):
        write_sample(tmp_path / 'out', 1, seed=0)


@pytest.mark.parametrize(('num_images', 'seed', 'message'), [(0, 0, 'images'), (1, -1, 'seed')])
def test_numbers_out_of_range_are_refused(tmp_path, num_images, seed, message):
    with pytest.raises(InputError, match=f'{message} must be >='):
        write_sample(tmp_path / 'out', num_images, seed)
    assert not (tmp_path / 'out').exists()


def _interrupt_after_one(plans):
    yield plans[0]
    raise KeyboardInterrupt


def test_an_interrupted_run_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / 'out', 3, 0, _interrupt_after_one)
    assert not (tmp_path / 'out').exists()


def test_an_interrupted_run_keeps_the_previous_sample(tmp_path):
    coco = write_sample(tmp_path, 2, seed=0)
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path, 3, 1, _interrupt_after_one)
    assert json.loads((tmp_path / 'annotations.json').read_text()) == coco
    assert len(list(tmp_path.rglob('*.jpg'))) == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_what_a_killed_run_left_is_no_obstacle(tmp_path):
    (tmp_path / '.sample-partial' / 'batch_1').mkdir(parents=True)
    write_sample(tmp_path, 1, seed=0)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ['annotations.json', 'batch_1']
