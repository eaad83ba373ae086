"""What becomes of a file: the same photograph for every reader, or none."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from taco_plugin.apps.download.failure import PhotographError
from taco_plugin.apps.download.photograph import MAX_SCANS, settle_photograph
from taco_plugin.apps.download.plan import Photo
from taco_plugin.coco import check_images

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


@pytest.fixture
def settle(tmp_path):
    """Puts bytes in their place; returns the path and what was done."""

    def run(data, longest=None, size=(WIDTH, HEIGHT)):
        path = tmp_path / 'out' / 'a.jpg'
        path.parent.mkdir(exist_ok=True)
        source = tmp_path / 'out' / '.source'
        source.write_bytes(data)
        photo = Photo(1, 'a.jpg', path, 'http://example.org/', size, longest, False)
        changes = settle_photograph(source, photo, is_at_original_size=True).changes
        source.unlink(missing_ok=True)
        assert [file.name for file in path.parent.iterdir()] == ['a.jpg']
        return path, changes

    return run


def save(image, suffix='JPEG', **options):
    buffer = io.BytesIO()
    image.save(buffer, suffix, **({'quality': 95} if suffix == 'JPEG' else {}) | options)
    return buffer.getvalue()


def tag(orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, 'a camera'
    return exif


def all_readers(path, size=(WIDTH, HEIGHT)):
    """The pixels, RGB, that Pillow and our loader see; they are those of the annotations' frame."""
    from taco_plugin.datasets.transforms import LoadTacoImage

    images = [{'id': 1, 'file_name': path.name, 'width': size[0], 'height': size[1]}]
    assert check_images({'images': images}, path.parent) == []
    loaded = LoadTacoImage().transform({'img_path': str(path)})['img'][..., ::-1].astype(int)
    ignoring = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)[..., ::-1]
    with Image.open(path) as image:
        assert image.format == 'JPEG'
        plain = np.asarray(image.convert('RGB')).astype(int)
        shown = np.asarray(ImageOps.exif_transpose(image).convert('RGB')).astype(int)
    for other in (ignoring, plain, shown):
        assert np.abs(loaded - other).max() <= 4
    return loaded


@pytest.mark.parametrize('orientation', [None, 1, 0, 9])
def test_an_upright_jpeg_keeps_its_bytes(settle, upright, orientation):
    exif = tag(orientation) if orientation is not None else Image.Exif()
    data = save(upright, exif=exif) + b'what a phone appends'
    path, changes = settle(data)
    assert path.read_bytes() == data
    assert changes == ()
    assert np.abs(all_readers(path) - np.asarray(upright)).mean() < 2


@pytest.mark.parametrize('orientation', STORED_AS)
def test_exif_rotation_is_applied_once_and_its_tag_removed(settle, upright, orientation):
    path, changes = settle(save(upright.transpose(STORED_AS[orientation]), exif=tag(orientation)))
    assert changes == ('EXIF rotation applied',)
    assert np.abs(all_readers(path) - np.asarray(upright)).mean() < 2
    with Image.open(path) as image:
        assert dict(image.getexif()) == {0x010F: 'a camera'}
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # no subsampling
    # Once: what is in its place is not turned again.
    data = path.read_bytes()
    assert settle(data) == (path, ())
    assert path.read_bytes() == data


def test_rotation_that_the_annotations_ignored_is_refused(settle, upright):
    with pytest.raises(PhotographError, match='swapped, as if one of them ignored'):
        settle(save(upright, exif=tag(6)))


def test_rotation_by_xmp_is_not_applied_and_removed(settle, upright):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    data = save(upright, xmp=xmp)
    assert Image.open(io.BytesIO(data)).getexif()[0x0112] == 6
    path, changes = settle(data)
    assert changes == ('XMP rotation removed',)
    assert np.abs(all_readers(path) - np.asarray(upright)).mean() < 2


@pytest.mark.parametrize(
    ('suffix', 'options'), [('PNG', {}), ('WEBP', {'lossless': True}), ('PNG', {'exif': tag(1)})]
)
def test_other_formats_become_jpegs(settle, upright, suffix, options):
    path, changes = settle(save(upright, suffix, **options))
    assert changes == (f'{suffix} made a JPEG',)
    assert np.abs(all_readers(path) - np.asarray(upright)).mean() < 1.5


def test_transparency_is_laid_over_white(settle, upright):
    alpha = Image.new('L', upright.size, 0)
    alpha.paste(255, (0, 0, WIDTH // 2, HEIGHT))
    image = upright.copy()
    image.putalpha(alpha)
    for suffix in ('PNG', 'WEBP'):
        pixels = all_readers(settle(save(image, suffix))[0])
        assert pixels[:, WIDTH // 2 + 8 :].min() >= 250
        left = np.asarray(upright)[:, : WIDTH // 2 - 8]
        assert np.abs(pixels[:, : WIDTH // 2 - 8] - left).mean() < 8


def test_palettes_and_deep_grey_and_cmyk(settle, upright):
    few = upright.quantize(16)
    pixels = all_readers(settle(save(few, 'PNG'))[0])
    assert np.abs(pixels - np.asarray(few.convert('RGB'))).mean() < 3

    ramp = np.tile(np.linspace(0, 65535, WIDTH), (HEIGHT, 1)).astype(np.uint16)
    pixels = all_readers(settle(save(Image.fromarray(ramp), 'PNG'))[0])
    assert np.abs(pixels - ramp[..., None] / 257).max() < 4

    path, changes = settle(save(upright.convert('CMYK')))
    assert changes == ('CMYK made RGB',)
    assert np.abs(all_readers(path) - np.asarray(upright)).mean() < 2


def test_the_colour_profile_stays_with_its_colours(settle, upright):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    path, _ = settle(save(upright, 'PNG', icc_profile=profile))
    assert Image.open(path).info['icc_profile'] == profile
    path, _ = settle(save(upright.convert('CMYK'), icc_profile=profile))
    assert 'icc_profile' not in Image.open(path).info


def test_an_overlong_exif_is_left_out(settle, upright):
    exif = tag(3)
    exif[0x010E] = 'x' * 64_000
    path, _ = settle(save(upright.transpose(STORED_AS[3]), 'PNG', exif=exif))
    assert 'exif' not in Image.open(path).info
    assert np.abs(all_readers(path) - np.asarray(upright)).mean() < 2


def test_scaled_to_its_longest_side(settle, encode):
    path, changes = settle(encode((900, 601)), 640, (900, 601))
    assert changes == ('scaled to 640 pixels',)
    assert all_readers(path, (640, 427)).shape == (427, 640, 3)
    expected = np.asarray(Image.open(io.BytesIO(encode((640, 427), 'PNG'))))
    assert np.abs(all_readers(path, (640, 427)) - expected).mean() < 2
    data = encode((600, 400))
    path, changes = settle(data, 640, (600, 400))
    assert (path.read_bytes(), changes) == (data, ())


def test_a_jpeg_of_endless_scans_is_refused(settle, upright):
    data = save(upright, progressive=True)
    assert 1 < data.count(b'\xff\xda') < 20
    assert settle(data)[1] == ()
    first = data.index(b'\xff\xda')
    scan = data[first : data.index(b'\xff\xda', first + 2)]
    with pytest.raises(PhotographError, match='scans, at most') as caught:
        settle(data[:first] + scan * MAX_SCANS + data[first:])
    assert caught.value.kind == 'too_large'


def test_what_was_there_stays_when_a_file_is_refused(settle, upright, tmp_path):
    data = save(upright)
    path, _ = settle(data)
    for bad in (data[:-200], b'', save(upright.resize((10, 10))), save(upright, 'PNG')[:-40]):
        with pytest.raises(PhotographError):
            settle(bad)
        (tmp_path / 'out' / '.source').unlink()
        assert path.read_bytes() == data
        assert list(path.parent.iterdir()) == [path]
