"""Measures how many images per second a training pipeline delivers.

    python benchmarks/loading.py --out docs/loading.md

Photographs are those of data/taco/batch_1 or of --images, as they are and enlarged to
12 MP; where there are none, some are drawn and enlarged. All ways of loading run in turn, several
times, each by a DataLoader with its workers; speeds are medians, and so are ratios, each taken
within its round.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

import cv2
import numpy as np
from mmdet.registry import DATASETS
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader, Dataset, RandomSampler
from tqdm import tqdm

import taco_plugin.plugin  # noqa: F401
from taco_plugin.apps.prepare.small_photographs import write_small_photographs
from taco_plugin.apps.sample.dataset import write_sample
from taco_plugin.coco.scale import shrink_images
from taco_plugin.datasets.input_size import Fit, needed_size
from taco_plugin.datasets.transforms.decode_reduced import decode_reduced
from taco_plugin.files import to_json, write_files

REAL = Path('data/taco/batch_1')
WAYS = ['stock', 'reduced decode', '--max-side 1280', 'cache']
FLOORS = ['floor, whole', 'floor, reduced', 'floor, 1280']
SCALES = {'640': (640, 640), '1333 x 800': (1333, 800), 'mosaic, 640': (640, 640)}
TEXT = """\
# Speed of loading

Images per second that a DataLoader delivers to the detector, batches of 4, with {cores} CPU cores,
and in brackets how many times MMDetection's own loader that is.{source}

- **stock**: MMDetection's `LoadImageFromFile`, which decodes whole photographs.
- **reduced decode**: what every config here does. A JPEG is decoded at 1/2, 1/4 or 1/8 of its
  size, the smallest that is not below what the pipeline resizes to.
- **--max-side 1280**: the same, from the photographs that `prepare_taco.py --max-side 1280` wrote.
- **cache**: from `cache_dir`.
- **floor**: reads the bytes and decodes them, and nothing else: whole, at the scale of the
  reduced decode, and from the 1280 px photographs. The cache has none, as it decodes nothing.

The pipelines are plain (load, boxes, resize, flip, pack), with an input of 640 or of 1333 x 800
px, so that loading is what is measured. The mosaic is YOLOX's, four photographs and one for MixUp.

{tables}## What it does to the pixels

Mean difference of a grey value (of 255) in an input of 640 px to the whole photograph, reduced by
averaging (area). Stock does not average: its bilinear resize skips pixels.

{differences}
Made by:

```bash
python benchmarks/loading.py --out docs/loading.md
```
"""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--images', type=Path, default=REAL, help=f'folder (default: {REAL})')
    parser.add_argument('--count', type=int, default=32, help='photographs (default: 32)')
    parser.add_argument('--rounds', type=int, default=3, help='default: 3')
    parser.add_argument('--seconds', type=float, default=1, help='of a measurement (default: 1)')
    parser.add_argument('--out', type=Path, help='where the Markdown is written')
    return parser.parse_args()


def write_photographs(sources: Sequence[Path], folder: Path, pixels: float | None) -> dict:
    """Copies photographs, or enlarges them to a number of pixels; three boxes in each."""
    coco: dict = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': 'Drink can'}]}
    folder.mkdir()
    for number, source in enumerate(sources):
        image, data = cv2.imread(str(source)), source.read_bytes()
        if pixels:
            factor = (pixels / image.shape[0] / image.shape[1]) ** 0.5
            image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
            data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        (folder / f'{number}.jpg').write_bytes(data)
        height, width = image.shape[:2]
        coco['images'].append(
            {'id': number, 'file_name': f'{number}.jpg', 'width': width, 'height': height}
        )
        for place in range(3):
            box = [(0.1 + 0.2 * place) * width, 0.3 * height, 0.15 * width, 0.1 * height]
            annotation = {'id': 3 * number + place + 1, 'image_id': number, 'category_id': 1}
            annotation |= {'bbox': box, 'area': box[2] * box[3], 'iscrowd': 0}
            coco['annotations'].append(annotation)
    write_files(folder, {'annotations.json': to_json(coco)})
    return coco


def build(folder: Path, way: str, size: str) -> Dataset:
    """A training set in one of the :data:`WAYS`."""
    stock = way == 'stock'
    load = [
        {'type': 'LoadImageFromFile' if stock else 'LoadTacoImage'},
        {'type': 'LoadAnnotations' if stock else 'LoadTacoAnnotations', 'with_bbox': True},
    ]
    scale = SCALES[size]
    rest = [
        {'type': 'Resize', 'scale': scale, 'keep_ratio': True},
        {'type': 'RandomFlip', 'prob': 0.5},
        {'type': 'PackDetInputs'},
    ]
    is_mosaic = size.startswith('mosaic')
    dataset = {'type': 'TacoDataset', 'taxonomy': 'taco10', 'data_prefix': {'img': ''}}
    dataset['data_root'] = f'{folder}-1280' if '1280' in way else str(folder)
    dataset |= {'ann_file': 'annotations.json', 'pipeline': load if is_mosaic else load + rest}
    if way == 'cache':
        dataset['cache_dir'] = f'{folder}-cache'
    if is_mosaic:
        affine = {'type': 'RandomAffine', 'border': (-320, -320), 'scaling_ratio_range': (0.1, 2)}
        mixup = {'type': 'MixUp', 'img_scale': scale}
        mix = [{'type': 'Mosaic', 'img_scale': scale}, affine, mixup, *rest]
        dataset = {'type': 'TacoMultiImageMixDataset', 'dataset': dataset, 'pipeline': mix}
    return DATASETS.build(dataset)


class Floor(Dataset):
    """Reads and decodes, and nothing else; no more than ``fit`` needs, if it is given."""

    def __init__(self, folder: Path, images: Sequence[dict], fit: Fit | None) -> None:
        self.folder, self.images, self.fit = folder, images, fit

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> int:
        image = self.images[index]
        size = image['width'], image['height']
        data = (self.folder / image['file_name']).read_bytes()
        if self.fit and decode_reduced(data, size, needed_size([self.fit], *size)):
            return 0
        return len(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def measure(dataset: Dataset, workers: int, seconds: float) -> float:
    """Images per second, from the first batches on."""
    sampler = RandomSampler(dataset, replacement=True, num_samples=1_000_000)
    loader = DataLoader(
        dataset, batch_size=4, sampler=sampler, num_workers=workers, collate_fn=pseudo_collate
    )
    batches = iter(loader)
    for _ in range(2 * workers + 1):  # what was prepared while the workers started
        next(batches)
    start, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        next(batches)
        count += 4
    del batches
    return count / passed


def floors(folder: Path, coco: dict, small: dict, size: str) -> dict[str, Dataset]:
    """What no way of loading that decodes can be faster than."""
    fit = Fit(SCALES[size], 'edges')
    return {
        'floor, whole': Floor(folder, coco['images'], None),
        'floor, reduced': Floor(folder, coco['images'], fit),
        'floor, 1280': Floor(Path(f'{folder}-1280'), small['images'], fit),
    }


def compare(folder: Path, coco: dict, small: dict, args: argparse.Namespace) -> Iterator[str]:
    """Rows of the table of one set of photographs."""
    for size in SCALES:
        datasets = {way: build(folder, way, size) for way in WAYS}
        if not size.startswith('mosaic'):
            datasets |= floors(folder, coco, small, size)
        for workers in (1,) if size.startswith('mosaic') else (1, 2):
            rounds = [
                {way: measure(data, workers, args.seconds) for way, data in datasets.items()}
                for _ in tqdm(range(args.rounds), f'{size}, {workers} workers')
            ]
            cells = [f'{size}', f'{workers}']
            for way in [*WAYS, *FLOORS]:
                if way not in datasets:
                    cells.append('')
                    continue
                speed = statistics.median(speeds[way] for speeds in rounds)
                ratio = statistics.median(speeds[way] / speeds['stock'] for speeds in rounds)
                cells.append(f'{speed:.0f}' + (f' ({ratio:.1f}x)' if way != 'stock' else ''))
            yield table_row(cells)


def differences(folder: Path, coco: dict) -> dict[str, float]:
    """Mean difference of each way's input at 640 px to the whole photograph reduced by area."""
    load = {way: build(folder, way, '640') for way in WAYS}
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for index, image in enumerate(coco['images']):
        whole = cv2.imread(str(folder / image['file_name']))
        for way, dataset in load.items():
            data = dataset[index]
            pixels = data['inputs'].numpy().transpose(1, 2, 0)
            if data['data_samples'].flip:
                pixels = pixels[:, ::-1]
            height, width = pixels.shape[:2]
            true = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
            found[way].append(float(np.abs(true - pixels.astype(float)).mean()))
    return {way: statistics.mean(values) for way, values in found.items()}


def table_row(cells: Sequence[str]) -> str:
    """A row of Markdown."""
    return f'| {" | ".join(cells)} |\n'


def table_head(cells: Sequence[str]) -> str:
    """The head of a table of Markdown."""
    return table_row(cells) + table_row(['---'] * len(cells))


def find_sources(images: Path, count: int, folder: Path) -> tuple[list[Path], str]:
    """Photographs spread over a folder, and what to say of them."""
    sources = sorted(path for path in images.glob('*') if path.suffix.lower() == '.jpg')
    if sources:
        return sources[:: max(1, len(sources) // count)][:count], ''
    write_sample(folder / 'drawn', count, seed=0)
    sources = sorted((folder / 'drawn').rglob('*.jpg'))
    return sources, f' The photographs are drawn, as there are none in {images}.'


def measure_all(args: argparse.Namespace, folder: Path) -> str:
    """The whole text."""
    sources, drawn = find_sources(args.images, args.count, folder)
    sets: dict[str, float | None] = {'as they are': None, 'enlarged to 12 MP': 12e6}
    if drawn:
        sets = {'enlarged to 8 MP': 8e6, 'enlarged to 12 MP': 12e6}
    tables, rows = '', []
    for number, (name, pixels) in enumerate(sets.items()):
        place = folder / str(number)
        coco = write_photographs(sources, place, pixels)
        small = shrink_images(coco, 1280)
        write_small_photographs(coco, small, place, f'{place}-1280')
        write_files(f'{place}-1280', {'annotations.json': to_json(small)})
        megapixels = statistics.median(i['width'] * i['height'] for i in coco['images']) / 1e6
        tables += f'## {len(sources)} photographs, {name} (median {megapixels:.1f} MP)\n\n'
        tables += table_head(['input', 'workers', *WAYS, *FLOORS])
        tables += ''.join(compare(place, coco, small, args)) + '\n'
        rows.append([name, *(f'{value:.1f}' for value in differences(place, coco).values())])
    closeness = table_head(['photographs', *WAYS]) + ''.join(map(table_row, rows))
    return TEXT.format(source=drawn, cores=os.cpu_count(), tables=tables, differences=closeness)


def main() -> None:
    """Prints the text, and writes it."""
    args = parse_args()
    cv2.setNumThreads(0)  # as MMDetection's workers
    with DefaultScope.overwrite_default_scope('mmdet'), tempfile.TemporaryDirectory() as folder:
        text = measure_all(args, Path(folder))
    print(text)
    if args.out:
        args.out.write_text(text)


if __name__ == '__main__':
    main()
