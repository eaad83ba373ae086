"""What annotation files hold, in numbers that JSON can hold."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from posixpath import normpath
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ...boxes import bucket_areas, resize_factors
from ...coco import PROBLEMS, ImageProblem, class_statistics, count_changes
from .source import Source

Report = dict[str, Any]

_MOST_CLASSES = 80  # the most frequent, that are compared with one another
_MOST_EXAMPLES, _MOST_IMAGE_SIZES = 20, 20
_PERCENTILES = {'min': 0, 'p5': 5, 'p25': 25, 'median': 50, 'p75': 75, 'p95': 95, 'max': 100}


def summarize(values: np.ndarray) -> dict[str, float] | None:
    """``mean``, ``min``, ``p5``, ``p25``, ``median``, ``p75``, ``p95``, ``max``; None of nothing.

    >>> summarize(np.array([1, 2, 9]))['median']
    2.0
    """
    if not len(values):
        return None
    points = np.percentile(values, list(_PERCENTILES.values())).tolist()
    return {'mean': float(values.mean()), **dict(zip(_PERCENTILES, points, strict=True))}


def describe_source(source: Source, input_size: tuple[int, int]) -> Report:
    """One annotation file; summaries are those of :func:`summarize`, null without boxes.

    - ``label``, ``file``: what figures call it, and its name.
    - ``found_annotations``, ``dropped_by_taxonomy``: annotations in the file as it is, and sound
      ones whose category the taxonomy drops. All else is of the annotations that are left after
      cleaning and dropping.
    - ``images``, ``images_without_boxes``, ``boxes``, ``crowds`` (boxes that frame a group).
    - ``classes``: list of ``name``, ``boxes``, ``images``, ``inverse_density`` and ``weight``.
    - ``boxes_per_image``: summary, and ``images_by_boxes``, how many images have how many boxes.
    - ``image_sizes``: summaries of ``width``, ``height`` and ``megapixels``, number of
      ``different`` sizes, and the 20 ``most_frequent``.
    - ``box_sizes``: see :func:`describe_box_sizes`.
    - ``aspect_ratios``: summary of width / height, whose ``mean`` is the geometric one.
    - ``cooccurrence``: ``classes``, the most frequent ones that occur, and ``images``, in how many
      two of them do, on the diagonal in how many one has several boxes.
    - ``defects``: ``counts`` by the kinds of :data:`~taco_plugin.coco.KINDS`, the number of
      ``repeated_file_names``, and ``examples``, at most 20 of a kind.
    - ``photographs``: null, until they are read.
    """
    statistics = asdict(class_statistics(source.coco))
    per_image, sizes = source.boxes_of_image, source.image_sizes
    by_size = Counter(map(tuple, sizes.astype(np.int64).tolist()))
    common = sorted(by_size.items(), key=lambda item: (-item[1], item[0]))[:_MOST_IMAGE_SIZES]
    names = [normpath(image['file_name']) for image in source.coco['images']]
    ratios = summarize(source.log_aspect)
    by_boxes = sorted(Counter(per_image.tolist()).items())
    labels, together = count_cooccurrence(source)
    return {
        'label': source.label,
        'file': source.file,
        'found_annotations': len(source.as_read['annotations']),
        'dropped_by_taxonomy': source.outside_taxonomy,
        **{key: statistics[key] for key in ('images', 'images_without_boxes', 'boxes')},
        'crowds': int(source.boxes.crowd.sum()),
        'classes': list(statistics['classes']),
        'boxes_per_image': {
            **(summarize(per_image) or {}),
            'images_by_boxes': {str(boxes): images for boxes, images in by_boxes},
        },
        'image_sizes': {
            'width': summarize(sizes[:, 0]),
            'height': summarize(sizes[:, 1]),
            'megapixels': summarize(sizes.prod(axis=1) / 1e6),
            'different': len(by_size),
            'most_frequent': [{'width': w, 'height': h, 'images': n} for (w, h), n in common],
        },
        'box_sizes': describe_box_sizes(source, input_size),
        'aspect_ratios': ratios and {name: float(2.0**value) for name, value in ratios.items()},
        'cooccurrence': {
            'classes': [source.classes[label] for label in labels.tolist()],
            'images': together.tolist(),
        },
        'defects': {
            'counts': count_changes(source.changes),
            'repeated_file_names': len(names) - len(set(names)),
            'examples': _few_of_each(source.changes),
        },
        'photographs': None,
    }


def describe_box_sizes(source: Source, input_size: tuple[int, int]) -> Report:
    """Summaries of the boxes' ``width``, ``height`` and ``root_area``, the root of the area.

    ``native`` is in pixels of the photograph, ``relative`` in shares of its sides (``root_area``:
    of the root of its area), ``input`` in pixels after resizing to ``input_size``. ``buckets`` are
    the numbers of small, medium and large boxes, ``native`` and ``input``.
    """
    factors = resize_factors(source.image_sizes, input_size)[source.rows]
    roots = np.sqrt(source.areas)
    image_roots = np.sqrt(source.image_sizes.prod(axis=1))[source.rows]
    scales = {
        'native': (*source.sides.T, roots),
        'relative': (*source.relative_sides.T, roots / image_roots),
        'input': (*(source.sides.T * factors), roots * factors),
    }
    names = ('width', 'height', 'root_area')
    report: Report = {
        key: dict(zip(names, map(summarize, columns), strict=True))
        for key, columns in scales.items()
    }
    with np.errstate(over='ignore'):  # an infinite area is large, too
        at_input = source.areas * factors**2
    report['buckets'] = {'native': bucket_areas(source.areas), 'input': bucket_areas(at_input)}
    return report


def count_cooccurrence(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the classes that occur, shape (C,), and in how many images two do, shape (C, C)."""
    boxes = np.bincount(source.boxes.label, minlength=len(source.classes))
    labels = np.argsort(-boxes, kind='stable')[:_MOST_CLASSES]
    labels = labels[boxes[labels] > 0]
    places = (source.rows, source.boxes.label)
    shape = (len(source.image_sizes), len(boxes))
    count = csr_array((np.ones(len(source.rows), dtype=np.int64), places), shape=shape)[:, labels]
    present = count.sign()
    together = (present.T @ present).toarray()
    np.fill_diagonal(together, (count > 1).sum(axis=0))
    return labels, together


def _few_of_each(entries: Sequence[Any]) -> list[Report]:
    """A few of each kind; numbers that are not finite, which JSON lacks, become texts."""
    by_kind: dict[str, list[Any]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, []).append(entry)
    some = [asdict(entry) for same in by_kind.values() for entry in same[:_MOST_EXAMPLES]]
    return json.loads(json.dumps(some), parse_constant=lambda number: str(float(number)))


def describe_photographs(source: Source, problems: Sequence[ImageProblem]) -> Report:
    """The photographs of a file: ``usable``, ``problems`` by kind, and ``examples`` of each."""
    counts = Counter(problem.kind for problem in problems)
    return {
        'usable': len(source.coco['images']) - len(problems),
        'problems': {kind: counts[kind] for kind in PROBLEMS if counts[kind]},
        'examples': _few_of_each(problems),
    }


def describe_shared(sources: Sequence[Source]) -> list[Report]:
    """For each two files that have file names in common: ``files``, ``count`` and ``examples``."""
    names = [
        dict.fromkeys(normpath(image['file_name']) for image in source.coco['images'])
        for source in sources
    ]
    reports = []
    for second, source in enumerate(sources):
        for first, other in enumerate(sources[:second]):
            shared = [name for name in names[first] if name in names[second]]
            if shared:
                pair, examples = [other.label, source.label], shared[:_MOST_EXAMPLES]
                reports.append({'files': pair, 'count': len(shared), 'examples': examples})
    return reports
