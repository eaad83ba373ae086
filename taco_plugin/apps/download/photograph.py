"""Makes a file that was fetched into a photograph that every reader sees alike, or refuses it."""

import os
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from ...coco.jpeg import count_scans
from .failure import PhotographError
from .parts import discard_part, name_part
from .plan import Photo
from .sizes import Size, fit_size, is_size

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = ('JPEG', 'PNG', 'WEBP')  # and no other of Pillow's, some of which run programs
_JPEG_FORMATS = ('JPEG', 'MPO')  # MPO: a JPEG that other pictures follow
_JPEG_MODES = ('RGB', 'L')
_QUALITY = 95
_MAX_EXIF_BYTES = 60_000  # a JPEG holds 65,533
_ORIENTATION_TAG = 0x0112
_ON_ITS_SIDE = (5, 6, 7, 8)

MAX_SCANS = 200
"""A progressive photograph has about ten scans; each costs a pass over all pixels."""


@dataclass(frozen=True)
class Settled:
    """A photograph that is in its place.

    Args:
        size: Width and height in pixels.
        changes: What was done to the bytes as they came, in words; empty if nothing was.
    """

    size: Size
    changes: tuple[str, ...]


def settle_photograph(source: Path, photo: Photo, *, is_at_original_size: bool) -> Settled:
    """Checks a file and puts it in the photograph's place, upright and as a true JPEG.

    The photograph is decoded wholly, and its size, upright, must be that of the annotations. A
    JPEG of RGB or grey that is upright and small enough keeps its bytes, metadata included. All
    else is encoded anew, at quality 95 and without subsampling of colour: its EXIF rotation is
    applied and the tag removed, transparency is laid over white, and of its metadata EXIF and the
    colour profile are kept.

    What orientation EXIF gives is applied, as OpenCV and browsers do; Pillow also reads one from
    XMP, and such a photograph is encoded anew without it.

    Args:
        source: The file; moved or left as it is. It may be the photograph's own path.
        photo: What is expected of it.
        is_at_original_size: Whether the file must have the original size of the photograph, to be
            scaled here if need be; else the size at which the photograph is to lie.

    Raises:
        PhotographError: If the file is refused; the photograph's place is then as before.
        OSError: If the photograph cannot be written.
    """
    from PIL import Image

    data = source.read_bytes()
    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as image:
            _check_header(image, data, photo, is_at_original_size)
            changes, size = _list_changes(image, photo), image.size
            if changes:
                upright = _decode(image, photo)
            else:
                _check_pixels(image)
    except PhotographError:
        raise
    # A damaged file can raise anything in Pillow: its decoders promise no particular error.
    except Exception as error:  # noqa: BLE001
        raise _describe(error, data) from None
    if changes:
        _write(upright, photo.path)
        return Settled(upright.size, changes)
    os.replace(source, photo.path)
    return Settled(size, ())


def _describe(error: Exception, data: bytes) -> PhotographError:
    from PIL import Image, UnidentifiedImageError

    if not data:
        return PhotographError('damaged', 'empty', is_transient=True)
    if isinstance(error, UnidentifiedImageError):
        return PhotographError('not_a_photograph', f'begins with {data[:12]!r}')
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return PhotographError('too_large', str(error))
    return PhotographError('damaged', str(error) or type(error).__name__, is_transient=True)


def _check_header(
    image: 'Image.Image', data: bytes, photo: Photo, is_at_original_size: bool
) -> None:
    """Before anything is decoded, which for a size that is not expected could take for ever."""
    is_on_its_side = _read_orientation(image) in _ON_ITS_SIDE
    found = (image.height, image.width) if is_on_its_side else image.size
    longest = None if is_at_original_size else photo.longest
    if not is_size(found, photo.original, longest):
        expected = fit_size(photo.original, longest)
        detail = f'{found[0]}x{found[1]}, expected {expected[0]}x{expected[1]}'
        if is_size((found[1], found[0]), photo.original, longest):
            detail += ': swapped, as if one of them ignored the EXIF rotation'
        raise PhotographError('size_differs', detail, size=found)
    if image.format in _JPEG_FORMATS:
        scans = count_scans(data)
        if scans is None:
            raise PhotographError('damaged', 'cut short', is_transient=True)
        if scans > MAX_SCANS:
            raise PhotographError('too_large', f'{scans} scans, at most {MAX_SCANS} are decoded')


def _list_changes(image: 'Image.Image', photo: Photo) -> tuple[str, ...]:
    """Why the file cannot stay as it is, in words."""
    is_jpeg = image.format in _JPEG_FORMATS
    changes = {
        f'{image.format} made a JPEG': not is_jpeg,
        f'{image.mode} made RGB': is_jpeg and image.mode not in _JPEG_MODES,
        'EXIF rotation applied': _read_orientation(image) != 1,
        'XMP rotation removed': _ORIENTATION_TAG not in _read_exif(image)
        and image.getexif().get(_ORIENTATION_TAG, 1) != 1,
        f'scaled to {photo.longest} pixels': photo.longest is not None
        and max(image.size) > photo.longest,
    }
    return tuple(change for change, is_needed in changes.items() if is_needed)


def _check_pixels(image: 'Image.Image') -> None:
    image.draft('L', (1, 1))  # wholly, but at an eighth of its size
    image.load()


def _decode(image: 'Image.Image', photo: Photo) -> 'Image.Image':
    """Upright and opaque, at the size at which it is to lie, and with its metadata to keep."""
    from PIL import Image

    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(_read_orientation(image))
    exif, profile = _read_exif(image), image.info.get('icc_profile')
    exif.pop(_ORIENTATION_TAG, None)
    opaque = _flatten(image)
    upright = opaque if turn is None else opaque.transpose(turn)
    size = fit_size(upright.size, photo.longest)
    if size != upright.size:
        upright = upright.resize(size, Image.Resampling.LANCZOS)
    packed = exif.tobytes() if len(exif) else b''
    upright.info = {'exif': packed if len(packed) <= _MAX_EXIF_BYTES else b''}
    if image.mode in ('RGB', 'RGBA', 'P'):  # of other modes it describes other channels
        upright.info['icc_profile'] = profile
    return upright


def _flatten(image: 'Image.Image') -> 'Image.Image':
    """RGB or grey of 8 bits, over white where it is transparent."""
    from PIL import Image

    if image.has_transparency_data:
        colours = image.convert('RGBA')
        return Image.alpha_composite(Image.new('RGBA', image.size, 'white'), colours).convert('RGB')
    if image.mode.startswith('I;16'):
        return image.convert('I').point(lambda value: value / 257).convert('L')
    return image.convert('L' if image.mode in ('L', '1') else 'RGB')


def _read_exif(image: 'Image.Image') -> 'Image.Exif':
    from PIL import Image

    exif = Image.Exif()
    with suppress(Exception):  # Pillow promises no particular error; OpenCV passes over it too
        exif.load(image.info.get('exif', b''))
    return exif


def _read_orientation(image: 'Image.Image') -> int:
    """1 to 8, of EXIF alone; what is none of these counts as 1, upright."""
    orientation = _read_exif(image).get(_ORIENTATION_TAG)
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _write(image: 'Image.Image', path: Path) -> None:
    part = name_part(path)
    try:
        with part.open('xb') as file:
            options = {name: image.info.get(name) for name in ('exif', 'icc_profile')}
            image.save(file, 'JPEG', quality=_QUALITY, subsampling=0, **options)
        os.replace(part, path)
    finally:
        discard_part(part)
