"""What ``download_taco.py`` did, for a file and for the terminal."""

import json
import reprlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import InputError
from .failure import FAILURES, Failure

REPORT_NAME = 'download_report.json'
Report = dict[str, Any]


def report_missing(failures: Sequence[Failure]) -> Report:
    """Every photograph that is missing, and how many there are for each reason."""
    counts = Counter(failure.kind for failure in failures)
    return {
        'missing_counts': {kind: counts[kind] for kind in FAILURES if counts[kind]},
        'missing': [asdict(failure) for failure in failures],
    }


def report_changes(changes: Mapping[str, Sequence[str]]) -> Report:
    """The photographs whose bytes are not those that came, by file name, and why."""
    counts = Counter(change for several in changes.values() for change in several)
    return {
        'changed_counts': dict(counts.most_common()),
        'changed': {name: list(several) for name, several in changes.items()},
    }


def read_failed_ids(folder: Path, source: Report, size: str) -> set[int]:
    """Ids of the images that the last run has asked for in vain, or refused.

    Args:
        folder: Of the photographs.
        source: Name and checksum of the annotation file, as the report has them.
        size: As ``--size``.

    Raises:
        InputError: If there is no report, or it is of another annotation file or size.
    """
    path = folder / REPORT_NAME
    advice = 'run once without --retry-failed'
    try:
        report = json.loads(path.read_bytes())
        missing = report['missing']
        ids = {entry['image_id'] for entry in missing if entry['kind'] != 'not_tried'}
        described = report['source']['sha256'], report['size']
    except FileNotFoundError:
        raise InputError(f'{path}: there is no report of a run before: {advice}') from None
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from None
    except (ValueError, LookupError, TypeError, RecursionError):
        raise InputError(f'{path}: not a report of download_taco.py: {advice}') from None
    if described != (source['sha256'], size):
        raise InputError(f'{path}: is of another annotation file or --size: {advice}')
    return ids


def format_report(report: Report) -> str:
    """What a user wants to know at once, for the terminal."""
    counts = report['counts']
    lines = [
        f'{report["source"]["file"]}: {counts["images"]} images, {counts["there_before"]} were '
        f'there, {counts["fetched"]} fetched, {counts["missing"]} missing'
    ]
    lines += [f'{count:9d}  {change}' for change, count in report['changed_counts'].items()]
    first = {failure['kind']: failure for failure in reversed(report['missing'])}
    for kind, count in report['missing_counts'].items():
        name = reprlib.repr(first[kind]['file_name'])
        lines.append(
            f'{count:9d}  missing: {FAILURES[kind]}, the first {name}: {first[kind]["detail"]}'
        )
    return '\n'.join(lines)
