import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from taco_plugin.datasets import decoded_cache
from taco_plugin.datasets.decoded_cache import Photograph, open_cache
from taco_plugin.errors import InputError


@pytest.fixture
def sources(tmp_path) -> list[Photograph]:
    photographs = []
    for number, size in enumerate([(4, 3), (5, 2), (1, 1)]):
        path = tmp_path / f'{number}.jpg'
        path.write_bytes(bytes([number]))
        photographs.append(Photograph(str(path), size))
    return photographs


class Decoder:
    """Every pixel of a photograph is its file's first byte, plus ten."""

    def __init__(self):
        self.calls = 0

    def __call__(self, photograph: Photograph) -> np.ndarray:
        self.calls += 1
        value = Path(photograph.path).read_bytes()[0] + 10
        return np.full((*photograph.size[::-1], 3), value, np.uint8)


def opened(folder, sources, max_bytes=1e9, name='train'):
    decoder = Decoder()
    return open_cache(folder / 'cache', name, sources, decoder, max_bytes), decoder.calls


def files(folder):
    return [path for path in (folder / 'cache').iterdir() if not path.name.startswith('.')]


def test_it_returns_what_was_decoded_and_decodes_once(tmp_path, sources):
    for expected_calls in (3, 0):
        cache, calls = opened(tmp_path, sources)
        assert calls == expected_calls
        for number, photograph in enumerate(sources):
            image = cache[photograph.path]
            assert image.shape == (*photograph.size[::-1], 3)
            assert (image == number + 10).all()
            with pytest.raises(ValueError, match='read-only'):
                image[0] = 0
    assert [path.stat().st_size for path in files(tmp_path)] == [3 * (12 + 10 + 1)]


def test_a_photograph_that_is_there_twice_is_kept_once(tmp_path, sources):
    _, calls = opened(tmp_path, [*sources, sources[0]])
    assert calls == 3


@pytest.mark.parametrize('change', ['content', 'time', 'size', 'order'])
def test_a_change_makes_it_stale(tmp_path, sources, change):
    opened(tmp_path, sources)
    path = tmp_path / '1.jpg'
    if change == 'content':
        path.write_bytes(b'\x07more')
    elif change == 'time':
        os.utime(path, (1, 1))
    elif change == 'size':
        sources[1] = Photograph(str(path), (2, 5))
    else:
        sources.reverse()
    cache, calls = opened(tmp_path, sources)
    assert calls == 3
    assert (cache[str(path)] == (17 if change == 'content' else 11)).all()
    # Another version of the same takes its place; another size may be wanted beside it.
    assert len(files(tmp_path)) == (1 if change in ('content', 'time') else 2)


def test_it_goes_to_another_process_as_a_name(tmp_path, sources):
    cache, _ = opened(tmp_path, sources)
    cache[sources[0].path]
    data = pickle.dumps(cache)
    assert len(data) < 2000
    assert b'\x0a' * 36 not in data
    assert (pickle.loads(data)[sources[1].path] == 11).all()


def test_the_limit_is_kept_and_counts_what_is_there(tmp_path, sources):
    with pytest.raises(InputError, match='take 0.00 GB and others there .* cache_limit_gb'):
        opened(tmp_path, sources, max_bytes=68)
    assert files(tmp_path) == []
    opened(tmp_path, sources, max_bytes=69)
    opened(tmp_path, sources, max_bytes=69)
    with pytest.raises(InputError, match='cache_limit_gb'):
        opened(tmp_path, sources, max_bytes=69 + 68, name='val')
    opened(tmp_path, sources, max_bytes=69 + 69, name='val')


def test_a_full_disk_is_noticed_before(tmp_path, sources, monkeypatch):
    usage = type('Usage', (), {'free': 68})()
    monkeypatch.setattr(decoded_cache.shutil, 'disk_usage', lambda _: usage)
    with pytest.raises(InputError, match='but 0.00 GB are free; set cache_dir'):
        opened(tmp_path, sources)


def test_nothing_half_written_is_left_or_used(tmp_path, sources):
    def fail(photograph: Photograph) -> np.ndarray:
        if photograph is sources[1]:
            raise InputError('cut short')
        return Decoder()(photograph)

    with pytest.raises(InputError, match='cut short'):
        open_cache(tmp_path / 'cache', 'train', sources, fail, 1e9)
    assert files(tmp_path) == []
    opened(tmp_path, sources)
    complete = files(tmp_path)[0]
    complete.rename(complete.with_suffix('.part'))  # as a run that was killed leaves it
    cache, calls = opened(tmp_path, sources, max_bytes=69)
    assert calls == 3
    assert [path.suffix for path in files(tmp_path)] == ['.decoded']
    assert (cache[sources[2].path] == 12).all()


def test_of_several_that_open_it_at_once_one_decodes(tmp_path, sources):
    decoder = Decoder()

    def open_it(_: int) -> int:
        cache = open_cache(tmp_path / 'cache', 'train', sources, decoder, 1e9)
        return int(cache[sources[1].path].max())

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_it, range(16))) == [11] * 16
    assert decoder.calls == 3


def test_a_folder_that_cannot_be_written_is_named(tmp_path, sources):
    (tmp_path / 'cache').touch()
    with pytest.raises(InputError, match=r'cache: cannot keep the decoded photographs \(.*exists'):
        opened(tmp_path, sources)
    (tmp_path / '1.jpg').unlink()
    with pytest.raises(InputError, match=r'1\.jpg: no such image'):
        opened(tmp_path, sources)
