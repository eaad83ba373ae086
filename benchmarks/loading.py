"""Measures how many images per second a training pipeline delivers.

    python benchmarks/loading.py --out docs/loading.md

Photographs are those of data/taco/batch_1 or of --images, as they are and enlarged to
12 MP. All ways of loading run in turn, several times, each by a DataLoader with its workers; speeds
are medians, and so are ratios, each taken within its round.
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
from mmdet.registry import DATASETS
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader, Dataset, RandomSampler
from tqdm import tqdm

import taco_plugin.plugin  # noqa: F401
from taco_plugin.apps.prepare.photographs import write_photographs
from taco_plugin.coco import Coco, shrink_images
from taco_plugin.files import write_files
from taco_plugin.json_files import to_json

WAYS = {'originals': None, '--max-side 1280': 1280, '--max-side 640': 640}
SCALES = {'640': (640, 640), '1333 x 800': (1333, 800), 'mosaic, 640': (640, 640)}
TEXT = """\
# Speed of loading

MMDetection decodes whole photographs, and TACO's are large: most of the time of a training on small
inputs goes there. `prepare_taco.py --max-side N` writes them once with a longest side of N pixels.

| config | input | N |
| --- | --- | --- |
| YOLOX, SSD and others of up to 640 px | 640, 416 or 300 px | 640 |
| Faster R-CNN, Mask R-CNN, RetinaNet, DETR | 1333 x 800 | 1333 |
| tiles | parts of the original | none, or what makes a tile as large as the input |

What it costs: the photographs are compressed once more (JPEG of quality 95, which changes a grey
value by about 1 of 255), and what enlarges parts of them, such as RandomAffine in YOLOX's mosaic,
which scales by up to 2, finds no finer detail there than at N pixels. A box of less than one pixel,
of which TACO has one at 640, is left out of training. Averaging pixels by area, as is done here,
keeps more of small litter than the bilinear resize of a pipeline, which skips pixels. Scores are
those on the originals in any case.

## Measured

Images per second that a DataLoader delivers to the detector, batches of 4, with {cores} CPU cores,
and in brackets how many times the speed on the originals that is. The pipelines are plain (load,
boxes, resize, flip, pack), so that loading is what is measured. The mosaic is YOLOX's: four
photographs and one for MixUp.

{tables}Made by:

```bash
python benchmarks/loading.py --out docs/loading.md
```
"""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--images', type=Path, default=Path('data/taco/batch_1'), help='folder (%(default)s)')
    add('--count', type=int, default=32, help='photographs (default: 32)')
    add('--rounds', type=int, default=5, help='default: 5')
    add('--seconds', type=float, default=2, help='of a measurement (default: 2)')
    add('--out', type=Path, help='where the Markdown is written')
    return parser.parse_args()


def write_originals(sources: Sequence[Path], folder: Path, pixels: float | None) -> Coco:
    """Copies photographs, or enlarges them to a number of pixels; three boxes in each."""
    coco: Coco = {'images': [], 'annotations': [], 'categories': [{'id': 1, 'name': 'Drink can'}]}
    folder.mkdir()
    for number, source in enumerate(sources):
        image, data = cv2.imread(str(source)), source.read_bytes()
        if pixels:
            factor = (pixels / image.shape[0] / image.shape[1]) ** 0.5
            image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
            data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        (folder / f'{number}.jpg').write_bytes(data)
        size = {'width': image.shape[1], 'height': image.shape[0]}
        coco['images'].append({'id': number, 'file_name': f'{number}.jpg', **size})
        for x in (0.1, 0.3, 0.5):
            box = [x * size['width'], 99, 0.15 * size['width'], 0.1 * size['height']]
            ids = {'id': len(coco['annotations']) + 1, 'image_id': number, 'category_id': 1}
            coco['annotations'].append({**ids, 'bbox': box, 'area': box[2] * box[3], 'iscrowd': 0})
    write_files(folder, {'annotations.json': to_json(coco)})
    return coco


def build(folder: Path, size: str) -> Dataset:
    """A training set."""
    load = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations', 'with_bbox': True}]
    scale = SCALES[size]
    rest = [
        {'type': 'Resize', 'scale': scale, 'keep_ratio': True},
        {'type': 'RandomFlip', 'prob': 0.5},
        {'type': 'PackDetInputs'},
    ]
    dataset = {'type': 'TacoDataset', 'taxonomy': 'taco10', 'data_root': str(folder)}
    dataset |= {'ann_file': 'annotations.json', 'pipeline': load}
    if not size.startswith('mosaic'):
        return DATASETS.build({**dataset, 'pipeline': load + rest})
    affine = {'type': 'RandomAffine', 'border': (-320, -320), 'scaling_ratio_range': (0.1, 2)}
    mixup = {'type': 'MixUp', 'img_scale': scale}
    mix = [{'type': 'Mosaic', 'img_scale': scale}, affine, mixup, *rest]
    return DATASETS.build({'type': 'MultiImageMixDataset', 'dataset': dataset, 'pipeline': mix})


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
    return count / passed


def compare(folders: dict[str, Path], args: argparse.Namespace) -> Iterator[Sequence[str]]:
    """Rows of the table of one set of photographs."""
    for size in SCALES:
        datasets = {way: build(folder, size) for way, folder in folders.items()}
        for workers in (1, 2):
            rounds = [
                {way: measure(data, workers, args.seconds) for way, data in datasets.items()}
                for _ in tqdm(range(args.rounds), f'{size}, {workers} workers')
            ]
            cells = [size, f'{workers}']
            for way in datasets:
                speed = statistics.median(speeds[way] for speeds in rounds)
                ratio = statistics.median(speeds[way] / speeds['originals'] for speeds in rounds)
                cells.append(f'{speed:.0f}' + (f' ({ratio:.1f}x)' if way != 'originals' else ''))
            yield cells


def measure_all(args: argparse.Namespace, folder: Path) -> str:
    """Every table."""
    sources = sorted(path for path in args.images.glob('*') if path.suffix.lower() == '.jpg')
    sources = sources[:: max(1, len(sources) // args.count)][: args.count]
    if not sources:
        raise SystemExit(f'{args.images}: holds no photograph; name a folder with --images')
    tables = ''
    for name, pixels in (('as they are', None), ('enlarged to 12 MP', 12e6)):
        folders = {way: folder / f'{name}, {way}' for way in WAYS}
        coco = write_originals(sources, folders['originals'], pixels)
        for way, side in WAYS.items():
            if side:
                small = shrink_images(coco, side)
                paths = {'target': folders[way], 'missing': ()}
                write_photographs(coco, small, folders['originals'], **paths)
                write_files(folders[way], {'annotations.json': to_json(small)})
        megapixels = statistics.median(i['width'] * i['height'] for i in coco['images']) / 1e6
        tables += f'### {len(sources)} photographs, {name} (median {megapixels:.1f} MP)\n\n'
        header = ['input', 'workers', *WAYS]
        rows = [header, ['---'] * len(header), *compare(folders, args)]
        tables += ''.join(f'| {" | ".join(row)} |\n' for row in rows) + '\n'
    return tables


def main() -> None:
    """Prints the text, and writes it."""
    args = parse_args()
    cv2.setNumThreads(0)  # as MMDetection's workers
    with DefaultScope.overwrite_default_scope('mmdet'), tempfile.TemporaryDirectory() as folder:
        text = TEXT.format(cores=os.cpu_count(), tables=measure_all(args, Path(folder)))
    print(text)
    if args.out:
        args.out.write_text(text)


if __name__ == '__main__':
    main()
