"""Explores annotation files: reads, counts, compares, draws, writes."""

import re
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure
from tqdm import tqdm

from ...errors import InputError
from ...files import check_writable, refuse_overwriting, stage_folder, write_files
from ...json_files import read_json, to_json
from ...taxonomies import load_taxonomy
from ...visualization import save_figure, save_photo
from .photographs import HASH_BITS, compare_photographs
from .pictures import Draw, draw_pairs, list_figures, list_samples
from .report import Report, describe_photographs, describe_shared, describe_source
from .source import read_sources

REPORT = 'exploration.json'
SCHEMA_VERSION = 1
MOST_SAMPLES = 100

_PICTURE = re.compile(r'[A-Za-z0-9_-]+\.(png|jpg)')


def explore(
    annotations: Sequence[str],
    out: str,
    images: str | None,
    *,
    taxonomy: str | None,
    input_size: tuple[int, int],
    samples: int,
    seed: int,
    duplicate_bits: int,
) -> Report:
    """Writes ``exploration.json`` and pictures into a folder: all of them or, after an error, none.

    Pictures that the ``exploration.json`` of an earlier run lists, but this run does not bring, are
    removed.

    The arguments are the options of ``explore_dataset.py``.

    Returns:
        The report: ``settings``; ``files``, see :func:`~.report.describe_source`, each with
        ``photographs``, see :func:`~.report.describe_photographs`; ``shared_file_names``, see
        :func:`~.report.describe_shared`; ``duplicates``, see
        :func:`~.photographs.compare_photographs`; ``pictures``, their names. What needs
        photographs is null without a folder.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    if not 0 <= samples <= MOST_SAMPLES:
        raise InputError(f'--samples must be 0 to {MOST_SAMPLES}, not {samples}')
    if samples and images is None:
        raise InputError('--samples needs the folder of the photographs: give --images')
    if not 0 <= duplicate_bits < HASH_BITS // 2:
        raise InputError(
            f'--duplicate-bits must be 0 to {HASH_BITS // 2 - 1}, not {duplicate_bits}: '
            f'two photographs that have nothing in common differ in {HASH_BITS // 2}'
        )
    check_writable(out)
    refuse_overwriting([*annotations, taxonomy], [Path(out, REPORT)])
    classes = load_taxonomy(taxonomy) if taxonomy else None
    sources = read_sources(annotations, classes)
    report: Report = {
        'schema_version': SCHEMA_VERSION,
        'settings': {
            'taxonomy': classes and classes.name,
            'input_size': list(input_size),
            'images': images is not None,
            'samples': samples,
            'seed': seed,
        },
        'files': [describe_source(source, input_size) for source in sources],
        'shared_file_names': describe_shared(sources),
        'duplicates': None,
    }
    pictures = list_figures(sources, report)
    if images is not None:
        problems, duplicates = compare_photographs(sources, images, duplicate_bits)
        report['duplicates'] = duplicates
        for entry, source, of_source in zip(report['files'], sources, problems, strict=True):
            entry['photographs'] = describe_photographs(source, of_source)
        if duplicates['pairs']:
            pictures['duplicates.jpg'] = partial(draw_pairs, duplicates, images)
        pictures |= list_samples(sources, problems, images, count=samples, seed=seed)
    report['pictures'] = sorted(pictures)
    inputs = [*annotations, taxonomy]
    if images is not None:
        names = (image['file_name'] for source in sources for image in source.as_read['images'])
        inputs += [f'{images}/{name}' for name in names]
    _write(Path(out), report, pictures, inputs=inputs)
    return report


def _write(
    folder: Path,
    report: Report,
    pictures: Mapping[str, Draw],
    *,
    inputs: Sequence[str | None],
) -> None:
    earlier = _list_earlier(folder / REPORT)
    refuse_overwriting(inputs, [folder / name for name in (REPORT, *earlier, *pictures)])
    with stage_folder(folder) as stage, warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes, and each would be told.
        warnings.filterwarnings('ignore', message='Glyph')
        for name, draw in tqdm(pictures.items(), 'drawing', delay=2):
            if (folder / name).is_dir():
                raise InputError(f'{folder / name}: cannot be written (it is a folder)')
            picture = draw()
            if isinstance(picture, Figure):
                save_figure(picture, stage / name)
            else:
                save_photo(picture, stage / name)
        write_files(stage, {REPORT: to_json(report, indent=2)})
    for name in earlier - set(pictures):
        with suppress(OSError):
            (folder / name).unlink()


def _list_earlier(report: Path) -> set[str]:
    """Pictures that an earlier run has listed."""
    try:
        return {name for name in read_json(report)['pictures'] if _PICTURE.fullmatch(name)}
    except (ValueError, LookupError, TypeError):
        return set()  # none, or not ours
