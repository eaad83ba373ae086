"""The sample as a dataset on disk, laid out and annotated exactly like TACO."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...errors import InputError
from ...files import is_vacant, stage_folder, write_file, write_files
from ...images import leads_outside
from ...json_files import read_json, to_json
from ...taxonomies import load_taxonomy
from .plan import GROUNDS, IMAGE_SIZE, plan_scenes
from .scene import draw_scene
from .sprite import Points

ANNOTATION_FILE = 'annotations.json'
DESCRIPTION = 'TACO sample: litter drawn by taco_plugin'

IMAGES_PER_BATCH = 80
"""Images per ``batch_N`` folder; base names repeat from batch to batch, as in TACO."""

_SCENE_CATEGORIES = (
    *('Clean', 'Indoor, Man-made', 'Pavement', 'Sand, Dirt, Pebbles', 'Trash', 'Vegetation'),
    'Water',
)


def write_sample(
    out: Path, num_images: int, seed: int, *, track: Callable[[list], Iterable] = iter
) -> dict[str, Any]:
    """Draws the sample dataset into a folder, completely or not at all.

    A sample that is already there is replaced, that is its photographs and its annotation file;
    other files stay.

    Args:
        out: Folder, made if absent.
        num_images: Images to draw, >= 1.
        seed: The same seed gives the same dataset, >= 0.
        track: Wraps the list of scenes while they are drawn, to show progress.

    Returns:
        What ``annotations.json`` holds.

    Raises:
        InputError: If ``out`` holds files but no sample, or cannot be written.
    """
    earlier = _list_earlier(out)
    streams = np.random.SeedSequence(seed).spawn(num_images + 1)
    plans = plan_scenes(num_images, np.random.default_rng(streams[0]))
    coco = _empty_dataset(seed)
    removed = earlier - {_name_file(index) for index in range(num_images)}
    with stage_folder(out, removed) as stage:
        for (ground, litter), stream in zip(track(plans), streams[1:], strict=True):
            pixels, objects = draw_scene(np.random.default_rng(stream), ground, litter)
            path = stage / _add_scene(coco, ground, objects)
            data = cv2.imencode('.jpg', pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
            write_file(path, partial(Path.write_bytes, data=data.tobytes()))
        write_files(stage, {ANNOTATION_FILE: to_json(coco)})
    return coco


def _list_earlier(out: Path) -> set[str]:
    """File names of the photographs of an earlier sample that are there."""
    if out.exists() and not out.is_dir():
        raise InputError(f'{out} is a file; give a folder')
    if is_vacant(out):
        return set()
    try:
        coco = read_json(out / ANNOTATION_FILE)
        names = {str(image['file_name']) for image in coco['images']}
        is_sample = coco['info']['description'] == DESCRIPTION
    except (InputError, KeyError, TypeError):
        is_sample = False
    if not is_sample:
        raise InputError(f'{out} holds other files than a sample; give a new or empty folder')
    return {name for name in names if not leads_outside(name)}


def _empty_dataset(seed: int) -> dict[str, Any]:
    supercategories = load_taxonomy('taco28').mapping
    unknown = dict.fromkeys(('year', 'contributor', 'url', 'date_created'))
    return {
        'info': {'version': f'seed {seed}', 'description': DESCRIPTION, **unknown},
        'images': [],
        'annotations': [],
        'scene_annotations': [],
        'licenses': [],
        'categories': [
            {'supercategory': supercategories[name], 'id': index, 'name': name}
            for index, name in enumerate(load_taxonomy('taco60').classes)
        ],
        'scene_categories': [{'id': i, 'name': name} for i, name in enumerate(_SCENE_CATEGORIES)],
    }


def _name_file(index: int) -> str:
    batch, number = divmod(index, IMAGES_PER_BATCH)
    return f'batch_{batch + 1}/{number:06d}.jpg'


def _add_scene(coco: dict[str, Any], ground: str, objects: list[tuple[str, Points]]) -> str:
    """Appends an image and its annotations; returns the image's file name."""
    index = len(coco['images'])
    file_name = _name_file(index)
    unknown = ('license', 'flickr_url', 'coco_url', 'date_captured', 'flickr_640_url')
    size = {'width': IMAGE_SIZE, 'height': IMAGE_SIZE}
    coco['images'].append({'id': index, **size, 'file_name': file_name, **dict.fromkeys(unknown)})
    scenes = list(GROUNDS[ground].scenes)
    coco['scene_annotations'].append({'image_id': index, 'background_ids': scenes})
    ids = {category['name']: category['id'] for category in coco['categories']}
    for name, outline in objects:
        # TACO's numbers have decimals; box and area are those of the rounded polygon.
        tenths = np.round(outline * 10).astype(np.int32)
        low, high = tenths.min(axis=0), tenths.max(axis=0)
        annotation = {
            'id': len(coco['annotations']) + 1,
            'image_id': index,
            'category_id': ids[name],
            'segmentation': [(tenths / 10).ravel().tolist()],
            'area': round(cv2.contourArea(tenths) / 100, 3),
            'bbox': (np.concatenate([low, high - low]) / 10).tolist(),
            'iscrowd': 0,
        }
        coco['annotations'].append(annotation)
    return file_name
