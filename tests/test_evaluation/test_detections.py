import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from taco_plugin.boxes import Boxes
from taco_plugin.errors import InputError
from taco_plugin.evaluation import detections as module
from taco_plugin.evaluation.detections import Detections, read_detections, write_detections


def boxes(images, score=1.0):
    count = len(images)
    xyxy = np.arange(4.0 * count).reshape(-1, 4)
    image, label = np.array(images, dtype=int), np.arange(count)
    return Boxes(image, label, xyxy, np.full(count, score), np.arange(count) % 2 == 1)


def detections(found=(7,)):
    images = {7: 'batch_1/\u00e9t\u00e9.jpg', 3: 'b.jpg'}
    return Detections('/data', images, boxes([7, 3, 3]), boxes(list(found), 0.125))


@pytest.mark.parametrize('found', [(), (3, 3)])
def test_what_is_written_is_read(tmp_path, found):
    kept = detections(found)
    write_detections(kept, tmp_path / 'new' / 'test.npz')
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['test.npz']
    read = read_detections(tmp_path / 'new' / 'test.npz')
    assert read.paths == {7: '/data/batch_1/\u00e9t\u00e9.jpg', 3: '/data/b.jpg'}
    for name in ('truth', 'found'):
        for field in ('image', 'label', 'xyxy', 'score', 'crowd'):
            one, other = getattr(getattr(read, name), field), getattr(getattr(kept, name), field)
            assert one.tolist() == other.tolist()
            assert one.dtype == other.dtype


def test_boxes_of_images_that_are_not_listed_are_refused():
    with pytest.raises(InputError, match='found has boxes of the image 8, which is not listed'):
        detections(found=(7, 8))


def arrays(**changes):
    """A file of detections with other arrays."""
    file = io.BytesIO()
    kept = detections()
    write_detections(kept, path := Path(changes.pop('folder')) / 'whole.npz')
    with np.load(path) as whole:
        given = dict(whole) | changes
    np.savez(file, **{name: array for name, array in given.items() if array is not None})
    return file.getvalue()


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'found_score': None}, 'no file of detections'),
        ({'image_names': np.array(['a.jpg'])}, 'no file of detections'),
        ({'image_ids': np.array([[7], [3]])}, 'no file of detections'),
        ({'found_score': np.array([np.nan])}, 'score must be finite'),
        ({'found_image': np.array([5])}, 'boxes of the image 5'),
        ({'truth_label': np.array([0, 1])}, 'label must have the shape'),
        ({'image_names': np.array([print, 'b.jpg'], dtype=object)}, 'allow_pickle'),
    ],
)
def test_files_that_hold_something_else_are_refused(tmp_path, changes, reason):
    path = tmp_path / 'test.npz'
    path.write_bytes(arrays(folder=tmp_path, **changes))
    with pytest.raises(InputError, match=reason) as error:
        read_detections(path)
    assert str(error.value).startswith(f'{path}: ')
    assert str(error.value).count(str(path)) == 1


def test_files_that_are_no_archive_are_refused(tmp_path):
    path = tmp_path / 'test.npz'
    for content in (
        b'',
        b'PK\3\4 cut short',
        pickle.dumps({'a': 1}),
        arrays(folder=tmp_path)[:900],
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match='no file of detections'):
            read_detections(path)
    with pytest.raises(InputError, match='cannot be read'):
        read_detections(tmp_path / 'none.npz')


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    path = tmp_path / 'test.npz'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('truth_label.npy', b'\0' * 100_000)
    monkeypatch.setattr(module, '_LARGEST', 50_000)
    with pytest.raises(InputError, match='would unpack to 100000 bytes'):
        read_detections(path)


def test_a_failure_leaves_the_file_before_it(tmp_path, monkeypatch):
    path = tmp_path / 'test.npz'
    write_detections(detections(), path)
    before = path.read_bytes()

    def fail(file, **_):
        file.write(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(np, 'savez_compressed', fail)
    with pytest.raises(InputError, match='cannot be written'):
        write_detections(detections(found=()), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
