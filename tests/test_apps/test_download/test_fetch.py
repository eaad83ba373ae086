"""What servers do wrong and what becomes of it; where requests go, and how many at once."""

import io
import socket
import time
from email.utils import formatdate

import pytest
from PIL import Image

from taco_plugin.apps.download import fetch as fetch_module
from taco_plugin.apps.download.fetch import MAX_REDIRECTS, parse_address
from taco_plugin.apps.download.photograph import PhotographError


@pytest.mark.parametrize(('status', 'times'), [(404, 1), (204, 1), (408, 3), (503, 3)])
def test_only_what_may_pass_is_asked_for_again(server, fetch, status, times, monkeypatch):
    monkeypatch.setattr(fetch_module, 'LONGEST_RETRY_AFTER', 0.1)
    server.answers['/0'] = lambda handler: server.send(handler, status, Retry_After='99999999999')
    run = fetch(server.make_coco('a.jpg'), retries=2)
    assert server.requests == {'/0': times}
    (entry,) = run.report['missing']
    assert (entry['kind'], entry['attempts']) == ('http_status', times)
    assert entry['detail'].startswith(f'HTTP {status}')


@pytest.mark.parametrize('as_date', [False, True])
def test_retry_after_is_obeyed_by_all_requests_to_the_host(server, fetch, encode, as_date):
    asked, value = [], formatdate(time.time() + 2, usegmt=True) if as_date else '1'

    def refuse_once(handler):
        asked.append(time.monotonic())
        status, headers = (429, {'Retry_After': value}) if len(asked) == 1 else (200, {})
        server.send(handler, status, encode(), **headers)

    server.answers = {'/0': refuse_once, '/1': refuse_once}
    assert fetch(server.make_coco('a.jpg', 'b.jpg'), per_host=1).kinds == {}
    assert len(asked) == 3
    # A date has whole seconds: two seconds from now are more than one.
    assert asked[1] - asked[0] > 0.9
    assert asked[2] - asked[1] < 0.9


def test_truncated_bodies_leave_nothing(server, fetch, encode):
    whole = encode((600, 400))
    server.answers = {
        '/0': lambda handler: server.send(handler, body=whole[:2000], length=len(whole)),
        '/1': whole[: len(whole) // 2],
        '/2': whole[:-2],
        '/3': b'',
    }
    names = [f'{number}.jpg' for number in range(4)]
    run = fetch(server.make_coco(*names, size=(600, 400)), retries=1)
    assert run.kinds == dict.fromkeys(names, 'damaged') | {'0.jpg': 'unreachable'}
    assert set(server.requests.values()) == {2}
    assert run.files == []


@pytest.mark.parametrize(
    ('body', 'kind', 'detail'),
    [
        (b'<!doctype html>', 'not_a_photograph', "begins with b'<!doctype ht'"),
        ({'suffix': 'GIF'}, 'not_a_photograph', 'begins with'),
        (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n', 'not_a_photograph', 'begins'),
        ({'size': (63, 48)}, 'size_differs', '63x48, expected 64x48'),
        ({'size': (48, 64)}, 'size_differs', 'ignored the EXIF rotation'),
    ],
)
def test_other_content_is_refused_at_once(server, fetch, encode, body, kind, detail):
    server.answers['/0'] = encode(**body) if isinstance(body, dict) else body
    (entry,) = fetch(server.make_coco('a.jpg')).report['missing']
    assert (entry['kind'], entry['attempts']) == (kind, 1)
    assert detail in entry['detail']


def test_slow_drips_and_silence_are_cut_off(server, fetch, encode, monkeypatch):
    def drip(handler):
        handler.send_response(200)
        handler.send_header('Content-Length', '100000')
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b'\xff')
            time.sleep(0.05)

    monkeypatch.setattr(fetch_module, 'SECONDS_OF_SILENCE', 0.2)
    server.answers = {'/0': drip, '/1': lambda handler: time.sleep(1), '/2': encode()}
    began = time.monotonic()
    run = fetch(server.make_coco('slow.jpg', 'silent.jpg', 'quick.jpg'), timeout=0.4, retries=1)
    assert time.monotonic() - began < 5  # which is what one drip takes
    assert run.kinds == {'slow.jpg': 'too_slow', 'silent.jpg': 'too_slow'}
    assert server.requests['/0'] == 2
    assert run.files == ['quick.jpg']


@pytest.mark.parametrize('announced', [{}, {'Content-Length': str(10**9)}])
def test_large_answers_are_cut_off(server, fetch, announced):
    sent = []

    def flood(handler):
        handler.send_response(200)
        handler.close_connection = True
        for header in announced.items():
            handler.send_header(*header)
        handler.end_headers()
        sent.extend(handler.wfile.write(bytes(100_000)) for _ in range(1000))

    server.answers['/0'] = flood
    assert fetch(server.make_coco('a.jpg'), max_bytes=250_000).kinds == {'a.jpg': 'too_large'}
    assert server.requests['/0'] == 1
    assert sum(sent) < 50_000_000


def test_a_bomb_is_refused_by_its_header(server, fetch):
    buffer = io.BytesIO()
    Image.new('1', (20_000, 20_000)).save(buffer, 'PNG')
    server.answers['/0'] = buffer.getvalue()
    for size in ((64, 48), (20_000, 20_000)):
        assert fetch(server.make_coco('a.jpg', size=size)).kinds == {'a.jpg': 'too_large'}


def test_redirects_are_followed_but_not_for_ever(server, fetch, encode):
    def redirect(location):
        return lambda handler: server.send(handler, 307, Location=location)

    for number in range(MAX_REDIRECTS):
        server.answers[f'/{number}'] = redirect(f'/{number + 1}')
    server.answers[f'/{MAX_REDIRECTS}'] = encode()
    assert fetch(server.make_coco('a.jpg')).files == ['a.jpg']
    server.answers['/0'] = redirect('/0')
    server.requests.clear()
    assert fetch(server.make_coco('b.jpg')).kinds == {'b.jpg': 'bad_redirect'}
    assert server.requests == {'/0': MAX_REDIRECTS + 1}


@pytest.mark.parametrize(
    'location',
    [
        *('file:///etc/hostname', 'ftp://127.0.0.1/a.jpg', 'gopher://127.0.0.1/', 'data:,a'),
        *('http://a:99999/', 'http://xn--/', None),
    ],
)
def test_redirects_elsewhere_are_refused(server, fetch, location):
    headers = {} if location is None else {'Location': location}
    server.answers['/0'] = lambda handler: server.send(handler, 301, **headers)
    run = fetch(server.make_coco('a.jpg'))
    assert run.kinds == {'a.jpg': 'bad_redirect'}
    assert server.requests.total() == 1
    assert run.files == []


@pytest.mark.parametrize('target', ['http://a.org/', 'https://me:secret@a.org/'])
def test_no_redirect_from_https_to_http_or_to_a_password(target):
    with pytest.raises(PhotographError, match='no address of a host by https without a user name'):
        parse_address(target, 'bad_redirect', ('https',))


@pytest.mark.parametrize(
    'url',
    [
        *('file:///etc/hostname', 'ftp://example.org/a', '/a.jpg', 'a.jpg', '', 'http://', None),
        *('http://[::1', 'http://a:99999999/', 'http://\0/', 'http://xn--/', 7, ['http://a.org/']),
        *('javascript:alert(1)', 'http://' + 'a' * 100_000),
        *('http://me:secret@127.0.0.1/1', 'http://me@127.0.0.1/1', 'http://:x@127.0.0.1/1'),
    ],
)
def test_what_is_no_address_is_reported_and_not_asked_for(server, fetch, encode, url):
    server.answers['/1'] = encode()
    coco = server.make_coco('a.jpg', 'b.jpg')
    coco['images'][0]['flickr_url'] = url
    run = fetch(coco)
    assert run.kinds == {'a.jpg': 'bad_address'}
    assert len(run.report['missing'][0]['detail']) < 200
    assert run.files == ['b.jpg']


def test_no_credentials_and_no_cookies_are_sent(server, fetch, encode, tmp_path, monkeypatch):
    (tmp_path / 'netrc').write_text('default login me password secret\n')
    (tmp_path / 'netrc').chmod(0o600)
    monkeypatch.setenv('NETRC', str(tmp_path / 'netrc'))

    def set_cookie(handler):
        server.send(handler, body=encode(), Set_Cookie='tracked=yes; Path=/')

    server.answers = {'/0': set_cookie, '/1': set_cookie}
    assert fetch(server.make_coco('a.jpg', 'b.jpg'), per_host=1).kinds == {}
    for headers in server.headers.values():
        assert not {'Cookie', 'Authorization', 'Referer'} & set(headers)
        assert headers['Accept-Encoding'] == 'identity'
        assert headers['User-Agent'].startswith('taco_plugin/')


@pytest.mark.parametrize(('workers', 'per_host', 'most'), [(8, 3, 3), (2, 8, 2)])
def test_limits_of_simultaneous_requests(server, fetch, encode, workers, per_host, most):
    server.latency = 0.05
    server.answers = {f'/{number}': encode() for number in range(24)}
    coco = server.make_coco(*(f'{number}.jpg' for number in range(24)))
    assert fetch(coco, workers=workers, per_host=per_host).kinds == {}
    assert most / 2 < server.most_at_once <= most


def test_a_host_that_cannot_be_reached_is_given_up(server, fetch, encode):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        port = unused.getsockname()[1]
    server.answers['/0'] = encode()
    coco = server.make_coco('good.jpg', *(f'{number}.jpg' for number in range(300)))
    for image in coco['images'][1:]:
        image['flickr_url'] = f'http://localhost:{port}/a.jpg'
    run = fetch(coco, retries=2)
    assert run.files == ['good.jpg']
    assert set(run.kinds.values()) == {'unreachable'}
    tried = [e for e in run.report['missing'] if 'given up after 24' not in e['detail']]
    assert len(tried) < 20
