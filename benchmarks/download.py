"""Times download_taco.py against a server of this machine that takes its time to answer.

The same JPEGs are fetched first one at a time, as TACO's own script does (a request, decode,
encode), then by ``download_taco.py`` with its defaults, 16 at one host. Prints wall-clock seconds
and CPU seconds of the fetching process; the server is a process of its own.
"""

import argparse
import asyncio
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image

from taco_plugin.tables import format_table

TOOL = Path(__file__).parents[1] / 'tools/dataset_converters/download_taco.py'


def _parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=int, default=500)
    parser.add_argument('--latency', type=float, default=0.05, help='seconds before an answer')
    parser.add_argument('--side', type=int, default=128, help='pixels, of square photographs')
    parser.add_argument('--serve', action='store_true', help=argparse.SUPPRESS)
    parser.add_argument('--one-at-a-time', nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


async def serve(args):
    """Answers every request with the same photograph; prints its port."""
    buffer = io.BytesIO()
    Image.effect_noise((args.side, args.side), 60).convert('RGB').save(buffer, 'JPEG')
    answer = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % buffer.tell() + buffer.getvalue()

    async def talk(reader, writer):
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


def fetch_one_at_a_time(path, out):
    """What TACO's script does, with the standard library in place of requests."""
    for image in json.loads(Path(path).read_text())['images']:
        target = Path(out, image['file_name'])
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(image['flickr_url']) as response:
            Image.open(io.BytesIO(response.read())).save(target)


def _measure(args, folder, port):
    images = [
        {'id': n, 'file_name': f'batch_{n % 15}/{n:06d}.jpg', 'width': args.side}
        | {'height': args.side, 'flickr_url': f'http://127.0.0.1:{port}/{n}'}
        for n in range(args.images)
    ]
    path = folder / 'annotations.json'
    path.write_text(json.dumps({'images': images, 'annotations': [], 'categories': []}))
    commands = {
        "one at a time, as TACO's script": [__file__, '--one-at-a-time', path, folder / '1'],
        'download_taco.py': [TOOL, path, '--out', folder / '2'],
    }
    rows = []
    for name, command in commands.items():
        began, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - cpu
        rows.append([name, f'{seconds:.1f}', f'{cpu:.1f}', f'{args.images / seconds:.0f}'])
    print(f'{args.images} photographs of {args.side} pixels, {args.latency * 1000:g} ms an answer')
    print(format_table(['', 's', 'CPU s', 'photographs/s'], rows))


def _main():
    args = _parse_args()
    if args.serve:
        asyncio.run(serve(args))
    elif args.one_at_a_time:
        fetch_one_at_a_time(*args.one_at_a_time)
    else:
        command = [sys.executable, __file__, *sys.argv[1:], '--serve']
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
            tempfile.TemporaryDirectory() as folder,
        ):
            _measure(args, Path(folder), int(server.stdout.readline()))
            server.terminate()


if __name__ == '__main__':
    _main()
