"""The command, as a user calls, interrupts and kills it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOL = 'dataset_converters/download_taco.py'


@pytest.fixture
def annotations(server, encode, tmp_path):
    """Of 60 photographs, some of which take a while to encode anew."""
    photograph, other = encode((1000, 750)), encode((1000, 750), 'PNG')
    for number in range(60):
        server.answers[f'/{number}'] = other if number % 3 == 0 else photograph
    names = [f'batch_{number % 4}/{number}.jpg' for number in range(60)]
    path = tmp_path / 'annotations.json'
    path.write_text(json.dumps(server.make_coco(*names, size=(1000, 750))))
    return path


def start(annotations, out):
    command = [sys.executable, ROOT / 'tools' / TOOL, annotations, '--out', out, '--per-host', '4']
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(server, requests):
    end = time.monotonic() + 20
    while server.requests.total() < requests:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_killed_run_loses_nothing_and_the_next_fetches_what_lacks(
    server, annotations, run_tool, tmp_path, encode
):
    out, lacking = tmp_path / 'out', set(server.answers)
    for killed_after in (10, 20):
        server.requests.clear()
        process = start(annotations, out)
        wait_for(server, killed_after)
        process.kill()
        process.communicate()
        assert set(server.requests) <= lacking  # what was there is not asked for again
        there = list(out.glob('batch_*/*.jpg'))  # not what is only staged
        for path in there:  # and it is whole
            assert path.read_bytes().endswith(b'\xff\xd9')
        lacking -= {f'/{path.stem}' for path in there}
    assert 0 < len(lacking) < 55
    server.requests.clear()
    result = run_tool(TOOL, annotations, '--out', out)
    assert result.returncode == 0, result.stderr
    assert server.requests == dict.fromkeys(lacking, 1)
    assert len(list(out.rglob('*.jpg'))) == 60
    counts = f'{60 - len(lacking)} were there, {len(lacking)} fetched, 0 missing'
    assert result.stdout.splitlines()[0] == f'annotations.json: 60 images, {counts}'
    assert f'prepare_taco.py {annotations} --images {out}' in result.stdout.splitlines()[-1]


def test_ctrl_c_ends_with_one_line(server, annotations, tmp_path):
    out = tmp_path / 'out'
    server.latency = 0.2
    process = start(annotations, out)
    wait_for(server, 9)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (130, '')
    assert 'Traceback' not in stderr
    assert stderr.splitlines()[-1] == 'interrupted: the same command goes on from here'
    report = json.loads((out / 'download_report.json').read_text())
    there = len(list(out.rglob('*.jpg')))
    assert report['counts']['fetched'] == there > 0
    assert report['missing_counts'] == {'not_tried': 60 - there}


def test_what_is_missing_is_shown_and_ends_in_status_1(server, annotations, run_tool, tmp_path):
    server.answers['/7'] = b'<html>'
    del server.answers['/8'], server.answers['/9']
    out = tmp_path / 'out'
    result = run_tool(TOOL, annotations, '--out', out, '--retries', 0)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        'annotations.json: 60 images, 0 were there, 57 fetched, 3 missing',
        '       19  PNG made a JPEG',
        "        1  missing: not a photograph, the first 'batch_3/7.jpg': begins with b'<html>'",
        "        2  missing: http status, the first 'batch_0/8.jpg': HTTP 404 Not Found",
    ]
    assert result.stderr.splitlines()[-1] == (
        'download_taco.py: error: 3 of 60 photographs are missing; '
        f'{out}/download_report.json lists them; run again, or with --retry-failed'
    )
    server.requests.clear()
    assert run_tool(TOOL, annotations, '--out', out, '--retry-failed').returncode == 1
    assert server.requests == {'/7': 1, '/8': 1, '/9': 1}
