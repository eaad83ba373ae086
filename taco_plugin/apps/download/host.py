"""How hard one host is pressed."""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime

from .failure import PhotographError

FIRST_DELAY = 1.0
"""Seconds before the first retry; each further one waits twice as long."""

LONGEST_DELAY, LONGEST_RETRY_AFTER = 30.0, 120.0


def back_off(attempt: int) -> float:
    """Seconds to wait after failed attempt 0, 1, ...: doubled each time, bounded, with jitter."""
    delay = min(FIRST_DELAY * 2 ** min(attempt, 16), LONGEST_DELAY)
    return delay * random.uniform(0.5, 1)


def parse_retry_after(text: str | None) -> float | None:
    """Seconds that a ``Retry-After`` asks for, at most :data:`LONGEST_RETRY_AFTER`.

    Returns:
        None if it is missing or neither a number of seconds nor a date.

    >>> parse_retry_after('7'), parse_retry_after('86400'), parse_retry_after('soon')
    (7.0, 120.0, None)
    """
    if text is None:
        return None
    if re.fullmatch('[0-9]+', text.strip()):
        return float(min(int(text.strip()[:9]), LONGEST_RETRY_AFTER))
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError, OSError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


class Host:
    """Turns at one host, so that trouble of the host is not paid by each photograph.

    A host that cannot be reached, or that asks to be left alone, is left alone by all. When it has
    failed more than ``patience`` times in a row, with a longer pause after each, it is given up.

    Args:
        connections: Turns that are taken at the same time, at least 1.
        patience: Failures in a row that it is forgiven.
    """

    def __init__(self, connections: int, patience: int) -> None:
        self._turns = asyncio.Semaphore(connections)
        self._patience = patience
        self._failures = 0
        self._trouble = ''
        self._resume_at = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn, and through pauses.

        Raises:
            PhotographError: If the host was given up.
        """
        async with self._turns:
            while (pause := self._resume_at - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            if self._failures > self._patience:
                detail = f'given up after {self._failures} failures in a row: {self._trouble}'
                raise PhotographError('unreachable', detail)
            yield

    def leave_alone(self, seconds: float) -> None:
        """Gives no turn for so long."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def count_failure(self, trouble: str) -> None:
        """The host could not be reached; failures during a pause are those that led to it."""
        self._trouble = trouble
        if time.monotonic() >= self._resume_at and self._failures <= self._patience:
            pause = back_off(self._failures)
            self._failures += 1
            if self._failures <= self._patience:
                self.leave_alone(pause)

    def count_answer(self) -> None:
        """The host has answered, whatever it said."""
        self._failures = 0
