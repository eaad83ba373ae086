"""What is known of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...evaluation.detections import Detections
from ...evaluation.record import Record


@dataclass(frozen=True)
class Model:
    """A detector, as the config of its run says.

    Args:
        config: Name of the config, without its suffix.
        detector: ``type`` of the model.
        taxonomy: Name of a taxonomy or path of its CSV, None where the config has none.
        loss: Of the classes, in words.
        input_size: Width and height that images are resized to for testing, pixels; None where
            the config does not tell.
        parameters: Their number, None where the model could not be built.
        flops: Multiply-adds of one image of the input size, as MMEngine counts them; None where
            they could not be counted.
    """

    config: str
    detector: str
    taxonomy: str | None
    loss: str
    input_size: tuple[int, int] | None
    parameters: int | None = None
    flops: int | None = None


@dataclass(frozen=True)
class Training:
    """The log of a training.

    Args:
        rows: As :func:`~taco_plugin.visualization.read_scalars` returns them, of all the parts of
            a training that was resumed.
        epochs: How many were begun, None in a training by iterations.
        planned_epochs: Those of the config, None in a training by iterations.
        iterations: How many were logged.
        seconds: Time that the iterations took; validations and checkpoints are not in it.
    """

    rows: Sequence[Mapping[str, Any]]
    epochs: int | None
    planned_epochs: int | None
    iterations: int
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """One evaluation.

    Args:
        name: ``test``, or ``val_`` and an epoch.
        record: See :func:`~taco_plugin.evaluation.record.make_record`.
        detections: Boxes of a test, None where they were not kept.
        figures: The pictures that the run drew of it, by their names without suffix.
    """

    name: str
    record: Record
    detections: Detections | None
    figures: Mapping[str, Path]


@dataclass(frozen=True)
class Run:
    """A run.

    Args:
        name: Tells it from the others of a comparison.
        folder: Its work dir.
        model: Its detector.
        training: None where the folder has no log of one.
        evaluation: Its latest test, else its best validation; None without any.
    """

    name: str
    folder: Path
    model: Model
    training: Training | None
    evaluation: Evaluation | None
