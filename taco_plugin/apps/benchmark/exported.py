"""An exported detector whose predictions are timed by their parts, without PyTorch."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from ...runtime.detector import ExportedDetector
from .measure import Facts, PeakMemory, Seconds, name_cpu, watch_process


class TimedExport:
    """A :class:`~.measure.TimedDetector` in a file that ``tools/export.py`` wrote.

    Args:
        path: An ONNX file, or an XML file of OpenVINO.
        device: As the runtime names it.
        threads: Number of threads.
    """

    def __init__(self, path: str, device: str, threads: int) -> None:
        # All detections, as the test of a checkpoint has them, whatever their scores.
        self._detector = ExportedDetector(path, 0.0, device=device, threads=threads)
        weights = Path(path).with_suffix('.bin') if path.endswith('.xml') else Path(path)
        self._weights_size, self._is_cpu = weights.stat().st_size, device == 'cpu'
        self.device, self.threads = name_cpu() if self._is_cpu else device, threads
        self._calls: list[tuple[float, float]] = []
        session = self._detector.session
        run = session.run

        def timed(images: np.ndarray) -> list[np.ndarray]:
            start = perf_counter()
            found = run(images)
            self._calls.append((start, perf_counter()))
            return found

        setattr(session, 'run', timed)  # noqa: B010  (mypy: no assignment to a method)

    def predict(self, images: Sequence[np.ndarray]) -> Seconds:
        """Predicts a batch; what the file does after the network counts as the network."""
        self._calls.clear()
        start = perf_counter()
        self._detector.predict([self._detector.prepare(image, '') for image in images])
        total = perf_counter() - start
        preprocessing = self._calls[0][0] - start
        network = sum(end - begin for begin, end in self._calls)
        return Seconds(preprocessing, network, total - preprocessing - network)

    def describe(self) -> tuple[Facts, dict[str, str]]:
        """What the file tells; its constants are not those that were trained."""
        metadata = self._detector.metadata
        size = metadata.preparation.scale
        return Facts(metadata.detector, size, None, None, self._weights_size), {}

    def open_loader(self) -> None:
        """There is none: what is exported is not trained."""

    def watch_memory(self) -> PeakMemory:
        """Watches the process; no runtime tells what it allocates on a GPU."""
        return watch_process() if self._is_cpu else lambda: None
