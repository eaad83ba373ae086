"""Trains and tests: what ``tools/d2_train.py`` runs, with the trainer and hooks of Detectron2."""

import logging
import os
import textwrap
from argparse import Namespace
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.engine import AMPTrainer, SimpleTrainer, default_setup, hooks, launch
from detectron2.engine.defaults import create_ddp_model
from detectron2.evaluation import inference_on_dataset
from detectron2.utils import comm
from detectron2.utils.events import (
    CommonMetricPrinter,
    EventWriter,
    JSONWriter,
    TensorboardXWriter,
)
from detectron2.utils.logger import setup_logger
from torch import nn

from ..errors import InputError
from ..evaluation.record_table import format_record
from .checkpoints import TacoCheckpointer
from .hooks import METRIC, EarlyStoppingHook, StopTraining, TacoBestCheckpointer
from .plan import Plan, read_plan
from .run_facts import read_input_size, write_run_facts

_COLUMNS = 100
_logger = logging.getLogger(__name__)


def launch_main(args: Namespace) -> None:
    """Runs :func:`main` in as many processes as the arguments of the command say."""
    gpus = torch.cuda.device_count()
    if torch.cuda.is_available() and args.num_gpus > gpus:
        raise InputError(f'--num-gpus is {args.num_gpus}, but this machine has {gpus}')
    try:
        launch(
            main,
            args.num_gpus,
            num_machines=args.num_machines,
            machine_rank=args.machine_rank,
            dist_url=args.dist_url,
            args=(args,),
        )
    except torch.multiprocessing.ProcessRaisedException as error:
        name = f'{InputError.__module__}.{InputError.__qualname__}: '
        last = str(error).strip().splitlines()[-1]
        if not last.startswith(name):
            raise
        raise InputError(last.removeprefix(name)) from None


def main(args: Namespace) -> None:
    """Trains, or with ``eval_only`` tests, in this process.

    Raises:
        InputError: If the config, the data or a checkpoint cannot be used.
    """
    plan = read_plan(args.config_file, args.opts, args.eval_only)
    used = os.path.join(plan.train.output_dir, 'metrics.json')
    if not args.eval_only and not args.resume and os.path.exists(used):
        raise InputError(
            f'{used}: there is a training already; go on with it by --resume, or name another '
            'folder by train.output_dir=... (YAML: OUTPUT_DIR ...)'
        )
    default_setup(plan.cfg, args)
    setup_logger(plan.train.output_dir, distributed_rank=comm.get_rank(), name='taco_plugin')
    # The user's mistakes end in one line, without the traceback that Detectron2 logs.
    logging.getLogger('detectron2.engine.train_loop').addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], InputError))
    )
    model = plan.model().to(plan.train.device)
    check_classes(model, plan, testing=args.eval_only)
    ddp = {} if plan.train.device.startswith('cuda') else {'device_ids': None}
    model = create_ddp_model(model, **plan.train.ddp, **ddp)
    if comm.is_main_process():
        write_run_facts(
            plan.train.output_dir,
            model,
            config=args.config_file,
            dataset_name=plan.names[1][0],
            input_size=read_input_size(plan.cfg),
        )
    if args.eval_only:
        evaluate(plan, model, checkpoint=plan.train.init_checkpoint)
    else:
        train(plan, model, resume=args.resume)


def check_classes(model: nn.Module, plan: Plan, testing: bool) -> None:
    """Compares the classes of data sets, heads and, in training, class weights.

    Raises:
        InputError: If they differ.
    """
    classes = classes_of(plan)
    for name in (*plan.names[0], *plan.names[1]):
        if MetadataCatalog.get(name).get('thing_classes') != classes:
            raise InputError(f'the data sets have different classes: {name} not {classes}')
    for name, module in model.named_modules():
        count = getattr(module, 'num_classes', None)
        if isinstance(count, int) and count != len(classes) and 'backbone' not in name:
            key = '.'.join(filter(None, ['model', name, 'num_classes']))
            raise InputError(
                f'{key} is {count}, but the data set has {len(classes)} classes '
                f'({", ".join(classes)}); put the config on TACO by taco_plugin.d2.config.use_taco'
            )
        if hasattr(module, 'check_classes') and not testing:
            module.check_classes(classes)


def classes_of(plan: Plan) -> list[str]:
    """Names of the classes of the data sets."""
    return MetadataCatalog.get(plan.names[1][0]).thing_classes


def evaluate(plan: Plan, model: nn.Module, checkpoint: str | None = None) -> dict:
    """Scores the model, or first loads a checkpoint into it; logs the tables."""
    if checkpoint is not None:
        if not checkpoint:
            raise InputError(
                '--eval-only needs train.init_checkpoint=... (YAML: MODEL.WEIGHTS ...)'
            )
        TacoCheckpointer(model, '', classes_of(plan), exact=True).load(checkpoint)
    evaluator = plan.evaluator(checkpoint)
    results = inference_on_dataset(model, plan.test_loader(), evaluator)
    if evaluator.evaluation:
        _logger.info(f'\n{format_record(evaluator.evaluation.record)}')
    return results


def train(plan: Plan, model: nn.Module, resume: bool) -> None:
    """Trains the model, evaluates it from time to time, and keeps the best checkpoint."""
    settings = plan.train
    if settings.amp.enabled and not torch.cuda.is_available():
        raise InputError('train.amp.enabled: mixed precision needs a GPU; make it False')
    optimizer = plan.optimizer(model)
    loader = plan.train_loader()
    trainer = (AMPTrainer if settings.amp.enabled else SimpleTrainer)(model, loader, optimizer)
    checkpointer = TacoCheckpointer(model, settings.output_dir, classes_of(plan), trainer=trainer)
    period = settings.eval_period
    is_main = comm.is_main_process()
    last_step = round(plan.last_step * settings.max_iter)
    periodic = hooks.PeriodicCheckpointer(checkpointer, **settings.checkpointer)
    trainer.register_hooks(
        [
            hooks.IterationTimer(),
            hooks.LRScheduler(optimizer, plan.scheduler(optimizer)),
            periodic if is_main else None,
            hooks.EvalHook(period, lambda: evaluate(plan, model)),
            TacoBestCheckpointer(period, checkpointer, METRIC) if is_main else None,
            hooks.PeriodicWriter(make_writers(plan), settings.log_period) if is_main else None,
            EarlyStoppingHook(period, checkpointer, last_step, **plan.early_stopping),
        ]
    )
    start = 0
    if resume and checkpointer.resume():
        start = trainer.iter + 1
        numbered = Path(settings.output_dir).glob('model_[0-9]*.pth')
        periodic.recent_checkpoints = sorted(map(str, numbered))  # so that old ones are removed
    else:
        checkpointer.load(settings.init_checkpoint, checkpointables=[])
    if is_main:
        _logger.info('\n'.join(describe(plan, optimizer)))
    try:
        trainer.train(start, settings.max_iter)
    except StopTraining:
        comm.synchronize()


def make_writers(plan: Plan) -> list[EventWriter]:
    """Detectron2's writers of metrics; TensorBoard's only if it is installed."""
    folder = plan.train.output_dir
    writers = [CommonMetricPrinter(plan.train.max_iter)]
    writers.append(JSONWriter(os.path.join(folder, 'metrics.json')))
    return writers + [TensorboardXWriter(folder)] * (find_spec('tensorboard') is not None)


def describe(plan: Plan, optimizer: torch.optim.Optimizer) -> list[str]:
    """What this training is, in five lines."""
    classes = classes_of(plan)
    names = f'{len(classes)}: {", ".join(classes)}'
    splits = dict(zip(('train', 'val'), plan.names, strict=True))
    processes = comm.get_world_size()
    device = plan.train.device
    device += f' ({torch.cuda.get_device_name()})' if device.startswith('cuda') else ''
    rates = [group.get('initial_lr', group['lr']) for group in optimizer.param_groups]
    text = ' to '.join(f'{rate:.3g}' for rate in sorted({min(rates), max(rates)}))
    return [
        'this training',
        f'classes  {textwrap.shorten(names, _COLUMNS - 9, placeholder=" ...")}',
        f'data     {"; ".join(_count(split, names) for split, names in splits.items())}',
        f'device   {device}, {processes} process{"es" * (processes > 1)}',
        f'batch    {plan.batch_size} images, learning rate {text}, '
        f'{plan.train.max_iter:,} iterations',
        f'results  {plan.train.output_dir}',
    ]


def _count(split: str, names: Sequence[str]) -> str:
    """Images and boxes of a split; crowds are not counted."""
    dicts = [image for name in names for image in DatasetCatalog.get(name)]
    boxes = sum(not box.get('iscrowd', 0) for image in dicts for box in image['annotations'])
    return f'{split} {len(dicts):,} images, {boxes:,} boxes'
