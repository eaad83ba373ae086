"""Connections that are kept open from one photograph to the next."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Self

import httpx

from ... import __version__

SECONDS_TO_CONNECT, SECONDS_OF_SILENCE = 15.0, 30.0
_HEADERS = {
    'User-Agent': f'taco_plugin/{__version__}',
    'Accept': 'image/jpeg, image/png, image/webp, image/*;q=0.5',
    'Accept-Encoding': 'identity',  # a packed answer could unpack without bound
}


class Clients:
    """As many clients as there are workers, each with one connection.

    One client with as many connections would look through all of them before and after each
    request, which takes longer than a small photograph. They send no cookies and no passwords, and
    follow no redirect by themselves.

    Args:
        number: Of clients, at least as many as are lent at the same time.
    """

    def __init__(self, number: int) -> None:
        context = httpx.create_ssl_context()
        self._all = [_make_client(context) for _ in range(number)]
        self._free = [('', client) for client in self._all]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for client in self._all:
            await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def lend(self, host: str) -> AsyncIterator[httpx.AsyncClient]:
        """A free client, if possible one that has a connection to the host."""
        known = (index for index, (name, _) in enumerate(self._free) if name == host)
        _, client = self._free.pop(next(known, 0))
        try:
            yield client
        finally:
            self._free.append((host, client))


def _make_client(context: ssl.SSLContext) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        headers=_HEADERS,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        verify=context,
        limits=httpx.Limits(max_connections=1),
        timeout=httpx.Timeout(SECONDS_OF_SILENCE, connect=SECONDS_TO_CONNECT),
    )
