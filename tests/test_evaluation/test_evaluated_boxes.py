import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation import detections as module
from taco_plugin.evaluation.detections import (
    EvaluatedBoxes,
    read_evaluated_boxes,
    write_evaluated_boxes,
)


def boxes(images, score=1.0):
    count = len(images)
    xyxy = np.arange(4.0 * count).reshape(-1, 4)
    image, label = np.array(images, dtype=int), np.arange(count)
    return Boxes(image, label, xyxy, np.full(count, score), np.arange(count) % 2 == 1)


def evaluated(detections=(7,)):
    images = {7: 'batch_1/\u00e9t\u00e9.jpg', 3: 'b.jpg'}
    return EvaluatedBoxes(
        folder='/data',
        images=images,
        sizes={3: (640, 480), 7: (4000, 3000)},
        truth=boxes([7, 3, 3]),
        detections=boxes(list(detections), 0.125),
    )


@pytest.mark.parametrize('found', [(), (3, 3)])
def test_what_is_written_is_read(tmp_path, found):
    kept = evaluated(found)
    write_evaluated_boxes(kept, tmp_path / 'new' / 'test.npz')
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['test.npz']
    read = read_evaluated_boxes(tmp_path / 'new' / 'test.npz')
    assert read.paths == {7: '/data/batch_1/\u00e9t\u00e9.jpg', 3: '/data/b.jpg'}
    assert (read.sizes, read.images) == (kept.sizes, kept.images)
    for one, other in ((read.truth, kept.truth), (read.detections, kept.detections)):
        for column, values in vars(one).items():
            np.testing.assert_array_equal(values, getattr(other, column), strict=True)


def test_boxes_of_images_that_are_not_listed_are_refused():
    with pytest.raises(
        InputError, match='detections has boxes of the image 8, which is not listed'
    ):
        evaluated((7, 8))
    with pytest.raises(InputError, match='sizes must be of the images that are listed'):
        replace(evaluated(), sizes={})


def write_arrays(path, **changes):
    """A file of evaluated boxes with other arrays."""
    write_evaluated_boxes(evaluated(), path)
    with np.load(path) as whole:
        given = dict(whole) | changes
    np.savez(path, **{name: array for name, array in given.items() if array is not None})


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'detections_score': None}, 'no file of evaluated boxes'),
        ({'image_names': np.array(['a.jpg'])}, 'no file of evaluated boxes'),
        ({'image_sizes': np.array([[640, 480, 3]] * 2)}, 'no file of evaluated boxes'),
        ({'image_ids': np.array([[7], [3]])}, 'no file of evaluated boxes'),
        ({'detections_score': np.array([np.nan])}, 'score must be finite'),
        ({'detections_image': np.array([5])}, 'boxes of the image 5'),
        ({'truth_label': np.array([0, 1])}, 'label must have the shape'),
        ({'image_names': np.array([print, 'b.jpg'], dtype=object)}, 'allow_pickle'),
    ],
)
def test_files_that_hold_something_else_are_refused(tmp_path, changes, reason):
    path = tmp_path / 'test.npz'
    write_arrays(path, **changes)
    with pytest.raises(InputError, match=reason) as error:
        read_evaluated_boxes(path)
    assert str(error.value).startswith(f'{path}: ')
    assert str(error.value).count(str(path)) == 1


def test_files_that_are_no_archive_are_refused(tmp_path):
    path = tmp_path / 'test.npz'
    write_arrays(path)
    for content in (b'', b'PK\3\4 cut short', pickle.dumps({'a': 1}), path.read_bytes()[:900]):
        path.write_bytes(content)
        with pytest.raises(InputError, match='no file of evaluated boxes'):
            read_evaluated_boxes(path)
    with pytest.raises(InputError, match='cannot be read'):
        read_evaluated_boxes(tmp_path / 'none.npz')


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / 'test.npz'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('truth_label.npy', b'\0' * 100_000)
    monkeypatch.setattr(module, '_LARGEST', 50_000)
    with pytest.raises(InputError, match='would unpack to 100000 bytes'):
        read_evaluated_boxes(path)
