"""A detector of MMDetection whose predictions are timed by their parts."""

from collections import defaultdict
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.registry import MODELS
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader
from torch.utils.benchmark import timer

from ... import model_facts
from ...class_counts import type_name, walk
from ...engine.hooks.class_check_hook import load_weights
from ...errors import describe_error
from .measure import Facts, PeakMemory, Seconds, name_cpu, watch_process


class MMDetectionDetector:
    """A :class:`~.measure.TimedDetector` of MMDetection.

    Args:
        config: Path of its config.
        checkpoint: Path of its weights; those of a training's beginning if None, without any that
            would have to be downloaded.
        device: As PyTorch names it.
        size: Width and height that images are resized to in place of the config's.
    """

    def __init__(
        self, config: str, checkpoint: str | None, device: str, size: tuple[int, int] | None
    ) -> None:
        self.config = Config.fromfile(config)
        steps = get_test_pipeline_cfg(self.config)
        if size:
            for step in steps:
                step.update(dict.fromkeys({'scale', 'size'} & set(step), tuple(size)))
        init_default_scope(self.config.get('default_scope') or 'mmdet')
        kept = [step for step in steps if type_name(step) != 'LoadAnnotations']
        self._pipeline = Compose(list(map(_in_memory, kept)))
        for _, node in walk({'model': self.config.model}):
            init = node.get('init_cfg')
            if isinstance(init, MutableMapping) and type_name(init) == 'Pretrained':
                node['init_cfg'] = None
        self._model = revert_sync_batchnorm(MODELS.build(self.config.model))
        if checkpoint:
            weights = CheckpointLoader.load_checkpoint(checkpoint, 'cpu', 'silent')
            classes = model_facts.build_dataset(self.config).metainfo['classes']
            load_weights(self._model, weights, tuple(classes))
        else:
            self._model.init_weights()
        self._model.to(device).eval()
        self._device, self.threads = device, torch.get_num_threads()
        is_gpu = device.startswith('cuda')
        self.device = torch.cuda.get_device_name(device) if is_gpu else name_cpu()
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._watch()

    def _watch(self) -> None:
        """Times the parts wherever the detector calls them."""
        watched = [(self._model, 'forward'), (self._model.data_preprocessor, 'forward')]
        for name, module in self._model.named_modules():
            # The network of a two-stage detector goes on after that of its proposals.
            if hasattr(module, 'predict_by_feat') and 'rpn_head' not in name:
                watched.append((module, 'predict_by_feat'))
        for module, name in watched:
            key = 'preprocessing' if module is self._model.data_preprocessor else name
            setattr(module, name, self._timed(getattr(module, name), key))

    def _timed(self, function: Callable, key: str) -> Callable:
        def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401
            start = timer()
            result = function(*args, **options)
            self._spent[key] += timer() - start
            return result

        return call

    def predict(self, images: Sequence[np.ndarray]) -> Seconds:
        """Predicts a batch as a test does, but for reading and writing files."""
        self._spent.clear()
        start = timer()
        batch = [self._pipeline({'img': image, 'img_id': 0}) for image in images]
        prepared = timer() - start
        with torch.no_grad():
            self._model.test_step({key: [one[key] for one in batch] for key in batch[0]})
        total = timer() - start
        preprocessing = prepared + self._spent['preprocessing']
        if 'predict_by_feat' not in self._spent:
            return Seconds(preprocessing, total - preprocessing, None)
        network = self._spent['forward'] - self._spent['predict_by_feat']
        return Seconds(preprocessing, network, max(total - preprocessing - network, 0.0))

    def describe(self) -> tuple[Facts, dict[str, str]]:
        """Counts parameters and bytes, and FLOPs unless the detector has no raw output."""
        size, flops, missing = model_facts.input_size(self.config), None, {}
        try:
            flops = model_facts.count_flops_of_views(self._model, size) if size else None
        except Exception as error:  # whatever a detector of the user's raises
            missing['FLOPs'] = describe_error(error)
        tensors = [*self._model.parameters(), *self._model.buffers()]
        facts = Facts(
            model_facts.name_detector(self.config.model),
            size,
            model_facts.count_parameters(self._model),
            flops,
            sum(tensor.numel() * tensor.element_size() for tensor in tensors),
        )
        return facts, missing

    def open_loader(self) -> tuple[Any, int]:
        """Builds the loader of the training; each worker's first batch takes longer."""
        loader = Runner.build_dataloader(self.config.train_dataloader, seed=0)
        return loader, max(loader.num_workers, 1)

    def watch_memory(self) -> PeakMemory:
        """Watches what PyTorch allocates on a GPU, but the process on a CPU."""
        if not self._device.startswith('cuda'):
            return watch_process()
        torch.cuda.reset_peak_memory_stats(self._device)
        return lambda: torch.cuda.max_memory_allocated(self._device)


def _in_memory(step: dict) -> dict:
    is_loader = type_name(step).startswith('LoadImage')
    return {**step, 'type': 'LoadImageFromNDArray'} if is_loader else step
