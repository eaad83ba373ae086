"""What a search leaves behind: its best config, tables and plots."""

from ast import literal_eval
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial, TrialState

from ...files import write_files
from ...tables import format_csv, format_table
from ...visualization import figure as house
from .space import Target

_FEWEST = 4  # completed trials from which importance is estimated
_ROWS = 5


def best_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Completed trials, the best first."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(trials, key=lambda trial: (-value_of(trial), trial.number))


def value_of(trial: FrozenTrial) -> float:
    """The value of a trial that has one."""
    assert trial.value is not None
    return trial.value


def write_results(study: optuna.Study, folder: Path, target: Target, docstring: str) -> None:
    """Writes all results so far, and removes the checkpoints of all trials but the best.

    Args:
        study: In which each trial has its ``settings``.
        folder: Of the search.
        target: The config that is searched.
        docstring: Of the best config.
    """
    trials, best = study.get_trials(deepcopy=False), best_trials(study)[:1]
    texts: dict[str, str | None] = {'trials.csv': format_csv([_row(trial) for trial in trials])}
    for trial in best:
        settings = literal_eval(trial.user_attrs['settings'])
        texts['best.py'] = target.make_leaf(folder / 'best.py', docstring, settings)
    write_files(folder, texts)
    metric = study.user_attrs['metric']
    house.save_figure(plot_history(trials, metric), folder / 'history.png')
    house.save_figure(plot_importance(study, metric), folder / 'importance.png')
    for trial in trials:
        if trial.state.is_finished() and trial not in best:
            for checkpoint in (folder / 'trials' / f'{trial.number:04}').glob('*.pth'):
                checkpoint.unlink(missing_ok=True)


def format_best(study: optuna.Study) -> str:
    """A table of the best trials."""
    best = best_trials(study)[:_ROWS]
    names = list(dict.fromkeys(name for trial in best for name in trial.params))
    rows = [
        [str(trial.number), f'{trial.value:.4f}', *(_show(trial.params, name) for name in names)]
        for trial in best
    ]
    return format_table(['trial', study.user_attrs['metric'], *names], rows)


def format_params(params: Mapping[str, Any]) -> str:
    """Parameters on one line."""
    return ', '.join(f'{name} {_show(params, name)}' for name in params)


def _show(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name, '')
    return f'{value:.4g}' if isinstance(value, float) else str(value)


def _row(trial: FrozenTrial) -> dict[str, object]:
    return {
        'trial': trial.number,
        'state': trial.state.name.lower(),
        'value': trial.value,
        'validations': len(trial.intermediate_values),
        'seconds': round(trial.duration.total_seconds(), 1) if trial.duration else None,
        **trial.params,
        'error': trial.user_attrs.get('error'),
    }


def plot_history(trials: Sequence[FrozenTrial], metric: str) -> Figure:
    """The value of each trial, and the best so far."""
    full, pruned = (
        [trial for trial in trials if trial.state == state and trial.value is not None]
        for state in (TrialState.COMPLETE, TrialState.PRUNED)
    )
    if not full and not pruned:
        return house.empty_figure('Trials', 'no trial has been scored')
    figure = house.new_figure(8, 4.5, 'Trials')
    axes = figure.subplots()
    for name, some, marker, colour in (('completed', full, 'o', 3), ('pruned', pruned, 'x', 0)):
        if some:
            numbers, values = zip(*((one.number, value_of(one)) for one in some), strict=True)
            axes.plot(numbers, values, marker, color=house.COLOURS[colour], label=name)
            if some is full:
                best = np.maximum.accumulate(values)
                axes.step(numbers, best, where='post', color='black', label='best so far')
    house.style_axes(axes, xlabel='Trial', ylabel=house.show_name(metric))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.legend(loc='outside right upper')
    return figure


def plot_importance(study: optuna.Study, metric: str) -> Figure:
    """Bars of how much each parameter matters, as Optuna estimates it."""
    trials, title = best_trials(study), 'Importance of the parameters'
    if len(trials) < _FEWEST or trials[0].value == trials[-1].value:
        return house.empty_figure(title, f'{len(trials)} completed trials:\ntoo few, or all alike')
    shares = optuna.importance.get_param_importances(study)
    names = list(shares)[::-1]
    figure = house.new_figure(7, 1.6 + 0.35 * len(names), title)
    axes = figure.subplots()
    bars = axes.barh(range(len(names)), [shares[name] for name in names], color=house.COLOURS[3])
    axes.bar_label(bars, [f'{shares[name]:.2f}' for name in names], padding=3)
    axes.set_yticks(range(len(names)), [house.show_name(name) for name in names])
    house.style_axes(axes, 'x', xlim=(0, 1.1), xlabel='Importance for the best trials')
    note = f"Optuna's PED-ANOVA of {metric} in {len(trials)} completed trials; a hint, if few."
    house.add_note(figure, [note])
    return figure
