"""What becomes of a file: the same photograph for every reader, or none."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from taco_plugin.apps.download.photograph import Photo, make_upright

WIDTH, HEIGHT = 64, 48
STORED_AS = {  # how a camera lays down the upright photograph for each EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture
def upright(encode):
    """Red grows to the right, green to the top."""
    return Image.open(io.BytesIO(encode((WIDTH, HEIGHT), 'PNG'))).convert('RGB')


def store(data):
    """The file that is stored, and what was done to it."""
    image = {'width': WIDTH, 'height': HEIGHT}
    return make_upright(data, Photo(image, Path('a.jpg'), '', None, None), None)


def save(image, suffix='JPEG', **options):
    buffer = io.BytesIO()
    image.save(buffer, suffix, **({'quality': 95} if suffix == 'JPEG' else {}) | options)
    return buffer.getvalue()


def tag(orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, 'a camera'
    return exif


def all_readers(data):
    """The pixels, RGB, that OpenCV and Pillow see, whether they heed orientations or not."""
    raw = np.frombuffer(data, np.uint8)
    ignoring = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    seen = [cv2.imdecode(raw, flags)[..., ::-1] for flags in (cv2.IMREAD_COLOR, ignoring)]
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == 'JPEG'
        seen += [np.asarray(i.convert('RGB')) for i in (image, ImageOps.exif_transpose(image))]
    first, *others = (pixels.astype(int) for pixels in seen)
    assert all(np.abs(first - other).max() <= 4 for other in others)
    return first


def error_of(data, image):
    return np.abs(all_readers(data) - np.asarray(image, dtype=int)).mean()


@pytest.mark.parametrize('orientation', [1, 9])
def test_an_upright_jpeg_keeps_its_bytes(upright, orientation):
    data = save(upright, exif=tag(orientation)) + b'what a phone appends'
    assert store(data) == (data, ())
    assert error_of(data, upright) < 2


@pytest.mark.parametrize('orientation', STORED_AS)
def test_exif_rotation_is_applied_once_and_its_tag_removed(upright, orientation):
    data = save(upright.transpose(STORED_AS[orientation]), exif=tag(orientation))
    stored, changes = store(data)
    assert changes == ('EXIF rotation applied',)
    assert error_of(stored, upright) < 2
    with Image.open(io.BytesIO(stored)) as image:
        assert dict(image.getexif()) == {0x010F: 'a camera'}
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # no subsampling
    assert store(stored) == (stored, ())


@pytest.mark.parametrize(('suffix', 'options'), [('PNG', {}), ('WEBP', {'lossless': True})])
def test_other_formats_become_jpegs_over_white(upright, suffix, options):
    stored, changes = store(save(upright, suffix, exif=tag(1), **options))
    assert changes == (f'{suffix} made a JPEG',)
    assert error_of(stored, upright) < 1.5
    half = upright.crop((0, 0, WIDTH // 2, HEIGHT)).convert('RGBA').crop((0, 0, WIDTH, HEIGHT))
    pixels = all_readers(store(save(half, suffix))[0])
    assert pixels[:, WIDTH // 2 + 8 :].min() >= 250
    assert np.abs(pixels - np.asarray(upright, dtype=int))[:, : WIDTH // 2 - 8].mean() < 8


def test_palettes_and_deep_grey(upright):
    few = upright.quantize(16)
    assert error_of(store(save(few, 'PNG'))[0], few.convert('RGB')) < 3
    ramp = np.tile(np.linspace(0, 65535, WIDTH), (HEIGHT, 1)).astype(np.uint16)
    pixels = all_readers(store(save(Image.fromarray(ramp), 'PNG'))[0])
    assert np.abs(pixels - ramp[..., None] / 257).max() < 4


def test_a_colour_profile_is_kept_but_of_cmyk_and_an_overlong_exif_left_out(upright):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    exif = tag(3)
    exif[0x010E] = 'x' * 64_000
    turned = save(upright.rotate(180), 'PNG', exif=exif, icc_profile=profile)
    for data, kept in (
        (turned, profile),
        (save(upright.convert('CMYK'), icc_profile=profile), None),
    ):
        stored, _ = store(data)
        info = Image.open(io.BytesIO(stored)).info
        assert (info.get('exif'), info.get('icc_profile')) == (None, kept)
        assert error_of(stored, upright) < 2
