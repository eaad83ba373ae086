"""What is known of one run, as lines of a list."""

from collections.abc import Iterator

from ...evaluation.record import Record
from .run import Model, Run, Training
from .text import MISSING, show_duration, show_evaluated_on, show_text

Facts = list[tuple[str, str]]


def list_facts(run: Run) -> Facts:
    """Names and values, for people; what is not known is left out."""
    facts = [*_of_model(run.model), *_of_training(run.training), ('folder', str(run.folder))]
    if run.evaluation is None:
        facts.append(('evaluated on', 'not evaluated'))
    else:
        record = run.evaluation.record
        facts.append(('evaluated on', show_evaluated_on(run.evaluation.name, record)))
        facts += _of_record(record)
    return [(name, show_text(value)) for name, value in facts if value]


def _of_model(model: Model) -> Iterator[tuple[str, str]]:
    yield 'config', model.config
    yield 'detector', model.detector
    yield 'taxonomy', model.taxonomy or ''
    yield 'loss of the classes', model.loss
    if model.input_size:
        yield 'input', f'{model.input_size[0]} × {model.input_size[1]} px'
    if model.parameters is not None:
        yield 'parameters', f'{model.parameters:,}'
    if model.flops is not None:
        yield 'FLOPs', f'{model.flops / 1e9:.2f} G (multiply-adds of one image)'


def _of_training(training: Training | None) -> Iterator[tuple[str, str]]:
    if training is None:
        return
    if training.epochs is None:
        amount = f'{training.iterations:,} iterations'
    else:
        amount = f'{training.epochs} of {training.planned_epochs or MISSING} epochs'
    yield 'training', f'{amount}, {show_duration(training.seconds)}'


def _of_record(record: Record) -> Iterator[tuple[str, str]]:
    of, boxes = record['run'] or {}, record['boxes']
    yield 'evaluated at', str(of.get('time') or '').replace('T', ' ')
    yield 'checkpoint', str(of.get('checkpoint') or '')
    yield 'annotation file', str(record['ann_file'] or '')
    yield 'images', f'{record["images"]:,}'
    crowds = f', and {boxes["crowds"]:,} crowds' if boxes['crowds'] else ''
    yield 'true boxes', f'{boxes["truth"]:,}{crowds}'
    for where, sizes in boxes['truth_per_size'].items():
        if sizes:
            counts = ', '.join(f'{count:,} {size}' for size, count in sizes.items())
            yield f'true boxes, {_SIZES.get(where, where)}', counts
    yield 'detections', f'{boxes["found"]:,}'
    for name, values in record['settings'].items():
        listed = ', '.join(f'{value:g}' for value in values)
        yield _SETTINGS.get(name, name), listed


_SIZES = {'native': 'as photographed', 'input': 'as the network sees them'}

_SETTINGS = {
    'iou': 'IoU thresholds of AP and AR',
    'study_iou': "IoU thresholds of the study's mAP",
    'tops': 'detections per image and class',
}
