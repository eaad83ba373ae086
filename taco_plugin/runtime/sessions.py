"""Opens exported files with ONNX Runtime or OpenVINO."""

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..command_line import import_extra
from ..errors import InputError, describe_error
from .metadata import KEY, Metadata, decode_metadata, show


class Session(Protocol):
    """An exported file that is open.

    Args:
        metadata: What it says about itself.
        shape: Of its input; None where it is dynamic.
    """

    metadata: Metadata
    shape: tuple[int | None, ...]

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """Boxes, scores, labels and maybe masks of images, float32, shape (B, 3, H, W)."""


class OnnxSession:
    """A :class:`Session` of ONNX Runtime.

    Args:
        path: An ONNX file.
        device: ``cpu`` or ``cuda``.
        threads: Number of threads; ONNX Runtime's default if None.

    Raises:
        InputError: If the file cannot be used, or the device.
    """

    def __init__(self, path: str, device: str | None = None, threads: int | None = None) -> None:
        runtime = import_extra('onnxruntime', 'runtime')
        data = _read(path)
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised as well
        options.intra_op_num_threads = threads or 0
        provider = f'{(device or "cpu").upper()}ExecutionProvider'
        if provider not in runtime.get_available_providers():
            raise InputError(f'--device {show(str(device))}: not one of this ONNX Runtime')
        try:
            self._session = runtime.InferenceSession(data, options, providers=[provider])
            (inputs,) = self._session.get_inputs()
            texts = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # its errors share no class
            reason = show(describe_error(error))[:200]
            raise InputError(f'{show(path)}: cannot be opened as ONNX ({reason})') from None
        self._input = inputs.name
        self.shape = tuple(side if isinstance(side, int) else None for side in inputs.shape)
        self.metadata = decode_metadata(texts.get(KEY, ''), show(path))

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See :class:`Session`."""
        return self._session.run(None, {self._input: images})


class OpenVinoSession:
    """A :class:`Session` of OpenVINO.

    Args:
        path: An XML file, with its weights in a BIN file beside it.
        device: As OpenVINO names it; ``cpu`` if None.
        threads: Number of threads; OpenVINO's default if None.

    Raises:
        InputError: If the file cannot be used, or the device.
    """

    def __init__(self, path: str, device: str | None = None, threads: int | None = None) -> None:
        openvino = import_extra('openvino', 'runtime')
        _read(path)
        core, device = openvino.Core(), (device or 'cpu').upper()
        if device not in core.available_devices:
            raise InputError(f'--device {show(device)}: OpenVINO has {core.available_devices}')
        # Its default, bfloat16 where the CPU has it, finds other boxes.
        settings: dict[str, Any] = {'INFERENCE_PRECISION_HINT': 'f32'}
        settings |= {'INFERENCE_NUM_THREADS': threads} if threads else {}
        try:
            model = core.read_model(path)
            text = model.get_rt_info([KEY]).astype(str) if model.has_rt_info([KEY]) else ''
            self._model = core.compile_model(model, device, settings)
            (inputs,) = model.inputs
        except Exception as error:  # its errors share no class
            reason = show(describe_error(error))[:200]
            raise InputError(f'{show(path)}: cannot be opened as OpenVINO ({reason})') from None
        sides = inputs.get_partial_shape()
        self.shape = tuple(side.get_length() if side.is_static else None for side in sides)
        self.metadata = decode_metadata(text, show(path))

    def run(self, images: np.ndarray) -> list[np.ndarray]:
        """See :class:`Session`."""
        found = self._model([images])
        return [found[output] for output in self._model.outputs]


def open_session(path: str, device: str | None = None, threads: int | None = None) -> Session:
    """Opens an ONNX file, or an XML file of OpenVINO."""
    kind = OpenVinoSession if os.path.splitext(path)[1].lower() == '.xml' else OnnxSession
    return kind(path, device, threads)


def _read(path: str) -> bytes:
    """Reads a file; what it refers to outside of itself is not read with it."""
    if not os.path.isfile(path):  # a pipe would block
        reason = 'not a file' if os.path.exists(path) else 'no such file'
        raise InputError(f'{show(path)}: {reason}')
    return Path(path).read_bytes()
