"""Fetches photographs over HTTP, many at a time."""

import asyncio
import reprlib
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING

from tqdm import tqdm

from ... import __version__
from ...command_line import import_extra
from ...files import write_file
from .photograph import Photo, PhotographError, make_upright

if TYPE_CHECKING:
    import httpx
    import tenacity
else:
    httpx, tenacity = import_extra('httpx', 'download'), import_extra('tenacity', 'download')

MAX_REDIRECTS = 5
FIRST_DELAY, LONGEST_DELAY, LONGEST_RETRY_AFTER = 1.0, 30.0, 120.0  # seconds between attempts
SECONDS_TO_CONNECT, SECONDS_OF_SILENCE = 15.0, 30.0
_HEADERS = {
    'User-Agent': f'taco_plugin/{__version__}',
    'Accept': 'image/jpeg, image/png, image/webp, image/*;q=0.5',
    'Accept-Encoding': 'identity',  # a packed answer could unpack without bound
}


class Fetcher:
    """Fetches photographs and puts them in their places.

    Its attributes can be read at any time, after an interruption too.

    Args:
        workers: Photographs fetched at the same time, at least 1.
        per_host: Of these from one host, at least 1.
        retries: After a failure that may pass.
        timeout: Seconds of one attempt.
        max_bytes: Of one photograph.

    Attributes:
        settled: What was done to the photographs that are in their places, by image id.
        failures: Why others are not, by image id.
    """

    def __init__(
        self, *, workers: int, per_host: int, retries: int, timeout: float, max_bytes: int
    ) -> None:
        self.settled: dict[int, tuple[str, ...]] = {}
        self.failures: dict[int, PhotographError] = {}
        self._retries, self._timeout, self._max_bytes = retries, timeout, max_bytes
        self._workers, turns = asyncio.Semaphore(workers), min(per_host, workers)
        self._turns = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(turns))
        self._unreached = Counter[str]()  # of each host, since it answered last
        self._patience = (retries + 1) * turns
        self._client = httpx.AsyncClient(
            headers=_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            limits=httpx.Limits(),
            timeout=httpx.Timeout(SECONDS_OF_SILENCE, connect=SECONDS_TO_CONNECT),
        )

    async def fetch(self, photos: Sequence[Photo]) -> None:
        """Deals with every photograph; shows progress on stderr after two seconds.

        Raises:
            InputError: If a photograph cannot be written, as when the disk is full.
        """
        with tqdm(desc='downloading', total=len(photos), delay=2, mininterval=0.5) as bar:
            try:
                async with self._client, asyncio.TaskGroup() as group:
                    for photo in photos:
                        group.create_task(self._fetch(photo, bar))
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _fetch(self, photo: Photo, bar: tqdm) -> None:
        wait = tenacity.wait_exponential_jitter(
            multiplier=FIRST_DELAY, max=LONGEST_DELAY, jitter=FIRST_DELAY
        )
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda error: getattr(error, 'is_transient', False)),
            wait=wait + tenacity.wait_exception(lambda error: getattr(error, 'retry_after', 0.0)),
            stop=tenacity.stop_after_attempt(self._retries + 1),
            reraise=True,
        )
        try:
            address = parse_address(photo.url, 'bad_address')
            async with self._turns[address.host]:  # between attempts too: the host is left alone
                await retrying(self._try, photo, address)
        except PhotographError as error:
            error.attempts = int(retrying.statistics.get('attempt_number', 0))
            self.failures[photo.image['id']] = error
        bar.set_postfix_str(f'{len(self.failures)} failed', refresh=False)
        bar.update()

    async def _try(self, photo: Photo, address: 'httpx.URL') -> None:
        # The turn at the host came first: who waits for it must not keep others from theirs.
        async with self._workers:
            data = await self._download(address)
            await asyncio.to_thread(self._settle, photo, data)

    def _settle(self, photo: Photo, data: bytes) -> None:
        """Runs in a thread and notes the result itself: after Ctrl+C nobody waits for it."""
        stored, changes = make_upright(data, photo, photo.max_side_at_url)
        write_file(photo.path, lambda path: path.write_bytes(stored))
        self.settled[photo.image['id']] = changes

    async def _download(self, address: 'httpx.URL') -> bytes:
        if self._unreached[address.host] >= self._patience:
            detail = f'{address.host} given up after {self._patience} failures in a row'
            raise PhotographError('unreachable', detail)
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(address)
        except (TimeoutError, httpx.ReadTimeout):
            detail = f'not there after {self._timeout:g} s, or silent for {SECONDS_OF_SILENCE:g} s'
            raise PhotographError('too_slow', detail, is_transient=True) from None
        # httpx looks where a redirect leads, though it is not to follow it.
        except (httpx.InvalidURL, ValueError):
            raise PhotographError('bad_redirect', 'a redirect to what is no address') from None
        except httpx.TransportError as error:
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
                self._unreached[address.host] += 1
            detail = str(error) or type(error).__name__
            raise PhotographError('unreachable', detail, is_transient=True) from None

    async def _follow(self, address: 'httpx.URL') -> bytes:
        """Follows redirects itself: httpx reads their bodies, without bound, and forgets https."""
        for _ in range(MAX_REDIRECTS + 1):
            async with self._client.stream('GET', address) as response:
                self._unreached[address.host] = 0
                if not response.has_redirect_location:
                    _check_status(response)
                    return await self._read(response)
            target = address.join(response.headers['Location'])
            schemes = ('https',) if address.scheme == 'https' else ('http', 'https')
            address = parse_address(target, 'bad_redirect', schemes)
        raise PhotographError('bad_redirect', f'more than {MAX_REDIRECTS} redirects')

    async def _read(self, response: 'httpx.Response') -> bytes:
        announced = response.headers.get('Content-Length', '')
        size, data = int(announced) if announced.isdecimal() else 0, bytearray()
        async for chunk in response.aiter_raw():
            data += chunk
            if max(size, len(data)) > self._max_bytes:
                raise PhotographError('too_large', f'more than {self._max_bytes} bytes')
        return bytes(data)


def parse_address(
    text: object, kind: str, schemes: Sequence[str] = ('http', 'https')
) -> 'httpx.URL':
    """Checks an address; private hosts are allowed, as a laboratory may have a mirror.

    Raises:
        PhotographError: Of this kind, if it is no address of a host by one of the schemes, or has
            a user name or password.

    >>> parse_address('https://example.org/1.jpg', 'bad_address').host
    'example.org'
    """
    try:
        address = httpx.URL(text)  # type: ignore[arg-type]
        # Both decode the host, which fails for some that are no names.
        is_of_host = address.host and (address.port or 1) < 2**16 and not address.userinfo
        if is_of_host and address.scheme in schemes:
            return address
    except (httpx.InvalidURL, ValueError, TypeError):
        pass
    shown, known = reprlib.repr(str(text)), ' or '.join(schemes)
    raise PhotographError(kind, f'{shown} is no address of a host by {known} without a user name')


def _check_status(response: 'httpx.Response') -> None:
    status, text = response.status_code, response.headers.get('Retry-After', '')
    if status == 200:
        return
    try:
        is_date = not text.isdecimal()
        wait = parsedate_to_datetime(text).timestamp() - time.time() if is_date else float(text)
    except (ValueError, OverflowError, OSError):
        wait = 0.0
    raise PhotographError(
        'bad_redirect' if response.is_redirect else 'http_status',
        f'HTTP {status} {response.reason_phrase}',
        is_transient=status in (408, 425, 429) or status >= 500,
        retry_after=min(max(wait, 0.0), LONGEST_RETRY_AFTER),
    )
