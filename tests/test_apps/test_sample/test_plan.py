from collections import Counter

import numpy as np
import pytest

from taco_plugin.apps.sample import settings
from taco_plugin.apps.sample.plan import plan_scenes, share_out
from taco_plugin.taxonomies import load_taxonomy


def _plan(num_images, seed=0):
    return plan_scenes(num_images, np.random.default_rng(seed))


@pytest.mark.parametrize('seed', range(5))
def test_default_plan_has_exactly_the_boxes_of_the_settings(seed):
    counts = Counter(name for plan in _plan(settings.NUM_IMAGES, seed) for name in plan.litter)
    assert counts == {name: kind.boxes for name, kind in settings.LITTER.items()}


def test_default_plan_is_imbalanced_and_as_dense_as_taco():
    boxes = [kind.boxes for kind in settings.LITTER.values()]
    assert max(boxes) / min(boxes) >= 10
    assert min(boxes) >= 25
    assert sum(boxes) / settings.NUM_IMAGES == pytest.approx(4784 / 1500, abs=0.05)


def test_every_class_of_taco10_is_drawn():
    taco10 = load_taxonomy('taco10')
    assert {taco10.mapping[name] for name in settings.LITTER} == set(taco10.classes)


def test_images_hold_none_to_eight_objects():
    sizes = Counter(len(plan.litter) for plan in _plan(settings.NUM_IMAGES))
    assert set(sizes) == set(range(9))
    assert 0.005 < sizes[0] / settings.NUM_IMAGES < 0.05


def test_every_ground_has_its_share():
    grounds = Counter(plan.ground for plan in _plan(200))
    assert grounds == {name: round(200 * share) for name, (share, _) in settings.GROUNDS.items()}


@pytest.mark.parametrize('num_images', [1, 2, 7])
def test_a_small_plan_has_the_same_density(num_images):
    plans = _plan(num_images)
    assert len(plans) == num_images
    assert sum(len(plan.litter) for plan in plans) == round(num_images * 775 / 240)


def test_rare_categories_are_spread_over_the_images():
    plans = _plan(settings.NUM_IMAGES)
    assert sum('Pop tab' in plan.litter for plan in plans) >= 20


@pytest.mark.parametrize('total', [0, 1, 5, 100, 771])
def test_sharing_out_conserves_the_total(total):
    weights = {name: kind.boxes for name, kind in settings.LITTER.items()}
    counts = share_out(total, weights)
    scale = total / sum(weights.values())
    assert sum(counts.values()) == total
    assert all(abs(counts[name] - weights[name] * scale) < 1 for name in weights)
