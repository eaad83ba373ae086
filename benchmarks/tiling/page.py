"""The Markdown page of the benchmark of tiles."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence

from measure import Scores, Speeds
from mmengine.config import Config

Results = Mapping[tuple[str, str], Sequence[Scores]]
"""Way of training and of testing -> scores of each seed."""

COLUMNS: dict[str, Callable[[Scores], float]] = {
    'AP': lambda scores: scores.ap,
    'AP50': lambda scores: scores.ap50,
    'AP50, small': lambda scores: scores.ap50_small,
    'AR': lambda scores: scores.ar,
    'count MAE': lambda scores: scores.mae,
    'count bias': lambda scores: scores.bias,
}
WHOLE = ('whole', 'whole')
GAINS = {
    'trained whole': (WHOLE, ('whole', 'tiles')),
    'trained in tiles': (('tiles', 'whole'), ('tiles', 'tiles')),
    'trained whole, tested whole, against trained and tested in tiles': (WHOLE, ('tiles', 'tiles')),
}
"""Row of the table of ratios -> what is compared with what."""


def make_page(
    results: Results,
    seeds: Sequence[int],
    *,
    detectors: Speeds,
    loaders: Mapping[str, Speeds],
    views: float,
    config: Config,
    total: int,
) -> str:
    """Writes the page.

    Args:
        results: Scores.
        seeds: In their order.
        detectors: Speeds of the ways of testing.
        loaders: Detector -> speeds of its loaders in the ways of training.
        views: Mean number of views of a photograph.
        config: Of the test in tiles.
        total: Number of photographs that are trained on or tested.
    """
    loader_rows = ((name, *row) for name, speeds in loaders.items() for row in _speed_rows(speeds))
    return TEXT.format(
        photographs=_of_seeds(results, lambda scores: scores.images),
        boxes=_of_seeds(results, lambda scores: scores.boxes),
        small=_of_seeds(results, lambda scores: scores.small),
        scores=_table(['trained', 'tested', *COLUMNS], _score_rows(results)),
        gains=_table(['tiles / whole', 'AP', 'AP50', 'AP50, small'], _gain_rows(results)),
        per_seed=_table(
            ['trained', 'tested', *(f'seed {seed}' for seed in seeds)], _seed_rows(results)
        ),
        tests=_table(['tested', 'photographs/s', 'ratio'], _speed_rows(detectors)),
        loaders=_table(['detector', 'trained', 'images/s', 'ratio'], loader_rows),
        views=round(views),
        total=total,
        side=max(config.test_dataloader.dataset.pipeline[1].scale),
        settings=', '.join(f'`{name}={value}`' for name, value in config.model.tiling.items()),
    )


def _of_seeds(results: Results, value: Callable[[Scores], float]) -> str:
    return ', '.join(str(value(scores)) for scores in results[WHOLE])


def _score_rows(results: Results) -> Iterator[Sequence[str]]:
    for way, runs in results.items():
        cells = []
        for name, value in COLUMNS.items():
            values = [value(scores) for scores in runs]
            form = '+.2f' if name == 'count bias' else '.2f' if 'count' in name else '.3f'
            low, high = min(values), max(values)
            cells.append(f'{statistics.mean(values):{form}} ({low:{form}} to {high:{form}})')
        yield *way, *cells


def _gain_rows(results: Results) -> Iterator[Sequence[str]]:
    for name, (before, after) in GAINS.items():
        cells = []
        for value in list(COLUMNS.values())[:3]:
            pairs = [
                (value(new), value(old))
                for new, old in zip(results[after], results[before], strict=True)
            ]
            means = [statistics.mean(column) for column in zip(*pairs, strict=True)]
            each = [_ratio(*pair) for pair in pairs]
            cells.append(f'{_ratio(*means)} ({", ".join(each)})')
        yield name, *cells


def _ratio(new: float, old: float) -> str:
    return f'{new / old:.2f}' if old > 0 else '-'


def _seed_rows(results: Results) -> Iterator[Sequence[str]]:
    for way, runs in results.items():
        yield *way, *(f'{run.ap50:.3f}, {run.ap50_small:.3f}' for run in runs)


def _speed_rows(speeds: Speeds) -> Iterator[Sequence[str]]:
    first = next(iter(speeds.values()))
    for name, rounds in speeds.items():
        ratios = [speed / base for speed, base in zip(rounds, first, strict=True)]
        yield name, f'{statistics.median(rounds):.3g}', f'{statistics.median(ratios):.2f}'


def _table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [header, ['---'] * len(header), *rows]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


TEXT = """\
# What tiles bring, and what they cost

[Tiles](configs.md#tiles) show a detector the parts of a photograph at a larger scale, beside the
whole of it. Should you use them?

- Yes, if small litter matters. Of the small boxes, tiles find far more. Over all sizes, AP50 rises
  where much of the litter is small, and falls where little of it is (seed 2 below): parts of large
  objects and of the background, seen closely, look like litter too. So compare both on photographs
  of your own.
- No, if the litter fills the photographs, or if speed matters more: the detector runs on {views}
  views of a photograph.
- A checkpoint that was trained on whole photographs can be tested in tiles as it is. Try that
  first; here, it was the best of the four. Training in tiles can only pay if most photographs are
  large: it enlarges small ones.
- Let tiles be as large as the detector's usual input, and photographs two and a half tiles long,
  which is the default. Change `tiling.largest_in_tiles` and `tiling.tile_score`, if at all, by a
  validation: at a `tile_score` of 1, tiles made the AP50 of the detector that was trained whole
  worse.

## What they bring

ATSS with EfficientNet-Lite0, from ImageNet's weights, on {total} photographs of TACO with one
class, Litter. Each seed holds out another third of the large ones: {photographs} of them, with
{boxes} boxes, of which {small} are small, that is, below 32 x 32 px when the longest
side of the photograph is 640 px, in whichever way it is tested. Whole photographs are tested at
640 px; tiles of 640 px are cut from photographs of {side} px, with {settings}.
Trained are crops of 352 px; when training in tiles, 60 % of them are at the scale of tiles.
Mean and range of the seeds; AR is that of 100 detections, and counts are those at the confidence
with the best F1, per photograph.

{scores}
Tiles divided by whole: the ratio of these means, and in brackets that of each seed.

{gains}
The first two rows are one checkpoint, tested in both ways; the third adds what training in tiles
changes.

The settings of the tiles, which are the defaults, were chosen on the photographs of seed 0. How
the whole photograph is made smaller was chosen on those of seed 2, and those of seed 1 were seen
in both, so the gains may be a little smaller elsewhere. AP50, and AP50 of small boxes, of each
seed:

{per_seed}
There are few photographs, so a difference below the range of the seeds means little. Three quarters
of the photographs to train on have 416 px only: enlarged to the scale of tiles, they show litter
that is blurred as none is in a test, which holds training in tiles back here. Large detectors reach
a higher AP; what tiles bring to them was not measured.

## What they cost

Photographs per second of CPU time on one core, loading included, medians of rounds in which the
ways take turns:

{tests}
Images per second of CPU time that one worker of a DataLoader loads for training, in batches of 8,
the same photographs, of at most 2048 px, in both ways: crops of 352 px for this ATSS, and whole
photographs of 1333 x 800 px or tiles of 800 px for `configs/taco/retinanet.py` and
`retinanet_tiled.py`.

{loaders}
## Made by

```bash
python benchmarks/tiling.py --out docs/tiling.md
```
"""
