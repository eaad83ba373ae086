"""Boxes per image and aspect ratios of several files, side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .class_distribution import check_files
from .figure import COLOURS, add_note, empty_figure, new_figure, show_name

_STARTS = np.array([*range(11), 11, 21, 51, 101, 1001])
"""First number of boxes of each bar."""

_FURTHEST = 4
"""Binary logarithm of the aspect ratio from which on all are one bar."""


def plot_boxes_per_image(counts: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """Bars of how many images have how many boxes, as shares of the images of a file.

    Args:
        counts: Of each of F files, number of boxes of each image, shape (M,).
        labels: F names.

    Raises:
        InputError: If there are more than six files.
    """
    check_files(labels)
    title = 'Boxes per image'
    if not any(map(len, counts)):
        return empty_figure(title, 'no images')
    bins = [np.searchsorted(_STARTS, of_file, side='right') - 1 for of_file in counts]
    last = max(int(of_file.max()) for of_file in bins if len(of_file))
    figure = new_figure(11, 4.5, title)
    axes = figure.subplots()
    width = 0.84 / len(labels)
    for number, (label, of_file) in enumerate(zip(labels, bins, strict=True)):
        images = np.bincount(of_file, minlength=last + 1)
        places = np.arange(last + 1) + width * (number - (len(labels) - 1) / 2)
        name = f'{show_name(label)}: {_describe(counts[number])}'
        share = images / max(len(of_file), 1)
        axes.bar(places, share, width, color=COLOURS[number], label=name)
        if len(labels) == 1:
            for place, high, count in zip(places, share, images.tolist(), strict=True):
                axes.text(place, high, str(count), ha='center', va='bottom', fontsize=8)
    names = [_name_bin(number) for number in range(last + 1)]
    axes.set_xticks(range(last + 1), names, fontsize=8)
    axes.set(xlabel='Boxes', ylabel='Share of the images')
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_axisbelow(True)
    axes.grid(axis='y', color='0.9')
    axes.legend(loc='upper right')
    return figure


def _describe(counts: np.ndarray) -> str:
    if not len(counts):
        return 'no images'
    return f'mean {counts.mean():.1f}, median {np.median(counts):.0f}, most {counts.max()}'


def _name_bin(number: int) -> str:
    first = int(_STARTS[number])
    if number == len(_STARTS) - 1:
        return f'≥{first}'
    last = int(_STARTS[number + 1]) - 1
    return str(first) if first == last else f'{first}–{last}'


def plot_aspect_ratios(logarithms: Sequence[np.ndarray], labels: Sequence[str]) -> Figure:
    """Outlines of histograms of width / height, as shares of the boxes of a file.

    Args:
        logarithms: Of each of F files, binary logarithms of the ratios, shape (N,).
        labels: F names.

    Raises:
        InputError: If there are more than six files.
    """
    check_files(labels)
    title = 'Aspect ratios of boxes'
    if not any(map(len, logarithms)):
        return empty_figure(title, 'no boxes')
    edges = np.linspace(-_FURTHEST - 0.125, _FURTHEST + 0.125, 8 * _FURTHEST + 2)
    figure = new_figure(9, 4.5, title)
    axes = figure.subplots()
    for label, of_file, color in zip(labels, logarithms, COLOURS, strict=False):
        if not len(of_file):
            continue
        within = of_file.clip(-_FURTHEST, _FURTHEST)
        shares = np.histogram(within, edges)[0] / len(of_file)
        name = f'{show_name(label)}: median {2.0 ** np.median(of_file):.2f}'
        alone = len(labels) == 1
        axes.stairs(shares, edges, color=color, label=name, fill=alone, linewidth=1.8)
    ticks = np.arange(-_FURTHEST, _FURTHEST + 1)
    names = [f'1:{2**-tick}' if tick < 0 else f'{2**tick}:1' for tick in ticks.tolist()]
    names[0], names[-1] = f'≤{names[0]}', f'≥{names[-1]}'
    axes.set_xticks(ticks, names)
    axes.set(xlabel='Width : height (logarithmic)', ylabel='Share of the boxes')
    axes.set(xlim=edges[[0, -1]], ylim=(0, None))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_axisbelow(True)
    axes.grid(color='0.9')
    axes.legend(loc='upper right')
    without = [
        show_name(label) for label, some in zip(labels, logarithms, strict=True) if not len(some)
    ]
    if without:
        add_note(figure, [f'No boxes: {", ".join(without)}.'])
    return figure
