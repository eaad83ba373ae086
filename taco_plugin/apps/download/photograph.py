"""Makes the bytes that were fetched a photograph that every reader sees alike, or refuses them."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ...coco.scale import shrunk_size
from ...images import (
    ORIENTATION_TAG,
    Size,
    decode_size,
    displayed_size,
    read_exif,
    read_orientation,
    turn_upright,
)

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ('JPEG', 'PNG', 'WEBP')  # and no other of Pillow's, some of which run programs
_MAX_EXIF_BYTES = 60_000  # a JPEG holds 65,533


@dataclass(eq=False)
class PhotographError(Exception):
    """A photograph could not be had.

    Args:
        kind: In one word, for counts.
        detail: What exactly was wrong.
        is_transient: Whether the same request may succeed later.
        retry_after: Seconds that the host asks to wait before that.
        size: Width and height in pixels, if these are at fault.
        attempts: Requests so far.
    """

    kind: str
    detail: str
    is_transient: bool = False
    retry_after: float = 0
    size: Size | None = None
    attempts: int = 0


@dataclass(frozen=True)
class Photo:
    """A photograph that is wanted.

    Args:
        image: Its entry in the annotation file; the size is that of the displayed photograph.
        path: Where it is to lie.
        url: Where it is to come from; not checked yet.
        max_side: What the longest side is to be at most, in pixels; None for as photographed.
        max_side_at_url: What it is at most as it comes.
    """

    image: dict
    path: Path
    url: object
    max_side: int | None
    max_side_at_url: int | None

    def fit(self, max_side: int | None) -> Size:
        """Its size in pixels, scaled down, never up, to a longest side of ``max_side``."""
        size = self.image['width'], self.image['height']
        return size if max_side is None else shrunk_size(*size, max_side)

    def has_size(self, size: Size, max_side: int | None) -> bool:
        """Whether a size is :meth:`fit`'s; one that is scaled may be a pixel off by rounding."""
        expected = self.fit(max_side)
        tolerance = 0 if expected == self.fit(None) else 1
        return all(abs(a - b) <= tolerance for a, b in zip(size, expected, strict=True))


def make_upright(data: bytes, photo: Photo, max_side: int | None) -> tuple[bytes, tuple[str, ...]]:
    """Checks a photograph and makes it upright and a true JPEG.

    It is decoded wholly, and its size, upright, must be that of the annotations. A JPEG of RGB or
    grey that is upright and has its final size keeps its bytes, metadata included. All else is
    encoded anew, at quality 95 and without subsampling of colour: its EXIF rotation is applied and
    its tag removed, transparency is laid over white, EXIF and colour profile are kept.

    Args:
        data: The file.
        photo: What is expected of it in the end.
        max_side: What its longest side must be at most already, in pixels; None if it must have
            the original size.

    Returns:
        The file to store, and what was done to it in words: nothing if it is ``data`` itself.

    Raises:
        PhotographError: If the photograph is refused.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_size(image, photo, max_side)
            changes = _list_changes(image, photo)
            if changes:
                return _encode(image, photo), changes
        decode_size(BytesIO(data))
        return data, ()
    except PhotographError:
        raise
    except UnidentifiedImageError:
        if not data:
            raise PhotographError('damaged', 'empty', is_transient=True) from None
        raise PhotographError('not_a_photograph', f'begins with {data[:12]!r}') from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotographError('too_large', str(error)) from None
    # A damaged file can raise anything in Pillow: its decoders promise no particular error.
    except Exception as error:  # noqa: BLE001
        detail = str(error) or type(error).__name__
        raise PhotographError('damaged', detail, is_transient=True) from None


def _check_size(image: 'Image.Image', photo: Photo, max_side: int | None) -> None:
    """Checks the size before decoding, which could take forever if the size is a wrong one."""
    width, height = size = displayed_size(image)
    if not photo.has_size(size, max_side):
        expected = photo.fit(max_side)
        detail = f'{width}x{height}, expected {expected[0]}x{expected[1]}'
        if photo.has_size((height, width), max_side):
            detail += ': swapped, as if one of them ignored the EXIF rotation'
        raise PhotographError('size_differs', detail, size=size)


def _list_changes(image: 'Image.Image', photo: Photo) -> tuple[str, ...]:
    """Lists in words what must be changed in the file."""
    is_jpeg = image.format in ('JPEG', 'MPO')  # MPO: a JPEG that other pictures follow
    changes = {
        f'{image.format} made a JPEG': not is_jpeg,
        f'{image.mode} made RGB': is_jpeg and image.mode not in ('RGB', 'L'),
        'EXIF rotation applied': read_orientation(image) != 1,
        f'scaled to {photo.max_side} pixels': displayed_size(image) != photo.fit(photo.max_side),
    }
    return tuple(change for change, is_needed in changes.items() if is_needed)


def _encode(image: 'Image.Image', photo: Photo) -> bytes:
    from PIL import Image

    exif = read_exif(image)
    exif.pop(ORIENTATION_TAG, None)
    packed = exif.tobytes() if len(exif) else b''
    # Of other modes the colour profile describes other channels.
    profile = image.info.get('icc_profile') if image.mode in ('RGB', 'RGBA', 'P') else None
    upright, size = _flatten(turn_upright(image)), photo.fit(photo.max_side)
    if upright.size != size:
        upright = upright.resize(size, Image.Resampling.LANCZOS)
    upright.info, buffer = {}, BytesIO()
    kept = {'exif': packed if len(packed) <= _MAX_EXIF_BYTES else b'', 'icc_profile': profile}
    upright.save(buffer, 'JPEG', quality=95, subsampling=0, **kept)
    return buffer.getvalue()


def _flatten(image: 'Image.Image') -> 'Image.Image':
    """RGB or grey of 8 bits, over white where it is transparent."""
    from PIL import Image

    if image.has_transparency_data:
        white = Image.new('RGBA', image.size, 'white')
        return Image.alpha_composite(white, image.convert('RGBA')).convert('RGB')
    if image.mode.startswith('I;16'):
        return image.convert('I').point(lambda value: value / 257).convert('L')
    return image.convert('L' if image.mode in ('L', '1') else 'RGB')
