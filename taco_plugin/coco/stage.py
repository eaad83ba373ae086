"""Says what is going on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Says on stderr what is going on, if it takes more than two seconds."""
    timer = Timer(2, lambda: print(f'{name} ...', file=sys.stderr))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
