"""Runs that never were, with figures drawn by chance, and a browser."""

import io
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taco_plugin.apps.compare.run import Evaluation, Model, Run, Training
from taco_plugin.evaluation.summaries import ScoreSettings

CHROMIUM = next(
    filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None
)

PATIENCE = 60
"""Seconds that an answer may take on a busy machine."""

SIZES = ('small', 'medium', 'large')


@pytest.fixture
def make_record():
    """A record with figures that are drawn, or as given; the last class has no ground truth."""

    def make(classes=('Can', 'Cup', 'Straw'), seed=0, images=20, ann_file='test.json', **figures):
        random = np.random.default_rng(seed)
        truth = [*random.integers(1, 90, len(classes) - 1).tolist(), 0]
        found = random.integers(0, 200, len(classes)).tolist()
        ap50 = random.random(len(classes)).round(4)
        per_class = {'AP': 0.6 * ap50, 'AP50': ap50, 'AR100': 0.9 * ap50}
        per_class = {name: [*values[:-1].tolist(), -1] for name, values in per_class.items()}
        mean = float(ap50[:-1].mean()) if len(classes) > 1 else -1
        coco = {'mAP': 0.6 * mean, 'mAP_50': mean, 'mAP_75': 0.5 * mean, 'AR@100': 0.7 * mean}
        coco |= {'mAP_s': 0.2 * mean, 'mAP_m': 0.6 * mean, 'mAP_l': -1} | figures
        sizes = dict(zip(SIZES, (sum(truth), 0, 0), strict=True))
        return {
            'run': {
                'name': 'test',
                'epoch': None,
                'iteration': 900,
                'checkpoint': 'work_dirs/a/best.pth',
                'time': '2025-05-06T07:08:09+00:00',
            },
            'classes': list(classes),
            'taxonomy': 'three',
            'ann_file': ann_file,
            'ground_truth': f'{seed:064}',
            'settings': {
                'iou': list(ScoreSettings().iou),
                'study_iou': [0.25, 0.5, 0.75],
                'tops': [100, 300, 1000],
            },
            'images': images,
            'boxes': {
                'truth': sum(truth),
                'crowds': 0,
                'found': sum(found),
                'truth_per_class': truth,
                'found_per_class': found,
                'truth_per_size': {'native': sizes, 'input': None},
            },
            'figures': {
                'bbox': {
                    'coco': coco,
                    'study': {'map': 0.8 * mean, 'map_50': mean, 'map_75': 0.5 * mean},
                    'per_class': per_class,
                    'per_size_at_input': None,
                }
            },
            'curves': {'best_threshold': 0.31, 'best_f1': 0.9 * mean},
        }

    return make


@pytest.fixture
def make_run(make_record):
    """A run; ``record=None`` for one without an evaluation."""

    def make(name='a', record=..., model=None, training=..., figures=None):
        record = make_record() if record is ... else record
        model = {'parameters': 5_060_000, 'flops': 3_210_000_000, 'loss': 'focal'} | (model or {})
        model = {'config': 'yolox_tiny', 'detector': 'YOLOX', 'taxonomy': 'three'} | model
        training = Training([], 12, 300, 1080, 3725.0) if training is ... else training
        evaluation = None if record is None else Evaluation('test', record, None, figures or {})
        model = Model(**{'input_size': (416, 416), **model})
        return Run(name, Path('work_dirs') / 'runs' / name, model, training, evaluation)

    return make


@pytest.fixture
def picture_bytes():
    """A PNG or JPEG of one colour."""

    def make(width=60, height=40, colour='white', kind='png'):
        file = io.BytesIO()
        Image.new('RGB', (width, height), colour).save(file, kind)
        return file.getvalue()

    return make


class Browser:
    """A tab of a headless Chromium, driven through its DevTools pipe.

    Args:
        profile: Folder for what it keeps; empty.

    What the page requests and what goes wrong in it are kept in ``requests`` and ``problems``.
    """

    def __init__(self, profile):
        options = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
        options += [
            '--no-first-run',
            '--disable-background-networking',
            f'--user-data-dir={profile}',
        ]
        # Chromium reads commands from descriptor 3 and answers on 4.
        wired = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null'
        self.process = subprocess.Popen(
            ['sh', '-c', wired, CHROMIUM, '--remote-debugging-pipe', *options, 'about:blank'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.unread, self.numbers, self.session = b'', itertools.count(1), None
        self.requests, self.problems, self.events = [], [], []
        target = self.send('Target.createTarget', url='about:blank')['targetId']
        attached = self.send('Target.attachToTarget', targetId=target, flatten=True)
        self.session = attached['sessionId']
        for domain in ('Page', 'Network', 'Runtime', 'Log'):
            self.send(f'{domain}.enable')

    def send(self, method, **params):
        number = next(self.numbers)
        message = {'id': number, 'method': method, 'params': params}
        message |= {'sessionId': self.session} if self.session else {}
        self.process.stdin.write(json.dumps(message).encode() + b'\0')
        self.process.stdin.flush()
        while True:
            answer = self._read()
            if answer.get('id') == number:
                assert 'error' not in answer, answer
                return answer['result']

    def open(self, path):
        self.requests.clear()
        self.problems.clear()
        self.events.clear()
        self.send('Page.navigate', url=path.as_uri())
        while 'Page.loadEventFired' not in self.events:
            self._read()

    def run(self, script):
        answer = self.send('Runtime.evaluate', expression=script, returnByValue=True)
        assert 'exceptionDetails' not in answer, answer
        return answer['result'].get('value')

    def resize(self, width, height=900, dark=False):
        self.send(
            'Emulation.setDeviceMetricsOverride',
            **{'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': False},
        )
        scheme = {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}
        self.send('Emulation.setEmulatedMedia', features=[scheme])

    def click(self, selector):
        place = self.run(
            f'(() => {{ const found = document.querySelector({selector!r}); found.scrollIntoView();'
            'const at = found.getBoundingClientRect();'
            'return [at.x + at.width / 2, at.y + at.height / 2]})()'
        )
        for kind in ('mousePressed', 'mouseReleased'):
            at = {'x': place[0], 'y': place[1], 'button': 'left', 'clickCount': 1}
            self.send('Input.dispatchMouseEvent', type=kind, **at)

    def press(self, key, code, text=''):
        for kind in ('keyDown', 'keyUp'):
            of_key = {'key': key, 'code': key, 'windowsVirtualKeyCode': code}
            of_key |= {'text': text} if text and kind == 'keyDown' else {}
            self.send('Input.dispatchKeyEvent', type=kind, **of_key)

    def close(self):
        self.process.stdin.close()  # ends it
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _read(self):
        """The next message; requests and problems are noted."""
        until = time.monotonic() + PATIENCE
        while b'\0' not in self.unread:
            ready, _, _ = select.select(
                [self.process.stdout], [], [], max(0, until - time.monotonic())
            )
            assert ready, 'Chromium does not answer'
            read = os.read(self.process.stdout.fileno(), 1 << 20)
            assert read, 'Chromium ended'
            self.unread += read
        line, _, self.unread = self.unread.partition(b'\0')
        message = json.loads(line)
        method, params = message.get('method', ''), message.get('params', {})
        self.events.append(method)
        if method == 'Network.requestWillBeSent':
            self.requests.append(params['request']['url'])
        if method in ('Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded'):
            self.problems.append(params)
        return message


@pytest.fixture(scope='session')
def browser(tmp_path_factory):
    """A headless Chromium; a test skips where none is installed."""
    if CHROMIUM is None:
        pytest.skip('no Chromium (on Debian: apt-get install chromium)')
    opened = Browser(tmp_path_factory.mktemp('profile'))
    yield opened
    opened.close()
