"""Where requests go, what they carry, and how many there are at once."""

import socket

import httpx
import pytest

from taco_plugin.apps.download import host as host_module
from taco_plugin.apps.download.address import follow_redirect, parse_address
from taco_plugin.apps.download.failure import PhotographError
from taco_plugin.apps.download.fetch import MAX_REDIRECTS


def redirect(server, location, status=302):
    return lambda handler: server.send(handler, status, Location=location)


def test_redirects_are_followed_but_not_for_ever(server, fetch, encode):
    for number in range(MAX_REDIRECTS):
        server.answers[f'/{number}'] = redirect(server, f'/{number + 1}', 307)
    server.answers[f'/{MAX_REDIRECTS}'] = encode()
    assert fetch(server.make_coco('a.jpg')).files == ['a.jpg']

    server.answers['/0'] = redirect(server, '/0')
    server.requests.clear()
    coco = server.make_coco('b.jpg')
    run = fetch(coco)
    assert run.kinds == {'b.jpg': 'bad_redirect'}
    assert server.requests == {'/0': MAX_REDIRECTS + 1}


@pytest.mark.parametrize(
    'location',
    [
        *('file:///etc/hostname', 'ftp://127.0.0.1/a.jpg', 'gopher://127.0.0.1/', 'data:,a'),
        *('http://user:password@127.0.0.1/', '//user@127.0.0.1/', 'http://a:99999/', None),
        *('http://xn--/', ''),
    ],
)
def test_redirects_elsewhere_are_refused(server, fetch, location):
    headers = {} if location is None else {'Location': location}
    server.answers['/0'] = lambda handler: server.send(handler, 301, **headers)
    run = fetch(server.make_coco('a.jpg'))
    assert run.kinds == {'a.jpg': 'bad_redirect'}
    assert server.requests.total() == 1
    assert run.files == []


def test_no_redirect_from_https_to_http():
    secure = httpx.URL('https://example.org/a.jpg')
    assert str(follow_redirect(secure, '/b.jpg')) == 'https://example.org/b.jpg'
    assert follow_redirect(httpx.URL('http://example.org/'), 'https://a.org').scheme == 'https'
    with pytest.raises(PhotographError) as caught:
        follow_redirect(secure, 'http://example.org/b.jpg')
    assert caught.value.kind == 'bad_redirect'


@pytest.mark.parametrize(
    'url',
    [
        *('file:///etc/hostname', 'ftp://example.org/a', '/a.jpg', 'a.jpg', '', 'http://'),
        *('http://[::1', 'http://a:99999999/', 'http://user:password@example.org/', 'http://\0/'),
        *('http://xn--/', 'javascript:alert(1)', 'http://' + 'a' * 100_000),
    ],
)
def test_addresses_are_refused_unasked(url):
    with pytest.raises(PhotographError) as caught:
        parse_address(url)
    assert caught.value.kind == 'bad_address'
    assert len(caught.value.detail) < 200
    assert 'password@' not in caught.value.detail


@pytest.mark.parametrize('url', [None, 7, '', ['http://example.org/'], 'file:///etc/hostname'])
def test_images_without_an_address_are_reported(server, fetch, encode, url):
    server.answers['/1'] = encode()
    coco = server.make_coco('a.jpg', 'b.jpg')
    coco['images'][0]['flickr_url'] = url
    run = fetch(coco)
    assert run.kinds == {'a.jpg': 'bad_address'}
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


@pytest.mark.parametrize(('workers', 'per_host', 'most'), [(8, 3, 3), (2, 8, 2), (8, 8, 8)])
def test_limits_of_simultaneous_requests(server, fetch, encode, workers, per_host, most):
    server.latency = 0.05
    names = [f'{number}.jpg' for number in range(24)]
    server.answers = {f'/{number}': encode() for number in range(24)}
    assert fetch(server.make_coco(*names), workers=workers, per_host=per_host).kinds == {}
    assert most / 2 < server.most_at_once <= most


def test_a_host_that_cannot_be_reached_is_given_up(server, fetch, encode, monkeypatch):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        port = unused.getsockname()[1]
    tries = []
    monkeypatch.setattr(host_module, 'back_off', lambda attempt: tries.append(attempt) or 0.02)
    server.answers['/0'] = encode()
    coco = server.make_coco('good.jpg', *(f'{number}.jpg' for number in range(300)))
    for image in coco['images'][1:]:
        image['flickr_url'] = f'http://localhost:{port}/a.jpg'
    run = fetch(coco, retries=2)
    assert run.files == ['good.jpg']
    assert set(run.kinds.values()) == {'unreachable'}
    assert tries == [0, 1, 2]
    assert 'given up after 3 failures in a row' in run.report['missing'][-1]['detail']


def test_back_off_doubles_with_jitter_up_to_a_bound():
    delays = [[host_module.back_off(attempt) for _ in range(200)] for attempt in range(12)]
    for attempt, several in enumerate(delays):
        longest = min(2.0**attempt, host_module.LONGEST_DELAY)
        assert longest / 2 <= min(several) < 0.6 * longest
        assert 0.9 * longest < max(several) <= longest
