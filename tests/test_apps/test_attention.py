"""``show_attention.py``, with detectors that learnt nothing: their attention is as good as any."""

import os
import shutil
from argparse import Namespace
from pathlib import Path

import mmdet
import numpy as np
import pytest
import torch
from mmcv.cnn.bricks.transformer import MultiheadAttention
from mmcv.ops import MultiScaleDeformableAttention
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image
from torch.nn.functional import grid_sample

import taco_plugin.plugin  # noqa: F401
from taco_plugin.apps.attention.attention import record, trace
from taco_plugin.apps.attention.cams import CamMaker
from taco_plugin.apps.attention.explain import explain
from taco_plugin.apps.attention.explanation import explain_photograph
from taco_plugin.apps.attention.page import make_page
from taco_plugin.checkpoint_files import Run
from taco_plugin.config import use_taco
from taco_plugin.detector import Detector
from taco_plugin.errors import InputError

STOCK = Path(mmdet.__file__).parent / '.mim' / 'configs'
DETR = 'detr/detr_r50_8xb2-150e_coco'
KIN = [
    DETR,
    'conditional_detr/conditional-detr_r50_8xb2-50e_coco',
    'dab_detr/dab-detr_r50_8xb2-50e_coco',
    'deformable_detr/deformable-detr-refine_r50_16xb2-50e_coco',
    'dino/dino-4scale_r50_8xb2-12e_coco',
]
YOLOX, RETINANET = 'yolox/yolox_tiny_8xb8-300e_coco', 'retinanet/retinanet_r18_fpn_1x_coco'
SMALL = {'init_cfg': None, 'num_layers': 2, 'num_queries': 20, 'max_per_img': 20}


def shrink(node):
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        node[key] = SMALL.get(key, value)
        if isinstance(node[key], dict | list):
            shrink(value)


def draw(size):
    pixels = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(scope='module')
def make_run(tmp_path_factory):
    """Makes config and checkpoint of a small detector on taco10, with weights by chance."""
    root, made = tmp_path_factory.mktemp('runs'), {}

    def make(name):
        if name not in made:
            config = Config.fromfile(STOCK / f'{name}.py')
            use_taco(config, taxonomy='taco10')
            shrink(config.model)
            config.test_dataloader.dataset.pipeline[1].scale = (96, 96)
            config.model.data_preprocessor.update(pad_size_divisor=64, batch_augments=None)
            stem = root / Path(name).name
            config.dump(f'{stem}.py')
            torch.manual_seed(0)
            with DefaultScope.overwrite_default_scope('mmdet'):
                model = MODELS.build(config.model)
            for key, weight in model.named_parameters():  # not initialized, or with zeros
                if key == 'level_embed' or (weight.dim() > 1 and not weight.any()):
                    torch.nn.init.normal_(weight, std=0.1)
            torch.save({'state_dict': model.state_dict(), 'meta': {}}, f'{stem}.pth')
            made[name] = Run(f'{stem}.py', f'{stem}.pth', threshold=0.0)
        return made[name]

    return make


@pytest.fixture
def prepare(make_run):
    """A detector, and what it gets to see of an image that is padded at two sides."""

    def make(name):
        detector = Detector(make_run(name), 'cpu', [], tiles=False)
        data = detector.prepare(np.asarray(draw((130, 66))), 'x.png')
        batch = {key: [data[key]] for key in ('inputs', 'data_samples')}
        return detector.model, detector.model.data_preprocessor(batch)

    return make


@pytest.fixture
def show(make_run, tmp_path):
    """Calls the command's function; returns the folder of its results."""

    def call(name, *images, **options):
        run, out = make_run(name), tmp_path / 'out'
        given = {'run': None, 'config': run.config, 'checkpoint': run.checkpoint, 'device': 'cpu'}
        given |= {'images': list(map(str, images)), 'out': str(out), 'method': None, 'layer': None}
        given |= {'head': None, 'points': None, 'score_threshold': 0.0, 'max_detections': 2}
        explain(Namespace(**given | {'cfg_options': []} | options))
        return out

    return call


@pytest.fixture
def photograph(tmp_path):
    """Lies on its side in the file, and is displayed 130 wide and 66 high."""
    exif = Image.Exif()
    exif[0x0112] = 6
    draw((66, 130)).save(tmp_path / 'photo.jpg', exif=exif)
    return tmp_path / 'photo.jpg'


def split(tensor, weight, bias, heads):
    """A projection in float64, shape (heads, N, channels of a head)."""
    projected = tensor[0].double() @ weight.double().T + bias.double()
    return projected.view(len(projected), heads, -1).transpose(0, 1)


def attend(module, inputs):
    """Attention of all heads to all keys, computed from the weights in float64."""
    heads, mask = module.num_heads, inputs['key_padding_mask'][0]
    if isinstance(module, MultiheadAttention):
        weights, biases = module.attn.in_proj_weight.chunk(3), module.attn.in_proj_bias.chunk(3)
        q = split(inputs['query'] + inputs['query_pos'], weights[0], biases[0], heads)
        key_pos = inputs['query_pos'] if inputs['key_pos'] is None else inputs['key_pos']
        k = split(inputs['key'] + key_pos, weights[1], biases[1], heads)
    else:

        def project(part, name):
            layer = getattr(module, f'{part}_proj')
            return split(inputs[name], layer.weight, layer.bias, heads)

        q, k = project('qcontent', 'query'), project('kcontent', 'key')
        k_pos = project('kpos', 'key_pos')
        if inputs.get('is_first'):
            q, k = q + project('qpos', 'query_pos'), k + k_pos
        q = torch.cat([q, project('qpos_sine', 'ref_sine_embed')], -1)
        k = torch.cat([k, k_pos], -1)
    logits = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    return logits.masked_fill(mask, -torch.inf).softmax(-1)


def sample(module, inputs, weights, places):
    """What deformable attention returns if it samples these places with these weights."""
    value = module.value_proj(inputs['value'])[0].masked_fill(
        inputs['key_padding_mask'][0, :, None], 0
    )
    heads, queries, _ = weights.shape
    value = value.double().view(len(value), heads, -1).permute(1, 2, 0)
    shape = heads, queries, module.num_levels, module.num_points
    weights = torch.from_numpy(weights).double().view(shape)
    places = torch.from_numpy(places).double().view(*shape, 2)
    places = places * inputs['valid_ratios'][0][:, None]
    found, start = 0, 0
    for level, (rows, columns) in enumerate(inputs['spatial_shapes'].tolist()):
        grid = value[..., start : start + rows * columns].reshape(heads, -1, rows, columns)
        start += rows * columns
        at = grid_sample(grid, 2 * places[:, :, level] - 1, align_corners=False)
        found = found + (at * weights[:, None, :, level]).sum(-1)
    found = found.permute(2, 0, 1).flatten(1)
    output = module.output_proj
    return found @ output.weight.double().T + output.bias.double() + inputs['query'][0]


def hooks_of(model):
    return [len(one._forward_pre_hooks) + len(one._forward_hooks) for one in model.modules()]


@pytest.mark.parametrize('name', KIN)
@torch.no_grad()
def test_attention_is_that_computed_by_hand(name, prepare):
    model, inputs = prepare(name)
    modules = [layer.cross_attn for layer in model.decoder.layers]
    modules += [layer.self_attn for layer in model.encoder.layers]
    calls = {}
    for module in (*modules, model.bbox_head):
        module.register_forward_hook(lambda m, *call: calls.update({m: call}), with_kwargs=True)
    before = hooks_of(model)
    found = trace(model, inputs)
    boxes = bbox_cxcywh_to_xyxy(calls[model.bbox_head][-1][1][-1][0][found.queries])
    boxes = boxes.clamp(0, 1) * torch.tensor([130, 66, 130, 66])
    assert (boxes.std(dim=0) > 0.01).all()
    np.testing.assert_allclose(found.sample.pred_instances.bboxes, boxes, atol=1e-4)
    queries, tokens = found.queries[:5], torch.arange(found.valid[1] - 1)
    maps = record(model, inputs, found, queries, tokens)
    assert hooks_of(model) == before
    for number, module in enumerate(modules):
        of, rows = (maps[0], queries) if number < 2 else (maps[1], tokens)
        (_, given, output), weights = calls[module], of.weights[number % 2]
        np.testing.assert_allclose(weights.reshape(*weights.shape[:2], -1).sum(-1), 1, atol=1e-5)
        if isinstance(module, MultiScaleDeformableAttention):
            given['query'] = given['query'][:, rows]
            expected = sample(module, given, weights, of.places[number % 2])
            np.testing.assert_allclose(output[0, rows], expected, atol=1e-5)
        else:
            expected = attend(module, given).view(module.num_heads, -1, *found.grid)[:, rows]
            height, width = found.valid
            assert (height, width) < found.grid
            np.testing.assert_allclose(weights, expected[..., :height, :width], atol=1e-5)
    (again,) = model(**inputs, mode='predict')
    assert torch.equal(again.pred_instances.bboxes, found.sample.pred_instances.bboxes)


CLICK = """
while (!find('.what')?.textContent) await new Promise((done) => setTimeout(done, 10));
find('.list button:nth-of-type(2)').click();
const canvas = find('.beside canvas'), seen = [find('.what').textContent];
const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
const sums = [...Array(data.length / 4).keys()].map((i) => data[4 * i] + data[4 * i + 1]);
const most = sums.reduce((a, b) => Math.max(a, b));
seen.push(sums.indexOf(most), most > 0);
const {left, top, width, height} = find('.over').getBoundingClientRect();
const at = {clientX: left + width * 100 / 130, clientY: top + height * 20 / 66};
find('.over').dispatchEvent(new MouseEvent('click', {...at, shiftKey: true}));
return [...seen, find('.what').textContent, refused];
"""


@pytest.mark.parametrize('name', [DETR, KIN[3]])
def test_a_click_shows_a_map(name, make_run, photograph, in_browser):
    detector = Detector(make_run(name), 'cpu', [], tiles=False)
    options = Namespace(method='attention', score_threshold=0.0, max_detections=2)
    options.points = [(100, 20)]
    one = explain_photograph(detector, str(photograph), options)
    assert one.photo.size == (130, 66)
    title, place, is_drawn, point, refused = in_browser(
        make_page('A', 'B.', [one]), CLICK, budget=100_000
    )
    assert title.startswith(f'{one.detections[1].title}, layer 2, mean of the heads: at most ')
    assert name != DETR or place == one.maps.select(1, None, 1).weights.argmax()
    assert point.startswith('Encoder, from 100, 20, layer 2, mean of the heads: at most ')
    assert is_drawn
    assert not refused


def test_maps_of_a_detection_follow_from_the_gradient_of_its_score(prepare):
    model, inputs = prepare(YOLOX)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    maker = CamMaker(model, inputs, 'gradcam')
    maps, sources = maker.make(range(20))
    index = sources.index('level 1 of 3')
    feature = maker.features[0]
    (gradient,) = torch.autograd.grad(maker._scores[index], feature, retain_graph=True)
    expected = (gradient * feature).clamp(min=0).sum(1)[0].detach().numpy()
    np.testing.assert_allclose(
        maps.weights[0, 0, index] * np.ptp(expected), expected - expected.min(), atol=1e-5
    )
    assert not any(hooks_of(model))
    assert 'extract_feat' not in vars(model)
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


PICTURES = {
    KIN[3]: {'head': 'all'},
    RETINANET: {'method': 'eigencam'},
    DETR: {'score_threshold': 1},
}


@pytest.mark.parametrize('name', PICTURES)
def test_pictures_and_a_page_are_written(name, show, photograph):
    out = show(name, photograph, **PICTURES[name])
    assert sorted(path.name for path in out.iterdir()) == ['attention.html', 'photo.png']
    assert np.asarray(Image.open(out / 'photo.png').convert('RGB')).std() > 30


def test_names_of_all_kinds_are_shown_and_no_two_pictures_share_one(show, make_run, photograph):
    weights = photograph.with_name('$x^$.pth')
    shutil.copy(make_run(DETR).checkpoint, weights)
    (photograph.parent / 'b').mkdir()
    names = 'a.jpg', 'b/a.jpg', 'a_1.jpg', 'a$x^$.jpg', os.fsdecode(b'a\xff.jpg')
    images = [photograph.parent / name for name in names]
    for image in images:
        shutil.copy(photograph, image)
    out = show(DETR, *images, checkpoint=str(weights), score_threshold=1)
    assert len(list(out.glob('*.png'))) == len(images)


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        (
            YOLOX,
            {'method': 'attention'},
            'YOLOX has no encoder with Multi.*; give --method gradcam',
        ),
        (YOLOX, {'method': 'eigencam', 'layer': 1}, '--layer and --head are for attention'),
        (DETR, {'layer': 3}, '--layer 3: the decoder has 2 layers'),
        (DETR, {'head': 9}, '--head 9: the decoder has 8 heads'),
        (DETR, {'points': [(3, 99)]}, r'--points 3,99: not in photo.jpg, which has 130 x 66 pix'),
        (DETR, {'images': ['{photo}', '{broken}']}, r'broken.jpg: cannot be read \('),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(name, options, message, show, photograph):
    broken = photograph.with_name('broken.jpg')
    broken.write_bytes(photograph.read_bytes()[:900])
    if 'images' in options:
        options = {'images': [str(photograph), str(broken)]}
    with pytest.raises(InputError, match=message) as error:
        show(name, photograph, **options)
    assert '\n' not in str(error.value)
    assert not photograph.with_name('out').exists()


def test_a_detector_without_feature_maps_is_named():
    class Odd(torch.nn.Module):
        def extract_feat(self, image):
            return image.mean()

    with pytest.raises(InputError, match='Odd: its features are no feature maps'):
        CamMaker(Odd(), {'inputs': torch.zeros(1, 3, 8, 8)}, 'gradcam')
