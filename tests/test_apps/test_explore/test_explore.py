import json
import math
import subprocess
import sys

import pytest

from taco_plugin.apps.explore.explore import ExploreSettings, explore
from taco_plugin.apps.explore.publish import REPORT
from taco_plugin.apps.explore.summary import format_report
from taco_plugin.errors import InputError
from taco_plugin.visualization import save_photo

FIGURES = {
    *('aspect_ratios.png', 'box_sizes.png', 'boxes_per_image.png', 'classes.png'),
    *('image_sizes.png', 'size_buckets.png'),
}


@pytest.fixture
def run(tmp_path):
    """Explores files; returns the report and the names of what was written."""

    def call(*paths, **options):
        settings = {
            **{'images': None, 'taxonomy': None, 'input_size': (200, 160), 'samples': 0},
            **{'seed': 0, 'duplicate_bits': 8, **options},
        }
        report = explore(ExploreSettings(list(paths), str(tmp_path / 'out'), **settings))
        written = {path.name for path in (tmp_path / 'out').iterdir()}
        assert written == {REPORT, *report['pictures']}
        assert json.loads((tmp_path / 'out' / REPORT).read_text()) == report
        return report

    return call


@pytest.fixture
def no_figures(monkeypatch):
    """For tests that look at none: drawing takes a second or two."""
    monkeypatch.setattr('taco_plugin.apps.explore.explore.list_figures', lambda *_: {})


def test_one_file(tmp_path, coco, save, run):
    report = run(save(tmp_path / 'train.json', coco))
    assert set(report['pictures']) == {*FIGURES, 'cooccurrence.png'}
    assert report['schema_version'] == 1
    assert report['duplicates'] is None
    (entry,) = report['files']
    assert (entry['label'], entry['file'], entry['photographs']) == ('train', 'train.json', None)
    assert (entry['images'], entry['images_without_boxes'], entry['boxes']) == (3, 1, 4)
    assert [row['boxes'] for row in entry['classes']] == [3, 1, 0]
    assert [row['inverse_density'] for row in entry['classes']] == [1.0, 2.0, 4.0]
    assert [row['weight'] for row in entry['classes']] == pytest.approx([1 / 7, 2 / 7, 4 / 7])
    together = {'classes': ['Drink can', 'Cigarette'], 'images': [[1, 1], [1, 0]]}
    assert entry['cooccurrence'] == together
    assert entry['defects'] == {'counts': {}, 'repeated_file_names': 0, 'examples': []}
    text = format_report(report)
    assert 'train: 3 images, 1 of them without boxes, 4 boxes\n  no defect' in text
    assert ' '.join(text.split()).count('Drink can 3 2 1.000000 0.142857') == 1


@pytest.mark.usefixtures('no_figures')
def test_defects_are_counted_in_the_words_of_cleaning(tmp_path, coco, save, run):
    boxes = coco['annotations']
    boxes[0]['bbox'] = [math.nan, 0, 1, 1]
    boxes[1]['bbox'] = [50, 40, 1e300, 40]
    boxes += [{**boxes[3], 'id': 4} for _ in range(30)]
    coco['images'][2]['file_name'] = 'a/../a/1.jpg'
    report = run(save(tmp_path / 'raw.json', coco))
    (entry,) = report['files']
    assert entry['found_annotations'] == 34
    assert entry['boxes'] == 33
    defects = entry['defects']
    assert defects['counts'] == {
        **{'box_not_finite': 1, 'box_clipped': 1, 'id_duplicate': 30},
    }
    assert defects['repeated_file_names'] == 1
    assert len(defects['examples']) == 22
    assert defects['examples'][0]['before'] == ['nan', 0, 1, 1]
    text = format_report(report)
    assert '  1 boxes dropped: not finite numbers\n  1 boxes clipped to the image\n' in text
    assert '  1 images have the file name of one before' in text


def test_several_files_with_photographs(tmp_path, coco, save, run, photographs, scene):
    part = {**coco, 'images': coco['images'][1:2], 'annotations': coco['annotations'][3:]}
    other = {**coco, 'images': coco['images'][2:], 'annotations': []}
    scene(0).resize((50, 40)).resize((100, 80)).save(photographs / 'b/1.jpg')  # is a/1.jpg again
    paths = [
        save(tmp_path / f'{n}.json', c) for n, c in zip('abc', [coco, part, other], strict=True)
    ]
    report = run(*paths, images=str(photographs), samples=5)
    expected = {*FIGURES, 'cooccurrence_a.png', 'duplicates.jpg'}
    assert set(report['pictures']) == {*expected, *(f'samples_{label}.jpg' for label in 'abc')}
    assert report['shared_file_names'] == [
        {'files': ['a', 'b'], 'count': 1, 'examples': ['a/2.jpg']},
        {'files': ['a', 'c'], 'count': 1, 'examples': ['b/1.jpg']},
    ]
    alike = report['duplicates']
    assert alike['counts'] == {'across_files': 1, 'within_files': 0, 'exact': 0}
    (pair,) = alike['pairs']
    assert pair['photographs'] == [
        {'name': 'a/1.jpg', 'files': ['a']},
        {'name': 'b/1.jpg', 'files': ['a', 'c']},
    ]
    assert [entry['photographs']['usable'] for entry in report['files']] == [3, 1, 1]
    text = format_report(report)
    assert '1 near-duplicate pairs of 3 photographs' in text
    assert '1 file names are both in a and in b\n' in text
    again = run(*paths[:1])
    assert set(again['pictures']) == {*FIGURES, 'cooccurrence.png'}


@pytest.mark.usefixtures('no_figures')
def test_samples_have_their_boxes(tmp_path, coco, save, run, photographs, monkeypatch):
    pictures = []
    monkeypatch.setattr(
        'taco_plugin.apps.explore.explore.save_photo',
        lambda pixels, path: (pictures.append(pixels), save_photo(pixels, path)),
    )
    run(save(tmp_path / 'a.json', coco), images=str(photographs), samples=3)
    (picture,) = pictures
    title = (picture.shape[0] - 8) // 2 - 480
    # The second tile is a/2.jpg, 400 x 200 on 480 px; its box is 100..200 x 0..100.
    tile = picture[title : title + 480, 488:]
    orange = (tile == (230, 159, 0)).all(axis=-1)
    assert orange[120 + 100, 120]
    assert orange[120 + 119, 120 + 80]
    assert orange[120 + 100, 239]
    assert not orange[:, 245:].any()


@pytest.mark.usefixtures('no_figures')
def test_a_taxonomy_maps_raw_and_accepts_prepared_files(tmp_path, coco, save, run):
    raw = save(tmp_path / 'raw.json', coco)
    (entry,) = run(raw, taxonomy='taco1')['files']
    assert [(row['name'], row['boxes']) for row in entry['classes']] == [('Litter', 4)]
    csv = tmp_path / 'mine.csv'
    csv.write_text('category,class\nDrink can,Can\nCigarette,\nShoe,Shoe\n')
    (entry,) = run(raw, taxonomy=str(csv))['files']
    assert (entry['boxes'], entry['dropped_by_taxonomy']) == (3, 1)
    csv.write_text('category,class\nShoe,Shoe\n')
    with pytest.raises(InputError, match='raw.json: .* do not fit the taxonomy mine'):
        run(raw, taxonomy=str(csv))


def test_a_file_without_boxes_gets_no_empty_picture(tmp_path, coco, save, run):
    report = run(save(tmp_path / 'a.json', {**coco, 'annotations': []}))
    assert report['pictures'] == ['image_sizes.png']
    assert report['files'][0]['aspect_ratios'] is None
    assert '3 images, 3 of them without boxes, 0 boxes' in format_report(report)
    alone = {**coco, 'annotations': coco['annotations'][3:]}
    assert set(run(save(tmp_path / 'a.json', alone))['pictures']) == FIGURES


def test_what_cannot_be_explored_is_refused(tmp_path, coco, save, run):
    path = save(tmp_path / 'a.json', coco)
    with pytest.raises(InputError, match='none.json: cannot be read'):
        run(path, str(tmp_path / 'none.json'))
    with pytest.raises(InputError, match='a.json: has no images'):
        run(save(tmp_path / 'a.json', {**coco, 'images': []}))
    with pytest.raises(InputError, match='7 annotation files: give at most 6'):
        run(*[path] * 7)
    with pytest.raises(InputError, match='--samples needs the folder'):
        run(path, samples=3)
    with pytest.raises(InputError, match='--samples must be 0 to 100, not 101'):
        run(path, images=str(tmp_path), samples=101)
    with pytest.raises(InputError, match='--duplicate-bits must be 0 to 31, not 32'):
        run(path, duplicate_bits=32)
    assert not (tmp_path / 'out').exists()


def test_neither_torch_nor_mmdet_is_loaded():
    command = (
        'import sys; import taco_plugin.apps.explore.explore, taco_plugin.apps.explore.summary;'
        'assert not {"matplotlib.pyplot", "torch", "mmdet", "mmengine"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', command], check=True)
