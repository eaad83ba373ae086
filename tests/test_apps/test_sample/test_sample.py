"""The sample as a user gets it: files, annotations, and what the pictures show."""

import json
from collections import Counter

import cv2
import numpy as np
import pytest

from taco_plugin.apps.sample import dataset, scene
from taco_plugin.apps.sample.dataset import write_sample
from taco_plugin.apps.sample.plan import (
    GROUNDS,
    IMAGE_SIZE,
    LITTER,
    NUM_IMAGES,
    Ground,
    plan_scenes,
)
from taco_plugin.apps.sample.scene import draw_scene
from taco_plugin.boxes import box_iou
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy


@pytest.fixture(scope='module')
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'sample'
    return folder, write_sample(folder, 100, seed=0)


def polygon(item):
    return np.reshape(item['segmentation'][0], (-1, 2))


def test_the_files_are_laid_out_as_in_taco(sample):
    folder, coco = sample
    assert json.loads((folder / 'annotations.json').read_text()) == coco
    names = [image['file_name'] for image in coco['images']]
    assert names[0] == 'batch_1/000000.jpg'
    assert names[80] == 'batch_2/000000.jpg'
    files = {str(path.relative_to(folder)) for path in folder.rglob('*.*')}
    assert files == {'annotations.json', *names}
    for image in coco['images'][::9]:
        pixels = cv2.imread(str(folder / image['file_name']))
        assert pixels.shape == (image['height'], image['width'], 3)


def test_the_keys_and_categories_are_those_of_taco(sample):
    _, coco = sample
    assert set(coco) == {
        *('info', 'images', 'annotations', 'scene_annotations', 'licenses', 'categories'),
        'scene_categories',
    }
    assert set(coco['images'][0]) == {
        *('id', 'width', 'height', 'file_name', 'license', 'flickr_url', 'coco_url'),
        *('date_captured', 'flickr_640_url'),
    }
    assert set(coco['annotations'][0]) == {
        *('id', 'image_id', 'category_id', 'segmentation', 'area', 'bbox', 'iscrowd'),
    }
    categories = {category['id']: category for category in coco['categories']}
    assert list(categories) == list(range(60))
    assert categories[7] == {'supercategory': 'Bottle cap', 'id': 7, 'name': 'Plastic bottle cap'}
    assert categories[59]['name'] == 'Cigarette'
    assert len({category['supercategory'] for category in coco['categories']}) == 28
    assert [item['id'] for item in coco['annotations']] == [*range(1, len(coco['annotations']) + 1)]
    known = {category['id'] for category in coco['scene_categories']}
    assert [scene['image_id'] for scene in coco['scene_annotations']] == list(range(100))
    assert all(set(scene['background_ids']) <= known for scene in coco['scene_annotations'])


def test_every_class_of_taco10_has_boxes(sample):
    _, coco = sample
    names = {category['id']: category['name'] for category in coco['categories']}
    taco10 = load_taxonomy('taco10')
    drawn = {taco10.mapping[names[item['category_id']]] for item in coco['annotations']}
    assert drawn == set(taco10.classes)


def test_boxes_and_areas_are_those_of_the_polygons_inside_the_image(sample):
    _, coco = sample
    for item in coco['annotations']:
        corners, (x, y, width, height) = polygon(item), item['bbox']
        np.testing.assert_allclose(corners.min(axis=0), (x, y), atol=1e-9)
        np.testing.assert_allclose(corners.max(axis=0), (x + width, y + height), atol=1e-9)
        assert corners.min() >= 0
        assert corners.max() <= IMAGE_SIZE
        u, v = corners.T
        area = abs(u @ np.roll(v, -1) - v @ np.roll(u, -1)) / 2
        assert item['area'] == pytest.approx(area, abs=1e-3)
        assert 0 < area <= width * height


def test_most_objects_are_learnable_some_are_small_and_some_are_cut(sample):
    _, coco = sample
    boxes = np.array([item['bbox'] for item in coco['annotations']])
    side, longest = np.sqrt(boxes[:, 2:].prod(axis=1)), boxes[:, 2:].max(axis=1)
    assert 0.2 < (side < 32).mean() < 0.5  # COCO's small
    assert (side < 16).mean() < 0.1
    assert ((longest >= 24) & (longest <= 120)).mean() > 0.7
    ends = boxes[:, :2] + boxes[:, 2:]
    cut = (boxes[:, :2] == 0).any(axis=1) | (ends >= IMAGE_SIZE - 1e-6).any(axis=1)
    assert 0.01 < cut.mean() < 0.12


def test_the_same_seed_writes_the_same_bytes_and_another_seed_does_not(tmp_path):
    for folder, seed in (('a', 1), ('b', 1), ('c', 2)):
        write_sample(tmp_path / folder, 4, seed)
    for name in ('annotations.json', 'batch_1/000000.jpg', 'batch_1/000003.jpg'):
        first, second, other = ((tmp_path / folder / name).read_bytes() for folder in 'abc')
        assert first == second
        assert first != other


def test_a_previous_sample_is_replaced_and_other_files_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, 'IMAGES_PER_BATCH', 2)
    (tmp_path / '.new.abc' / 'batch_1').mkdir(parents=True)  # what a killed run left
    write_sample(tmp_path, 3, seed=0)
    (tmp_path / 'notes.txt').write_text('mine')
    (tmp_path / 'batch_mine').mkdir()
    (tmp_path / 'batch_mine' / '1.jpg').write_text('mine')
    coco = write_sample(tmp_path, 2, seed=3)
    assert json.loads((tmp_path / 'annotations.json').read_text()) == coco
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.*') if path.is_file()}
    images = {'batch_1/000000.jpg', 'batch_1/000001.jpg'}
    assert files == {'annotations.json', 'notes.txt', 'batch_mine/1.jpg', *images}


def test_a_folder_of_other_annotations_is_refused(tmp_path):
    (tmp_path / 'annotations.json').write_text('{"info": {"description": "TACO"}}')
    with pytest.raises(InputError, match='holds other files than a sample'):
        write_sample(tmp_path, 1, seed=0)
    assert [entry.name for entry in tmp_path.iterdir()] == ['annotations.json']


def interrupt_after_one(plans):
    yield plans[0]
    raise KeyboardInterrupt


def test_an_interrupted_run_leaves_everything_as_it_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / 'new', 3, 0, track=interrupt_after_one)
    assert not (tmp_path / 'new').exists()
    coco = write_sample(tmp_path / 'old', 2, seed=0)
    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path / 'old', 3, 1, track=interrupt_after_one)
    assert json.loads((tmp_path / 'old' / 'annotations.json').read_text()) == coco
    assert len(list((tmp_path / 'old').rglob('*.jpg'))) == 2
    assert len(list((tmp_path / 'old').iterdir())) == 2


@pytest.mark.parametrize('seed', range(3))
def test_the_default_sample_is_imbalanced_and_as_dense_as_taco(seed):
    plans = plan_scenes(NUM_IMAGES, np.random.default_rng(seed))
    litter = [names for _, names in plans]
    boxes = Counter(name for names in litter for name in names)
    assert boxes == {name: kind.boxes for name, kind in LITTER.items()}
    assert max(boxes.values()) / min(boxes.values()) >= 10
    assert min(boxes.values()) >= 25
    assert boxes.total() / NUM_IMAGES == pytest.approx(4784 / 1500, abs=0.05)
    sizes = Counter(map(len, litter))
    assert set(sizes) == set(range(9))
    assert 0.005 < sizes[0] / NUM_IMAGES < 0.05
    assert sum('Pop tab' in names for names in litter) >= 20  # spread over the images
    few = plan_scenes(7, np.random.default_rng(seed))
    assert (len(few), sum(len(names) for _, names in few)) == (7, round(7 * 775 / 240))
    grounds = Counter(ground for ground, _ in plans)
    for name, ground in GROUNDS.items():
        assert grounds[name] == pytest.approx(NUM_IMAGES * ground.share, abs=1)


@pytest.mark.parametrize('name', sorted(LITTER))
def test_the_polygon_is_that_of_what_is_drawn(name, monkeypatch):
    """On bare blue ground, a shadow darkens the blue, but gives no red or green."""
    blue = np.array([0, 0, 255], np.float32)
    ground = Ground(
        0, lambda rng, size: np.tile(blue, (size, size, 1)), scenes=(), distractors=(0, 0), stones=0
    )
    monkeypatch.setitem(GROUNDS, 'blue', ground)
    monkeypatch.setattr(scene, '_photograph', lambda rng, pixels: pixels)
    monkeypatch.setattr(scene, 'CAMERA_SCALE', (1.5, 1.5))
    for seed in range(4):
        pixels, [(_, outline)] = draw_scene(np.random.default_rng(seed), 'blue', [name])
        is_drawn = (pixels[..., :2].max(axis=2) > 14).astype(np.uint8)
        contours, _ = cv2.findContours(is_drawn, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        drawn, outlined = np.zeros_like(is_drawn), np.zeros_like(is_drawn)
        cv2.drawContours(drawn, contours, -1, 1, cv2.FILLED)  # without a pop tab's hole
        cv2.fillPoly(outlined, [np.round(outline * 16 - 8).astype(np.int32)], 1, shift=4)
        assert (drawn & outlined).sum() / (drawn | outlined).sum() > 0.9
        assert (pixels[..., 2][drawn == 0] < 200).sum() > 20  # its shadow


def test_a_crowded_picture_gets_all_its_objects_and_none_touch():
    names = ['Corrugated carton', 'Single-use carrier bag'] * 4
    _, objects = draw_scene(np.random.default_rng(5), 'sand', names)
    assert sorted(name for name, _ in objects) == sorted(names)
    boxes = np.array([[*outline.min(axis=0), *outline.max(axis=0)] for _, outline in objects])
    assert box_iou(boxes, boxes).sum() == pytest.approx(len(boxes))
