"""What has become of the photographs so far."""

from dataclasses import dataclass, field

from tqdm import tqdm

from .failure import Failure
from .photograph import Settled


@dataclass
class Outcome:
    """What has become of the photographs that a run has dealt with; tells a progress bar.

    Args:
        bar: Counts photographs.
        settled: Those that are in their places, by image id.
        failures: Why others are not.
        num_bytes: What was received, of photographs that failed too.
    """

    bar: tqdm
    settled: dict[int, Settled] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    num_bytes: int = 0

    def add_failure(self, failure: Failure) -> None:
        """A photograph was given up."""
        self.failures.append(failure)
        self.advance()

    def advance(self) -> None:
        """One more photograph is dealt with."""
        text = f'{self.num_bytes / 1e6:.0f} MB, {len(self.failures)} failed'
        self.bar.set_postfix_str(text, refresh=False)
        self.bar.update()
