"""Whatever a file holds, it is reported truthfully or refused in one line, in bounded time."""

import json
import time

import pytest

from taco_plugin.apps.explore.explore import ExploreSettings, explore
from taco_plugin.apps.explore.summary import format_report
from taco_plugin.errors import InputError

NAMES = [
    'n' * 10_000,
    'a\nb\x1b[31m',
    '\ud800',
    r'$\frac{x$',
    '垃圾袋',
    '%s {x} <b>',
    '\u202e',
    '../x',
]


@pytest.fixture
def run(tmp_path):
    def call(text, **options):
        path = tmp_path / 'hostile.json'
        path.write_text(text)
        settings = {'images': None, 'samples': 0, **options}
        report = explore(
            ExploreSettings(
                annotations=[str(path)],
                out=str(tmp_path / 'out'),
                taxonomy=None,
                input_size=(1333, 800),
                seed=0,
                duplicate_bits=8,
                **settings,
            )
        )
        text = format_report(report)
        text.encode()
        assert all(line.isprintable() for line in text.split('\n'))
        assert max(map(len, text.split('\n'))) < 200
        return report

    return call


def test_names_are_shown_on_one_line(coco, run, photographs):
    coco['categories'] = [{'id': n, 'name': name} for n, name in enumerate(NAMES)]
    box = coco['annotations'][0]
    coco['annotations'] = [{**box, 'id': 1 + n, 'category_id': n} for n in range(len(NAMES))]
    size = {'width': 100, 'height': 80}
    coco['images'] += [{'id': 20 + n, 'file_name': name, **size} for n, name in enumerate(NAMES)]
    coco['images'] += [{'id': 50, 'file_name': 'a\0b', **size}]
    (photographs / NAMES[1]).write_bytes((photographs / 'a/1.jpg').read_bytes())
    report = run(json.dumps(coco), images=str(photographs), samples=20)
    assert [row['name'] for row in report['files'][0]['classes']] == NAMES
    found = report['files'][0]['photographs']
    assert found['usable'] == 4
    assert found['problems']['outside_folder'] == 1
    assert report['duplicates']['counts']['exact'] == 1
    assert {'duplicates.jpg', 'samples.jpg', 'classes.png'} <= set(report['pictures'])


def test_numbers_without_measure(coco, run):
    coco['images'][0].update(width=2**53 - 1, height=1)
    coco['annotations'][0].update(bbox=[0, 0, 1e300, 1e300], area=1e308)
    coco['annotations'][1].update(bbox=[0, 0, 5e-300, 1], area=5e-324)
    coco['annotations'][2].update(bbox=[float('nan'), 0, 1, 1])
    coco['annotations'][3].update(bbox=[-1e300, 0, 1e300, 1])
    (entry,) = run(json.dumps(coco))['files']
    assert entry['boxes'] == 2
    assert entry['defects']['counts'].keys() == {
        *('box_not_finite', 'box_outside', 'box_clipped', 'area_from_box')
    }
    assert entry['box_sizes']['native']['width']['max'] == 2**53 - 1


def test_hundred_thousand_boxes_in_an_image(coco, run, photographs):
    box = coco['annotations'][0]
    coco['annotations'] = [{**box, 'id': n} for n in range(1, 100_001)]
    began = time.monotonic()
    report = run(json.dumps(coco), images=str(photographs), samples=1)
    assert time.monotonic() - began < 60  # seconds, on a machine that is busy
    assert report['files'][0]['boxes_per_image']['max'] == 100_000


def test_thousands_of_classes(coco, run):
    coco['categories'] += [{'id': n, 'name': f'class {n}'} for n in range(100, 5000)]
    box = coco['annotations'][0]
    coco['annotations'] += [{**box, 'id': n, 'category_id': n} for n in range(100, 5000)]
    report = run(json.dumps(coco))
    assert len(report['files'][0]['classes']) == 4903
    assert len(report['files'][0]['cooccurrence']['classes']) == 80
    assert '... and 4883 classes of' in format_report(report)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"images": ' + '[' * 100_000 + ']' * 100_000 + '}', 'nested too deeply'),
        ('{"images": [', 'broken JSON'),
        ('[]', 'not a COCO file'),
        ('', 'broken JSON'),
    ],
)
def test_what_is_no_coco_file_is_refused(text, message, run, tmp_path):
    with pytest.raises(InputError, match=message):
        run(text)
    assert not (tmp_path / 'out').exists()
