"""benchmark_detectors.py, as a command and with turns whose times are known."""

import csv
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from taco_plugin.apps.benchmark import benchmark as module
from taco_plugin.apps.benchmark.measure import Facts, Seconds, Settings, Turn, _read_photographs
from taco_plugin.errors import InputError
from taco_plugin.evaluation.cost import read_cost

DEMO = Path(__file__).parents[2] / 'configs' / 'taco' / 'demo.py'
TOOL = 'analysis_tools/benchmark_detectors.py'
SETTINGS = Settings(2, 2, 0, 0.0, 'cpu', 1, None, None)


def turn(seconds):
    times = [Seconds(0.01, one - 0.01, 0.0) for one in seconds], [Seconds(0.1, 0.4, None)]
    facts = Facts('YOLOX', (64, 64), 1000, None, 4000)
    return Turn(facts, 'CPU', 1, times, (7, None), None, {'loading': 'no data'})


@pytest.mark.usefixtures('mmdet_scope')
def test_a_run_is_measured_and_what_cannot_be_is_named(tmp_path, small_taco, run_tool, monkeypatch):
    import torch
    from mmdet.registry import MODELS
    from mmengine.config import Config

    monkeypatch.setenv('TACO_DATA_ROOT', str(small_taco))
    run, out, broken = tmp_path / 'run', tmp_path / 'out', tmp_path / 'broken.py'
    run.mkdir()
    config = Config.fromfile(DEMO)
    config.dump(run / 'demo.py')
    model = MODELS.build(config.model)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, run / 'best_1.pth')
    broken.write_text(f"_base_ = {str(DEMO)!r}\nmodel = dict(neck=dict(type='NoSuchNeck'))\n")
    out.mkdir()
    head = '# Costs\n\nHow to read them.\n\n<!-- What follows is written by benchmark_detectors.py.'
    (out / 'cost.md').write_text(f'{head} -->\n\nan old table\n')
    options = '--size', 64, 64, '--rounds', 1, '--warm-up', 0, '--seconds', 0, '--out', out
    done = run_tool(TOOL, run, broken, *options)
    assert done.returncode == 1, done.stderr
    assert 'Not measured: broken: KeyError' in done.stdout
    cost = read_cost(run)
    assert (cost.checkpoint, cost.input_size) == (str(run / 'best_1.pth'), (64, 64))
    assert cost.parameters == sum(parameter.numel() for parameter in model.parameters())
    one = cost.latency
    parts = one.preprocessing, one.network, one.postprocessing
    assert sum(parts) == pytest.approx(one.p50)
    assert cost.loading > 0
    assert cost.flops > 1e7
    assert cost.latency.peak_memory > cost.weights_size
    page = (out / 'cost.md').read_text()
    assert page.startswith(head)
    assert 'an old table' not in page
    assert '| run | 64 × 64 | 2.24 |' in page
    (row,) = csv.DictReader((out / 'cost.csv').read_text().splitlines())
    assert float(row['FPS']) == pytest.approx(cost.throughput.fps)
    written = json.loads((out / 'cost.json').read_text())
    assert [one['name'] for one in written['costs']] == ['run']
    assert 'NoSuchNeck' in written['not_measured']['broken']


def test_detectors_take_turns_and_all_times_of_all_turns_count(tmp_path, monkeypatch):
    order = []
    times = {'a': [[0.02, 0.03], [0.04, 0.25]], 'b': [[0.1], [0.1]]}

    def measure_apart(job, settings):
        order.append(job.name)
        if job.name == 'broken':
            raise InputError('its process ended')
        return turn(times[job.name].pop(0))

    monkeypatch.setattr(module, 'measure_apart', measure_apart)
    paths = [str(tmp_path / f'{name}.py') for name in ('a', 'broken', 'b')]
    for path in paths:
        Path(path).touch()
    report, is_complete = module.benchmark(paths, str(tmp_path / 'out'), SETTINGS)
    assert order == ['a', 'broken', 'b', 'a', 'b']
    assert not is_complete
    assert 'Not measured: broken: its process ended' in report
    assert 'No loading of any detector: no data' in report
    (cost, _) = json.loads((tmp_path / 'out' / 'cost.json').read_text())['costs']
    latency, batch = cost['latency'], cost['throughput']
    assert (latency['p50'], latency['runs']) == (pytest.approx(0.035), 4)
    assert latency['p90'] == pytest.approx(0.187)  # between the third and the fourth
    assert (batch['p50'], batch['bps']) == (pytest.approx(0.5), pytest.approx(2))
    assert (batch['image_time'], batch['fps']) == (pytest.approx(0.25), pytest.approx(4))
    parts = ('preprocessing', 'network', 'postprocessing')
    assert [batch[part] for part in parts] == [0.1, None, None]


@pytest.mark.usefixtures('mmdet_scope')
def test_an_exported_file_is_measured_without_pytorch(tmp_path):
    import numpy as np
    from mmdet.registry import MODELS
    from mmengine.config import Config

    from taco_plugin.apps.export.graph import Graph
    from taco_plugin.apps.export.write import write
    from taco_plugin.runtime.metadata import Metadata, Preparation

    graph = Graph(MODELS.build(Config.fromfile(DEMO).model), raw=False)
    how = Preparation((96, 64), True, None, True, (114.0, 114.0, 114.0), False)
    facts = 1, 'YOLOX', tuple('abcdefghij'), 0.3, 'made up', how, None, False, None, None, 'fp32'
    path, broken, out = tmp_path / 'demo.onnx', tmp_path / 'broken.onnx', tmp_path / 'out'
    example = np.zeros((1, 3, 64, 64), np.float32)
    write(graph, Metadata(*facts), path, example, is_fixed=False, calibration=[])
    broken.write_text('no model')
    settings = replace(SETTINGS, device=None, threads=None, rounds=1)
    report, is_complete = module.benchmark([], str(out), settings, [str(path), str(broken)])
    assert not is_complete
    assert 'Not measured: broken.onnx: ' in report
    assert 'onnxruntime' in report
    assert 'torch' not in report
    (cost,) = json.loads((out / 'cost.json').read_text())['costs']
    latency = cost['latency']
    assert (cost['name'], cost['input_size']) == ('demo.onnx', [96, 64])
    assert (cost['parameters'], cost['weights_size']) == (None, path.stat().st_size)
    assert 0 < latency['network'] < latency['p50']
    parts = ('preprocessing', 'network', 'postprocessing')
    assert sum(latency[part] for part in parts) == pytest.approx(latency['p50'])
    assert latency['peak_memory'] < 5e8  # PyTorch alone takes more


def test_each_part_of_a_prediction_has_its_time(monkeypatch, mmdet_scope):
    import numpy as np
    from mmdet.models import CSPDarknet, DetDataPreprocessor, YOLOXHead

    from taco_plugin.apps.benchmark.detector import MMDetectionDetector

    def slow_down(kind, name, seconds):
        function = getattr(kind, name)
        monkeypatch.setattr(
            kind, name, lambda *args, **kw: (time.sleep(seconds), function(*args, **kw))[1]
        )

    slow_down(DetDataPreprocessor, 'forward', 0.11)
    slow_down(CSPDarknet, 'forward', 0.12)
    slow_down(YOLOXHead, 'predict_by_feat', 0.13)
    detector = MMDetectionDetector(str(DEMO), None, 'cpu', (64, 64))
    start = time.perf_counter()
    parts = detector.predict([np.zeros((80, 60, 3), np.uint8)])
    assert sum(parts) <= time.perf_counter() - start
    assert [part >= least for part, least in zip(parts, (0.11, 0.12, 0.13), strict=True)] == [
        True
    ] * 3


def test_a_path_that_is_no_detector_and_no_folder_of_photographs_is_refused(tmp_path):
    missing = str(tmp_path / 'missing.py')
    for given, settings, message in (
        ([missing], SETTINGS, r'missing\.py: no such config'),
        ([str(DEMO)] * 2, SETTINGS, r'demo\.py: given twice'),
        ([str(DEMO)], replace(SETTINGS, images=str(tmp_path)), 'no photographs'),
    ):
        with pytest.raises(InputError, match=message):
            module.benchmark(given, None, settings)
    with pytest.raises(InputError, match=r'missing\.onnx: no such file'):
        module.benchmark([], None, SETTINGS, [str(tmp_path / 'missing.onnx')])


def test_a_photograph_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / 'a.jpg').write_text('no image')
    with pytest.raises(InputError, match=r'a\.jpg: cannot be read \(ValueError: not an image'):
        _read_photographs(str(tmp_path))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'nothing to measure; name a config'),
        (['--onnx', 'a.xml'], 'a.xml: --openvino takes XML files'),
        (['--onnx', 'a.onnx', '--size', 64, 64], '--size: a.onnx has a size of its own'),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(run_tool, arguments, message):
    done = run_tool(TOOL, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f'benchmark_detectors.py: error: {message}')
