"""The sample as a dataset on disk, laid out and annotated exactly like TACO."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...errors import InputError
from ...taxonomies import load_taxonomy
from . import settings
from .plan import ScenePlan, plan_scenes
from .scene import Scene, SceneObject, draw_scene
from .shapes import polygon_area

ANNOTATION_FILE = 'annotations.json'
DESCRIPTION = 'TACO sample: litter drawn by taco_plugin'

_PARTIAL = '.sample-partial'
_SCENE_CATEGORIES = (
    'Clean',
    'Indoor, Man-made',
    'Pavement',
    'Sand, Dirt, Pebbles',
    'Trash',
    'Vegetation',
    'Water',
)

Track = Callable[[Iterable[ScenePlan]], Iterable[ScenePlan]]


def write_sample(out: Path, num_images: int, seed: int, track: Track = iter) -> dict[str, Any]:
    """Draws the sample dataset into a folder.

    Everything is drawn into a hidden folder inside ``out`` and moved to its place at the end,
    the annotation file last. A sample that is already there is replaced, that is its
    ``batch_*`` folders and its annotation file; other files stay.

    Args:
        out: Folder, made if absent.
        num_images: Images to draw, >= 1.
        seed: The same seed gives the same dataset, >= 0.
        track: Wraps the scenes while they are drawn, to show progress.

    Returns:
        What ``annotations.json`` holds.

    Raises:
        InputError: If ``num_images`` or ``seed`` is out of range, or ``out`` holds files but no
            sample.
    """
    if num_images < 1:
        raise InputError(f'number of images must be >= 1, got {num_images}')
    if seed < 0:
        raise InputError(f'seed must be >= 0, got {seed}')
    _check_folder(out)
    streams = np.random.SeedSequence(seed).spawn(num_images + 1)
    plans = plan_scenes(num_images, np.random.default_rng(streams[0]))
    coco = _empty_dataset(seed)
    with _partial_folder(out) as partial:
        for plan, stream in zip(track(plans), streams[1:], strict=True):
            scene = draw_scene(np.random.default_rng(stream), plan.ground, plan.litter)
            _write_image(partial, _add_scene(coco, plan, scene), scene)
        text = json.dumps(coco)
        (partial / ANNOTATION_FILE).write_text(text, encoding='utf-8')
        _move_in(partial, out)
    return coco


def _check_folder(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f'{out} is a file; give a folder')
    if {entry.name for entry in out.iterdir()} <= {_PARTIAL}:
        return
    try:
        info = json.loads((out / ANNOTATION_FILE).read_text(encoding='utf-8'))['info']
        is_sample = info['description'] == DESCRIPTION
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        is_sample = False
    if not is_sample:
        raise InputError(f'{out} holds other files than a sample; give a new or empty folder')


@contextmanager
def _partial_folder(out: Path) -> Iterator[Path]:
    """Makes the folder to draw into, and leaves nothing of it, nor an empty ``out``, behind."""
    partial = out / _PARTIAL
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial)
        if not any(out.iterdir()):
            out.rmdir()


def _move_in(partial: Path, out: Path) -> None:
    for old in out.glob('batch_*'):
        if old.is_dir():
            shutil.rmtree(old)
    for batch in sorted(partial.glob('batch_*')):
        batch.rename(out / batch.name)
    (partial / ANNOTATION_FILE).replace(out / ANNOTATION_FILE)


def _empty_dataset(seed: int) -> dict[str, Any]:
    supercategories = load_taxonomy('taco28').mapping
    names = load_taxonomy('taco60').classes
    return {
        'info': {
            'year': None,
            'version': f'seed {seed}',
            'description': DESCRIPTION,
            'contributor': None,
            'url': None,
            'date_created': None,
        },
        'images': [],
        'annotations': [],
        'scene_annotations': [],
        'licenses': [],
        'categories': [
            {'supercategory': supercategories[name], 'id': index, 'name': name}
            for index, name in enumerate(names)
        ],
        'scene_categories': [
            {'id': index, 'name': name} for index, name in enumerate(_SCENE_CATEGORIES)
        ],
    }


def _add_scene(coco: dict[str, Any], plan: ScenePlan, scene: Scene) -> dict[str, Any]:
    """Appends an image and its annotations; returns the image's entry."""
    index = len(coco['images'])
    batch, number = divmod(index, settings.IMAGES_PER_BATCH)
    image = {
        'id': index,
        'width': settings.IMAGE_SIZE,
        'height': settings.IMAGE_SIZE,
        'file_name': f'batch_{batch + 1}/{number:06d}.jpg',
        'license': None,
        'flickr_url': None,
        'coco_url': None,
        'date_captured': None,
        'flickr_640_url': None,
    }
    coco['images'].append(image)
    scene_ids = list(settings.GROUNDS[plan.ground][1])
    coco['scene_annotations'].append({'image_id': index, 'background_ids': scene_ids})
    ids = {category['name']: category['id'] for category in coco['categories']}
    for item in scene.objects:
        number = len(coco['annotations']) + 1
        coco['annotations'].append(_annotate(item, number, index, ids[item.name]))
    return image


def _annotate(item: SceneObject, number: int, image_id: int, category_id: int) -> dict[str, Any]:
    """Describes an object as TACO does; box and area are those of the rounded polygon."""
    tenths = np.round(item.outline * 10).astype(int)
    low, high = tenths.min(axis=0), tenths.max(axis=0)
    return {
        'id': number,
        'image_id': image_id,
        'category_id': category_id,
        'segmentation': [(tenths / 10).ravel().tolist()],
        'area': round(polygon_area(tenths.astype(float)) / 100, 3),
        'bbox': (np.concatenate([low, high - low]) / 10).tolist(),
        'iscrowd': 0,
    }


def _write_image(folder: Path, image: dict[str, Any], scene: Scene) -> None:
    path = folder / image['file_name']
    path.parent.mkdir(exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, settings.JPEG_QUALITY]
    _, data = cv2.imencode('.jpg', np.ascontiguousarray(scene.pixels[..., ::-1]), quality)
    path.write_bytes(data.tobytes())
