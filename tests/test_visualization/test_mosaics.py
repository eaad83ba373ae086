import cv2
import numpy as np
import pytest
from PIL import Image

from taco_plugin.errors import InputError
from taco_plugin.evaluation.boxes import Boxes
from taco_plugin.evaluation.detection_errors import confident_errors
from taco_plugin.visualization import mosaics, tiles
from taco_plugin.visualization.labels import place_labels
from taco_plugin.visualization.mosaics import (
    TRUE,
    WRONG,
    mosaic_of_errors,
    mosaic_of_predictions,
)
from taco_plugin.visualization.tiles import INK, PADDING, contrast, fit, font, text_tile, wrap

CLASSES = ['Can', 'Bottle']
COLORS = [(255, 0, 0), (0, 0, 255)]
BLANK = np.full((200, 200, 3), 255, np.uint8)


def boxes(*rows):
    """Boxes of (image, label, xyxy, score); the score may be missing."""
    if not rows:
        return Boxes.from_results([], {})
    return Boxes(*zip(*[(*row, *(1.0, False)[len(row) - 3 :]) for row in rows], strict=True))


NONE = boxes()


def halves(truth, found, image=BLANK, side=200, **options):
    """The two tiles of a mosaic of one image, without their titles."""
    picture = mosaic_of_predictions({1: image}, truth, found, CLASSES, COLORS, side=side, **options)
    assert picture.dtype == np.uint8
    return picture[-side:, :side], picture[-side:, -side:]


def has(picture, color):
    """Where a picture has exactly that colour."""
    return (picture == color).all(axis=-1)


def extent(mask):
    """Left, top, right and bottom of what is true."""
    y, x = np.nonzero(mask)
    return x.min(), y.min(), x.max() + 1, y.max() + 1


def crops(images, truth, found, side=240, **options):
    """A mosaic of errors in one row, cut into its crops, and the whole."""
    errors = confident_errors(truth, found)
    picture = mosaic_of_errors(
        images, truth, found, errors, CLASSES, columns=99, side=side, **options
    )
    top = text_tile([], 9).height + 4
    count = (picture.shape[1] + 8) // (side + 8)
    starts = [number * (side + 8) for number in range(count)]
    return [picture[top : top + side, start : start + side] for start in starts], picture


def test_frame_has_the_colour_of_its_class_and_lies_on_the_box():
    left, right = halves(boxes((1, 0, (60, 80, 140, 160))), boxes((1, 1, (20, 40, 100, 120), 0.9)))
    for x, y in [(60, 120), (139, 120), (100, 80), (100, 159)]:
        assert left[y, x].tolist() == [255, 0, 0]
    for x, y in [(20, 80), (99, 80), (60, 40), (60, 119)]:
        assert right[y, x].tolist() == [0, 0, 255]
    assert not has(left, (0, 0, 255)).any()
    assert not has(right, (255, 0, 0)).any()
    assert left[100, 100].tolist() == [255, 255, 255]


def test_image_is_enlarged_and_padded_to_the_tile():
    image = np.full((50, 100, 3), 255, np.uint8)
    left, _ = halves(boxes((1, 0, (20, 10, 80, 40))), NONE, image)
    assert left[30, 100].tolist() == left[170, 100].tolist() == list(PADDING)
    assert left[100, 39:41].tolist() == [[255, 0, 0]] * 2  # twice 20, minus 1
    assert left[109, 100].tolist() == [255, 255, 255]
    assert left[129:131, 100].tolist() == [[255, 0, 0]] * 2  # twice 40, below 50 of padding


def test_only_confident_detections_are_drawn():
    found = boxes((1, 0, (60, 80, 140, 160), 0.5))
    assert has(halves(NONE, found, score_threshold=0.5)[1], COLORS[0]).any()
    assert not has(halves(NONE, found, score_threshold=0.51)[1], COLORS[0]).any()


@pytest.mark.parametrize('order', [[0, 1], [1, 0]])
def test_confident_detection_lies_on_top(order):
    found = boxes((1, 0, (60, 80, 140, 160), 0.9), (1, 1, (60, 80, 140, 160), 0.5))
    assert halves(NONE, found[np.array(order)])[1][120, 60].tolist() == list(COLORS[0])


def test_label_lies_at_its_own_box():
    left, _ = halves(boxes((1, 0, (20, 60, 60, 90)), (1, 1, (120, 140, 180, 180))), NONE)
    np.testing.assert_allclose(extent(has(left, COLORS[0])), (19, 46, 61, 91), atol=3)
    np.testing.assert_allclose(extent(has(left, COLORS[1])), (119, 126, 181, 181), atol=3)


def test_box_too_small_to_be_seen_is_ringed():
    left, _ = halves(boxes((1, 0, (100, 100, 102, 101))), NONE)
    ring = has(left, COLORS[0])[92:, :]  # below the label
    x1, _, x2, y2 = extent(ring)
    assert (x1, y2) == (92, 18)
    assert left[101, 101].tolist() == [255, 255, 255]
    assert x2 >= 110


@pytest.mark.parametrize('corner', [(0, 0), (0, 160), (160, 0), (160, 160)])
def test_label_of_a_box_in_the_corner_stays_in_the_tile(corner):
    x, y = corner
    middle = boxes((1, 1, (80, 80, 120, 120), 0.5))
    corner = boxes((1, 1, (x, y, x + 40, y + 40), 0.5))
    area = [has(halves(NONE, found)[1], COLORS[1]).sum() for found in (middle, corner)]
    frame = 4 * 40 * 2
    assert area[0] > 2 * frame  # most is the label
    assert area[1] >= area[0] - frame / 2  # but for the sides of the frame that are cut


@pytest.mark.parametrize('seed', range(8))
def test_labels_are_in_the_tile_and_apart(seed):
    rng = np.random.default_rng(seed)
    corner = rng.integers(-5, 190, (40, 2))
    outlines = [tuple(row) for row in np.hstack([corner, corner + rng.integers(1, 90, (40, 2))])]
    sizes = [(int(width), 12) for width in rng.integers(20, 80, 40)]
    taken = np.zeros((200, 200), int)
    places = place_labels(outlines, sizes, 200)
    for place, (width, height) in zip(places, sizes, strict=True):
        if place:
            x, y = place
            assert min(x, y) >= 0
            assert x + width <= 200
            assert y + height <= 200
            taken[y : y + height, x : x + width] += 1
    assert taken.max() == 1
    assert sum(place is not None for place in places) > 30


def test_label_for_which_there_is_no_room_is_left_out_and_counted(monkeypatch):
    assert place_labels([(0, 0, 9, 9)] * 3, [(20, 9), (20, 9), (21, 9)], 20) == [
        (0, 9),
        None,
        None,
    ]
    titles = []
    monkeypatch.setattr(tiles, 'fit', lambda text, face, width: titles.append(text) or text)
    halves(boxes(*[(1, 0, (5, 5, 50, 50))] * 200), NONE)
    left_out = [int(title.split()[-4]) for title in titles if title.endswith(' without a label')]
    assert len(left_out) == 1
    assert 100 < left_out[0] < 150


def test_label_avoids_other_boxes():
    above = (10, 40, 90, 60)
    (place,) = place_labels([(10, 60, 90, 80), above], [(60, 12), (60, 12)], 200)[:1]
    assert place == (10, 80)


def test_boxes_beyond_the_image_are_counted_in_the_title(monkeypatch):
    titles = []
    monkeypatch.setattr(tiles, 'fit', lambda text, face, width: titles.append(text) or text)
    halves(boxes((1, 0, (5, 5, 202, 200)), (1, 0, (5, 5, 203, 200))), NONE)
    assert 'image 1, true boxes: 2, 1 beyond the image' in titles


@pytest.mark.parametrize(
    ('length', 'flag'),
    [
        (390, cv2.IMREAD_COLOR),
        (500, cv2.IMREAD_REDUCED_COLOR_2),
        (1599, cv2.IMREAD_REDUCED_COLOR_4),
        (2001, cv2.IMREAD_REDUCED_COLOR_8),
    ],
)
def test_large_file_is_read_reduced_and_boxes_still_fit(tmp_path, monkeypatch, length, flag):
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
    tmp_path, monkeypatch
):
    Image.fromarray(np.full((1600, 1600, 3), 255, np.uint8)).save(tmp_path / 'a.png')
    flags = []
    read = cv2.imread
    monkeypatch.setattr(cv2, 'imread', lambda path, how: flags.append(how) or read(path, how))
    large, small = (1, 0, (300, 300, 900, 900)), (1, 0, (1200, 1200, 1220, 1220))
    crops({1: tmp_path / 'a.png'}, boxes(large, small), NONE)
    crops({1: tmp_path / 'a.png'}, boxes(large), NONE)
    assert flags == [cv2.IMREAD_COLOR, cv2.IMREAD_REDUCED_COLOR_4]


def test_file_and_array_keep_their_colours(tmp_path):
    image = np.full((200, 200, 3), (200, 100, 0), np.uint8)
    Image.fromarray(image).save(tmp_path / 'a.png')
    for source in (image, tmp_path / 'a.png', str(tmp_path / 'a.png')):
        assert halves(NONE, NONE, source)[0][100, 100].tolist() == [200, 100, 0]


def test_file_is_turned_as_its_exif_data_say(tmp_path):
    stored = np.zeros((100, 200, 3), np.uint8)
    stored[:, :50] = (0, 200, 0)  # left as stored, on top when displayed
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(stored).save(tmp_path / 'a.jpg', exif=exif)
    left, _ = halves(NONE, NONE, tmp_path / 'a.jpg')
    assert left[10, 100, 1] > 150
    assert left[190, 100, 1] < 50
    assert left[100, 20].tolist() == list(PADDING)


@pytest.mark.parametrize('data', [None, b'', b'no image', b'\xff\xd8\xff\xe0'])
def test_unreadable_image_is_a_grey_tile_and_the_others_are_drawn(tmp_path, data):
    path = tmp_path / 'a.jpg'
    if data is not None:
        path.write_bytes(data)
    truth = boxes((1, 0, (60, 80, 140, 160)), (2, 0, (60, 80, 140, 160)))
    picture = mosaic_of_predictions(
        {1: path, 2: BLANK}, truth, NONE, CLASSES, COLORS, columns=1, side=200
    )
    upper, lower = picture[: picture.shape[0] // 2 - 10, :200], picture[-200:, :200]
    assert has(upper, PADDING).mean() > 0.8
    assert has(upper[90:], INK).sum() > 50  # its name
    assert not has(upper, COLORS[0]).any()
    assert has(lower, COLORS[0]).any()
    (tile,), _ = crops({1: path}, truth[:1], NONE)
    assert has(tile, PADDING).mean() > 0.8
    assert not has(tile, TRUE).any()


def test_rows_and_columns():
    def shape(count, columns):
        images = dict.fromkeys(range(count), BLANK)
        return mosaic_of_predictions(
            images, NONE, NONE, CLASSES, COLORS, columns=columns, side=100
        ).shape

    title = shape(1, 1)[0] - 100
    assert shape(1, 1) == (100 + title, 202, 3)
    assert shape(5, 2) == (3 * (100 + title) + 2 * 14, 2 * 202 + 14, 3)
    assert shape(2, 5) == (100 + title, 2 * 202 + 14, 3)


def test_crop_has_the_wrong_box_solid_and_the_true_one_dashed():
    image = np.full((400, 400, 3), 255, np.uint8)
    truth, found = boxes((1, 0, (180, 180, 220, 220))), boxes((1, 1, (180, 180, 220, 230), 0.9))
    (tile,), _ = crops({1: image}, truth, found)
    zoom = 240 / 150  # the longer side of the wrong box is 50
    x1, y1, x2, y2 = extent(has(tile, WRONG))
    np.testing.assert_allclose([x2 - x1, y2 - y1], [40 * zoom + 2, 50 * zoom + 2], atol=1)
    np.testing.assert_allclose([(x1 + x2) / 2, (y1 + y2) / 2], [120, 120], atol=1.5)
    assert has(tile, WRONG)[y2 - 1, x1:x2].all()
    bottom = has(tile, TRUE)[int(120 + zoom * 15)]  # of the true box
    assert 0.3 < bottom[x1 + 4 : x2 - 4].mean() < 0.7


def test_crop_is_64_pixels_at_least_and_the_image_at_most():
    image = np.full((400, 400, 3), 255, np.uint8)
    (tile,), _ = crops({1: image}, boxes((1, 0, (195, 195, 205, 205))), NONE)
    x1, _, x2, _ = extent(has(tile, TRUE))
    assert x2 - x1 == pytest.approx(240 * 10 / 64, abs=4)
    (tile,), _ = crops({1: image}, boxes((1, 0, (40, 40, 360, 360))), NONE)
    x1, _, x2, _ = extent(has(tile, TRUE))
    assert x2 - x1 == pytest.approx(240 * 320 / 400, abs=4)
    assert has(tile, (255, 255, 255))[2].all()  # no padding


def test_crop_at_the_edge_is_moved_into_the_image():
    image = np.full((400, 400, 3), 255, np.uint8)
    (tile,), _ = crops({1: image}, boxes((1, 0, (390, 0, 400, 10))), NONE)
    assert not has(tile, PADDING).any()
    x1, y1, x2, y2 = extent(has(tile, TRUE))
    assert (y1, x2) == (0, 240)
    assert x1 > 190
    assert y2 < 50


def test_missed_box_of_an_error_that_is_drawn_is_not_drawn_again():
    truth = boxes((1, 0, (20, 20, 60, 60)), (1, 0, (120, 120, 160, 160)))
    found = boxes((1, 1, (20, 20, 60, 60), 0.9))
    tiles, _ = crops({1: BLANK}, truth, found)
    assert [has(tile, WRONG).any() for tile in tiles] == [True, False]
    tiles, _ = crops({1: BLANK}, truth, found, most=0)
    assert [has(tile, WRONG).any() for tile in tiles] == [False, False]
    assert len(crops({1: BLANK}, truth, found, most_missed=0)[0]) == 1


def test_one_image_does_not_fill_the_mosaic():
    everywhere = [(20, 20, 60, 60), (70, 20, 110, 60), (120, 20, 160, 60)]
    found = boxes(*((1, 1, box, 0.9) for box in everywhere), (2, 1, everywhere[0], 0.5))
    shown, _ = crops({1: BLANK, 2: BLANK}, NONE, found, most=3, most_per_image=2)
    assert len(shown) == 2 + 1
    truth = boxes(*((1, 0, box) for box in everywhere), (2, 0, everywhere[0]))
    assert len(crops({1: BLANK, 2: BLANK}, truth, NONE, most_per_image=1)[0]) == 2


def test_captions(monkeypatch):
    captions = []
    monkeypatch.setattr(mosaics, 'wrap', lambda text, face, width: captions.append(text) or [text])
    truth = boxes((1, 1, (0, 0, 40, 40)), (2, 0, (0, 0, 40, 80)))
    found = boxes(
        (1, 0, (0, 0, 40, 40), 0.92),
        (2, 0, (0, 0, 40, 20), 0.8),
        (2, 1, (0, 0, 40, 20), 0.7),
        (2, 1, (150, 150, 190, 190), 0.6),
    )
    crops({1: BLANK, 2: BLANK}, truth, found, most=3)
    assert [caption.replace('\u00a0', ' ') for caption in captions] == [
        'confused: Can (0.92), is Bottle',
        'badly located: Can (0.80), IoU 0.25',
        'confused, badly located: Bottle (0.70), is Can, IoU 0.25',
    ]
    captions.clear()
    crops({1: BLANK, 2: BLANK}, truth, found[3:])
    assert [caption.replace('\u00a0', ' ') for caption in captions] == [
        'background: Bottle (0.60)',
        'missed: Can, 40\u00d780 px',
        'missed: Bottle, 40\u00d740 px',
    ]


def test_captions_are_broken_into_lines_that_fit():
    face = font(12)
    text = 'confused: Plastic bag + wrapper (0.92), is Disposable food container'
    lines = wrap(text, face, 150)
    assert ' '.join(lines) == text
    assert max(face.getlength(line) for line in lines) <= 150
    assert len(lines) > 2
    assert face.getlength(fit(text, face, 80)) <= 80
    assert fit(text, face, 80).endswith('container')


def test_text_contrasts_with_its_label():
    assert [contrast(color) for color in [(240, 228, 66), (0, 0, 160)]] == [
        (0, 0, 0),
        (255, 255, 255),
    ]


def test_no_errors():
    tiles, picture = crops({}, NONE, NONE)
    assert has(picture, INK).any()
    assert picture.shape[0] < 40


def test_bad_arguments_are_refused():
    box = boxes((1, 2, (0, 0, 9, 9)))
    with pytest.raises(InputError, match='images must not be empty'):
        mosaic_of_predictions({}, NONE, NONE, CLASSES, COLORS)
    with pytest.raises(InputError, match='colors must be 2 or more, but are 1'):
        mosaic_of_predictions({1: BLANK}, NONE, NONE, CLASSES, COLORS[:1])
    for truth, found in ((box, NONE), (NONE, box)):
        with pytest.raises(InputError, match='classes must name every label'):
            mosaic_of_predictions({1: BLANK}, truth, found, CLASSES, COLORS)
        with pytest.raises(InputError, match='classes must name every label'):
            crops({1: BLANK}, truth, found)
    with pytest.raises(InputError, match='images has no image 3'):
        crops({1: BLANK}, boxes((3, 0, (0, 0, 9, 9))), NONE)
