import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from taco_plugin.coco.jpeg import is_truncated_jpeg
from taco_plugin.datasets import LoadTacoImage
from taco_plugin.errors import InputError


def photograph(size: int = 64, progressive: int = 0) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (size, size, 3), dtype=np.uint8)
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    return cv2.imencode('.jpg', pixels, options)[1].tobytes()


def load(path) -> dict:
    return LoadTacoImage()({'img_path': str(path)})


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp'])
def test_the_pixels_are_those_of_mmcv(tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8))
    stock = LoadImageFromFile()({'img_path': str(path)})
    loaded = load(path)
    assert np.array_equal(loaded['img'], stock['img'])
    assert loaded['ori_shape'] == loaded['img_shape'] == (6, 9)


@pytest.mark.parametrize('progressive', [0, 1])
@given(share=st.floats(0.01, 0.99))
def test_every_cut_of_a_jpeg_is_noticed(progressive, share):
    data = photograph(progressive=progressive)
    assert not is_truncated_jpeg(data)
    assert is_truncated_jpeg(data[: max(2, int(share * len(data)))])


def test_segments_without_a_length_end_the_search_at_once():
    assert is_truncated_jpeg(b'\xff\xd8' + b'\xff\xe0\0\0' * 5_000_000)


def test_a_thumbnail_has_an_end_of_its_own(tmp_path):
    exif = Image.Exif()
    exif[0x927C] = photograph(size=16)  # a maker note that holds a whole JPEG
    path = tmp_path / 'a.jpg'
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(path, exif=exif)
    data = path.read_bytes()
    assert data.count(b'\xff\xd9') == 2
    assert not is_truncated_jpeg(data)
    assert is_truncated_jpeg(data[:-20])


def test_bytes_behind_the_end_are_allowed():
    assert not is_truncated_jpeg(photograph() + b'SEFT' * 100)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (photograph()[:2000], r'a\.jpg: the image is cut short'),
        (b'<html>404</html>', r'a\.jpg: not an image that can be decoded'),
        (b'', r'a\.jpg: not an image that can be decoded'),
        (None, r'a\.jpg: no such image'),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path, content, message):
    path = tmp_path / 'a.jpg'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        load(path)
    assert '\n' not in str(error.value)


def test_every_real_photograph_is_whole(real_taco):
    photographs = sorted(real_taco.glob('batch_*/*'))
    assert len(photographs) == 276
    assert not [path for path in photographs if is_truncated_jpeg(path.read_bytes())]
