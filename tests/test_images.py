import io

import pytest
from PIL import Image

from taco_plugin.images import ORIENTATION_TAG, decode_size, displayed_size, map_threads


def jpeg(size=(64, 32), orientation=None, **options):
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION_TAG] = orientation
    file = io.BytesIO()
    Image.effect_noise(size, 50).convert('RGB').save(file, 'JPEG', exif=exif, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ('orientation', 'size'), [(None, (64, 32)), (1, (64, 32)), (6, (32, 64)), (99, (64, 32))]
)
def test_size_is_that_of_the_displayed_photograph(orientation, size):
    data = jpeg(orientation=orientation)
    assert decode_size(io.BytesIO(data)) == size
    with Image.open(io.BytesIO(data)) as image:
        assert displayed_size(image) == size


def test_a_photograph_that_is_cut_short_is_found():
    data = jpeg()
    with pytest.raises(OSError, match='truncated'):
        decode_size(io.BytesIO(data[: len(data) // 2]))


def test_fill_bytes_before_a_marker_are_no_damage():
    """ITU T.81, B.1.1.2: any marker may be preceded by any number of fill bytes, 0xFF."""
    data = jpeg()
    scan = data.index(b'\xff\xda')
    filled = data[:scan] + b'\xff' * 7 + data[scan:-2] + b'\xff' * 5 + data[-2:]
    assert decode_size(io.BytesIO(filled)) == (64, 32)


def test_threads_keep_the_order_and_stop_at_an_error():
    assert list(map_threads(str, range(50), 'counting')) == [str(n) for n in range(50)]
    begun = []

    def fail(number):
        begun.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match='0'):
        list(map_threads(fail, range(1000), 'failing', max_workers=1))
    assert len(begun) < 1000
