"""Bar charts of the number of boxes per class, and of small, medium and large boxes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .figure import (
    COLOURS,
    add_note,
    empty_figure,
    name_classes,
    new_figure,
    plain_numbers,
    show_name,
    style_axes,
)

_LOG_RANGE = 100
_MOST_CLASSES = 80
_BAR, _GAP = 0.15, 0.1  # inches; a bar is tall enough for its number
_SIZE_COLOURS = {'small': '#D55E00', 'medium': '#56B4E9', 'large': '#0072B2'}
_LEAST_WITH_TEXT, _LEAST_WITH_COUNT = 0.04, 0.12


def _draw_class_bars(
    axes: Axes, counts: np.ndarray, classes: Sequence[str], colours: Mapping[str, str]
) -> None:
    """Draws labelled bars per class, top down; ``counts``, shape (S, K), is NaN for no bar."""
    height = _BAR / (_BAR * len(colours) + _GAP)
    rows = np.arange(len(classes))
    for number, (label, colour) in enumerate(colours.items()):
        places = rows + height * (number - (len(colours) - 1) / 2)
        bars = axes.barh(places, counts[number], height, color=colour, label=show_name(label))
        texts = ['' if np.isnan(count) else f'{count:.0f}' for count in counts[number]]
        axes.bar_label(bars, texts, padding=2, fontsize=7)
    axes.set_yticks(rows, [show_name(name) for name in classes])
    style_axes(axes, 'x', ylim=(len(classes) - 0.4, -0.6), xlabel='Boxes')
    axes.margins(x=0.12)


def _scale_counts(axes: Axes) -> None:
    axes.set_xscale('symlog', linthresh=1)  # logarithmic, except at 0
    axes.set_xlabel('Boxes (logarithmic)')
    plain_numbers(axes.xaxis)


def plot_class_counts(true: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Figure:
    """Bars of true and predicted boxes, the most frequent true class first.

    The scale is logarithmic if the counts above 0 differ by more than a factor of 100. Both counts
    have the shape (K,).
    """
    title = 'Boxes of each class'
    counts = np.stack([true, predicted])
    if not counts.any():
        return empty_figure(title, 'no ground truth and no detections')
    order = np.lexsort((np.arange(len(classes)), -predicted, -true))
    figure = new_figure(9, 1.8 + (2 * _BAR + _GAP) * len(classes), title)
    axes = figure.subplots()
    colours = {'true': COLOURS[3], 'predicted': COLOURS[0]}
    _draw_class_bars(axes, counts[:, order], [classes[label] for label in order], colours)
    if counts.max() > _LOG_RANGE * counts[counts > 0].min():
        _scale_counts(axes)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(loc='outside right upper')
    notes = [] if predicted.any() else ['No detections.']
    if not true.all():
        missing = f': {name_classes(classes, true == 0)}' if true.any() else ''
        notes.append(f'No ground truth{missing}.')
    add_note(figure, notes)
    return figure


def plot_class_distribution(
    boxes: np.ndarray, weights: np.ndarray, classes: Sequence[str], labels: Sequence[str]
) -> Figure:
    """Bars of boxes, and points of weights on a logarithmic scale, the most frequent class first.

    At most 80 classes are drawn.

    Args:
        boxes: Number of boxes, at least one in all, NaN if a file lacks the class, shape (F, K).
        weights: Class weights, NaN if a file lacks the class, shape (F, K).
        classes: K names.
        labels: Names of the F files, at most six.
    """
    order = np.argsort(-np.nansum(boxes, axis=0), kind='stable')[:_MOST_CLASSES]
    height = 1.6 + (_BAR * len(labels) + _GAP) * len(order)
    figure = new_figure(11, height, 'Boxes and weight of each class')
    left, right = figure.subplots(1, 2, width_ratios=[3, 2], sharey=True)
    colours = dict(zip(labels, COLOURS, strict=False))
    _draw_class_bars(left, boxes[:, order], [classes[label] for label in order], colours)
    _scale_counts(left)
    for of_file, bars, colour in zip(weights, left.containers, colours.values(), strict=True):
        places = [bar.get_y() + bar.get_height() / 2 for bar in bars]
        right.plot(of_file[order], places, 'o', markersize=4, color=colour)
    style_axes(right, 'x', xscale='log', xlabel='Weight (logarithmic)')
    plain_numbers(right.xaxis)
    right.set_yticks(np.arange(len(order) - 1) + 0.5, minor=True)
    right.grid(axis='y', which='minor', color='0.93')
    left.tick_params(axis='y', which='minor', length=0)
    right.tick_params(axis='y', which='both', length=0, labelleft=False)
    if len(labels) > 1:
        figure.legend(*left.get_legend_handles_labels(), loc='outside right upper')
    notes = ['Weight: N / (n + 1) for n of the N boxes of a file, divided by its sum over classes.']
    if len(order) < len(classes):
        notes.append(f'{len(classes) - len(order)} less frequent classes are not drawn.')
    add_note(figure, notes)
    return figure


def plot_size_buckets(rows: Mapping[str, Mapping[str, int]], note: str) -> Figure:
    """A stacked bar for each row, with the share of each size; rows without boxes say so.

    Rows map a short name to the number of small, medium and large boxes; the note explains them.
    """
    counts = np.array([[row[size] for size in _SIZE_COLOURS] for row in rows.values()])
    figure = new_figure(9, 1.4 + 0.42 * len(rows), 'Sizes of boxes')
    axes = figure.subplots()
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    starts = shares.cumsum(axis=1) - shares
    for column, (size, colour) in enumerate(_SIZE_COLOURS.items()):
        share = shares[:, column]
        bars = axes.barh(range(len(rows)), share, 0.8, starts[:, column], color=colour, label=size)
        texts = [
            f'{count}, {part:.0%}' if part >= _LEAST_WITH_COUNT else f'{part:.0%}'
            for count, part in zip(counts[:, column], share, strict=True)
        ]
        texts = np.where(share < _LEAST_WITH_TEXT, '', texts).tolist()
        ink = 'black' if size == 'medium' else 'white'
        axes.bar_label(bars, texts, label_type='center', fontsize=8, color=ink)
    for row in np.flatnonzero(counts.sum(axis=1) == 0).tolist():
        axes.text(0.01, row, 'no boxes', va='center', fontsize=8, color='0.35')
    axes.set_yticks(range(len(rows)), [name.replace('$', r'\$') for name in rows])
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xlabel='Share of the boxes')
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(loc='outside right upper')
    add_note(figure, [note])
    return figure
