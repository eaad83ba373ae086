"""Why a photograph is missing."""

from dataclasses import dataclass

FAILURES = {
    'bad_name': 'file names that are refused',
    'bad_address': 'addresses that are missing or refused',
    'bad_redirect': 'redirects that are refused',
    'http_status': 'answers without a photograph',
    'unreachable': 'hosts that could not be reached or broke off',
    'too_slow': 'photographs that took too long',
    'too_large': 'photographs that are too large',
    'not_a_photograph': 'answers that are no JPEG, PNG or WebP',
    'damaged': 'photographs cut short or damaged',
    'size_differs': 'photographs whose size differs from the annotations',
    'not_written': 'photographs that could not be written',
    'not_tried': 'photographs that were not tried',
}
"""What can keep a photograph from being there, and how a report words it."""


class PhotographError(Exception):
    """A photograph could not be had.

    Args:
        kind: One of :data:`FAILURES`.
        detail: What exactly was found, without a line break.
        is_transient: Whether the same request may succeed later.
        size: Width and height in pixels, if these are at fault.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        is_transient: bool = False,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = ' '.join(detail.split())
        self.is_transient = is_transient
        self.size = size


@dataclass(frozen=True)
class Failure:
    """Why one photograph is missing.

    Args:
        image_id: As in the annotation file.
        file_name: As in the annotation file.
        url: What was asked for; None if the annotation file has no address.
        kind: One of :data:`FAILURES`.
        detail: What exactly was found.
        attempts: How often it was tried.
    """

    image_id: int
    file_name: str
    url: str | None
    kind: str
    detail: str
    attempts: int = 0
