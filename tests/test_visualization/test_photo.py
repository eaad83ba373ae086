import cv2
import numpy as np
import pytest
from PIL import Image

from taco_plugin.boxes import Boxes
from taco_plugin.visualization.tiles import PADDING

COLORS = [(255, 0, 0), (0, 0, 255)]
NONE = Boxes.from_results([], {})


@pytest.mark.parametrize(
    ('length', 'flag'),
    [
        (390, cv2.IMREAD_COLOR),
        (500, cv2.IMREAD_REDUCED_COLOR_2),
        (1599, cv2.IMREAD_REDUCED_COLOR_4),
        (2001, cv2.IMREAD_REDUCED_COLOR_8),
    ],
)
def test_large_file_is_read_reduced_and_boxes_still_fit(
    tmp_path, monkeypatch, length, flag, boxes, halves, has, extent
):
    image = np.full((length // 2, length, 3), 255, np.uint8)
    box = np.array([0.5, 0.1, 0.9, 0.4]) * length
    x1, y1, x2, y2 = box.astype(int)
    image[y1:y2, x1:x2] = (0, 160, 0)
    Image.fromarray(image).save(tmp_path / 'a.jpg', quality=95)
    flags = []
    read = cv2.imread
    monkeypatch.setattr(cv2, 'imread', lambda path, how: flags.append(how) or read(path, how))
    left, right = halves(boxes((1, 0, tuple(box))), NONE, tmp_path / 'a.jpg')
    assert flags == [flag]
    frame = extent(has(left, COLORS[0])[76:])  # without the label
    drawn = extent(right[76:, :, 0].astype(int) < 100)
    np.testing.assert_allclose(frame[::2], drawn[::2], atol=2)
    np.testing.assert_allclose(frame[3], drawn[3], atol=2)
    np.testing.assert_allclose(drawn[::2], [100, 180], atol=2)


def test_file_with_a_small_and_a_large_error_is_read_once_and_for_the_small_one(
    tmp_path, monkeypatch, boxes, crops
):
    Image.fromarray(np.full((1600, 1600, 3), 255, np.uint8)).save(tmp_path / 'a.png')
    flags = []
    read = cv2.imread
    monkeypatch.setattr(cv2, 'imread', lambda path, how: flags.append(how) or read(path, how))
    large, small = (1, 0, (300, 300, 900, 900)), (1, 0, (1200, 1200, 1220, 1220))
    crops({1: tmp_path / 'a.png'}, boxes(large, small), NONE)
    crops({1: tmp_path / 'a.png'}, boxes(large), NONE)
    assert flags == [cv2.IMREAD_COLOR, cv2.IMREAD_REDUCED_COLOR_4]


def test_file_and_array_keep_their_colours(tmp_path, halves):
    image = np.full((200, 200, 3), (200, 100, 0), np.uint8)
    Image.fromarray(image).save(tmp_path / 'a.png')
    for source in (image, tmp_path / 'a.png', str(tmp_path / 'a.png')):
        assert halves(NONE, NONE, source)[0][100, 100].tolist() == [200, 100, 0]


def test_file_is_turned_as_its_exif_data_say(tmp_path, halves):
    stored = np.zeros((100, 200, 3), np.uint8)
    stored[:, :50] = (0, 200, 0)  # left as stored, on top when displayed
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(stored).save(tmp_path / 'a.jpg', exif=exif)
    left, _ = halves(NONE, NONE, tmp_path / 'a.jpg')
    assert left[10, 100, 1] > 150
    assert left[190, 100, 1] < 50
    assert left[100, 20].tolist() == list(PADDING)
