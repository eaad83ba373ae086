"""What a detector costs: its size, and the time and memory that predictions take."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from ..errors import InputError
from ..files import write_files
from ..json_files import read_json, to_json
from .counts import Count

COST_FILE = 'cost.json'
COST_VERSION: Literal[1] = 1

Quantity = Annotated[float, msgspec.Meta(ge=0)]


@dataclass(frozen=True)
class Timing:
    """How long batches of one size take, in seconds, from images in memory to their boxes.

    Args:
        batch_size: Images in a batch.
        p50: The median, the batch time; ``bps``, ``image_time`` and ``fps`` follow from it.
        p90: Nine of ten batches took less.
        p99: Of fewer than a hundred batches, near the slowest.
        bps: Batches in a second.
        image_time: Seconds for one image of a batch.
        fps: Images in a second.
        runs: Number of batches that were timed.
        preprocessing: From images to the tensor that the network gets. The parts are medians of
            their own, which need not add up to that of the whole.
        network: None where it cannot be told from what follows, which is then in neither. Of an
            exported file, all that is in the file.
        postprocessing: From the raw output to boxes, with non-maximum suppression and masks.
        peak_memory: In bytes, None where it cannot be had.
    """

    batch_size: Count
    p50: Quantity
    p90: Quantity
    p99: Quantity
    bps: Quantity
    image_time: Quantity
    fps: Quantity
    runs: Count
    preprocessing: Quantity
    network: Quantity | None
    postprocessing: Quantity | None
    peak_memory: Count | None


@dataclass(frozen=True)
class Conditions:
    """Conditions under which costs were measured, the same for all detectors.

    Args:
        device: Its name, such as that of the processor.
        threads: Number of threads of PyTorch or the runtime of an exported file, and of OpenCV.
        versions: Package -> version.
        images: The images that were predicted, in words.
        rounds: How often each detector had its turn, each time in a new process.
        time: When the measurement ended, ISO 8601.
    """

    device: str
    threads: Count
    versions: Mapping[str, str]
    images: str
    rounds: Count
    time: str


@dataclass(frozen=True)
class Cost:
    """The cost of a detector, as ``tools/analysis_tools/benchmark_detectors.py`` measures it.

    Args:
        name: Tells it from the others that were measured with it.
        config: Path of its config; empty if the detector is in an exported file.
        checkpoint: Path of its weights, or of that file; None for those of a training's beginning.
        detector: Its type.
        input_size: Width and height that images are resized to, pixels; None if it has no Resize.
        parameters: Their number; None for an exported file.
        flops: Multiply-adds for an image of ``input_size``; None if they cannot be counted.
        weights_size: Bytes of parameters and buffers, or of an exported file.
        latency: Of one image at a time.
        throughput: Of batches.
        loading: Images per second from the training's data loader; None without its data.
    """

    schema_version: Literal[1]
    name: str
    config: str
    checkpoint: str | None
    detector: str
    input_size: tuple[int, int] | None
    parameters: Count | None
    flops: Count | None
    weights_size: Count
    latency: Timing
    throughput: Timing
    loading: Quantity | None
    conditions: Conditions


def write_cost(cost: Cost, folder: str | Path) -> None:
    """Writes the cost of the detector of a run into its folder; raises InputError if it cannot."""
    write_files(folder, {COST_FILE: to_json(asdict(cost), indent=2)})


def read_cost(folder: str | Path) -> Cost | None:
    """Reads what :func:`write_cost` wrote into the folder of a run; None if it did not.

    Raises:
        InputError: If the file cannot be read, or holds something else.
    """
    path = Path(folder, COST_FILE)
    if not path.is_file():
        return None
    try:
        return msgspec.convert(read_json(path), Cost)
    except msgspec.ValidationError as error:
        raise InputError(
            f'{path}: not the cost of a detector: {error}; run benchmark_detectors.py again'
        ) from None
