"""The page in a real browser."""

import json
from datetime import datetime

import pytest

from taco_plugin.apps.compare.page import Section, write_page
from taco_plugin.apps.compare.pictures import Picture


@pytest.fixture
def open_page(browser, tmp_path):
    def open_(*sections, width=1600):
        write_page(tmp_path / 'page.html', 'Runs', sections, datetime(2025, 5, 6))
        browser.resize(width)
        browser.open(tmp_path / 'page.html')
        assert browser.problems == []
        loaded = [url for url in browser.requests if not url.startswith('data:')]
        assert loaded == [(tmp_path / 'page.html').as_uri()]
        return browser

    return open_


@pytest.fixture
def scored(make_record, make_run):
    """A run of some AP50 and parameters."""

    def score(name, ap50, parameters=1_000_000):
        record = make_record(mAP_50=ap50)
        return make_run(name, record, model={'parameters': parameters})

    return score


def order(browser):
    """Names in the first column of the first table."""
    cells = 'document.querySelector("table").querySelectorAll("tbody th")'
    return browser.run(f'[...{cells}].map(cell => cell.textContent)')


def sorted_by(browser):
    headers = 'document.querySelector("table").querySelectorAll("thead th")'
    return browser.run(f'[...{headers}].map(header => header.getAttribute("aria-sort"))')


def header(number):
    return f'table thead th:nth-child({number}) button'


def test_a_click_sorts_and_what_is_missing_stays_last(open_page, scored):
    runs = [scored(name, ap50) for name, ap50 in zip('abcde', (0.5, 0.09, -1, 0.5, 0.6))]  # noqa: B905
    browser = open_page(Section(runs))
    browser.click(header(3))
    assert order(browser) == ['e', 'a', 'd', 'b', 'c']
    assert sorted_by(browser)[:4] == [None, None, 'descending', None]
    browser.click(header(3))
    assert order(browser) == ['b', 'a', 'd', 'e', 'c']
    assert sorted_by(browser)[:4] == [None, None, 'ascending', None]
    browser.click(header(1))
    assert order(browser) == ['a', 'b', 'c', 'd', 'e']
    assert sorted_by(browser)[:4] == ['ascending', None, None, None]
    assert browser.problems == []


def test_numbers_are_sorted_by_value_and_names_by_their_numbers(open_page, scored):
    sizes = {'run10': 900_000, 'run9': 10_000_000, 'run1': None}
    browser = open_page(Section([scored(name, 0.5, size) for name, size in sizes.items()]))
    browser.click(header(2))
    assert order(browser) == ['run9', 'run10', 'run1']
    browser.click(header(1))
    assert order(browser) == ['run1', 'run9', 'run10']


@pytest.mark.parametrize(('key', 'code', 'text'), [('Enter', 13, '\r'), (' ', 32, ' ')])
def test_the_keyboard_sorts(open_page, scored, key, code, text):
    browser = open_page(Section([scored('a', 0.1), scored('b', 0.2)]))
    browser.run(f'document.querySelector({header(3)!r}).focus()')
    browser.press(key, code, text)
    assert order(browser) == ['b', 'a']


def test_each_table_is_sorted_alone(open_page, scored):
    browser = open_page(Section([scored('a', 0.1), scored('b', 0.2)]))
    before = browser.run('document.querySelectorAll("table")[1].textContent')
    browser.click(header(3))
    assert browser.run('document.querySelectorAll("table")[1].textContent') == before


def test_pictures_are_drawn_and_enlarged(open_page, scored, picture_bytes, tmp_path):
    own = tmp_path / 'training.png'
    own.write_bytes(picture_bytes(70, 30))
    jpeg = Picture('Curves', '', picture_bytes(640, 480, kind='jpeg'))
    run = scored('a', 0.1)
    evaluation = type(run.evaluation)('test', run.evaluation.record, None, {'training': own})
    run = type(run)(run.name, run.folder, run.model, run.training, evaluation)
    browser = open_page(Section([run], figures=[jpeg]))
    sizes = '[...document.images].map(image => [image.naturalWidth, image.naturalHeight])'
    assert browser.run(sizes) == [[640, 480], [70, 30]]
    browser.click('figure button')
    assert browser.run('document.querySelector("dialog").open')
    assert browser.run('document.querySelector("dialog img").alt') == 'Curves'
    browser.click('dialog img')
    assert not browser.run('document.querySelector("dialog").open')
    assert browser.problems == []


@pytest.mark.parametrize('width', [400, 1600])
def test_only_tables_scroll_sideways(open_page, make_record, make_run, width, picture_bytes):
    classes = [f'Disposable food container {number}' for number in range(60)]
    names = ['x' * 200, *(f'detector_{number}' for number in range(7))]
    runs = [make_run(name, make_record(classes)) for name in names]
    picture = Picture('Wide', '', picture_bytes(4000, 300))
    browser = open_page(Section(runs, [picture], [picture]), width=width)
    assert browser.run('document.documentElement.scrollWidth') <= width
    browser.run('document.querySelectorAll("details").forEach(each => { each.open = true })')
    assert browser.run('document.documentElement.scrollWidth') <= width
    names = '[...document.querySelectorAll("thead button, tbody th div")]'
    assert browser.run(f'{names}.filter(each => each.scrollWidth > each.clientWidth).length') == 0
    scroll = 'document.querySelectorAll(".scroll")[2]'
    assert browser.run(f'{scroll}.scrollHeight > {scroll}.clientHeight')
    browser.run(f'{scroll}.scrollTo(500, 500)')
    stuck = browser.run(
        f'[...{scroll}.querySelectorAll("thead th:first-child")].map(cell => {{'
        f'const a = cell.getBoundingClientRect(), b = {scroll}.getBoundingClientRect();'
        'return [Math.round(a.x - b.x), Math.round(a.y - b.y)]})[0]'
    )
    assert stuck == [1, 1]  # beneath the border


def test_names_cannot_run_code(open_page, make_record, make_run):
    evil = '<script>document.title = "evil"</script><img src=x onerror=alert(1)>'
    classes = [evil, '"><script>document.title = "evil"</script>', "' onload='x", '', '\ud800']
    record = make_record(classes, ann_file=evil) | {'taxonomy': evil}
    record['run']['checkpoint'] = evil
    model = dict.fromkeys(('config', 'detector', 'taxonomy', 'loss'), evil)
    browser = open_page(
        Section([make_run(evil, record, model), make_run('b', record)]), Section([make_run(evil)])
    )
    assert browser.run('document.title') == 'Runs'
    assert browser.run('document.scripts.length') == 1
    assert browser.run('document.images.length') == 0
    assert order(browser) == [evil, 'b']
    rows = 'document.querySelectorAll("table")[2].querySelectorAll("tbody th")'
    assert browser.run(f'[...{rows}].map(cell => cell.textContent)') == [
        *classes[:3],
        'class 3 (no name)',
        '\ufffd',
    ]


def test_the_page_refuses_what_it_does_not_bring(open_page, scored):
    browser = open_page(Section([scored('a', 0.1)]))
    browser.run('document.body.append(Object.assign(new Image(), {src: "http://127.0.0.1:9/x"}))')
    browser.run(
        'const s = document.createElement("script"); s.text = "top.x = 1"; document.body.append(s)'
    )
    assert browser.run('window.x') is None
    texts = ' '.join(json.dumps(problem) for problem in browser.problems)
    assert 'img-src data:' in texts
    assert 'script-src' in texts
