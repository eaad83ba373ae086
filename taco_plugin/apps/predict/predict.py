"""Predicts all inputs, in one process or in several, and writes the results."""

import os
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from operator import add
from pathlib import Path
from typing import Any

from ...checkpoint_files import Run
from ...files import write_files
from ...json_files import to_json
from ...runtime.detector import ExportedDetector
from ...runtime.metadata import show
from ...runtime.sessions import open_session
from .gallery import make_page
from .journal import begin, read_journal
from .results import SCHEMA_VERSION, make_files, summarize
from .share import AnyDetector, Plan, Share
from .sources import find_sources


def predict(options: Namespace) -> dict[str, Any] | None:
    """Predicts litter in photographs, videos and streams, and writes the results into a folder.

    Under ``torchrun``, each process takes a share; all must see the same files.

    Args:
        options: Of ``predict.py``.

    Returns:
        What ``summary.json`` holds; None in all processes but the first.

    Raises:
        InputError: If anything that was given cannot be used.
    """
    with _joined() as (rank, count):
        detector = None
        plans: list[Any] = [None]
        if rank == 0:
            detector, plans[0] = _prepare(options)
        if count > 1:
            from torch import distributed

            distributed.broadcast_object_list(plans)
        plan: Plan = plans[0]
        detector = detector or _load_detector(plan.run, options)
        began = time.perf_counter()
        rates = [Share(detector, plan, options, rank, count).predict()] * count
        if count > 1:
            distributed.all_gather_object(rates, rates[0])
        if rank > 0:
            return None
        images = sum(rate.pop('images') for rate in rates)
        speed = {stage: round(sum(rate[stage] for rate in rates), 3) for stage in rates[0]}
        speed['all'] = round(images / (time.perf_counter() - began), 3)
        return _write_results(detector.classes, plan, options, speed)


@contextmanager
def _joined() -> Iterator[tuple[int, int]]:
    """Yields the rank of this process and the number of processes that share the work."""
    rank, count = (int(os.environ.get(*pair)) for pair in (('RANK', '0'), ('WORLD_SIZE', '1')))
    if count == 1:
        yield 0, 1
        return
    from torch import distributed

    # Nothing but a few texts is exchanged, and the first may wait long for the last.
    distributed.init_process_group('gloo', timeout=timedelta(days=30))
    try:
        yield rank, count
    finally:
        distributed.destroy_process_group()


def _load_detector(run: Run, options: Namespace) -> AnyDetector:
    if not run.config:
        path, threshold = run.checkpoint, run.threshold
        return ExportedDetector(path, threshold, tiles=options.tiles, device=options.device)
    from ...detector import Detector

    return Detector(run, options.device, options.cfg_options, tiles=options.tiles)


def _find_run(options: Namespace) -> Run:
    if path := options.onnx or options.openvino:
        threshold = open_session(path).metadata.threshold
        return Run('', path, threshold, f'that in {show(path)}')
    from ...detector import choose_run

    return choose_run(options, options.threshold)


def _prepare(options: Namespace) -> tuple[AnyDetector, Plan]:
    """Checks everything before anything is written."""
    run = _find_run(options)
    if options.threshold is not None:
        run = replace(run, threshold=options.threshold, note='as given')
    folder, sources = find_sources(options.inputs, options.out)
    detector = _load_detector(run, options)
    noted = {
        **{'weights or settings': detector.fingerprint, 'threshold': run.threshold},
        **{'batch size': options.batch_size, 'outputs': sorted(options.write)},
        **{'folder of inputs': folder, 'inputs': [source.name for source in sources]},
    }
    begin(options.out, noted, resume=options.resume)
    done = frozenset(read_journal(options.out)[0])
    count, size = sum(source.kind == 'image' for source in sources), options.batch_size
    blocks = [[*range(first, min(first + size, count))] for first in range(0, count, size)]
    blocks += [[index] for index in range(count, len(sources))]
    blocks = [block for block in blocks if not done.issuperset(block)]
    print(f'confidence threshold: {run.threshold:g} ({run.note})')
    return detector, Plan(run, folder, sources, blocks, done)


def _write_results(
    classes: Sequence[str], plan: Plan, options: Namespace, speed: dict[str, float]
) -> dict[str, Any]:
    """Makes the final files of what all processes of all starts have predicted."""
    found, failed = read_journal(options.out)
    entries = [entry for index in sorted(found) for entry in found[index]]
    frames = [f'#{entry["frame"]:06}' if 'frame' in entry else '' for entry in entries]
    names = [plan.sources[entry['source']].name for entry in entries]
    rows = list(zip(map(add, names, frames), entries, strict=True))
    unreadable = [
        {'file': plan.sources[index].name, 'reason': failed[index]} for index in sorted(failed)
    ]
    summary = {
        'schema_version': SCHEMA_VERSION,
        'model': {'config': plan.run.config or None, 'checkpoint': plan.run.checkpoint},
        'threshold': plan.run.threshold,
        'threshold_is': plan.run.note,
        'images_per_second': speed,
        'folder': plan.folder,
        **summarize(rows, classes),
        'unreadable': unreadable,
    }
    yolo = str(Path(options.out, 'yolo').resolve())
    texts = make_files(rows, classes, options.write, plan.folder, yolo=yolo)
    if 'gallery' in options.write:
        stems = [source.stem for source in plan.sources]
        texts['gallery.html'] = make_page(rows, stems, classes, options, summary)
    write_files(options.out, {**texts, 'summary.json': to_json(summary, indent=2)})
    return summary
