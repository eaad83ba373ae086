"""Which addresses may be asked for a photograph."""

import httpx

from .failure import PhotographError

_MAX_SHOWN = 100


def parse_address(text: str, kind: str = 'bad_address') -> httpx.URL:
    """Checks an address; private hosts are allowed, as a laboratory may have a mirror.

    Args:
        text: Of the annotation file, or where a redirect leads.
        kind: Of the error, a key of :data:`~.failure.FAILURES`.

    Raises:
        PhotographError: If it is no address, of another scheme than http and https, or carries a
            user name or password.

    >>> parse_address('https://example.org/1.jpg').host
    'example.org'
    """
    shown = repr(text if len(text) <= _MAX_SHOWN else f'{text[:_MAX_SHOWN]}...')
    try:
        address = httpx.URL(text)
        # Both decode the host, which fails for some that are no names.
        is_usable = bool(address.host) and (address.port or 1) < 2**16
    except (httpx.InvalidURL, ValueError):
        raise PhotographError(kind, f'{shown} is no address') from None
    if address.scheme not in ('http', 'https'):
        raise PhotographError(kind, f'{shown} is neither http nor https')
    if not is_usable:
        raise PhotographError(kind, f'{shown} has no host that can be reached')
    if address.userinfo:
        raise PhotographError(kind, f'an address at {address.host} holds a user name or password')
    return address


def follow_redirect(address: httpx.URL, location: str | None) -> httpx.URL:
    """Where a redirect leads.

    Raises:
        PhotographError: If it leads nowhere, from https to http, or to an address that
            :func:`parse_address` refuses.
    """
    kind = 'bad_redirect'
    if not location:
        raise PhotographError(kind, 'a redirect without a location')
    try:
        target = parse_address(str(address.join(location)), kind)
    except (httpx.InvalidURL, ValueError):
        raise PhotographError(kind, 'a redirect to what is no address') from None
    if address.scheme == 'https' and target.scheme == 'http':
        raise PhotographError(kind, f'a redirect from https to http, at {target.host}')
    return target
