"""Fetches photographs, many at a time."""

import asyncio
import errno
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from ...errors import InputError
from .address import follow_redirect, parse_address
from .clients import SECONDS_OF_SILENCE, Clients
from .failure import Failure, PhotographError
from .host import Host, back_off, parse_retry_after
from .outcome import Outcome
from .parts import discard_part, name_part
from .photograph import settle_photograph
from .plan import Photo

MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_TRANSIENT_STATUSES = (408, 425, 429)  # and all from 500
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


@dataclass(frozen=True)
class Limits:
    """How much is asked for, and what is accepted.

    Args:
        workers: Photographs fetched at the same time, at least 1.
        per_host: Of these from one host, at least 1.
        retries: After a failure that may pass.
        seconds: Of one attempt.
        max_bytes: Of one photograph.
    """

    workers: int
    per_host: int
    retries: int
    seconds: float
    max_bytes: int


async def fetch_photographs(
    photos: Iterable[Photo], limits: Limits, pool: Executor, outcome: Outcome
) -> None:
    """Fetches photographs and puts them in their places.

    Args:
        photos: What to fetch.
        limits: See :class:`Limits`.
        pool: Checks and converts them, beside the event loop.
        outcome: Is told of each photograph as soon as it is there or given up.

    Raises:
        InputError: If the disk is full or cannot be written at all.
    """
    async with Clients(limits.workers) as clients:
        fetcher = _Fetcher(clients, limits, pool, outcome)
        try:
            async with asyncio.TaskGroup() as group:
                for photo in photos:
                    group.create_task(fetcher.fetch(photo))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None


class _Fetcher:
    def __init__(self, clients: Clients, limits: Limits, pool: Executor, outcome: Outcome) -> None:
        self._clients = clients
        self._limits = limits
        self._pool = pool
        self._outcome = outcome
        self._workers = asyncio.Semaphore(limits.workers)
        self._hosts: dict[str, Host] = defaultdict(lambda: Host(limits.per_host, limits.retries))

    async def fetch(self, photo: Photo) -> None:
        """Tries as often as it makes sense, and tells the outcome."""
        for attempt in range(self._limits.retries + 1):
            try:
                address = parse_address(photo.url)
                await self._attempt(photo, address)
                self._outcome.advance()
                return
            except PhotographError as error:
                if not error.is_transient or attempt == self._limits.retries:
                    ids = photo.image_id, photo.file_name, photo.url
                    failure = Failure(*ids, error.kind, error.detail, attempt + 1)
                    self._outcome.add_failure(failure)
                    return
            await asyncio.sleep(back_off(attempt))

    async def _attempt(self, photo: Photo, address: httpx.URL) -> None:
        # The turn at the host comes first: who waits for it must not keep others from theirs.
        host = self._hosts[address.host]
        async with host.turn(), self._workers:
            part = name_part(photo.path)
            try:
                photo.path.parent.mkdir(parents=True, exist_ok=True)
                with part.open('xb') as file:
                    await self._download(address, host, file)
                await self._settle(part, photo)
            except OSError as error:
                _raise_if_hopeless(error, photo.path)
                raise PhotographError('not_written', error.strerror or str(error)) from None
            finally:
                discard_part(part)

    async def _settle(self, part: Path, photo: Photo) -> None:
        is_original = not photo.is_scaled_at_url

        def settle() -> None:  # notes it here, as nobody may be waiting for it any more
            settled = settle_photograph(part, photo, is_at_original_size=is_original)
            self._outcome.settled[photo.image_id] = settled

        await asyncio.get_running_loop().run_in_executor(self._pool, settle)

    async def _download(self, address: httpx.URL, host: Host, file: BinaryIO) -> None:
        """Writes the answer's bytes as they come; trouble of the host is told to the host."""
        try:
            async with asyncio.timeout(self._limits.seconds):
                async with self._clients.lend(address.host) as client:
                    await self._follow(client, address, host, file)
        except TimeoutError:
            detail = f'not there after {self._limits.seconds:g} s'
            raise PhotographError('too_slow', detail, is_transient=True) from None
        except httpx.ReadTimeout:
            detail = f'silent for {SECONDS_OF_SILENCE:g} s'
            raise PhotographError('too_slow', detail, is_transient=True) from None
        # httpx looks where a redirect leads, though it is not to follow it.
        except (httpx.InvalidURL, ValueError):
            raise PhotographError('bad_redirect', 'a redirect to what is no address') from None
        except httpx.TransportError as error:
            detail = str(error) or type(error).__name__
            if isinstance(error, _NOT_REACHED):
                host.count_failure(detail)
            raise PhotographError('unreachable', detail, is_transient=True) from None

    async def _follow(
        self, client: httpx.AsyncClient, address: httpx.URL, host: Host, file: BinaryIO
    ) -> None:
        for _ in range(MAX_REDIRECTS + 1):
            async with client.stream('GET', address) as response:
                host.count_answer()
                if response.status_code not in _REDIRECTS:
                    _check_status(response, host)
                    await self._save(response, file)
                    return
            address = follow_redirect(address, response.headers.get('Location'))
        raise PhotographError('bad_redirect', f'more than {MAX_REDIRECTS} redirects')

    async def _save(self, response: httpx.Response, file: BinaryIO) -> None:
        most = self._limits.max_bytes
        announced = response.headers.get('Content-Length', '')
        if announced.isdecimal() and int(announced) > most:
            raise PhotographError('too_large', f'{announced} bytes, at most {most} are accepted')
        async for chunk in response.aiter_raw():
            if file.tell() + len(chunk) > most:
                raise PhotographError('too_large', f'more than {most} bytes')
            file.write(chunk)
            self._outcome.num_bytes += len(chunk)


def _check_status(response: httpx.Response, host: Host) -> None:
    """Raises a PhotographError unless the answer is a photograph, by its status."""
    status = response.status_code
    if status == 200:
        return
    is_busy = status in (429, 503)
    pause = parse_retry_after(response.headers.get('Retry-After')) if is_busy else None
    if pause is not None or status == 429:
        host.leave_alone(back_off(0) if pause is None else pause)
    is_transient = status in _TRANSIENT_STATUSES or status >= 500
    detail = f'HTTP {status} {response.reason_phrase}'
    raise PhotographError('http_status', detail.strip(), is_transient=is_transient)


def _raise_if_hopeless(error: OSError, path: Path) -> None:
    """Ends the run if nothing more can be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        raise InputError(f'{path.parent}: cannot be written ({error.strerror})') from None
