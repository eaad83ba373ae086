"""What servers do wrong, and what becomes of it."""

import time
from email.utils import formatdate

import pytest
from PIL import Image

from taco_plugin.apps.download import clients as clients_module
from taco_plugin.apps.download import host as host_module


def in_turn(*answers):
    """Gives one answer after the other, and then the last one again."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)


def test_photographs_come_to_their_places_with_the_bytes_that_were_sent(server, fetch, encode):
    server.answers = {'/0': encode(), '/1': encode(quality=60)}
    run = fetch(server.make_coco('batch_1/1.jpg', 'batch_2/1.JPG'))
    assert run.files == ['batch_1/1.jpg', 'batch_2/1.JPG']
    assert (run.folder / 'batch_1/1.jpg').read_bytes() == server.answers['/0']
    assert (run.folder / 'batch_2/1.JPG').read_bytes() == server.answers['/1']
    assert run.report['counts'] == {'images': 2, 'there_before': 0, 'fetched': 2, 'missing': 0}
    assert run.report['missing'] == []


@pytest.mark.parametrize(
    ('status', 'times'), [(403, 1), (404, 1), (410, 1), (204, 1), (408, 3), (500, 3), (502, 3)]
)
def test_only_what_may_pass_is_asked_for_again(server, fetch, status, times):
    server.answers['/0'] = lambda handler: server.send(handler, status)
    run = fetch(server.make_coco('a.jpg'), retries=2)
    assert server.requests == {'/0': times}
    (entry,) = run.report['missing']
    assert (entry['kind'], entry['attempts']) == ('http_status', times)
    assert entry['detail'].startswith(f'HTTP {status}')
    assert run.files == []


def test_trouble_that_passes_is_overcome(server, fetch, encode):
    whole = encode()
    server.answers['/0'] = in_turn(
        lambda handler: server.send(handler, 500),
        lambda handler: server.send(handler, body=whole[:300], length=len(whole)),
        lambda handler: server.send(handler, body=whole[:300]),
        lambda handler: server.send(handler, body=b''),
        lambda handler: server.send(handler, body=whole),
    )
    run = fetch(server.make_coco('a.jpg'), retries=4)
    assert server.requests['/0'] == 5
    assert (run.folder / 'a.jpg').read_bytes() == whole
    assert run.files == ['a.jpg']


@pytest.mark.parametrize('as_date', [False, True])
def test_retry_after_is_obeyed_by_all_requests_to_the_host(server, fetch, encode, as_date):
    asked = []
    value = formatdate(time.time() + 2, usegmt=True) if as_date else '1'

    def refuse_once(handler):
        asked.append(time.monotonic())
        server.send(handler, 429, Retry_After=value) if len(asked) == 1 else server.send(
            handler, body=encode()
        )

    server.answers = {'/0': refuse_once, '/1': refuse_once}
    assert fetch(server.make_coco('a.jpg', 'b.jpg'), per_host=1).kinds == {}
    assert len(asked) == 3
    # A date has whole seconds: two seconds from now are more than one.
    assert 0.9 < asked[1] - asked[0] < 2.5
    assert asked[2] - asked[1] < 0.5


def test_retry_after_is_bounded(server, fetch, monkeypatch):
    monkeypatch.setattr(host_module, 'LONGEST_RETRY_AFTER', 0.1)
    server.answers['/0'] = lambda handler: server.send(handler, 503, Retry_After='99999999999')
    began = time.monotonic()
    assert fetch(server.make_coco('a.jpg'), retries=2).kinds == {'a.jpg': 'http_status'}
    assert 0.2 < time.monotonic() - began < 3


def test_truncated_bodies_leave_nothing(server, fetch, encode):
    whole = encode((600, 400))
    server.answers = {
        '/0': lambda handler: server.send(handler, body=whole[:2000], length=len(whole)),
        '/1': whole[: len(whole) // 2],
        '/2': whole[:-2],
        '/3': encode((600, 400), 'PNG')[:-30],
        '/4': b'',
    }
    names = [f'{number}.jpg' for number in range(5)]
    run = fetch(server.make_coco(*names, size=(600, 400)), retries=1)
    assert list(run.kinds.values()).count('damaged') == 4
    assert run.kinds['0.jpg'] == 'unreachable'
    assert set(server.requests.values()) == {2}
    assert run.files == []


def test_other_content_is_refused_at_once(server, fetch, encode):
    server.answers = {
        '/0': b'<!doctype html><title>Sign in</title>',
        '/1': encode(suffix='GIF'),
        '/2': b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n',
        '/3': encode((63, 48)),
        '/4': encode((48, 64)),
    }
    run = fetch(server.make_coco(*(f'{number}.jpg' for number in range(5))))
    assert [run.kinds[f'{number}.jpg'] for number in range(5)] == [
        *['not_a_photograph'] * 3,
        *['size_differs'] * 2,
    ]
    details = {entry['file_name']: entry['detail'] for entry in run.report['missing']}
    assert details['3.jpg'] == '63x48, expected 64x48'
    assert 'ignored the EXIF rotation' in details['4.jpg']
    assert set(server.requests.values()) == {1}
    assert run.files == []


def test_slow_drips_are_cut_off(server, fetch, encode):
    def drip(handler):
        handler.send_response(200)
        handler.send_header('Content-Length', '100000')
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b'\xff')
            time.sleep(0.05)

    server.answers = {'/0': drip, '/1': encode()}
    began = time.monotonic()
    run = fetch(server.make_coco('slow.jpg', 'quick.jpg'), seconds=0.4, retries=1)
    assert time.monotonic() - began < 2.5
    assert run.kinds == {'slow.jpg': 'too_slow'}
    assert server.requests['/0'] == 2
    assert run.files == ['quick.jpg']


def test_silence_is_cut_off(server, fetch, monkeypatch):
    monkeypatch.setattr(clients_module, 'SECONDS_OF_SILENCE', 0.2)
    server.answers['/0'] = lambda handler: time.sleep(1)
    run = fetch(server.make_coco('a.jpg'), retries=0)
    assert run.kinds == {'a.jpg': 'too_slow'}
    assert run.report['missing'][0]['detail'].startswith('silent for')


@pytest.mark.parametrize('is_announced', [True, False])
def test_large_answers_are_cut_off(server, fetch, is_announced):
    sent = []

    def flood(handler):
        handler.send_response(200)
        if is_announced:
            handler.send_header('Content-Length', str(10**9))
        else:
            handler.close_connection = True
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(bytes(100_000))
            sent.append(100_000)

    server.answers['/0'] = flood
    run = fetch(server.make_coco('a.jpg'), max_bytes=250_000)
    assert run.kinds == {'a.jpg': 'too_large'}
    assert server.requests['/0'] == 1
    assert sum(sent) < 50_000_000
    assert run.files == []


def test_bomb_is_refused_by_its_header(server, fetch):
    import io

    buffer = io.BytesIO()
    Image.new('1', (20_000, 20_000)).save(buffer, 'PNG')
    server.answers['/0'] = buffer.getvalue()
    run = fetch(server.make_coco('small.jpg', size=(64, 48)))
    assert run.kinds == {'small.jpg': 'too_large'}
    run = fetch(server.make_coco('large.jpg', size=(20_000, 20_000)))
    assert run.kinds == {'large.jpg': 'too_large'}
