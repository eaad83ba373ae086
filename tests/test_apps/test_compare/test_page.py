import base64
import json
import re
from dataclasses import asdict
from datetime import datetime

import pytest

from taco_plugin.apps.compare.page import Section, embed, make_page, read_pictures
from taco_plugin.apps.compare.text import compare_groups
from taco_plugin.errors import InputError
from taco_plugin.evaluation.metrics import ScoreSettings

SETTINGS = json.loads(json.dumps(asdict(ScoreSettings(iou=(0.5,)))))
MADE = datetime(2025, 5, 6, 7, 8)


def headings(page):
    return re.findall('<h([123])>(.*?)</h', page)


def test_a_page_of_one_run_is_its_report(make_run, make_record, tmp_path, picture_bytes):
    (tmp_path / 'errors.jpg').write_bytes(picture_bytes(kind='jpeg'))
    record = make_record(mAP_50=0.25)
    record['boxes'] |= {'truth': 1234, 'crowds': 2}
    run = make_run('demo', record, pictures={'errors': tmp_path / 'errors.jpg'})
    page = make_page('Report', [Section([run])], MADE)
    assert headings(page) == [
        *(('1', 'Report'), ('2', '20 images, 1,234 true boxes, 3 classes of three')),
        *(('3', 'Plots of the evaluation'), ('3', 'Classes')),
    ]
    assert '<li><span>AP50</span> 0.250</li>' in page
    assert '<dt>true boxes</dt><dd>1,234, and 2 crowds</dd>' in page
    assert '<dt>checkpoint</dt><dd>work_dirs/best.pth</dd>' in page
    assert '<dt>epochs</dt><dd>12 / 300</dd>' in page
    assert '<dt>training time</dt><dd>1:02:05</dd>' in page
    assert 'alt="Most confident errors" width="60" height="40"' in page
    assert 'Report of demo, made <time datetime="2025-05-06T07:08:00">' in page.replace('\n', '')
    assert 'difference' not in page
    assert '<details' not in page


def test_a_run_that_was_not_evaluated_has_its_facts(make_run):
    page = make_page('Report', [Section([make_run('crashed', None)])], MADE)
    assert headings(page) == [('1', 'Report'), ('2', 'not evaluated')]
    assert '<dt>evaluated on</dt><dd>not evaluated</dd>' in page
    assert '<dt>training time</dt>' in page
    assert '<table' not in page


def test_a_comparison_has_every_section(make_run, make_record, picture_bytes):
    pictures = [embed(picture_bytes(), 'One & two', 'A <caption>.')]
    runs = [make_run('a', make_record(mAP_50=0.25)), make_run('b', make_record(mAP_50=0.5))]
    page = make_page('Runs', [Section(runs, pictures, pictures)], MADE)
    assert [heading for level, heading in headings(page) if level == '3'] == [
        *('Results', 'Detectors', 'Plots', 'AP50 of each class', 'AP of each class', 'Images'),
        'Each run',
    ]
    assert re.search(r'<strong>0\.500</strong>\s*<small class="up">\+0\.250</small>', page)
    assert not re.findall('(?:src|href)="(?!data:)', page)
    assert page.count('alt="One &amp; two"') == 2
    assert 'A &lt;caption&gt;.' in page
    assert re.findall('<summary>(.*?)</summary>', page) == ['a', 'b']
    assert 'the difference from a.' in page
    assert 'Group' not in page


def test_groups_are_told_apart_in_words(make_run, make_record):
    one, few = make_record(), make_record(('x', 'y'), images=5, ann_file=None)
    page = make_page('Runs', [Section([make_run('a', one)]), Section([make_run('b', few)])], MADE)
    assert (
        'Runs of different images, classes or settings of the score are not ranked together' in page
    )
    boxes = '{}, not {}'.format(*(record['boxes']['truth'] for record in (few, one)))
    differences = f'images (5, not 20), true boxes ({boxes}), classes (2, not 3), annotation file'
    assert f'Group 2 differs from group 1 in {differences} (none, not test.json).' in page
    titles = [text.split(':')[0] for level, text in headings(page) if level == '2']
    assert titles == ['Group 1', 'Group 2']


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({}, 'the images or boxes themselves, though their numbers are the same.'),
        ({'ann_file': 'b.json'}, 'annotation file (b.json, not test.json), the'),
        ({'classes': ['Can', 'Cup', 'Lid']}, 'the names of the classes.'),
        ({'images': 7}, 'images (7, not 20).'),
        ({'ground_truth': f'{0:064}', 'settings': SETTINGS}, 'the setting iou.'),
    ],
)
def test_what_differs_is_named(make_run, make_record, changes, words):
    other = make_run('b', make_record() | {'ground_truth': 'x'} | changes)
    groups = [[make_run('crashed', None)], [make_run('a')], [other]]
    (_, sentence) = compare_groups(groups)
    assert sentence.startswith(f'Group 3 differs from group 2 in {words}')


def test_pictures_of_a_run_in_their_order(make_run, picture_bytes, tmp_path):
    names = ('unknown_figure', 'training', 'precision_recall')
    for name in names:
        (tmp_path / name).write_bytes(picture_bytes(30, 20, kind='jpeg'))
    run = make_run(pictures={name: tmp_path / name for name in names})
    pictures = read_pictures(run)
    assert [picture.title for picture in pictures] == [
        *('Precision against recall', 'Training', 'unknown figure')
    ]
    assert pictures[0].size == (30, 20)
    data = base64.b64encode((tmp_path / 'training').read_bytes()).decode()
    assert pictures[1].uri == f'data:image/jpeg;base64,{data}'


def test_a_picture_that_cannot_be_read_is_named(make_run, picture_bytes, tmp_path):
    contents = (b'', b'<svg onload="x"/>', picture_bytes(kind='jpeg')[:20])
    for content in contents:
        (tmp_path / 'broken.png').write_bytes(content)
        with pytest.raises(InputError, match=r'broken\.png: cannot be read \(no PNG or JPEG\)'):
            read_pictures(make_run(pictures={'training': tmp_path / 'broken.png'}))
    with pytest.raises(InputError, match=r'gone\.png: cannot be read \(No such file'):
        read_pictures(make_run(pictures={'training': tmp_path / 'gone.png'}))
