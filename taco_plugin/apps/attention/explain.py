"""Explains what a detector finds in photographs: a PNG of each, and a page of all."""

from argparse import Namespace
from pathlib import Path

from matplotlib.figure import Figure
from mmdet.models.detectors import BaseDetector

from ...detector import Detector, choose_run
from ...errors import InputError
from ...files import check_writable, refuse_overwriting, stage_folder
from ...images import strict_pillow
from .attention import check_attention
from .explanation import Explanation, explain_photograph
from .page import make_page
from .plots import Heat, Maps, Subject, plot_subjects

PAGE = 'attention.html'
_POINT = (245, 245, 245)
_TITLES = {'attention': 'Attention', 'eigencam': 'EigenCAM', 'gradcam': 'Element-wise Grad-CAM'}
_NOTES = {
    'attention': 'Attention of a query, or from a point, sums to 1.',
    'eigencam': 'First principal component of the features of the level that the detection is read '
    'from, whatever its class.',
    'gradcam': "Features of the level that the detection is read from, times its score's gradient "
    'at each place, where that is above 0.',
}
_SCALED = 'Each map is drawn up to its own maximum.'


def explain(options: Namespace) -> list[str]:
    """Writes a PNG of each photograph, and a page of all.

    Args:
        options: Of ``show_attention.py``.

    Returns:
        A line about each photograph.

    Raises:
        InputError: If anything that was given cannot be used; nothing is written then.
    """
    run = choose_run(options, options.score_threshold)
    stems = [Path(path).stem for path in options.images]
    are_alike = len(set(stems)) < len(stems)
    pictures = [
        f'{stem}_{number}.png' if are_alike else f'{stem}.png'
        for number, stem in enumerate(stems, start=1)
    ]
    refuse_overwriting(options.images, [Path(options.out, name) for name in (*pictures, PAGE)])
    check_writable(options.out)
    detector = Detector(run, options.device, options.cfg_options, tiles=False)
    threshold = run.threshold if options.score_threshold is None else options.score_threshold
    method = _choose_method(detector.model, options)
    options = Namespace(**{**vars(options), 'method': method, 'score_threshold': threshold})
    title, note = f'{_TITLES[method]} of {run.checkpoint}', f'{_NOTES[method]} {_SCALED}'
    found, lines = [], []
    with stage_folder(options.out) as stage, strict_pillow():
        for path, name in zip(options.images, pictures, strict=True):
            found.append(explain_photograph(detector, path, options))
            _plot(found[-1], options, title, note).savefig(stage / name)
            count = len(found[-1].detections)
            lines.append(f'{name}: detections of {threshold:g} or more: {count}')
        (stage / PAGE).write_text(make_page(title, note, found), encoding='utf-8')
    return lines


def _choose_method(model: BaseDetector, options: Namespace) -> str:
    """The method asked for, or what the detector has; refuses options that it cannot follow."""
    method = options.method
    if method in (None, 'attention'):
        try:
            check_attention(model)
            method = 'attention'
        except InputError:
            if method or options.points or options.layer or options.head:
                raise
            method = 'gradcam'
    elif options.points or options.layer or options.head:
        raise InputError(f'--points, --layer and --head are for attention, not for {method}')
    if method == 'attention':
        layers, heads = len(model.decoder.layers), model.decoder.layers[0].cross_attn.num_heads
        for name, most in ('layer', layers), ('head', heads):
            given = getattr(options, name)
            if isinstance(given, int) and given > most:
                raise InputError(f'--{name} {given}: the decoder has {most} {name}s')
    return method


def _plot(one: Explanation, options: Namespace, title: str, note: str) -> Figure:
    layer, head = options.layer or len(one.maps.weights), options.head or 'mean'
    detections = [
        Subject(
            *(f'{number} {of.title}', of.color, of.box),
            *_select(one.maps, layer, head, number, is_share=one.of_points is not None),
        )
        for number, of in enumerate(one.detections, start=1)
    ]
    points = []
    if one.of_points is not None:
        of_encoder = min(layer, len(one.of_points.weights))
        for number, place in enumerate(one.points[: one.chosen], start=1):
            heats = _select(one.of_points, of_encoder, head, number)
            name = 'p{} encoder, from {:.0f}, {:.0f}'.format(number, *place)
            points.append(Subject(name, _POINT, place, *heats))
        title += f', decoder layer {layer}, encoder layer {of_encoder}, '
        title += {'mean': 'mean of the heads', 'all': 'every head'}.get(head, f'head {head}')
    if not detections:
        note = f'Nothing has a score of {options.score_threshold:g} or more. {note}'
    return plot_subjects(one.photo, detections, points, title=title, note=note)


def _select(
    maps: Maps, layer: int, head: int | str, number: int, *, is_share: bool = True
) -> tuple[list[tuple[str, Heat]], Heat]:
    """Captions and maps of the heads to show, and the map to lay over the photograph."""
    mean = maps.select(layer - 1, None, number - 1)
    if head == 'all':
        heads = range(maps.weights.shape[1])
        return [(f'head {n + 1}', maps.select(layer - 1, n, number - 1)) for n in heads], mean
    heat = maps.select(layer - 1, head - 1, number - 1) if isinstance(head, int) else mean
    peak = 100 * float(heat.weights.max())
    return [(f'at most {peak:.2g} % in one place' if is_share else 'the map alone', heat)], heat
