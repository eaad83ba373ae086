"""The page in a real browser."""

from datetime import datetime

from taco_plugin.apps.compare.page import Section, embed, make_page


def page_of(*sections):
    return make_page('Runs', sections, datetime(2025, 5, 6))


def test_tables_sort_and_pictures_are_enlarged(in_browser, make_run, make_record, picture_bytes):
    scores = {'run10': (0.5, 9), 'run9': (0.09, 10), 'b': (-1, None), 'c': (0.5, 1), 'd': (0.6, 2)}
    runs = [
        make_run(name, make_record(mAP_50=ap50), {'parameters': size and size * 1_000_000})
        for name, (ap50, size) in scores.items()
    ]
    curves = embed(picture_bytes(640, 480, kind='jpeg'), 'Curves')
    shown = in_browser(
        page_of(Section(runs, plots=[curves])),
        """
        const sort = (number) => {
          find(`table thead th:nth-child(${number}) button`).click();
          const sorted = [...page.querySelectorAll('table:first-of-type thead th')]
            .map((header) => header.getAttribute('aria-sort'));
          return [texts('.scroll:first-of-type tbody th').slice(0, 5), sorted.slice(0, 3)];
        };
        const other = page.querySelectorAll('table')[1], before = other.textContent;
        const orders = [3, 3, 1, 2].map(sort);
        const size = (image) => [image.naturalWidth, image.naturalHeight];
        find('figure button').click();
        const opened = [find('dialog').open, find('dialog img').alt];
        find('dialog img').click();
        const loaded = frame.contentWindow.performance.getEntriesByType('resource');
        return {orders, opened, closed: !find('dialog').open, same: other.textContent === before,
          sizes: [...page.images].map(size), loaded: loaded.map((entry) => entry.name), refused};
        """,
    )
    assert shown['orders'] == [
        [['d', 'run10', 'c', 'run9', 'b'], [None, None, 'descending']],
        [['run9', 'run10', 'c', 'd', 'b'], [None, None, 'ascending']],
        [['b', 'c', 'd', 'run9', 'run10'], ['ascending', None, None]],
        [['run9', 'run10', 'd', 'c', 'b'], [None, 'descending', None]],
    ]
    assert shown['same']
    assert (shown['opened'], shown['closed']) == ([True, 'Curves'], True)
    assert [640, 480] in shown['sizes']
    assert [url for url in shown['loaded'] if not url.startswith('data:')] == shown['refused'] == []


def test_only_tables_scroll_sideways_on_a_telephone(
    in_browser, make_record, make_run, picture_bytes
):
    classes = [f'Disposable food container {number}' for number in range(60)]
    names = ['x' * 200, *(f'detector_{number}' for number in range(7))]
    runs = [make_run(name, make_record(classes)) for name in names]
    picture = embed(picture_bytes(4000, 300), 'Wide')
    shown = in_browser(
        page_of(Section(runs, [picture], [picture])),
        """
        page.querySelectorAll('details').forEach((each) => { each.open = true; });
        const cut = [...page.querySelectorAll('thead button, tbody th div')]
          .filter((each) => each.scrollWidth > each.clientWidth).length;
        const table = page.querySelectorAll('.scroll')[2];
        table.scrollTo(500, 500);
        const [outer, cell] = [table, table.querySelector('thead th')]
          .map((each) => each.getBoundingClientRect());
        const root = page.documentElement;
        return {beyond: root.scrollWidth - root.clientWidth, cut,
          stuck: [cell.x - outer.x, cell.y - outer.y].map(Math.round)};
        """,
        width=420,
    )
    assert shown == {'beyond': 0, 'cut': 0, 'stuck': [1, 1]}  # beneath the border


def test_names_and_what_is_put_in_cannot_run_code(in_browser, make_record, make_run):
    evil = '<script>document.title = "evil"</script><img src=x onerror=alert(1)>'
    classes = [evil, '"><script>document.title = "evil"</script>', "' onload='x"]
    record = make_record(classes, ann_file=evil) | {'taxonomy': evil}
    record['run']['checkpoint'] = evil
    model = dict.fromkeys(('config', 'detector', 'taxonomy', 'loss'), evil)
    runs = [make_run(evil, record, model), make_run('b', record)]
    shown = in_browser(
        page_of(Section(runs), Section([make_run(evil)])),
        """
        const before = [page.title, page.scripts.length, page.images.length, texts('tbody th')];
        const image = Object.assign(page.createElement('img'), {src: 'http://127.0.0.1:9/x'});
        const script = Object.assign(page.createElement('script'), {text: 'window.x = 1'});
        page.body.append(image, script);
        await new Promise((done) => setTimeout(done, 500));
        return {before, x: frame.contentWindow.x ?? null, refused};
        """,
    )
    title, scripts, images, rows = shown['before']
    assert (title, scripts, images) == ('Runs', 1, 0)
    assert rows[:2] == [evil, 'b']
    assert rows[4:7] == classes
    assert shown['x'] is None
    assert sorted(shown['refused']) == ['img-src', 'script-src-elem']
