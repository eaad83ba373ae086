"""Explores annotation files: reads, counts, compares, draws, writes."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ...errors import InputError
from ...files import check_writable, to_json
from ...taxonomies import load_taxonomy
from ...visualization import save_figure, save_photo
from .duplicates import Pairs, find_pairs
from .names import file_parts
from .photographs import HASH_BITS, Photographs, read_photographs
from .pictures import draw_pairs, draw_samples, list_figures
from .publish import REPORT, staged
from .report import (
    SCHEMA_VERSION,
    Report,
    describe_pairs,
    describe_photographs,
    describe_shared,
    describe_source,
)
from .source import Source, read_sources

MOST_SAMPLES = 100


@dataclass(frozen=True)
class ExploreSettings:
    """What ``explore_dataset.py`` is told.

    Args:
        annotations: COCO files, at most six.
        out: Folder for the results.
        images: Folder of the photographs; None leaves them out.
        taxonomy: Name of a taxonomy, or a CSV file; None leaves categories as they are.
        input_size: Two sides in pixels, to which a detector's images are resized at most.
        samples: How many images of each file are drawn, at most 100.
        seed: Of the choice of samples.
        duplicate_bits: In how many of 64 bits the hashes of near-duplicates may differ.

    Raises:
        InputError: If a number is out of its range, or samples are asked for without images.
    """

    annotations: list[str]
    out: str
    images: str | None
    taxonomy: str | None
    input_size: tuple[int, int]
    samples: int
    seed: int
    duplicate_bits: int

    def __post_init__(self) -> None:
        if not 0 <= self.samples <= MOST_SAMPLES:
            raise InputError(f'--samples must be 0 to {MOST_SAMPLES}, not {self.samples}')
        if self.samples and self.images is None:
            raise InputError('--samples needs the folder of the photographs: give --images')
        if not 0 <= self.duplicate_bits < HASH_BITS // 2:
            raise InputError(
                f'--duplicate-bits must be 0 to {HASH_BITS // 2 - 1}, not {self.duplicate_bits}: '
                f'two photographs that have nothing in common differ in {HASH_BITS // 2}'
            )


def explore(settings: ExploreSettings) -> Report:
    """Writes ``exploration.json`` and pictures into a folder: all of them or, after an error, none.

    The report has

    - ``schema_version``: :data:`~.report.SCHEMA_VERSION`.
    - ``settings``: ``taxonomy``, its name or null; ``input_size``; ``images``, whether there was a
      folder; ``samples``, ``seed``.
    - ``files``: see :func:`~.report.describe_source`, each with ``photographs``, see
      :func:`~.report.describe_photographs`, null without a folder.
    - ``shared_file_names``: see :func:`~.report.describe_shared`.
    - ``duplicates``: see :func:`~.report.describe_pairs`; null without a folder.
    - ``pictures``: names of the pictures.

    Args:
        settings: See :class:`ExploreSettings`.

    Returns:
        The report.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    check_writable(settings.out)
    taxonomy = None if settings.taxonomy is None else load_taxonomy(settings.taxonomy)
    sources = read_sources(settings.annotations, taxonomy)
    compared = _compare(settings, sources)
    report: Report = {
        'schema_version': SCHEMA_VERSION,
        'settings': {
            'taxonomy': taxonomy and taxonomy.name,
            'input_size': list(settings.input_size),
            'images': settings.images is not None,
            'samples': settings.samples,
            'seed': settings.seed,
        },
        'files': [
            {**describe_source(source, settings.input_size), 'photographs': None}
            for source in sources
        ],
        'shared_file_names': describe_shared(sources),
        'duplicates': None,
    }
    if compared is not None:
        described = describe_photographs(compared[0], sources)
        for entry, of_file in zip(report['files'], described, strict=True):
            entry['photographs'] = of_file
        labels = [source.label for source in sources]
        report['duplicates'] = describe_pairs(*compared, settings.duplicate_bits, labels)
    with staged(settings.out) as folder:
        _draw_figures(settings, sources, folder)
        if compared is not None:
            _draw_photographs(settings, sources, *compared, folder)
        report['pictures'] = sorted(path.name for path in folder.iterdir())
        (folder / REPORT).write_text(to_json(report, indent=2), encoding='utf-8')
    return report


def _compare(settings: ExploreSettings, sources: list[Source]) -> tuple[Photographs, Pairs] | None:
    if settings.images is None:
        return None
    photographs = read_photographs(sources, settings.images)
    return photographs, find_pairs(photographs, settings.duplicate_bits)


def _draw_figures(settings: ExploreSettings, sources: list[Source], folder: Path) -> None:
    figures = list_figures(sources, settings.input_size)
    with warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes, and each would be told.
        warnings.filterwarnings('ignore', message='Glyph')
        for name, draw in tqdm(figures.items(), 'drawing figures', delay=2):
            save_figure(draw(), folder / f'{name}.png')


def _draw_photographs(
    settings: ExploreSettings,
    sources: list[Source],
    photographs: Photographs,
    pairs: Pairs,
    folder: Path,
) -> None:
    assert settings.images is not None
    images = Path(settings.images)
    labels = [source.label for source in sources]
    if len(pairs):
        save_photo(draw_pairs(photographs, pairs, labels, images), folder / 'duplicates.jpg')
    parts = file_parts(labels) if settings.samples else []
    for number, part in enumerate(parts):
        of_file = sources[number], photographs, number, images
        picture = draw_samples(*of_file, settings.samples, settings.seed)
        if picture is not None:
            name = 'samples' if len(sources) == 1 else f'samples_{part}'
            save_photo(picture, folder / f'{name}.jpg')
