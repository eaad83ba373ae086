"""Pictures of a page."""

import base64
import io
from dataclasses import dataclass, field

from PIL import Image

from ...errors import InputError
from .run import Run
from .text import show_text

# What EvaluationReportHook draws: title and caption, in the order of the page.
_FIGURES = {
    'score_curves': (
        'Precision, recall and F1 against confidence',
        'What is left if only detections from some confidence on count. The best mean F1 is '
        'marked.',
    ),
    'precision_recall': (
        'Precision against recall',
        'Of each class and their mean at IoU 0.50; the area under a curve is AP50.',
    ),
    'class_counts': (
        'True and predicted boxes',
        'How often each class occurs, and how often it is predicted at the confidence of the '
        'best F1.',
    ),
    'confusion_matrix': (
        'Confusion matrix',
        'True class against predicted class at the confidence of the best F1. Background: '
        'objects that were missed, and detections where nothing is.',
    ),
    'confusion_matrix_normalised': (
        'Confusion matrix, by rows',
        'The same as shares of each true class.',
    ),
    'training': ('Training', 'Parts of the loss, and mAP of the validations.'),
    'worst_images': (
        'Images with most errors',
        'Ground truth beside predictions.',
    ),
    'errors': (
        'Most confident errors',
        'What is confidently wrong is a class to learn better, or a label to mend.',
    ),
}


@dataclass(frozen=True)
class Picture:
    """A picture.

    Args:
        title: What it shows; also what a reader hears who does not see it.
        caption: A sentence or two on how to read it; may be empty.
        data: A PNG or JPEG file.

    Raises:
        InputError: If ``data`` is neither, or cut off in its head.
    """

    title: str
    caption: str
    data: bytes

    size: tuple[int, int] = field(init=False)
    """Width and height, pixels."""

    uri: str = field(init=False, repr=False)
    """The file as the ``src`` of an image."""

    def __post_init__(self) -> None:
        try:
            with Image.open(io.BytesIO(self.data), formats=('PNG', 'JPEG')) as image:
                size, kind = image.size, str(image.format).lower()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            raise InputError(f'{show_text(self.title)}: no PNG or JPEG') from None
        data = base64.b64encode(self.data).decode('ascii')
        object.__setattr__(self, 'size', size)
        object.__setattr__(self, 'uri', f'data:image/{kind};base64,{data}')


def read_pictures(run: Run) -> list[Picture]:
    """The pictures that a run drew of its evaluation.

    Raises:
        InputError: If one cannot be read.
    """
    figures = run.evaluation.figures if run.evaluation else {}
    known = [name for name in _FIGURES if name in figures]
    pictures = []
    for name in [*known, *sorted(set(figures) - set(known))]:
        title, caption = _FIGURES.get(name, (show_text(name).replace('_', ' '), ''))
        try:
            pictures.append(Picture(title, caption, figures[name].read_bytes()))
        except OSError as error:
            raise InputError(f'{figures[name]}: cannot be read ({error.strerror})') from None
        except InputError:
            raise InputError(f'{figures[name]}: no PNG or JPEG') from None
    return pictures
