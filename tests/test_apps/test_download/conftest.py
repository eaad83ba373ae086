"""A web server of this machine that misbehaves as told, and what asks it."""

import io
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from taco_plugin.apps.download import fetch as fetch_module
from taco_plugin.apps.download.download import download

SIZE = 64, 48


def encode_photograph(size=SIZE, suffix='JPEG', orientation=1, **options):
    """A photograph that is dark at the left and bright at the top, as it is stored."""
    columns, rows = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    pixels = np.stack([255 * columns, 255 * (1 - rows), np.full_like(rows, 60)], axis=2)
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, suffix, exif=exif, **options)
    return buffer.getvalue()


class Server:
    """Answers each path with a body, or with what a function of the handler does."""

    def __init__(self):
        self.answers, self.headers, self.requests = {}, {}, Counter()
        self.latency = self.busy = self.most_at_once = 0
        self.lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            disable_nagle_algorithm = True

            def do_GET(self):  # noqa: N802
                server.answer(self)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.http.daemon_threads = True
        self.url = f'http://127.0.0.1:{self.http.server_port}'
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        with self.lock:
            self.requests[handler.path] += 1
            self.headers[handler.path] = dict(handler.headers)
            self.busy += 1
            self.most_at_once = max(self.most_at_once, self.busy)
        try:
            time.sleep(self.latency)
            answer = self.answers.get(handler.path)
            if callable(answer):
                answer(handler)
            else:
                self.send(handler, 404 if answer is None else 200, answer or b'')
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with self.lock:
                self.busy -= 1

    @staticmethod
    def send(handler, status=200, body=b'', length=None, **headers):
        """A whole answer, or one that is cut short of ``length``."""
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace('_', '-'), value)
        handler.send_header('Content-Length', str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)
        if length is not None and length > len(body):
            handler.close_connection = True

    def make_coco(self, *names, size=SIZE, **fields):
        """A file whose images lie at /0, /1 and so on."""
        images = [
            {'id': number, 'file_name': name, 'width': size[0], 'height': size[1]}
            | {'flickr_url': f'{self.url}/{number}', **fields}
            for number, name in enumerate(names)
        ]
        return {'images': images, 'annotations': [], 'categories': []}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv('NO_PROXY', '*')
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def encode():
    """Makes the bytes of a photograph."""
    return encode_photograph


@dataclass
class Run:
    report: dict
    folder: Path

    @property
    def kinds(self):
        """Kind of failure by file name."""
        return {entry['file_name']: entry['kind'] for entry in self.report['missing']}

    @property
    def files(self):
        """Paths of all files in the folder, but for the report."""
        found = (path for path in self.folder.rglob('*') if not path.is_dir())
        names = sorted(str(path.relative_to(self.folder)) for path in found)
        return [name for name in names if name != 'download_report.json']


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """Downloads the photographs of a COCO dict; retries follow at once."""
    monkeypatch.setattr(fetch_module, 'FIRST_DELAY', 0.001)

    def run(coco, size='original', retry_failed=False, **limits):
        path = tmp_path / 'annotations.json'
        path.write_text(json.dumps(coco))
        defaults = {'workers': 8, 'per_host': 8, 'retries': 3, 'timeout': 10, 'max_bytes': 10**6}
        fetcher = fetch_module.Fetcher(**{**defaults, **limits})
        out = tmp_path / 'out'
        report = download(str(path), str(out), size, retry_failed=retry_failed, fetcher=fetcher)
        assert json.loads((out / 'download_report.json').read_text()) == report
        return Run(report, out)

    return run
