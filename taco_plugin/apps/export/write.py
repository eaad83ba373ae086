"""Writes a graph as a file: ONNX or OpenVINO, in several precisions."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from mmdet.models.backbones.swin import ShiftWindowMSA

from ...command_line import import_extra
from ...errors import InputError, describe_error
from ...runtime.metadata import KEY, Metadata, encode_metadata
from .graph import Graph

_OPSET = 17
_QUANTISED = ['Conv', 'MatMul', 'Gemm']


def write(
    graph: Graph,
    metadata: Metadata,
    place: Path,
    example: np.ndarray,
    *,
    is_fixed: bool,
    calibration: Sequence[Callable[[], np.ndarray]],
) -> None:
    """Writes a graph, in the precision that the metadata states.

    Args:
        graph: In float32; is changed if it is written in float16.
        metadata: Is stored in the file.
        place: An ONNX file, or an XML file of OpenVINO.
        example: Input of an image, shape (1, 3, H, W).
        is_fixed: Whether inputs have its height and width, and not any.
        calibration: Make inputs of the user's photographs, for int8.

    Raises:
        InputError: If the detector cannot be traced, or a package is missing.
    """
    to_openvino = place.suffix == '.xml'
    with TemporaryDirectory() as folder:
        traced = Path(folder, 'traced.onnx')
        in_half = metadata.precision == 'fp16' and not to_openvino
        _trace(_halve(graph) if in_half else graph, traced, example, is_fixed=is_fixed)
        if metadata.precision == 'int8':
            traced = _quantise(traced, calibration)
        if to_openvino:
            _convert(traced, place, metadata)
        else:
            onnx = import_extra('onnx', 'export')
            model = onnx.load(traced)
            onnx.helper.set_model_props(model, {KEY: encode_metadata(metadata)})
            onnx.save(model, place)


def _halve(graph: Graph) -> Graph:
    """Makes the network float16; what prepares images and finds boxes stays float32."""
    for name, part in graph.model.named_children():
        if name != 'data_preprocessor':
            part.half()
    return graph


def _reverse_windows(self: Any, windows: torch.Tensor, height: Any, width: Any) -> torch.Tensor:  # noqa: ANN401
    """Swin's ``window_reverse``, which fixes the size of the batch, for any."""
    side, channels = self.window_size, windows.shape[-1]
    tiles = windows.view(-1, height // side, width // side, side, side, channels)
    return tiles.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, channels)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield


def _trace(graph: Graph, place: Path, example: np.ndarray, *, is_fixed: bool) -> None:
    names = ['boxes', 'scores', 'labels', *(['masks'] if graph.has_masks else [])]
    axes = {name: {0: 'batch'} for name in ('images', *names[:3])} | {'masks': {0: 'objects'}}
    if not is_fixed:
        axes['images'] |= {2: 'height', 3: 'width'}
    try:
        # The exporter by torch.export fixes sizes that mmdet computes with Python's numbers.
        swin = patch.object(ShiftWindowMSA, 'window_reverse', _reverse_windows)
        with swin, _quiet(), torch.no_grad():
            torch.onnx.export(
                graph.eval(),
                (torch.from_numpy(example),),
                str(place),
                dynamo=False,
                opset_version=_OPSET,
                input_names=['images'],
                output_names=names,
                dynamic_axes={name: axes[name] for name in ('images', *names)},
            )
    except Exception as error:  # whatever an operator without a counterpart leads to
        kind = type(graph.model).__name__
        raise InputError(f'{kind} cannot be exported ({describe_error(error)[:300]})') from error


def _quantise(source: Path, calibration: Sequence[Callable[[], np.ndarray]]) -> Path:
    """Quantises convolutions and matrix products to int8, by their ranges on photographs."""
    quantization: Any = import_extra('onnxruntime.quantization', 'export')
    inputs = ({'images': make()} for make in calibration)
    methods = {'get_next': lambda _: next(inputs, None)}
    reader = type('Reader', (quantization.CalibrationDataReader,), methods)
    prepared, place = source.with_name('prepared.onnx'), source.with_name('int8.onnx')
    with _quiet():
        shape_inference = import_extra('onnxruntime.quantization.shape_inference', 'export')
        shape_inference.quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            place,
            reader(),
            op_types_to_quantize=_QUANTISED,
            per_channel=True,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={'CalibMovingAverage': True},
        )
    return place


def _convert(source: Path, place: Path, metadata: Metadata) -> None:
    os.environ.setdefault('OPENVINO_TELEMETRY_DISABLED', '1')
    openvino = import_extra('openvino', 'export')
    model = openvino.convert_model(source)
    model.set_rt_info(encode_metadata(metadata), [KEY])
    openvino.save_model(model, place, compress_to_fp16=metadata.precision == 'fp16')
