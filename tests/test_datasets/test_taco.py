import json
import os
import shutil
from pathlib import Path

import cv2
import pytest
from mmdet.registry import DATASETS
from mmengine.config import Config
from PIL import Image

from taco_plugin.coco import shrink_images
from taco_plugin.datasets import TacoDataset
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy

CONFIG = Path(__file__).parents[2] / 'configs' / 'taco' / 'faster_rcnn.py'
LOAD = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations', 'with_bbox': True}]
PACKED = [{'type': 'LoadImageFromFile'}, {'type': 'PackDetInputs'}]
PHOTOGRAPH = 'batch_1/000000.jpg'


def build(root, taxonomy='taco10', pipeline=LOAD, **kwargs) -> TacoDataset:
    given = {'data_root': str(root), 'ann_file': 'annotations.json', 'taxonomy': taxonomy}
    return TacoDataset(**{**given, 'pipeline': pipeline, **kwargs})


def build_from_config(root, monkeypatch, ann_file='annotations/train.json'):
    """The training set of one of our configs."""
    monkeypatch.setenv('TACO_DATA_ROOT', str(root))
    dataset = Config.fromfile(CONFIG).train_dataloader.dataset
    return DATASETS.build({**dataset, 'ann_file': ann_file, 'filter_cfg': None})


def edit(root, change):
    path = root / 'annotations.json'
    coco = json.loads(path.read_text())
    path.write_text(json.dumps(change(coco) or coco))


def names_of_boxes(dataset: TacoDataset) -> dict[float, str]:
    """Class of each box by its left edge."""
    return {
        instance['bbox'][0]: dataset.metainfo['classes'][instance['bbox_label']]
        for instance in dataset.get_data_info(0)['instances']
    }


def test_own_file_is_mapped_and_cleaned_as_it_is_read(write_taco):
    root = write_taco()
    edit(root, lambda coco: [annotation.update(id=309) for annotation in coco['annotations']][:0])
    dataset = build(root)
    assert dataset.metainfo['classes'] == load_taxonomy('taco10').classes
    assert names_of_boxes(dataset) == {0: 'Can', 10: 'Cigarette', 20: 'Cup'}
    assert dataset.metainfo['ann_file'] == str(root / 'annotations.json')
    assert len(dataset.metainfo['palette']) == 10


@pytest.mark.parametrize('ids', [[7, 3, 90], [2, 1, 0], [0, 1, 2]])
@pytest.mark.parametrize('order', [(0, 1, 2), (2, 0, 1)])
def test_labels_follow_the_taxonomy_whatever_the_order_and_ids(write_taco, ids, order):
    given = ['Drink can', 'Cigarette', 'Paper cup']
    dataset = build(write_taco([given[i] for i in order], ids), taxonomy='taco60')
    names = {10.0 * place: given[i] for place, i in enumerate(order)}
    assert names_of_boxes(dataset) == names


def test_prepared_file_in_another_order_is_refused_with_both_lists(write_taco):
    classes = list(load_taxonomy('taco10').classes)
    assert names_of_boxes(build(write_taco(classes)))[10] == 'Bottle'
    with pytest.raises(InputError) as error:
        build(write_taco([classes[1], classes[0], *classes[2:]]))
    assert "'Bottle', 'Can', 'Bottle cap'" in str(error.value)
    assert "'Can', 'Bottle', 'Bottle cap'" in str(error.value)


@pytest.mark.parametrize('categories', [['Drink can', 'Unicorn'], ['Can', 'Bottle'], ['person']])
def test_categories_that_do_not_fit_are_refused(write_taco, categories):
    with pytest.raises(InputError, match=r'annotations\.json: .*do not fit the taxonomy taco10'):
        build(write_taco(categories))


@pytest.mark.parametrize('test_mode', [True, False])
@pytest.mark.parametrize('filtered', [True, False])
def test_a_file_without_any_image_is_refused(write_taco, test_mode, filtered):
    path = write_taco() / 'annotations.json'
    coco = json.loads(path.read_text())
    if not filtered:
        coco['images'] = []
    path.write_text(json.dumps(coco | {'annotations': []}))
    settings = {'test_mode': test_mode, 'filter_cfg': {'filter_empty_gt': True}}
    if filtered and test_mode:  # nothing is filtered there
        assert len(build(path.parent, **settings)) == 1
        return
    with pytest.raises(InputError, match=r'annotations\.json: none of its [01] images is left'):
        build(path.parent, **settings)


def test_classes_belong_to_the_taxonomy(write_taco):
    with pytest.raises(InputError, match="metainfo names the classes .'Tin'."):
        build(write_taco(), metainfo={'classes': ('Tin',)})


@pytest.mark.parametrize('pipeline', [LOAD, PACKED])
def test_another_size_is_refused(write_taco, pipeline):
    root = write_taco()
    photograph = str(root / PHOTOGRAPH)
    cv2.imwrite(photograph, cv2.resize(cv2.imread(photograph), (20, 15)))
    dataset = build(root, pipeline=pipeline)
    with pytest.raises(InputError, match=r'000000\.jpg: decoded to 20 x 15 px, .* 40 x 30 px'):
        dataset[0]


def test_an_ignored_exif_rotation_is_called_by_its_name(write_taco):
    root = write_taco()
    image = Image.open(root / PHOTOGRAPH).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated by 90 degrees
    image.save(root / PHOTOGRAPH, exif=exif)
    assert build(root)[0]['img'].shape == (30, 40, 3)
    ignoring = [{'type': 'LoadImageFromFile', 'color_type': 'color_ignore_orientation'}]
    with pytest.raises(InputError, match='EXIF rotation looks ignored'):
        build(root, pipeline=ignoring)[0]


def test_a_missing_photograph_is_named(write_taco):
    root = write_taco()
    (root / PHOTOGRAPH).unlink()
    for make in (lambda path: None, os.mkfifo):
        make(root / PHOTOGRAPH)
        with pytest.raises(InputError, match=rf'{root}/{PHOTOGRAPH}: no such image; is data_root'):
            build(root)[0]


def test_a_photograph_that_cannot_be_decoded_is_named(write_taco):
    root = write_taco()
    for content in (b'', b'<html>404</html>'):
        (root / PHOTOGRAPH).write_bytes(content)
        with pytest.raises(InputError, match=rf'{root}/{PHOTOGRAPH}: cannot be decoded'):
            build(root)[0]


INVALID = [
    *(None, [], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]], [[1, 1, 2, 2, 3, float('nan')]]),
    *([[0, 0, 1e8, 0, 1e8, 1e8]], {'size': [5, 5], 'counts': [25]}, {'counts': 'nonsense'}),
    {'size': [30, 40], 'counts': [7]},
]


@pytest.mark.parametrize(
    ('segmentation', 'is_prepared'), [*((one, False) for one in INVALID), (INVALID[5], True)]
)
def test_masks_can_be_loaded_of_objects_without_a_valid_segmentation(
    write_taco, run_tool, segmentation, is_prepared, monkeypatch
):
    root, logged = write_taco(), []
    module = 'taco_plugin.datasets.taco'
    monkeypatch.setattr(f'{module}.print_log', lambda text, **options: logged.append(text))
    edit(root, lambda coco: coco['annotations'][0].update(segmentation=[[0, 5, 4, 5, 4, 9]]))
    edit(root, lambda coco: coco['annotations'][1].update(segmentation=segmentation))
    ann_file = 'annotations.json'
    if is_prepared:
        options = '--images', root, '--out', root, '--val-fraction', 0, '--test-fraction', 0
        tool = 'dataset_converters/prepare_taco.py'
        result = run_tool(tool, root / ann_file, '--taxonomy', 'taco10', *options)
        assert '2 segmentations filled in from the box' in result.stdout
        ann_file = 'annotations/train.json'
    load = [LOAD[0], {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True}]
    masks = build(root, ann_file=ann_file, pipeline=load)[0]['gt_masks']
    if not is_prepared:
        assert logged[0].startswith(f'{root}/{ann_file}: segmentations filled in from the box')
    assert [mask.sum() for mask in masks.to_ndarray()] == pytest.approx([8, 16, 16], abs=3)


def test_boxes_without_any_segmentation_are_no_masks(write_taco):
    load = [LOAD[0], {'type': 'LoadAnnotations', 'with_bbox': True, 'with_mask': True}]
    root = write_taco()
    assert build(root)[0]['gt_bboxes'].tensor.shape == (3, 4)
    with pytest.raises(
        InputError, match=r'annotations\.json: has no segmentations, which the pipe'
    ):
        build(root, pipeline=load)[0]


@pytest.mark.parametrize('name', ['../secret.jpg', '/secret.jpg', 'C:\\secret.jpg'])
def test_a_file_name_that_leads_outside_is_refused(write_taco, name):
    root = write_taco()
    edit(root, lambda coco: coco['images'][0].update(file_name=name))
    with pytest.raises(InputError, match='annotations.json: the file name .* leads out of the'):
        build(root)


def test_fill_bytes_before_a_marker_are_no_damage(write_taco, monkeypatch):
    """A JPEG may have any number of them, see ITU T.81, B.1.1.2."""
    root = write_taco()
    data = (root / PHOTOGRAPH).read_bytes()
    (root / PHOTOGRAPH).write_bytes(data[:2] + b'\xff\xff\xff' + data[2:])
    packed = build_from_config(root, monkeypatch, 'annotations.json')[0]
    assert packed['inputs'].shape == (3, 800, 1067)


@pytest.mark.parametrize('kind', ['folder', 'link', 'absolute'])
def test_prepared_files_lead_to_their_photographs(write_taco, run_tool, monkeypatch, kind):
    common = write_taco() / 'common'
    photographs, out = common / 'photographs', common / 'prepared' / 'taco'
    photographs.mkdir(parents=True)
    shutil.move(common.parent / 'batch_1', photographs)
    source = shutil.move(common.parent / 'annotations.json', photographs)
    edit(photographs, copy_images)
    for number in (1, 2):
        shutil.copy(photographs / PHOTOGRAPH, photographs / 'batch_1' / f'{number}.jpg')
    for path in (photographs, photographs / 'batch_1'):
        path.chmod(0o555)
    given = photographs
    if kind == 'link':
        given = common.parent / 'link'
        given.symlink_to(photographs)
    tool = 'dataset_converters/prepare_taco.py'
    options = '--images', given, '--test-fraction', 0, '--val-fraction', 0.3, '--out', out
    assert run_tool(tool, source, *options).returncode == 0
    if kind == 'absolute':
        annotations = out / 'annotations' / 'train.json'
        content = json.loads(annotations.read_text())
        content['info']['image_folder'] = str(photographs)
        annotations.write_text(json.dumps(content))
    else:
        out = common.rename(common.parent / 'moved') / 'prepared' / 'taco'
    dataset = build_from_config(out, monkeypatch)
    assert [dataset[index]['inputs'].ndim for index in range(len(dataset))] == [3, 3]


def copy_images(coco):
    """Three images of the same photograph."""
    (image,) = coco['images']
    coco['images'] += [{**image, 'id': n, 'file_name': f'batch_1/{n}.jpg'} for n in (1, 2)]


def test_a_folder_that_is_given_counts_for_more_than_the_files(write_taco):
    root = write_taco()
    edit(root, lambda coco: coco.update(info={'image_folder': 'nowhere'}))
    with pytest.raises(InputError, match=f'{root}/nowhere/{PHOTOGRAPH}: no such image'):
        build(root)[0]
    edit(root, lambda coco: coco['images'][0].update(file_name='000000.jpg'))
    assert build(root, data_prefix={'img': 'batch_1'})[0]['img'].shape == (30, 40, 3)
    edit(root, lambda coco: coco.update(info={'image_folder': 5}))
    with pytest.raises(InputError, match='annotations.json: info.image_folder must be a text'):
        build(root)


def test_the_original_size_is_kept_where_it_is_another(write_taco):
    root = write_taco()
    keys = {'original_width', 'original_height'}
    assert not keys & build(root).get_data_info(0).keys()
    edit(root, lambda coco: shrink_images(coco, 20))
    info = build(root).get_data_info(0)
    assert (info['width'], info['original_width'], info['original_height']) == (20, 40, 30)


def test_the_official_file_is_read_directly(real_taco, mmdet_scope):
    dataset = build(real_taco, taxonomy='detectwaste7', serialize_data=False)
    assert len(dataset) == 1500
    assert sum(len(info['instances']) for info in dataset.data_list) == 4784
