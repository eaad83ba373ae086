import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy
from taco_plugin.taxonomies.palette import palette

CLASSES = list(load_taxonomy('taco10').classes)


@pytest.fixture
def register_taco(catalogs):
    from taco_plugin.d2.datasets import register_taco

    return register_taco


@pytest.fixture
def photographs(tmp_path, small_taco):
    """A copy of the drawn data set, the photographs of which may be spoilt."""
    return Path(shutil.copytree(small_taco, tmp_path / 'taco'))


def spoil(root, change):
    """Changes the annotation file of the validation split; returns its first image's path."""
    path = root / 'annotations' / 'val.json'
    coco = json.loads(path.read_text())
    change(coco)
    path.write_text(json.dumps(coco))
    return root / coco['images'][0]['file_name']


@pytest.mark.usefixtures('detectron2')
def test_nothing_here_imports_mmdetection():
    code = (
        'import pkgutil, sys, taco_plugin.d2 as d2\n'
        'for one in pkgutil.iter_modules(d2.__path__): __import__(f"taco_plugin.d2.{one.name}")\n'
        'print(*sorted({"mmcv", "mmdet", "mmengine"} & set(sys.modules)))'
    )
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, ''), done.stderr


def test_metadata_is_there_at_once_and_files_are_read_when_they_are_needed(
    tmp_path, small_taco, catalogs, register_taco
):
    datasets, metadata = catalogs
    names = register_taco(tmp_path, 'taco10')
    assert names == [f'taco_taco10_{split}' for split in ('train', 'val', 'test')]
    meta = metadata.get('taco_taco10_val')
    assert meta.as_dict() == {
        'name': 'taco_taco10_val',
        'thing_classes': CLASSES,
        'thing_colors': palette(10),
        'thing_dataset_id_to_contiguous_id': {n + 1: n for n in range(10)},
        'json_file': f'{tmp_path}/annotations/val.json',
        'image_root': str(tmp_path),
        'evaluator_type': 'taco',
        'taxonomy': 'taco10',
    }
    with pytest.raises(InputError, match=r'val\.json: no such annotation file; write it with'):
        datasets.get('taco_taco10_val')
    (tmp_path / 'annotations').mkdir()
    coco = json.loads((small_taco / 'annotations' / 'val.json').read_text())
    coco = {'info': {'image_folder': str(small_taco)}, **coco}
    coco['info'] = {'image_folder': str(small_taco)}
    (tmp_path / 'annotations' / 'val.json').write_text(json.dumps(coco))
    dicts = datasets.get('taco_taco10_val')
    assert [one['file_name'] for one in dicts] == [
        str(small_taco / image['file_name']) for image in coco['images']
    ]
    assert meta.image_root == str(small_taco)
    assert register_taco(tmp_path, 'taco10') == names
    register_taco(tmp_path, 'taco10', '{split} again')
    assert metadata.get('val again').image_root == str(small_taco)


def test_detectron2_loads_what_was_registered(small_taco, register_taco):
    import torch
    from detectron2.data import build_detection_test_loader, get_detection_dataset_dicts
    from detectron2.structures import PolygonMasks

    from taco_plugin.d2.datasets import TacoDatasetMapper

    coco = json.loads((small_taco / 'annotations' / 'train.json').read_text())
    train, *_ = register_taco(small_taco, 'taco10')
    dicts = get_detection_dataset_dicts(train)
    dicts[0]['annotations'][0]['iscrowd'] = 1
    mapper = TacoDatasetMapper(
        is_train=True, augmentations=[], image_format='BGR', use_instance_mask=True
    )
    loaded = [
        batch[0] for batch in build_detection_test_loader(dicts, mapper=mapper, num_workers=1)
    ]
    boxes = sum(len(one['instances']) for one in loaded)
    assert boxes == len(coco['annotations']) - 1
    image = next(image for image in coco['images'] if image['id'] == loaded[1]['image_id'])
    rows = [row for row in coco['annotations'] if row['image_id'] == image['id']]
    instances = loaded[1]['instances']
    assert instances.gt_classes.tolist() == [row['category_id'] - 1 for row in rows]
    xywh = torch.tensor([row['bbox'] for row in rows])
    assert torch.allclose(instances.gt_boxes.tensor[:, :2], xywh[:, :2])
    assert torch.allclose(instances.gt_boxes.tensor[:, 2:] - xywh[:, :2], xywh[:, 2:])
    assert isinstance(instances.gt_masks, PolygonMasks)
    assert loaded[1]['image'].shape == (3, image['height'], image['width'])


def test_tacos_own_file_is_mapped_to_the_classes(real_taco, catalogs, register_taco):
    datasets, metadata = catalogs
    (name,) = register_taco(real_taco / 'annotations.json')
    assert name == 'taco_detectwaste7_annotations'
    dicts = datasets.get(name)
    assert len(dicts) == 1500
    labels = {one['category_id'] for image in dicts for one in image['annotations']}
    assert labels == set(range(7))
    assert metadata.get(name).image_root == str(real_taco)
    (name,) = register_taco(real_taco / 'annotations_unofficial.json', 'taco1')
    assert {one['category_id'] for image in datasets.get(name) for one in image['annotations']} == {
        0
    }


def test_another_data_set_under_a_name_is_refused(tmp_path, small_taco, catalogs, register_taco):
    datasets, metadata = catalogs
    register_taco(small_taco, 'taco10', 'litter_{split}')
    for root, taxonomy in ((tmp_path, 'taco10'), (small_taco, 'taco28')):
        with pytest.raises(InputError, match=r"another data set 'litter_train' is registered al.*"):
            register_taco(root, taxonomy, 'litter_{split}')
    assert metadata.get('litter_train').taxonomy == 'taco10'
    datasets.remove('litter_train')
    datasets.register('litter_train', list)
    with pytest.raises(InputError, match=r'\(not by us\); give this one another name'):
        register_taco(small_taco, 'taco10', 'litter_{split}')
    for split in ('val', 'test'):
        datasets.remove(f'litter_{split}')
    datasets.remove('litter_train')
    register_taco(tmp_path, 'taco28', 'litter_{split}')
    assert len(metadata.get('litter_train').thing_classes) == 28


@pytest.mark.parametrize(
    ('taxonomy', 'name', 'message'),
    [
        ('taco10', 'litter', "must hold {split}, to tell the splits apart, but is 'litter'"),
        ('taco10', '{splits}', 'may hold {taxonomy} and {split}, but is'),
        ('taco10', '{', 'may hold {taxonomy} and {split}, but is'),
        ('taco11', 'a{split}', "unknown taxonomy 'taco11': give one of"),
    ],
)
def test_names_that_cannot_be_are_refused(register_taco, catalogs, taxonomy, name, message):
    before = dict(catalogs[0])
    with pytest.raises(InputError) as error:
        register_taco('.', taxonomy, name)
    assert message in str(error.value)
    assert dict(catalogs[0]) == before


def test_files_that_do_not_fit_are_refused(photographs, catalogs, register_taco):
    _, name, _ = register_taco(photographs, 'detectwaste7')
    with pytest.raises(InputError, match=r'val\.json: the categories do not fit the taxonomy'):
        catalogs[0].get(name)
    spoil(photographs, lambda coco: coco['images'][0].update(file_name='../a.jpg'))
    with pytest.raises(InputError, match=r"the file name '\.\./a\.jpg' leads out of the folder"):
        catalogs[0].get(register_taco(photographs, 'taco10')[1])


def crop(path):
    with Image.open(path) as image:
        image.crop((0, 0, 100, 80)).save(path)


def swap(coco):
    coco['images'][0].update(width=80, height=100)


@pytest.mark.parametrize(
    ('change', 'spoil_photograph', 'message'),
    [
        (
            swap,
            crop,
            r'is 100 x 80 px as displayed, but .* says 80 x 100 px; annotate the photograph as its',
        ),
        (
            lambda coco: coco['images'][0].update(width=9),
            None,
            r'is \d+ x \d+ px as displayed, but .* says 9 x \d+ px; prepare_taco\.py drops such',
        ),
        (lambda coco: None, Path.unlink, r'no such image; is the folder that was registered right'),
        (
            lambda coco: None,
            lambda path: os.truncate(path, path.stat().st_size // 2),
            r'cannot be read \(image file is truncated .*\); fetch it again',
        ),
        (
            lambda coco: None,
            lambda path: path.write_text('no image'),
            r'cannot be read \(cannot identify image file .*\); fetch it again',
        ),
    ],
)
def test_what_is_wrong_with_a_photograph_is_said(
    photographs, catalogs, register_taco, change, spoil_photograph, message
):
    from taco_plugin.d2.datasets import TacoDatasetMapper

    path = spoil(photographs, change)
    if spoil_photograph:
        spoil_photograph(path)
    _, name, _ = register_taco(photographs, 'taco10')
    mapper = TacoDatasetMapper(is_train=False, augmentations=[], image_format='BGR')
    with pytest.raises(InputError, match=message) as error:
        mapper(catalogs[0].get(name)[0])
    assert str(error.value).startswith(str(path))
    assert '\n' not in str(error.value)


def test_a_photograph_that_exif_turns_fits_its_displayed_size(photographs, catalogs, register_taco):
    from taco_plugin.d2.datasets import TacoDatasetMapper

    path = spoil(photographs, swap)
    crop(path)
    with Image.open(path) as image:
        exif = image.getexif()
        exif[0x0112] = 6
        image.save(path, exif=exif)
    _, name, _ = register_taco(photographs, 'taco10')
    mapper = TacoDatasetMapper(is_train=False, augmentations=[], image_format='BGR')
    assert mapper(catalogs[0].get(name)[0])['image'].shape == (3, 100, 80)
