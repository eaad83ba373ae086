import cv2
import numpy as np
import pytest
from PIL import Image

from taco_plugin.coco.jpeg import jpeg_size
from taco_plugin.datasets.transforms.decode_reduced import decode_reduced


@pytest.fixture
def photograph(tmp_path):
    """Writes a smooth picture, red on the left and green below, with an EXIF orientation."""

    def write(width: int, height: int, orientation: int = 1, **options: object) -> bytes:
        across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
        rgb = np.stack([255 * (1 - across), 255 * down, 90 + 0 * down], axis=-1)
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / 'a.jpg'
        image = Image.fromarray(rgb.astype(np.uint8))
        image.save(path, exif=exif, quality=95, **options)
        return path.read_bytes()

    return write


def shown(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def averaged(image: np.ndarray, denominator: int) -> np.ndarray:
    """Averages of squares of pixels; beyond the edge, its last pixel counts on."""
    height, width = image.shape[:2]
    padding = -height % denominator, -width % denominator
    padded = np.pad(image, ((0, padding[0]), (0, padding[1]), (0, 0)), mode='edge')
    squares = padded.reshape(-(-height // denominator), denominator, -1, denominator, 3)
    return squares.mean((1, 3))


@pytest.mark.parametrize('options', [{}, {'progressive': True}, {'subsampling': 0}])
def test_size_is_read_from_the_header(photograph, options):
    data = photograph(403, 301, 6, **options)
    assert jpeg_size(data) == (403, 301)
    assert jpeg_size(data[:40]) is None


@pytest.mark.parametrize(
    ('needed', 'expected'),
    [
        ((51, 38), (51, 38)),
        ((52, 38), (101, 76)),
        ((51, 39), (101, 76)),
        ((101, 76), (101, 76)),
        ((150, 1), (202, 151)),
        ((203, 151), None),
        ((403, 301), None),
    ],
)
def test_the_scale_is_the_smallest_that_is_large_enough(photograph, needed, expected):
    reduced = decode_reduced(photograph(403, 301), (403, 301), needed)
    assert (None if reduced is None else reduced[0].shape[1::-1]) == expected
    assert expected is None or -(-403 // reduced[1]) == expected[0]


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('needed', [(40, 40), (80, 80), (140, 140)])
def test_exif_rotation_is_applied_once(photograph, orientation, needed):
    data = photograph(403, 301, orientation)
    whole = shown(data)
    reduced, denominator = decode_reduced(data, whole.shape[1::-1], needed)
    assert np.abs(reduced.astype(int) - averaged(whole, denominator)).max() < 6


@pytest.mark.parametrize('orientation', [1, 6])
def test_another_size_than_annotated_is_left_to_a_full_decode(photograph, orientation):
    data = photograph(403, 301, orientation)
    size = shown(data).shape[1::-1]
    assert decode_reduced(data, size, (40, 40)) is not None
    for other in [(404, 302), (402, 301), size[::-1]]:
        assert decode_reduced(data, other, (40, 40)) is None


def test_a_rotation_that_rounding_hides_is_not_guessed(photograph):
    data = photograph(400, 399, 6)  # shown 399 x 400; 50 x 50 at 1/8
    assert decode_reduced(data, (400, 399), (40, 40)) is None
    reduced = decode_reduced(data, (399, 400), (200, 200))
    assert reduced is None  # 200 x 200 at 1/2
    assert decode_reduced(photograph(400, 400), (400, 400), (40, 40))[1] == 8


def test_other_formats_are_left_to_a_full_decode():
    picture = np.zeros((64, 64, 3), np.uint8)
    for suffix in ('.png', '.bmp', '.webp'):
        data = cv2.imencode(suffix, picture)[1].tobytes()
        assert decode_reduced(data, (64, 64), (8, 8)) is None


def test_the_pixels_of_photographs_are_averages(real_taco):
    differences = []
    for path in sorted((real_taco / 'batch_1').glob('*'))[:6]:
        data = path.read_bytes()
        whole = shown(data)
        height, width = whole.shape[:2]
        reduced, denominator = decode_reduced(data, (width, height), (width // 4, height // 4))
        assert denominator == 4
        differences.append(np.abs(reduced - averaged(whole, denominator)).mean())
    assert np.mean(differences) < 0.4
