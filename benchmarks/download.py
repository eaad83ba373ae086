"""Times download_taco.py against a server of this machine that takes its time to answer.

    python benchmarks/download.py [--images N] [--latency SECONDS] [--side PIXELS]

The server, a process of its own, sleeps before each answer. Both sides fetch the same JPEGs, one
after the other in the same run: first one at a time, as TACO's own script does (a request, decode,
encode), then ``download_taco.py`` with the workers that it has by default, 16 at one host. Prints
wall-clock seconds and, as both processes share the machine, CPU seconds of the downloading one.
"""

import argparse
import asyncio
import io
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image

from taco_plugin.apps.download.download import DownloadSettings, download
from taco_plugin.apps.download.fetch import Limits
from taco_plugin.files import format_table

LIMITS = Limits(workers=32, per_host=16, retries=5, seconds=300, max_bytes=10**8)


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=1500)
    parser.add_argument('--latency', type=float, default=0.05, help='seconds before an answer')
    parser.add_argument('--side', type=int, default=128, help='pixels, of square photographs')
    parser.add_argument('--serve', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


async def serve(args: argparse.Namespace) -> None:
    """Answers every request with the same photograph; prints its port."""
    buffer = io.BytesIO()
    Image.effect_noise((args.side, args.side), 60).convert('RGB').save(buffer, 'JPEG')
    body = buffer.getvalue()
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body) + body

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b'\r\n\r\n'):
                await asyncio.sleep(args.latency)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def write_annotations(args: argparse.Namespace, folder: Path, port: int) -> Path:
    """A file that asks the server for every photograph."""
    images = [
        {
            **{'id': number, 'file_name': f'batch_{number % 15}/{number:06d}.jpg'},
            **{'width': args.side, 'height': args.side},
            'flickr_url': f'http://127.0.0.1:{port}/{number}',
        }
        for number in range(args.images)
    ]
    path = folder / 'annotations.json'
    path.write_text(json.dumps({'images': images, 'annotations': [], 'categories': []}))
    return path


def fetch_as_taco(path: Path, out: Path) -> None:
    """What TACO's script does, with the standard library in place of requests."""
    for image in json.loads(path.read_text())['images']:
        target = out / image['file_name']
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(image['flickr_url']) as response:
            Image.open(io.BytesIO(response.read())).save(target)


def fetch_as_we_do(path: Path, out: Path) -> None:
    """What ``download_taco.py`` does."""
    report = download(DownloadSettings(str(path), str(out), 'original', False, LIMITS))
    assert report['counts']['missing'] == 0


def main() -> None:
    """Measures each side and prints the table."""
    args = parse_args()
    if args.serve:
        asyncio.run(serve(args))
        return
    sides = {
        "one at a time, as TACO's script": fetch_as_taco,
        'download_taco.py': fetch_as_we_do,
    }
    command = [sys.executable, __file__, *sys.argv[1:], '--serve']
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert server.stdout is not None
        path = write_annotations(args, Path(folder), int(server.stdout.readline()))
        rows, slowest = [], 0.0
        for number, (name, fetch) in enumerate(sides.items()):
            began, cpu = time.perf_counter(), time.process_time()
            fetch(path, Path(folder, str(number)))
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            slowest = slowest or seconds
            figures = f'{seconds:.1f}', f'{cpu:.1f}', f'{args.images / seconds:.0f}'
            rows.append([name, *figures, f'{slowest / seconds:.1f}x'])
        server.terminate()
    print(f'{args.images} photographs of {args.side} pixels, {args.latency * 1000:g} ms an answer')
    print(format_table(['', 's', 'CPU s', 'photographs/s', 'faster'], rows))


if __name__ == '__main__':
    main()
