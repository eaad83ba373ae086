"""Logs a summary of the run when training starts."""

import textwrap
from collections.abc import Iterator
from typing import Any

import torch
from mmdet.registry import HOOKS
from mmengine.dataset import BaseDataset
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.runner import Runner

_COLUMNS = 100


@HOOKS.register_module()
class RunSummaryHook(Hook):
    """Logs five lines: classes, data, device, batch and learning rate, and where results go.

    The learning rate is that of the optimizer, scaled by ``auto_scale_lr``: the initial one of most
    schedules, and the highest one of a cycle.
    """

    def before_train(self, runner: Runner) -> None:
        """Logs the summary."""
        meta = getattr(runner.train_dataloader.dataset, 'metainfo', None) or {}
        names = meta.get('classes') or ()
        classes = f'{len(names)}: {", ".join(names)}'
        lines = [
            'this training',
            f'classes  {textwrap.shorten(classes, _COLUMNS - 9, placeholder=" ...")}',
            f'data     {"; ".join(_describe_data(runner))}',
            f'device   {_describe_device(runner)}',
            f'batch    {_describe_batch(runner)}, learning rate {_describe_learning_rate(runner)}',
            f'results  {runner.log_dir}',
        ]
        runner.logger.info('\n'.join(lines))


def inner_datasets(dataset: Any) -> list[Any]:  # noqa: ANN401
    """The data sets that read files, inside wrappers that repeat, join, mix or cut them."""
    wrapped = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if wrapped[0] is None:
        return [dataset]
    return [inner for one in wrapped for inner in inner_datasets(one)]


def _describe_data(runner: Runner) -> Iterator[str]:
    """Yields images of each split, and boxes without repetitions; crowds are not counted."""
    for split, loop in {'train': runner.train_loop, 'val': runner.val_loop}.items():
        if loop is not None:
            datasets = inner_datasets(loop.dataloader.dataset)
            readable = [one for one in datasets if isinstance(one, BaseDataset)]
            boxes = f', {sum(map(_count_boxes, readable)):,} boxes' if readable else ''
            images, drawn = sum(map(len, datasets)), len(loop.dataloader.dataset)
            repeated = f' ({drawn:,} in an epoch)' if drawn != images else ''
            yield f'{split} {images:,} images{repeated}{boxes}'


def _count_boxes(dataset: BaseDataset) -> int:
    infos = map(dataset.get_data_info, range(len(dataset)))
    rows = (row for info in infos for row in info.get('instances', ()))
    return sum(not row.get('ignore_flag', 0) for row in rows)


def _describe_device(runner: Runner) -> str:
    device = get_device()
    name = f' ({torch.cuda.get_device_name()})' if device == 'cuda' else ''
    processes = 'process' if runner.world_size == 1 else 'processes'
    return f'{device}{name}, {runner.world_size} {processes}'


def _describe_batch(runner: Runner) -> str:
    per_process = _batch_size(runner)
    steps = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    factors = [f'{per_process} in each process'] if runner.world_size > 1 else []
    factors += [f'{steps} steps accumulated'] if steps > 1 else []
    note = f' ({", ".join(factors)})' if factors else ''
    return f'{per_process * runner.world_size * steps} images{note}'


def _batch_size(runner: Runner) -> int:
    """Batch size per process; a loader that groups images by shape does not store it."""
    loader = runner.train_dataloader
    return loader.batch_size or getattr(loader.batch_sampler, 'batch_size', 1)


def _describe_learning_rate(runner: Runner) -> str:
    """Learning rates of all parameters, before the schedule changes them."""
    wrapper: Any = runner.optim_wrapper
    wrappers = [wrapper] if hasattr(wrapper, 'optimizer') else list(wrapper.values())
    groups = [group for one in wrappers for group in one.optimizer.param_groups]
    rates = {group.get('max_lr', group.get('initial_lr', group['lr'])) for group in groups}
    text = ' to '.join(f'{rate:.3g}' for rate in sorted({min(rates), max(rates)}))
    scale = runner.auto_scale_lr or {}
    if scale.get('enable'):
        real = _batch_size(runner) * runner.world_size
        text += f' ({max(rates) * scale["base_batch_size"] / real:.3g} at '
        text += f'{scale["base_batch_size"]} images)'
    return text
