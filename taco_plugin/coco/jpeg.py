"""What the markers of a JPEG say, without decoding it."""

from collections.abc import Iterator

Size = tuple[int, int]
"""Width and height in pixels."""

_START_OF_SCAN, _END_OF_IMAGE = b'\xff\xda', b'\xff\xd9'
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def is_truncated_jpeg(data: bytes) -> bool:
    """Whether ``data`` begins as a JPEG does but ends before its end-of-image marker.

    The marker is looked for behind the segments that precede the first scan, as a thumbnail among
    them has a marker of its own; within a scan it cannot occur by chance (ITU T.81, B.1.1.5).

    >>> is_truncated_jpeg(bytes.fromhex('ffd8 ffda 0002 1234 ffd9'))
    False
    >>> is_truncated_jpeg(bytes.fromhex('ffd8 ffda 0002 1234'))
    True
    """
    if not _begins_as_jpeg(data):
        return False
    return data.rfind(_END_OF_IMAGE, _first_scan(data)) < 0  # mostly at the very end


def jpeg_size(data: bytes) -> Size | None:
    """Size of a JPEG as it is stored, before EXIF rotation; None if ``data`` does not say.

    >>> jpeg_size(bytes.fromhex('ffd8 ffe0 0004 1234 ffc0 0011 08 0002 0003'))
    (3, 2)
    >>> jpeg_size(b'GIF89a')
    """
    if not _begins_as_jpeg(data):
        return None
    for marker, position in _segments(data):
        if marker in _START_OF_FRAME and position + 9 <= len(data):
            height, width = (data[position + at : position + at + 2] for at in (5, 7))
            return int.from_bytes(width, 'big'), int.from_bytes(height, 'big')
    return None


def count_scans(data: bytes) -> int | None:
    """Number of scans of a JPEG, or None if it is cut short, see :func:`is_truncated_jpeg`.

    >>> count_scans(bytes.fromhex('ffd8 ffe1 0004 ffd9 ffda 0002 1234 ffd9'))
    1
    >>> count_scans(bytes.fromhex('ffd8 ffe1 0004 ffd9 ffda 0002 1234')) is None
    True
    """
    begin = _first_scan(data)
    end = data.find(_END_OF_IMAGE, begin)
    return None if end < 0 else data.count(_START_OF_SCAN, begin, end)


def _first_scan(data: bytes) -> int:
    """Where the segments end that precede the first scan."""
    return max(position for _, position in _segments(data))


def _begins_as_jpeg(data: bytes) -> bool:
    return data.startswith(b'\xff\xd8')


def _segments(data: bytes) -> Iterator[tuple[int | None, int]]:
    """Marker and position of each segment before the first scan; at last None and where it ends."""
    position = 2
    while position + 4 <= len(data) and data[position : position + 2] != _START_OF_SCAN:
        length = int.from_bytes(data[position + 2 : position + 4], 'big')
        if length < 2:  # which counts itself
            break
        yield data[position + 1], position
        position += 2 + length
    yield None, position
