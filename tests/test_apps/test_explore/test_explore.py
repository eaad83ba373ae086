import json
import math

import pytest
from PIL import Image

from taco_plugin.apps.explore.explore import REPORT
from taco_plugin.apps.explore.summary import format_report
from taco_plugin.coco import shrink_images
from taco_plugin.errors import InputError
from taco_plugin.visualization.photo import draw_tile

FIGURES = {
    *('aspect_ratios.png', 'box_sizes.png', 'boxes_per_image.png', 'classes.png'),
    *('image_sizes.png', 'size_buckets.png'),
}
NAMES = [
    *('n' * 10_000, 'a\nb\x1b[31m', '\ud800', r'$\frac{x$', '垃圾袋'),
    *('%s {x} <b>', '\u202e', '../x'),
]


def test_one_file(coco, save, run):
    report = run(save('train', coco))
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
def test_images_boxes_and_ratios_are_summarized(coco, save, run):
    coco['annotations'][1]['iscrowd'] = 1
    (report,) = run(save('a', coco))['files']
    per_image, images = report['boxes_per_image'], report['image_sizes']
    assert per_image['images_by_boxes'] == {'0': 1, '1': 1, '3': 1}
    assert per_image['mean'] == pytest.approx(4 / 3)
    assert (per_image['min'], per_image['median'], per_image['max']) == (0, 1, 3)
    assert images['different'] == 2
    assert images['most_frequent'] == [
        {'width': 100, 'height': 80, 'images': 2},
        {'width': 400, 'height': 200, 'images': 1},
    ]
    assert images['megapixels']['max'] == pytest.approx(0.08)
    assert images['width']['mean'] == 200
    ratios = report['aspect_ratios']
    assert ratios['mean'] == pytest.approx((2 * 1.25 * 0.25 * 1) ** 0.25)
    assert (ratios['min'], ratios['median'], ratios['max']) == pytest.approx((0.25, 1.25**0.5, 2))
    assert report['crowds'] == 1
    sizes = report['box_sizes']
    assert sizes['native']['width']['max'] == 100
    assert sizes['native']['root_area']['max'] == 100
    assert sizes['relative']['height']['median'] == 0.5
    assert sizes['relative']['root_area']['min'] == pytest.approx((150 / 8000) ** 0.5)
    # The first image is doubled, the second halved.
    assert sizes['input']['width']['max'] == 100
    assert sizes['input']['height']['max'] == 80
    assert sizes['input']['root_area']['min'] == pytest.approx(2 * 150**0.5)


@pytest.mark.usefixtures('no_figures')
def test_defects_are_counted_in_the_words_of_cleaning(coco, save, run):
    boxes = coco['annotations']
    boxes[0]['bbox'] = [math.nan, 0, 1, 1]
    boxes[1]['bbox'] = [50, 40, 1e300, 40]
    boxes += [{**boxes[3], 'id': 4} for _ in range(30)]
    coco['images'][2]['file_name'] = 'a/../a/1.jpg'
    report = run(save('raw', coco))
    (entry,) = report['files']
    assert (entry['found_annotations'], entry['boxes']) == (34, 33)
    defects = entry['defects']
    assert defects['counts'] == {'box_not_finite': 1, 'box_clipped': 1, 'id_duplicate': 30}
    assert defects['repeated_file_names'] == 1
    assert len(defects['examples']) == 22
    assert defects['examples'][0]['before'] == ['nan', 0, 1, 1]
    text = format_report(report)
    assert '  1 boxes dropped: not finite numbers\n  1 boxes clipped to the image\n' in text
    assert '  1 images have the file name of one before' in text


@pytest.fixture
def panels(monkeypatch):
    """What is drawn of photographs."""
    drawn = []

    def keep(panel, *args, **options):
        drawn.append(panel)
        return draw_tile(panel, *args, **options)

    monkeypatch.setattr('taco_plugin.apps.explore.pictures.draw_tile', keep)
    return drawn


def test_several_files_with_photographs(coco, save, run, photographs, panels):
    part = {**coco, 'images': coco['images'][1:2], 'annotations': coco['annotations'][3:]}
    other = {**coco, 'images': coco['images'][2:], 'annotations': []}
    (photographs / 'b/1.jpg').write_bytes((photographs / 'a/1.jpg').read_bytes())
    paths = [save(name, some) for name, some in zip('abc', [coco, part, other], strict=True)]
    report = run(*paths, images=str(photographs), samples=5)
    expected = {*FIGURES, 'cooccurrence_a.png', 'duplicates.jpg'}
    assert set(report['pictures']) == {*expected, *(f'samples_{label}.jpg' for label in 'abc')}
    assert report['shared_file_names'] == [
        {'files': ['a', 'b'], 'count': 1, 'examples': ['a/2.jpg']},
        {'files': ['a', 'c'], 'count': 1, 'examples': ['b/1.jpg']},
    ]
    alike = report['duplicates']
    assert alike['counts'] == {'across_files': 1, 'within_files': 0, 'exact': 1}
    (pair,) = alike['pairs']
    assert pair['photographs'] == [
        {'name': 'a/1.jpg', 'files': ['a']},
        {'name': 'b/1.jpg', 'files': ['a', 'c']},
    ]
    titles = [panel.title for panel in panels]
    assert titles[:2] == ['a/1.jpg\na; same bytes', 'b/1.jpg\na+c']
    assert titles[2:5] == ['a/1.jpg: 3 boxes', 'a/2.jpg: 1 box', 'b/1.jpg: 0 boxes']
    (frame,) = panels[3].frames
    assert (frame.box.tolist(), frame.label) == ([100, 0, 200, 100], 'Drink can')
    assert [entry['photographs']['usable'] for entry in report['files']] == [3, 1, 1]
    text = format_report(report)
    assert '1 near-duplicate pairs of 3 photographs' in text
    assert '1 file names are both in a and in b\n' in text
    again = run(*paths[:1])
    assert set(again['pictures']) == {*FIGURES, 'cooccurrence.png'}


@pytest.mark.usefixtures('no_figures')
def test_of_many_boxes_the_largest_are_drawn(coco, save, run, photographs, panels):
    coco['annotations'] = [{**coco['annotations'][3], 'id': n} for n in range(1, 10_001)]
    coco['annotations'] += [{**coco['annotations'][0], 'id': 200_000, 'bbox': [0, 0, 400, 200]}]
    coco['annotations'][-1]['image_id'] = 11
    run(save('a', coco), images=str(photographs), samples=3)
    assert panels[1].title == 'a/2.jpg: 10001 boxes, the largest 50 drawn'
    assert panels[1].frames[0].box.tolist() == [0, 0, 400, 200]


@pytest.mark.usefixtures('no_figures')
def test_scaled_files_are_explored_at_the_size_of_the_originals(
    coco, save, run, photographs, panels
):
    before = run(save('a', coco), images=str(photographs), samples=3)
    boxes = [panel.frames[0].box.tolist() for panel in panels[:2]]
    scaled = shrink_images(coco, 50)
    for image in scaled['images']:
        path = photographs / image['file_name']
        with Image.open(path) as photograph:
            photograph.resize((image['width'], image['height'])).save(path)
    panels.clear()
    after = run(save('a', scaled), images=str(photographs), samples=3)
    assert after['files'] == before['files']
    assert after['files'][0]['photographs']['problems'] == {}
    assert [panel.frames[0].box.tolist() for panel in panels[:2]] == boxes
    assert [panel.photo.size for panel in panels] == [(100, 80), (400, 200), (100, 80)]


@pytest.mark.usefixtures('no_figures')
def test_pictures_of_an_earlier_run_go_and_all_else_stays(tmp_path, coco, save, run):
    out = tmp_path / 'out'
    out.mkdir()
    for path in (tmp_path / 'victim.png', out / 'victim.txt', out / 'mine.png', out / 'old.png'):
        path.write_text('precious')
    forged = ['../victim.png', 'victim.txt', f'{tmp_path}/victim.png']
    for pictures in (['old.png'], *([name] for name in forged), [7], 3, [['mine.png']]):
        (out / REPORT).write_text(json.dumps({'pictures': pictures}))
        run(save('a', coco))
        assert {path.name for path in out.iterdir()} == {REPORT, 'victim.txt', 'mine.png'}
    assert (tmp_path / 'victim.png').read_text() == 'precious'


def test_after_an_error_all_is_as_before(tmp_path, coco, save, run):
    (tmp_path / 'out' / 'size_buckets.png').mkdir(parents=True)
    (tmp_path / 'out' / 'classes.png').write_text('old')
    with pytest.raises(InputError, match=r'size_buckets.png: cannot be written \(it is a folder'):
        run(save('a', coco))
    names = {path.name for path in (tmp_path / 'out').iterdir()}
    assert names == {'classes.png', 'size_buckets.png'}
    assert (tmp_path / 'out' / 'classes.png').read_text() == 'old'


@pytest.mark.usefixtures('no_figures')
def test_a_taxonomy_maps_categories_or_drops_them(tmp_path, coco, save, run):
    raw = save('raw', coco)
    (entry,) = run(raw, taxonomy='taco1')['files']
    assert [(row['name'], row['boxes']) for row in entry['classes']] == [('Litter', 4)]
    csv = tmp_path / 'mine.csv'
    csv.write_text('category,class\nDrink can,Can\nCigarette,\nShoe,Shoe\n')
    (entry,) = run(raw, taxonomy=str(csv))['files']
    assert (entry['boxes'], entry['dropped_by_taxonomy']) == (3, 1)
    csv.write_text('category,class\nShoe,Shoe\n')
    with pytest.raises(InputError, match='raw.json: .* do not fit the taxonomy mine'):
        run(raw, taxonomy=str(csv))


def test_a_file_without_boxes_gets_no_empty_picture(coco, save, run):
    report = run(save('a', {**coco, 'annotations': []}))
    assert report['pictures'] == ['image_sizes.png']
    assert report['files'][0]['aspect_ratios'] is None
    assert '3 images, 3 of them without boxes, 0 boxes' in format_report(report)
    alone = {**coco, 'annotations': coco['annotations'][3:]}
    assert set(run(save('a', alone))['pictures']) == FIGURES


def test_what_cannot_be_explored_is_refused(tmp_path, coco, save, run):
    path, folder = save('a', coco), str(tmp_path)
    for paths, options, message in [
        ([path, f'{folder}/none.json'], {}, 'none.json: cannot be read'),
        ([save('b', {**coco, 'images': []})], {}, 'b.json: has no images'),
        ([path] * 7, {}, '7 annotation files: give at most 6'),
        ([path, f'{folder}/../{tmp_path.name}/a.json'], {}, 'a.json: given twice'),
        ([path], {'samples': 3}, '--samples needs the folder'),
        ([path], {'images': folder, 'samples': 101}, '--samples must be 0 to 100, not 101'),
        ([path], {'duplicate_bits': 32}, '--duplicate-bits must be 0 to 31, not 32'),
    ]:
        with pytest.raises(InputError, match=message):
            run(*paths, **options)
    assert not (tmp_path / 'out').exists()


def test_names_are_shown_on_one_line(coco, save, run, photographs):
    coco['categories'] = [{'id': n, 'name': name} for n, name in enumerate(NAMES)]
    box = coco['annotations'][0]
    coco['annotations'] = [{**box, 'id': 1 + n, 'category_id': n} for n in range(len(NAMES))]
    size = {'width': 100, 'height': 80}
    coco['images'] += [{'id': 20 + n, 'file_name': name, **size} for n, name in enumerate(NAMES)]
    coco['images'] += [{'id': 50, 'file_name': 'a\0b', **size}]
    (photographs / NAMES[1]).write_bytes((photographs / 'a/1.jpg').read_bytes())
    report = run(save('a', coco), images=str(photographs), samples=20)
    assert [row['name'] for row in report['files'][0]['classes']] == NAMES
    found = report['files'][0]['photographs']
    assert found['usable'] == 4
    assert found['problems']['outside_folder'] == 1
    assert report['duplicates']['counts']['exact'] == 1
    assert {'duplicates.jpg', 'samples.jpg', 'classes.png'} <= set(report['pictures'])


def test_numbers_without_measure(coco, save, run):
    coco['images'][0].update(width=2**53 - 1, height=1)
    coco['annotations'][0].update(bbox=[0, 0, 1e300, 1e300], area=1e308)
    coco['annotations'][1].update(bbox=[0, 0, 5e-300, 1], area=5e-324)
    coco['annotations'][2].update(bbox=[float('nan'), 0, 1, 1])
    coco['annotations'][3].update(bbox=[-1e300, 0, 1e300, 1])
    (entry,) = run(save('a', coco), input_size=(99999, 99999))['files']
    assert entry['boxes'] == 2
    assert entry['box_sizes']['native']['width']['max'] == 2**53 - 1


@pytest.mark.usefixtures('no_figures')
def test_a_thousand_classes(coco, save, run):
    coco['categories'] += [{'id': n, 'name': f'class {n}'} for n in range(100, 1100)]
    box = coco['annotations'][0]
    coco['annotations'] += [{**box, 'id': n, 'category_id': n} for n in range(100, 1100)]
    report = run(save('a', coco))
    assert len(report['files'][0]['classes']) == 1003
    assert len(report['files'][0]['cooccurrence']['classes']) == 80
    assert '... and 983 classes of' in format_report(report)
