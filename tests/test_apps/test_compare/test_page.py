import base64
import hashlib
import os
import re
from dataclasses import replace
from datetime import datetime

import pytest

from taco_plugin.apps.compare.groups import compare_groups
from taco_plugin.apps.compare.page import Section, make_page, write_page
from taco_plugin.apps.compare.pictures import Picture, read_pictures
from taco_plugin.errors import InputError

MADE = datetime(2025, 5, 6, 7, 8)


def with_figures(run, figures):
    return replace(run, evaluation=replace(run.evaluation, figures=figures))


def headings(page):
    return re.findall('<h([123])>(.*?)</h', page)


def test_a_page_of_one_run_is_its_report(make_run, make_record, tmp_path, picture_bytes):
    (tmp_path / 'errors.jpg').write_bytes(picture_bytes(kind='jpeg'))
    record = make_record(mAP_50=0.25)
    record['boxes'] |= {'truth': 1234, 'crowds': 2}
    run = with_figures(make_run('demo', record), {'errors': tmp_path / 'errors.jpg'})
    page = make_page('Report', [Section([run])], MADE)
    assert headings(page) == [
        *(('1', 'Report'), ('2', '20 images, 1,234 true boxes, 3 classes of three')),
        *(('3', 'Figures of the evaluation'), ('3', 'Classes')),
    ]
    assert '<li><span>AP50</span> 0.250</li>' in page
    assert '<dt>true boxes</dt><dd>1,234, and 2 crowds</dd>' in page
    assert '<dt>checkpoint</dt><dd>work_dirs/a/best.pth</dd>' in page
    assert '<dt>training</dt><dd>12 of 300 epochs, 1 h 02 min</dd>' in page
    assert 'alt="Most confident errors" width="60" height="40"' in page
    assert 'Report of demo, made <time datetime="2025-05-06T07:08:00">' in page.replace('\n', '')
    assert 'difference' not in page
    assert '<details' not in page


def test_a_run_that_was_not_evaluated_has_its_facts(make_run):
    page = make_page('Report', [Section([make_run('crashed', None)])], MADE)
    assert headings(page) == [('1', 'Report'), ('2', 'not evaluated')]
    assert '<dt>evaluated on</dt><dd>not evaluated</dd>' in page
    assert '<dt>training</dt>' in page
    assert '<table' not in page


def test_a_comparison_has_every_section(make_run, make_record, picture_bytes):
    pictures = [Picture('One & two', 'A <caption>.', picture_bytes())]
    runs = [make_run('a', make_record(mAP_50=0.25)), make_run('b', make_record(mAP_50=0.5))]
    page = make_page('Runs', [Section(runs, pictures, pictures)], MADE)
    assert [heading for level, heading in headings(page) if level == '3'] == [
        *('Results', 'Detectors', 'Figures', 'AP50 of each class', 'AP of each class', 'Images'),
        'Each run',
    ]
    assert re.search(r'<strong>0\.500</strong>\s*<small class="up">\+0\.250</small>', page)
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
    boxes = few['boxes']['truth'], one['boxes']['truth']
    assert (
        f'Group 2 differs from group 1 in images (5, not 20), true boxes ({boxes[0]}, not '
        f'{boxes[1]}), classes (2, not 3), annotation file (none, not test.json).'
    ) in page
    assert [text.split(':')[0] for level, text in headings(page) if level == '2'] == [
        *('Group 1', 'Group 2')
    ]


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        (
            {'ground_truth': 'x'},
            'the images or boxes themselves, though their numbers are the same.',
        ),
        (
            {'ground_truth': 'x', 'ann_file': 'b.json'},
            'annotation file (b.json, not test.json), the',
        ),
        ({'ground_truth': 'x', 'classes': ['Can', 'Cup', 'Lid']}, 'the names of the classes.'),
        ({'ground_truth': 'x', 'images': 7}, 'images (7, not 20).'),
        ({'settings': {'iou': [0.5], 'study_iou': [0.25, 0.5, 0.75]}}, 'the setting iou.'),
    ],
)
def test_what_differs_is_named(make_run, make_record, changes, words):
    groups = [[make_run('crashed', None)], [make_run('a')]]
    groups.append([make_run('b', make_record() | changes)])
    (_, sentence) = compare_groups(groups)
    assert sentence.startswith(f'Group 3 differs from group 2 in {words}')
    assert compare_groups(groups[1:2]) == []


def test_the_policy_lets_in_what_the_page_brings(make_run):
    page = make_page('Runs', [Section([make_run('a')])], MADE)
    policy = re.search('Security-Policy" content="(.*?)"', page)[1].replace('&#39;', "'")
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for kind in ('style', 'script'):
        (text,) = re.findall(f'<{kind}>(.*?)</{kind}>', page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.findall('(?:src|href)="(?!data:)', page)
    assert 'http' not in page.replace('http-equiv', '')
    assert page.startswith('<!DOCTYPE html>')


def test_pictures_of_a_run_in_their_order(make_run, picture_bytes, tmp_path):
    names = ('unknown_figure', 'training', 'precision_recall')
    for name in names:
        (tmp_path / name).write_bytes(picture_bytes())
    run = with_figures(make_run(), {name: tmp_path / name for name in names})
    assert [picture.title for picture in read_pictures(run)] == [
        *('Precision against recall', 'Training', 'unknown figure')
    ]
    assert read_pictures(make_run('crashed', None)) == []


def test_a_picture_says_what_it_is(picture_bytes):
    data = picture_bytes(30, 20, kind='jpeg')
    picture = Picture('x', '', data)
    assert picture.size == (30, 20)
    assert picture.uri == f'data:image/jpeg;base64,{base64.b64encode(data).decode()}'
    for broken in (b'', b'<svg onload="x"/>', data[:20]):
        with pytest.raises(InputError, match='^x: no PNG or JPEG$'):
            Picture('x', '', broken)


def test_a_picture_that_cannot_be_read_is_named_and_the_old_page_stays(make_run, tmp_path):
    page, broken = tmp_path / 'page.html', tmp_path / 'training.png'
    page.write_text('old')
    broken.write_text('no picture')
    for path, message in ((broken, 'no PNG or JPEG'), (tmp_path / 'gone.png', 'cannot be read')):
        sections = [Section([with_figures(make_run(), {'training': path})])]
        with pytest.raises(InputError, match=f'{path.name}: {message}'):
            write_page(page, 'Runs', sections, MADE)
    assert page.read_text() == 'old'
    assert sorted(os.listdir(tmp_path)) == ['page.html', 'training.png']


def test_any_name_can_be_written(make_run, make_record, tmp_path):
    names = ('\udcff', '\x00', 'ü 🥤')
    write_page(
        tmp_path / 'new' / 'page.html',
        '\ud800',
        [Section([make_run(names[0], make_record(names))])],
    )
    text = (tmp_path / 'new' / 'page.html').read_text(encoding='utf-8')
    assert '<h1>\ufffd</h1>' in text
    assert 'ü 🥤' in text
    assert os.listdir(tmp_path / 'new') == ['page.html']
