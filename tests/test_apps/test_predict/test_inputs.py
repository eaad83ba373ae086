"""What ``predict.py`` takes, and what it refuses."""

import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from taco_plugin.errors import InputError
from taco_plugin.tiles import use_tiles


def test_inputs_are_named_in_many_ways_and_taken_once(call, inputs, tmp_path, monkeypatch):
    (tmp_path / 'list.txt').write_text('here/a/x.png\n\nhere/none.jpg\n')
    (tmp_path / 'here').symlink_to(inputs)
    monkeypatch.chdir(inputs)
    named = tmp_path / 'list.txt', 'B/*.png', inputs / 'a' / 'x.JPG', 'a/x.png', inputs / 'B'
    summary = call(*named, out=tmp_path / 'out', write=['json'])
    assert len(summary['per_image']) == 6
    assert [Path(row['file']).name for row in summary['unreadable']] == ['none.jpg']
    assert summary['unreadable'][0]['reason'] == 'no such file'


def test_the_threshold_is_that_of_the_newest_best_f1(call, inputs, work, tmp_path, monkeypatch):
    run = tmp_path / 'run'
    (run / 'time' / 'evaluations').mkdir(parents=True)
    for path in (work / 'run').iterdir():
        (run / path.name).symlink_to(path)
    records = {}
    for name, threshold in (('val_1', 0.1), ('val_2', 0.9)):
        path = run / 'time' / 'evaluations' / f'{name}.json'
        path.touch()
        curves = Namespace(best_f1=0.5, best_threshold=threshold)
        records[path] = Namespace(run=Namespace(time=name), curves=curves)
    options = {'run': str(run), 'write': ['json']}
    # The records are empty as yet, but nobody needs them.
    given = call(inputs / 'a' / 'x.png', out=tmp_path / 'given', threshold=0.5, **options)
    assert (given['threshold'], given['threshold_is']) == (0.5, 'as given')
    monkeypatch.setattr('taco_plugin.detector.read_record', records.get)
    summary = call(inputs / 'a' / 'x.png', out=tmp_path / 'out', **options)
    assert summary['threshold'] == 0.9
    assert summary['threshold_is'].endswith('val_2.json')
    assert summary['litter'] == 1  # the can has 0.92, the cup 0.8


def test_predictions_are_those_of_stock(inputs, tmp_path, call):
    """Of a real detector, untrained, on images of two shapes that are predicted together."""
    from mmdet.apis import inference_detector, init_detector
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    config = Path(__file__).parents[3] / 'configs' / 'taco' / 'demo.py'
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.manual_seed(0)
        model = MODELS.build(Config.fromfile(config).model)
    for conv in model.bbox_head.multi_level_conv_obj:
        torch.nn.init.constant_(conv.bias, 3)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, tmp_path / 'random.pth')
    options = {'config': str(config), 'checkpoint': str(tmp_path / 'random.pth'), 'run': None}
    paths = inputs / 'B' / 'turned.jpg', inputs / 'B' / 'wide.png'
    call(*paths, out=tmp_path / 'out', threshold=0.0, write=['json'], **options)
    found = json.loads((tmp_path / 'out' / 'predictions.json').read_text())['annotations']
    stock = init_detector(options['config'], options['checkpoint'], device='cpu')
    for number, path in enumerate(paths, start=1):
        expected = inference_detector(stock, str(path)).pred_instances
        scores = [one['score'] for one in found if one['image_id'] == number]
        assert len(scores) > 5
        best = expected.scores.sort(descending=True).values[: len(scores)]
        np.testing.assert_allclose(scores, best, atol=1e-4)
    tiled = Config.fromfile(config)
    use_tiles(tiled)
    call(*paths, out=tmp_path / 'tiles', threshold=0.0, write=['json'], tiles=True, **options)
    found = json.loads((tmp_path / 'tiles' / 'predictions.json').read_text())['annotations']
    stock = init_detector(tiled, options['checkpoint'], device='cpu')
    expected = [inference_detector(stock, str(path)).pred_instances.scores for path in paths]
    scores = [one['score'] for one in found]
    np.testing.assert_allclose(scores, torch.cat(expected)[: len(scores)], atol=1e-4)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'inputs': ['{empty}']}, 'empty: no photographs in it'),
        ({'inputs': ['none.jpg']}, 'none.jpg: no such file or folder'),
        ({'inputs': ['{out}']}, 'out: both an input and --out'),
        ({'inputs': ['{out}/x.png']}, 'x.png: an input that lies in --out'),
        ({'run': '{empty}'}, 'empty: no best_*.pth'),
        ({'device': 'cuda:99'}, '--device cuda:99: cannot be used'),
        ({'run': None, 'config': 'none.py', 'checkpoint': 'x.pth'}, 'none.py: no such config'),
        ({'checkpoint': 'none.pth'}, 'none.pth: no such checkpoint'),
        ({'checkpoint': '{other}'}, 'other.pth: the checkpoint was trained on the classes'),
        (
            {'checkpoint': '{little}'},
            'little.pth: the checkpoint does not fit the model',
        ),
        ({'cfg_options': ['model.type=Nope']}, 'colours.py: cannot be built'),
        ({'tiles': True}, 'photographs can be cut into tiles only if'),
    ],
)
def test_bad_input_leaves_nothing_behind(options, message, call, inputs, work, tmp_path):
    (tmp_path / 'empty').mkdir()
    out = tmp_path / 'out'
    if '{out}' in str(options):
        out.mkdir()
        (out / 'x.png').write_bytes((inputs / 'a' / 'x.png').read_bytes())
    meta = {'dataset_meta': {'classes': ['Bottle']}}
    torch.save({'state_dict': {'weight': torch.ones(1)}, 'meta': meta}, tmp_path / 'other.pth')
    torch.save({'state_dict': {'x': torch.ones(1)}, 'meta': {}}, tmp_path / 'little.pth')
    places = {'empty': tmp_path / 'empty', 'out': out}
    places |= {name: tmp_path / f'{name}.pth' for name in ('other', 'little')}
    given = {'inputs': [str(inputs)], **options}
    if 'checkpoint' in options:
        given = {'run': None, 'config': str(work / 'run' / 'colours.py'), **given}
    for key, value in given.items():
        fill = lambda text: text.format(**places)  # noqa: E731
        if isinstance(value, str):
            given[key] = fill(value)
        elif isinstance(value, list):
            given[key] = list(map(fill, value))
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(InputError) as error:
        call(*given.pop('inputs'), out=out, **given)
    assert message in str(error.value)
    assert '\n' not in str(error.value)
    assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.parametrize(
    ('options', 'change'),
    [
        ({'threshold': 0.5}, r'other threshold \(0.3, not 0.5\)'),
        ({'write': ['json', 'crops']}, r'other outputs \(without crops\)'),
        ({'cfg_options': ['model.masks=True']}, 'other weights or settings'),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(options, change, call, inputs, tmp_path):
    given = {'write': ['json'], 'out': tmp_path / 'out', 'threshold': 0.3}
    call(inputs / 'a' / 'x.png', **given)
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(InputError, match=change):
        call(inputs / 'a' / 'x.png', **{**given, **options}, resume=True)
    with pytest.raises(InputError, match=r'other (folder of )?inputs'):
        call(inputs, **given, resume=True)
    assert sorted(tmp_path.rglob('*')) == before
