"""How many boxes are small, medium and large."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .figure import add_note, empty_figure, new_figure

_COLOURS = ['#D55E00', '#56B4E9', '#0072B2']
_LEAST_WITH_TEXT = 0.04
_LEAST_WITH_COUNT = 0.12


def plot_size_buckets(rows: Mapping[str, Mapping[str, int]], note: str) -> Figure:
    """A bar for each row, parted by the shares of its sizes; rows without boxes say so.

    Args:
        rows: Short name -> number of boxes of each of up to three sizes.
        note: What the rows are.
    """
    title = 'Sizes of boxes'
    if not any(any(sizes.values()) for sizes in rows.values()):
        return empty_figure(title, 'no boxes')
    figure = new_figure(9, 1.4 + 0.42 * len(rows), title)
    axes = figure.subplots()
    sizes = list(next(iter(rows.values())))
    counts = np.array([[row[size] for size in sizes] for row in rows.values()])
    shares = counts / counts.sum(axis=1, keepdims=True).clip(1)
    starts = shares.cumsum(axis=1) - shares
    for column, size in enumerate(sizes):
        share, start = shares[:, column], starts[:, column]
        axes.barh(range(len(rows)), share, 0.8, start, color=_COLOURS[column], label=size)
        for row in np.flatnonzero(share >= _LEAST_WITH_TEXT).tolist():
            text = f'{100 * share[row]:.0f}%'
            text = text if share[row] < _LEAST_WITH_COUNT else f'{counts[row, column]}, {text}'
            place = start[row] + share[row] / 2, row
            ink = 'black' if column == 1 else 'white'
            axes.text(*place, text, ha='center', va='center', fontsize=8, color=ink)
    for row in np.flatnonzero(counts.sum(axis=1) == 0).tolist():
        axes.text(0.01, row, 'no boxes', va='center', fontsize=8, color='0.35')
    axes.set_yticks(range(len(rows)), [name.replace('$', r'\$') for name in rows])
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xlabel='Share of the boxes')
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(loc='outside right upper')
    add_note(figure, [note])
    return figure
