"""What was found, for a file."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from posixpath import normpath
from typing import Any

from ...coco import count_changes
from ..prepare.report import report_changes, report_images
from .duplicates import Pairs
from .photographs import HASH_BITS, Photographs, find_shared_names
from .source import Source
from .statistics import (
    count_cooccurrence,
    describe_aspect_ratios,
    describe_box_sizes,
    describe_boxes_per_image,
    describe_image_sizes,
)

SCHEMA_VERSION = 1

Report = dict[str, Any]

_MOST_EXAMPLES = 20
"""Of a defect."""


def describe_source(source: Source, input_size: tuple[int, int]) -> Report:
    """One annotation file; JSON can hold it.

    - ``label``, ``file``: what figures call it, and its name.
    - ``found_annotations``, ``dropped_by_taxonomy``: annotations in the file as it is, and sound
      ones whose category the taxonomy drops. All else is of the annotations that are left after
      cleaning and dropping.
    - ``images``, ``images_without_boxes``, ``boxes``, ``crowds`` (boxes that frame a group).
    - ``classes``: list of ``name``, ``boxes``, ``images``, ``inverse_density`` and ``weight``.
    - ``boxes_per_image``, ``image_sizes``, ``box_sizes``, ``aspect_ratios``: see
      :mod:`.statistics`; null where there are no boxes.
    - ``cooccurrence``: ``classes``, the most frequent ones that occur, and ``images``, in how many
      two of them do, on the diagonal in how many one has several boxes.
    - ``defects``: ``counts`` by the kinds of :data:`~taco_plugin.coco.KINDS`, the number of
      ``repeated_file_names``, and ``examples``, at most 20 of a kind.
    """
    statistics = asdict(source.statistics)
    labels, together = count_cooccurrence(source.table)
    return {
        'label': source.label,
        'file': Path(source.path).name,
        'found_annotations': source.found,
        'dropped_by_taxonomy': source.outside_taxonomy,
        **{key: statistics[key] for key in ('images', 'images_without_boxes', 'boxes')},
        'crowds': source.table.crowd,
        'classes': list(statistics['classes']),
        'boxes_per_image': describe_boxes_per_image(source.table),
        'image_sizes': describe_image_sizes(source.table),
        'box_sizes': describe_box_sizes(source.table, input_size),
        'aspect_ratios': describe_aspect_ratios(source.table),
        'cooccurrence': {
            'classes': [source.table.classes[label] for label in labels.tolist()],
            'images': together.tolist(),
        },
        'defects': _describe_defects(source),
    }


def _describe_defects(source: Source) -> Report:
    names = Counter(normpath(image['file_name']) for image in source.coco['images'])
    return {
        'counts': count_changes(source.changes),
        'repeated_file_names': sum(count - 1 for count in names.values()),
        'examples': report_changes(_few_of_each(source.changes))['list'],
    }


def _few_of_each(entries: Sequence[Any]) -> list[Any]:
    by_kind: dict[str, list[Any]] = {}
    for entry in entries:
        some = by_kind.setdefault(entry.kind, [])
        if len(some) < _MOST_EXAMPLES:
            some.append(entry)
    return [entry for some in by_kind.values() for entry in some]


def describe_photographs(photographs: Photographs, sources: Sequence[Source]) -> list[Report]:
    """The photographs of each file: ``usable``, ``problems`` by kind, and ``examples`` of each."""
    reports = []
    for source, problems in zip(sources, photographs.problems, strict=True):
        counts = report_images(problems, [])['dropped_counts']
        reports.append({
            'usable': len(source.coco['images']) - len(problems),
            'problems': counts,
            'examples': [asdict(problem) for problem in _few_of_each(problems)],
        })  # fmt: skip
    return reports


def describe_pairs(
    photographs: Photographs, pairs: Pairs, threshold: int, labels: Sequence[str]
) -> Report:
    """Photographs that are alike.

    - ``hash``, ``bits``, ``threshold``: how they were compared.
    - ``hashed``: number of different photographs; ``not_hashed``: names of those that could not be.
    - ``counts``: of all pairs, ``across_files``, ``within_files``, and ``exact`` among both.
    - ``pairs``: at most 1000: ``photographs``, two of ``name`` and ``files``; ``distance`` in
      bits; ``exact``, whether they are the same byte for byte; ``across_files``.
    """

    def describe(row: int) -> Report:
        files = photographs.files[row].nonzero()[0].tolist()
        return {'name': photographs.names[row], 'files': [labels[file] for file in files]}

    columns = (
        pairs.rows.tolist(),
        pairs.distance.tolist(),
        pairs.exact.tolist(),
        pairs.across.tolist(),
    )
    return {
        'hash': 'phash',
        'bits': HASH_BITS,
        'threshold': threshold,
        'hashed': len(photographs.names),
        'not_hashed': photographs.not_hashed,
        'counts': pairs.counts,
        'pairs': [
            {
                'photographs': [describe(first), describe(second)],
                'distance': distance,
                'exact': exact,
                'across_files': across,
            }
            for (first, second), distance, exact, across in zip(*columns, strict=True)
        ],
    }


def describe_shared(sources: Sequence[Source]) -> list[Report]:
    """For each two files that have file names in common: ``files``, ``count`` and ``examples``."""
    return [
        {
            'files': [sources[first].label, sources[second].label],
            'count': len(names),
            'examples': names[:_MOST_EXAMPLES],
        }
        for first, second, names in find_shared_names(sources)
    ]
