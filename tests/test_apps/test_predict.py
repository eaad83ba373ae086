"""``predict.py``, with a detector that finds what is pure red (a can) or pure blue (a cup)."""

import csv
import json
import os
import sys
from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO

from taco_plugin.errors import InputError
from taco_plugin.tiles import use_tiles

DETECTOR = """
import cv2, numpy as np, torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.model import BaseModel
from mmengine.structures import InstanceData

@MODELS.register_module(force=True)
class ColourDetector(BaseModel):
    def __init__(self, masks=False, **kwargs):
        super().__init__(dict(type='DetDataPreprocessor'))
        self.masks, self.weight = masks, torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples, mode):
        for image, sample in zip(inputs, data_samples):
            found = []
            for label, channel in enumerate((2, 0)):  # of BGR
                others = [c for c in range(3) if c != channel]
                is_it = (image[channel] > 200) & (image[others] < 60).all(0)
                spots = cv2.connectedComponentsWithStats(is_it.numpy().astype('uint8'))
                found += [(label, box, spots[1] == n + 1) for n, box in enumerate(spots[2][1:])]
            xywh = torch.tensor(np.array([box[:4] for _, box, _ in found]).reshape(-1, 4))
            areas = xywh[:, 2] * xywh[:, 3]
            sample.pred_instances = InstanceData(
                bboxes=torch.cat([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1).float(),
                labels=torch.tensor([label for label, _, _ in found], dtype=torch.long),
                scores=areas / (areas + 100) * self.weight,
            )
            if self.masks:
                masks = np.array([mask for *_, mask in found]).reshape(-1, *image.shape[1:])
                sample.pred_instances.masks = torch.tensor(masks, dtype=torch.bool)
        return data_samples
"""
CONFIG = """
default_scope = 'mmdet'
custom_imports = dict(imports=['taco_plugin.plugin', 'colour_detector'], allow_failed_imports=False)
model = dict(type='ColourDetector')
test_dataloader = dict(dataset=dict(
    type='CocoDataset', ann_file='none.json', metainfo=dict(classes=('Can', 'Cup')),
    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True),
              dict(type='PackDetInputs')]))
"""
CLASSES = ['Can', 'Cup']
KINDS = ['json', 'csv', 'pictures', 'crops', 'yolo', 'gallery']
CAN, CUP, SMALL_CAN = [0, 30, 20, 40, 30], [1, 90, 60, 20, 20], [0, 10, 70, 5, 5]


def draw(*objects, size=(120, 100)) -> Image.Image:
    """An image with rectangles: class, x, y, width and height."""
    pixels = np.full((*size[::-1], 3), 255, np.uint8)
    for label, x, y, width, height in objects:
        pixels[y : y + height, x : x + width] = [(255, 0, 0), (0, 0, 255)][label]
    return Image.fromarray(pixels)


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """A work dir of the detector, and a folder of its code."""
    root = tmp_path_factory.mktemp('work')
    (root / 'code').mkdir()
    (root / 'code' / 'colour_detector.py').write_text(DETECTOR)
    (root / 'run').mkdir()
    (root / 'run' / 'colours.py').write_text(CONFIG)
    checkpoint = {'state_dict': {'weight': torch.ones(1)}, 'meta': {}}
    torch.save(checkpoint, root / 'run' / 'best_coco_bbox_mAP_epoch_1.pth')
    sys.path.append(str(root / 'code'))
    yield root
    sys.path.remove(str(root / 'code'))


@pytest.fixture(scope='module')
def inputs(work):
    """Photographs of many kinds, files that are none, and a video beside them."""
    root = work / 'photographs'
    (root / 'a').mkdir(parents=True)
    (root / 'B').mkdir()
    both = draw(CAN, CUP)
    both.save(root / 'a' / 'x.png')
    both.save(root / 'a' / 'x.JPG', quality=95, subsampling=0)
    draw(SMALL_CAN).convert('RGBA').save(root / 'B' / 'x.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = both.transpose(Image.Transpose.ROTATE_90)
    turned.save(root / 'B' / 'turned.jpg', exif=exif, quality=95, subsampling=0)
    both.convert('CMYK').save(root / 'B' / 'cmyk.jpg', quality=95, subsampling=0)
    draw(CUP, size=(130, 90)).save(root / 'B' / 'wide.png')
    both.convert('I;16').save(root / 'grey16.png')
    (root / 'a' / 'text.jpg').write_text('no image')
    data = (root / 'a' / 'x.JPG').read_bytes()
    (root / 'a' / 'cut.jpg').write_bytes(data[: len(data) * 2 // 3])
    film = cv2.VideoWriter(str(work / 'clip.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 5, (128, 96))
    for number in range(5):
        frame = draw([0, 16, 16, 32, 32], *[[1, 80, 48, 32, 32]] * (number > 2), size=(128, 96))
        film.write(np.asarray(frame)[..., ::-1].copy())
    film.release()
    return root


@pytest.fixture(scope='module')
def call(work):
    """Calls the command's function with its default options."""
    import taco_plugin.plugin  # noqa: F401
    from taco_plugin.apps.predict.predict import predict

    def call(*inputs, out, **options):
        given = {'run': str(work / 'run'), 'config': None, 'checkpoint': None, 'device': 'cpu'}
        given |= {'onnx': None, 'openvino': None}
        given |= {'threshold': None, 'batch_size': 2, 'write': KINDS, 'resume': False}
        given |= {
            'tiles': False,
            'cfg_options': [],
            'inputs': list(map(str, inputs)),
            'out': str(out),
        }
        return predict(Namespace(**given | options))

    return call


@pytest.fixture(scope='module')
def undisturbed(call, inputs, work):
    """The results of a run, and what it returned."""
    return work / 'undisturbed', call(inputs, work / 'clip.mp4', out=work / 'undisturbed')


def tree(folder: Path) -> dict[str, object]:
    """Bytes of all results by their paths, but speeds and what names the folder."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob('*')):
        if path.is_file() and '.journal' not in path.parts:
            found[str(path.relative_to(folder))] = path.read_bytes()
    summary = json.loads(found.pop('summary.json'))
    del summary['images_per_second'], found['yolo/data.yaml']
    return {**found, 'summary.json': summary}


STEMS = ['grey16', 'B/cmyk', 'B/turned', 'B/wide', 'B/x', 'a/x', 'a/x_png']
NAMES = ['grey16.png', 'B/cmyk.jpg', 'B/turned.jpg', 'B/wide.png', 'B/x.png', 'a/x.JPG', 'a/x.png']
FRAMES = [f'clip.mp4#{number:06}' for number in range(1, 6)]
COUNTS = [(0, 0), (1, 1), (1, 1), (0, 1), (0, 0), (1, 1), (1, 1), *[(1, 0)] * 3, *[(1, 1)] * 2]


def test_the_litter_in_each_image_is_counted(undisturbed):
    _, summary = undisturbed
    names = [row['file'].removeprefix('photographs/') for row in summary['per_image']]
    assert names == NAMES + FRAMES
    counts = [tuple(row['counts'].get(name, 0) for name in CLASSES) for row in summary['per_image']]
    assert counts == COUNTS
    assert summary['classes'] == {
        'Can': {'litter': 9, 'images': 9},
        'Cup': {'litter': 7, 'images': 7},
    }
    assert (summary['images'], summary['litter'], summary['images_with_litter']) == (12, 16, 10)
    assert summary['most_in_one_image'] == 2
    assert (summary['threshold'], summary['threshold_is']) == (0.3, 'no evaluation to take it from')


def test_what_cannot_be_read_is_told_and_left_out(undisturbed):
    out, summary = undisturbed
    cut, text = summary['unreadable']
    assert cut['file'] == 'photographs/a/cut.jpg'
    assert 'truncated' in cut['reason']
    assert text == {
        'file': 'photographs/a/text.jpg',
        'reason': 'not an image, or of an unknown format',
    }
    assert not [*out.rglob('*cut*'), *out.rglob('*text*')]


def test_results_are_cocos(undisturbed, inputs):
    out, _ = undisturbed
    path = out / 'predictions.json'
    truth = COCO(path)
    results = truth.loadRes(json.loads(path.read_text())['annotations'])
    by_name = {image['file_name']: image for image in truth.imgs.values()}
    for name in ('a/x.png', 'B/turned.jpg'):
        image = by_name[f'photographs/{name}']
        assert (image['width'], image['height']) == (120, 100)
        found = results.imgToAnns[image['id']]
        assert [one['category_id'] for one in found] == [1, 2]  # the surest first
        boxes = [one['bbox'] for one in found]
        np.testing.assert_allclose(boxes, [CAN[1:], CUP[1:]], atol=0 if name == 'a/x.png' else 1)
        assert found[0]['score'] > found[1]['score'] > 0.3
    (row,) = [
        row
        for row in csv.DictReader((out / 'predictions.csv').open())
        if row['file'] == 'photographs/B/wide.png'
    ]
    expected = {'class': 'Cup', 'score': '0.8', 'x': '90.0', 'y': '60.0', 'width': '20.0'}
    assert {key: row[key] for key in expected} == expected
    counts = list(csv.reader((out / 'counts.csv').open()))
    assert counts[0] == ['file', 'litter', 'Can', 'Cup']
    assert [tuple(map(int, row[2:])) for row in counts[1:]] == COUNTS


def test_a_file_name_is_no_formula_of_a_spreadsheet(call, tmp_path):
    (tmp_path / 'in').mkdir()
    draw(CAN).save(tmp_path / 'in' / '=1+1.png')
    call(tmp_path / 'in', out=tmp_path / 'out', write=['csv'])
    for name in ('predictions.csv', 'counts.csv'):
        (row,) = csv.DictReader((tmp_path / 'out' / name).open())
        assert row['file'] == "'=1+1.png"


def test_labels_are_yolos(undisturbed, run_tool, tmp_path):
    out, _ = undisturbed
    labels = (out / 'yolo/labels/photographs/a/x_png.txt').read_text().splitlines()
    assert labels[1] == f'1 {100 / 120:.8g} 0.7 {20 / 120:.8g} 0.2'
    data = yaml.safe_load((out / 'yolo/data.yaml').read_text())
    assert data['names'] == {0: 'Can', 1: 'Cup'}
    for stem in STEMS:  # as trainers look for them
        (link,) = out.glob(f'yolo/images/photographs/{stem}.*')
        assert link.is_symlink()
        assert (out / f'yolo/labels/photographs/{stem}.txt').is_file()
    result = run_tool(
        'dataset_converters/yolo_to_coco.py', out / 'yolo/data.yaml', '--out', tmp_path
    )
    assert result.returncode == 0, result.stderr
    coco = json.loads((tmp_path / 'annotations' / 'train.json').read_text())
    assert len(coco['annotations']) == 9


def test_pictures_show_the_objects_and_crops_hold_them(undisturbed, inputs):
    out, _ = undisturbed
    pictures = {str(p.relative_to(out / 'pictures')) for p in out.glob('pictures/**/*.*')}
    assert pictures == {f'photographs/{stem}.jpg' for stem in STEMS} | {'clip.mp4'}
    before = cv2.imread(str(inputs / 'a' / 'x.png')).astype(int)
    after = cv2.imread(str(out / 'pictures/photographs/a/x_png.jpg')).astype(int)
    changed = np.abs(after - before).max(axis=2) > 100
    assert changed[18:20, 30:70].mean() > 0.9  # the frame lies around the object
    assert not changed[24:46, 34:66].any()
    assert Image.open(out / 'crops/photographs/a/x_png_1.jpg').size == (41, 31)
    film = cv2.VideoCapture(str(out / 'pictures/clip.mp4'))
    assert (film.get(cv2.CAP_PROP_FRAME_COUNT), film.get(cv2.CAP_PROP_FPS)) == (5, 5)
    assert len([*out.glob('crops/clip/00000?_?.jpg')]) == 7
    page = (out / 'gallery.html').read_text()
    assert page.count('"image":') == len(STEMS)
    assert 'Videos are not shown (frames: 5).' in page
    assert 'No map' in page


def test_a_run_that_was_killed_is_resumed_by_two_processes(
    undisturbed, inputs, work, run_tool, stop_tool, monkeypatch
):
    monkeypatch.setenv('PYTHONPATH', str(work / 'code'), prepend=os.pathsep)
    out, options = work / 'killed', ['--batch-size', 2, '--write', *KINDS, '--device', 'cpu']
    given = inputs, work / 'clip.mp4', '--run', work / 'run', '--out', out, *options
    journals = '.journal/*.jsonl'
    status, stderr = stop_tool('SIGKILL', 3, out, 'predict.py', *given, after=journals)
    assert status == -9, stderr
    (journal,) = out.glob(journals)
    assert 1 <= len(journal.read_text().splitlines()) < 12
    assert not (out / 'summary.json').exists()
    with journal.open('a') as file:
        file.write('{"source": 5, "size": [120, 1')  # torn
    done = run_tool('dist_predict.sh', 2, *given, '--resume', PORT='29741')
    assert done.returncode == 1  # two files cannot be read
    assert f'written: {out}' in done.stdout
    assert tree(out) == tree(undisturbed[0])
    assert not [*out.glob('.new.*')]
    again = run_tool('predict.py', *given)
    assert 'is there and not empty; add --resume' in again.stderr.splitlines()[-1]


def test_only_what_is_left_is_predicted_again(call, inputs, tmp_path, capsys):
    out = tmp_path / 'out'
    call(inputs, out=out, write=['json'])
    before = (out / 'predictions.json').read_text()
    lines = sum(len(path.read_text().splitlines()) for path in out.glob('.journal/*.jsonl'))
    call(inputs, out=out, write=['json'], resume=True)
    after = sum(len(path.read_text().splitlines()) for path in out.glob('.journal/*.jsonl'))
    assert after - lines == 2  # those that cannot be read are tried again
    assert (out / 'predictions.json').read_text() == before
    assert sorted(path.name for path in out.iterdir()) == [
        *('.journal', 'predictions.json', 'summary.json')
    ]


def test_masks(call, inputs, tmp_path):
    call(inputs / 'a' / 'x.png', out=tmp_path / 'out', cfg_options=['model.masks=True'])
    can, _ = json.loads((tmp_path / 'out' / 'predictions.json').read_text())['annotations']
    mask = rle.decode(can['segmentation'])
    assert mask.sum() == 40 * 30
    assert mask[20:50, 30:70].all()
    picture = cv2.imread(str(tmp_path / 'out/pictures/x.jpg'))
    assert picture[35, 50].tolist() != [0, 0, 255]  # the object is tinted


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
    monkeypatch.setattr('taco_plugin.detector.read_record', records.get)
    summary = call(inputs / 'a' / 'x.png', out=tmp_path / 'out', run=str(run), write=['json'])
    assert summary['threshold'] == 0.9
    assert summary['threshold_is'].endswith('val_2.json')
    assert summary['litter'] == 1  # the can has 0.92, the cup 0.8


def test_predictions_are_those_of_stock(inputs, tmp_path, call):
    """Of a real detector, untrained, on images of two shapes that are predicted together."""
    from mmdet.apis import inference_detector, init_detector
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import DefaultScope

    config = Path(__file__).parents[2] / 'configs' / 'taco' / 'demo.py'
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
