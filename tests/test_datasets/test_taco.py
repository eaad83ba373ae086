import json
import shutil

import cv2
import pytest
from PIL import Image

from taco_plugin.datasets import TacoDataset
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy

LOAD = [{'type': 'LoadTacoImage'}, {'type': 'LoadAnnotations', 'with_bbox': True}]
PACKED = [{'type': 'LoadImageFromFile'}, {'type': 'PackDetInputs'}]


def build(root, taxonomy='taco10', pipeline=LOAD, **kwargs) -> TacoDataset:
    return TacoDataset(
        **{'data_root': str(root), 'ann_file': 'annotations.json', 'taxonomy': taxonomy},
        **{'data_prefix': {'img': ''}, 'pipeline': pipeline, **kwargs},
    )


def names_of_boxes(dataset: TacoDataset) -> dict[float, str]:
    """Class of each box by its left edge."""
    return {
        instance['bbox'][0]: dataset.metainfo['classes'][instance['bbox_label']]
        for instance in dataset.get_data_info(0)['instances']
    }


def test_own_file_is_mapped_and_cleaned_as_it_is_read(write_taco):
    root = write_taco()
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


def test_duplicate_annotation_ids_are_mended(write_taco):
    root = write_taco()
    coco = json.loads((root / 'annotations.json').read_text())
    for annotation in coco['annotations']:
        annotation['id'] = 309
    (root / 'annotations.json').write_text(json.dumps(coco))
    assert len(build(root).get_data_info(0)['instances']) == 3


def test_classes_belong_to_the_taxonomy(write_taco):
    with pytest.raises(InputError, match="metainfo names the classes .'Tin'."):
        build(write_taco(), metainfo={'classes': ('Tin',)})


@pytest.mark.parametrize('pipeline', [LOAD, PACKED])
def test_another_size_is_refused(write_taco, pipeline):
    root = write_taco()
    photograph = root / 'batch_1' / '000000.jpg'
    cv2.imwrite(str(photograph), cv2.resize(cv2.imread(str(photograph)), (20, 15)))
    dataset = build(root, pipeline=pipeline)
    with pytest.raises(InputError, match=r'000000\.jpg: decoded to 20 x 15 px, .* 40 x 30 px'):
        dataset[0]


def test_an_ignored_exif_rotation_is_called_by_its_name(write_taco):
    root = write_taco()
    photograph = root / 'batch_1' / '000000.jpg'
    image = Image.open(photograph).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated by 90 degrees
    image.save(photograph, exif=exif)
    assert build(root)[0]['img'].shape == (30, 40, 3)
    ignoring = [{'type': 'LoadTacoImage', 'color_type': 'color_ignore_orientation'}]
    with pytest.raises(InputError, match='EXIF rotation looks ignored'):
        build(root, pipeline=ignoring)[0]


def test_the_official_file_is_read_directly(real_taco, tmp_path, mmdet_scope):
    shutil.copy(real_taco / 'annotations.json', tmp_path)
    dataset = build(tmp_path, taxonomy='detectwaste7', serialize_data=False)
    assert len(dataset) == 1500
    labels = [i['bbox_label'] for info in dataset.data_list for i in info['instances']]
    counts = dict(zip(dataset.metainfo['classes'], map(labels.count, range(7)), strict=True))
    assert counts == {
        **{'metals_and_plastic': 2403, 'other': 2, 'non_recyclable': 1351, 'glass': 248},
        **{'paper': 255, 'bio': 8, 'unknown': 517},
    }
