"""A comparison of runs, or the report of one, as a web page in a single file."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape
from PIL import Image

from ...errors import InputError
from ...web_page import render
from . import tables, text
from .cells import Table
from .read_runs import Run

# What EvaluationReportHook draws: title and caption, in the order of the page.
_PICTURES = {
    'score_curves': ('Precision, recall and F1 against confidence', 'The best mean F1 is marked.'),
    'precision_recall': ('Precision against recall', 'At IoU 0.50; the area below is AP50.'),
    'class_counts': ('True and predicted boxes', 'Predicted: at the confidence of the best F1.'),
    'count_errors': ('Boxes counted in each image', 'At the confidence of the best F1.'),
    'confusion_matrix': (
        'Confusion matrix',
        'True against predicted class, at the confidence of the best F1; background: what was '
        'missed, and detections where nothing is.',
    ),
    'confusion_matrix_normalised': ('Confusion matrix, by rows', 'As shares of each true class.'),
    'training': ('Training', 'Parts of the loss, and mAP of the validations.'),
    'worst_images': ('Images with most errors', 'Ground truth beside predictions.'),
    'errors': ('Most confident errors', 'Each is a class to learn better, or a label to mend.'),
}


@dataclass(frozen=True)
class Picture:
    """A picture in the page, its file as the ``src`` of an image, and its size in pixels."""

    uri: str
    size: tuple[int, int]
    title: str
    caption: str


@dataclass(frozen=True)
class Section:
    """Runs that can be ranked, plots of all of them, images under each, and further tables."""

    runs: Sequence[Run]
    plots: Sequence[Picture] = ()
    images: Sequence[Picture] = ()
    extra_tables: Sequence[Table] = ()


def make_page(title: str, sections: Sequence[Section], made: datetime) -> str:
    """The page as HTML, which needs no network and no other file; the report of a single run.

    Raises:
        InputError: If a picture of a run cannot be read.
    """
    values = {
        'title': text.show_text(title),
        'made': made,
        'sections': sections,
        'tables': tables,
        'text': text,
        'read_pictures': read_pictures,
    }
    return render(__package__, 'page.html.jinja', values, breakable=_breakable)


def embed(file: bytes, title: str, caption: str = '') -> Picture:
    """A PNG or JPEG as a picture of the page; what Pillow raises is left to the caller."""
    with Image.open(io.BytesIO(file), formats=('PNG', 'JPEG')) as image:
        uri = f'data:{image.get_format_mimetype()};base64,{base64.b64encode(file).decode()}'
        return Picture(uri, image.size, title, caption)


def read_pictures(run: Run) -> list[Picture]:
    """The pictures that a run drew of its evaluation; raises InputError if one cannot be read."""
    paths, pictures = run.pictures, []
    known = [name for name in _PICTURES if name in paths]
    for name in [*known, *sorted(set(paths) - set(known))]:
        words = _PICTURES.get(name) or (text.show_text(name).replace('_', ' '),)
        try:
            pictures.append(embed(paths[name].read_bytes(), *words))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            reason = getattr(error, 'strerror', None) or 'no PNG or JPEG'
            raise InputError(f'{paths[name]}: cannot be read ({reason})') from None
    return pictures


def _breakable(name: str) -> Markup:
    """A name that may go on in the next line after an underscore or a slash."""
    return Markup(re.sub('([_/])', r'\1<wbr>', str(escape(name))))
