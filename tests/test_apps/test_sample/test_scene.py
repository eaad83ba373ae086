import cv2
import numpy as np
import pytest

from taco_plugin.apps.sample import scene as scene_module
from taco_plugin.apps.sample import settings
from taco_plugin.apps.sample.ground import GROUND_DRAWINGS
from taco_plugin.apps.sample.litter import DRAWINGS, draw_litter
from taco_plugin.apps.sample.placing import box_iou
from taco_plugin.apps.sample.scene import draw_scene

SIZE = settings.IMAGE_SIZE


def _rng(seed=0):
    return np.random.default_rng(seed)


def _polygon_mask(outline):
    """Pixels of the image whose middle is inside, at four subpixels per pixel and axis."""
    mask = np.zeros((SIZE * 4, SIZE * 4), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 4 - 0.5).astype(np.int32)], 1)
    return cv2.resize(mask.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_AREA) > 0.5


def _without_holes(mask):
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask, np.uint8)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return filled.astype(bool)


@pytest.fixture
def blue_ground(monkeypatch):
    """Bare blue ground without camera: a shadow darkens it, but gives it no red or green."""
    blue = np.array([0, 0, 255], np.float32)
    monkeypatch.setitem(GROUND_DRAWINGS, 'blue', lambda rng, size: np.tile(blue, (size, size, 1)))
    monkeypatch.setattr(scene_module, 'draw_distractors', lambda *args: [])
    monkeypatch.setattr(scene_module, '_photograph', lambda rng, pixels: pixels)


@pytest.mark.usefixtures('blue_ground')
@pytest.mark.parametrize('name', sorted(settings.LITTER))
def test_polygon_covers_what_is_drawn(name, monkeypatch):
    # From near: seen from afar, a pixel at each side is a third of a cigarette's width.
    monkeypatch.setattr(settings, 'CAMERA_SCALE', (2.5, 2.5))
    for seed in range(6):
        scene = draw_scene(_rng(seed), 'blue', [name])
        drawn = _without_holes(scene.pixels[..., :2].max(axis=2) > 14)
        outlined = _polygon_mask(scene.objects[0].outline)
        assert (drawn & outlined).sum() / (drawn | outlined).sum() > 0.9


@pytest.mark.usefixtures('blue_ground')
def test_objects_throw_shadows():
    scene = draw_scene(_rng(), 'blue', ['Drink can'])
    bare = scene.pixels[..., :2].max(axis=2) == 0
    assert (scene.pixels[..., 2][bare] < 200).sum() > 50


def test_every_category_of_the_settings_can_be_drawn():
    assert set(DRAWINGS) == set(settings.LITTER)


@pytest.mark.parametrize('name', sorted(settings.LITTER))
def test_object_is_as_long_as_asked_in_any_pose(name):
    for seed in range(6):
        outline = draw_litter(name, _rng(seed), 100).outline
        distances = np.linalg.norm(outline[:, None] - outline[None], axis=2)
        assert 85 < distances.max() < 150


@pytest.mark.parametrize('ground', sorted(settings.GROUNDS))
def test_ground_has_texture_and_varies(ground):
    first, second = (draw_scene(_rng(seed), ground, []).pixels for seed in (0, 1))
    assert first.std() > 6
    assert np.abs(first.astype(int) - second).mean() > 5
    assert 25 < first.mean() < 230


def test_same_seed_draws_the_same_picture():
    names = ['Drink can', 'Pop tab', 'Cigarette']
    first, second, other = (draw_scene(_rng(seed), 'grass', names) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.pixels, second.pixels)
    for one, two in zip(first.objects, second.objects, strict=True):
        np.testing.assert_array_equal(one.outline, two.outline)
    assert (first.pixels != other.pixels).any()


def test_a_crowded_picture_gets_all_its_objects_and_none_touch():
    names = ['Corrugated carton', 'Single-use carrier bag'] * 4
    objects = draw_scene(_rng(5), 'sand', names).objects
    assert sorted(item.name for item in objects) == sorted(names)
    masks = [_polygon_mask(item.outline) for item in objects]
    assert np.sum(masks, axis=0).max() == 1
    boxes = [(*item.outline.min(axis=0), *item.outline.max(axis=0)) for item in objects]
    for index, box in enumerate(boxes):
        assert all(box_iou(box, other) <= settings.MAX_BOX_IOU for other in boxes[:index])
