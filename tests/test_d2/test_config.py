"""Every leaf of configs/d2 builds and takes a step; what puts a config on TACO, and refuses."""

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip('detectron2', reason='Detectron2 is not installed')

from detectron2.config import LazyCall
from detectron2.data import MetadataCatalog
from detectron2.model_zoo import get_config
from detectron2.modeling.backbone import ResNet
from detectron2.modeling.backbone.resnet import BasicBlock
from detectron2.structures import BitMasks, Boxes, Instances
from detectron2.utils.events import EventStorage

from taco_plugin.d2.config import use_loss, use_taco
from taco_plugin.d2.plan import read_plan
from taco_plugin.d2.run_facts import describe_loss
from taco_plugin.d2.train import check_classes
from taco_plugin.errors import InputError
from taco_plugin.taxonomies import load_taxonomy

FOLDER = Path(__file__).parents[2] / 'configs' / 'd2'
LEAVES = sorted(path.stem for path in FOLDER.glob('*.py'))
LOSSES = {
    'faster_rcnn': 'built into FastRCNNOutputLayers',
    'faster_rcnn_focal': 'softmax focal, gamma 2.0',
    'faster_rcnn_weighted_ce': 'cross-entropy, inverse_density',
    'cascade_rcnn_focal': 'softmax focal, gamma 2.0',
    'retinanet_weighted_focal': 'sigmoid focal, effective_number, gamma 2.0',
}
STOCK = 'COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_1x.py'

pytestmark = pytest.mark.usefixtures('catalogs')


@pytest.fixture(autouse=True)
def annotations(tmp_path, monkeypatch):
    """A training file to count classes in; each class has one box more than the last."""
    monkeypatch.setenv('TACO_DATA_ROOT', str(tmp_path))
    (tmp_path / 'annotations').mkdir()
    write_annotations(tmp_path, 'detectwaste7')
    return tmp_path


def write_annotations(folder, taxonomy):
    classes = load_taxonomy(taxonomy).classes
    categories = [{'id': number, 'name': name} for number, name in enumerate(classes, 1)]
    labels = [number for number in range(1, len(classes) + 1) for _ in range(number)]
    boxes = [
        {'id': box, 'image_id': 1, 'category_id': label, 'bbox': [1, 1, 9, 9]}
        for box, label in enumerate(labels)
    ]
    image = {'id': 1, 'file_name': 'a.jpg', 'width': 100, 'height': 100}
    coco = {'images': [image], 'categories': categories, 'annotations': boxes}
    (folder / 'annotations' / 'train.json').write_text(json.dumps(coco))


def shrink(model):
    """Makes the backbone a ResNet-18 with an eighth of its channels, and the heads small."""
    if model.backbone.bottom_up.stem.out_channels != 64:
        return  # the demo is small
    bottom_up = model.backbone.bottom_up
    widths = [(16, 16), (16, 24), (24, 32), (32, 40)]
    bottom_up.stem.out_channels = 16
    bottom_up.stages = [
        LazyCall(ResNet.make_stage)(
            block_class=BasicBlock, num_blocks=1, in_channels=a, out_channels=b, stride=1 + (a < b)
        )
        for a, b in widths
    ]
    if 'in_channels' in model.backbone.top_block:
        model.backbone.top_block.in_channels = 40
    if 'proposal_generator' in model:
        model.proposal_generator.update(pre_nms_topk=(50, 50), post_nms_topk=(20, 20))
        for head in model.roi_heads.get('box_heads') or [model.roi_heads.box_head]:
            head.fc_dims = [32]
        for one in model.roi_heads.get('box_predictors') or [model.roi_heads.box_predictor]:
            one.input_shape.channels = 32


def batch_of_two(num_classes):
    """One image with a box of the first and of the last class, and one without boxes."""
    for labels in ([0, num_classes - 1], []):
        instances = Instances((64, 64))
        boxes = torch.tensor([[4.0, 4, 40, 40], [20, 20, 60, 50]])[: len(labels)]
        instances.gt_boxes = Boxes(boxes.reshape(-1, 4))
        instances.gt_classes = torch.tensor(labels).long()
        instances.gt_masks = BitMasks(torch.ones(len(labels), 64, 64, dtype=torch.bool))
        generator = torch.Generator().manual_seed(0)
        image = torch.randint(0, 255, (3, 64, 64), dtype=torch.uint8, generator=generator)
        yield {'image': image, 'instances': instances, 'height': 64, 'width': 64}


@pytest.mark.parametrize('leaf', [*LEAVES, 'faster_rcnn_weighted_ce.yaml'])
def test_a_leaf_takes_a_step_and_predicts(leaf, annotations):
    taxonomy = 'taco10' if leaf == 'demo' else 'detectwaste7'
    write_annotations(annotations, taxonomy)
    is_yaml = leaf.endswith('yaml')
    path = str(FOLDER / leaf if is_yaml else FOLDER / f'{leaf}.py')
    small = ['MODEL.RESNETS.DEPTH', '18', 'MODEL.RESNETS.RES2_OUT_CHANNELS', '64']
    plan = read_plan(path, small if is_yaml else [], testing=False)
    if not is_yaml:
        shrink(plan.cfg.model)
    classes = load_taxonomy(taxonomy).classes
    torch.manual_seed(0)
    model = plan.model().to('cpu')
    check_classes(model, plan, testing=False)
    assert describe_loss(model) == LOSSES.get(leaf.removesuffix('.yaml'), describe_loss(model))
    batch = list(batch_of_two(len(classes)))
    with EventStorage():
        losses = model.train()(batch)
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    gradients = [p.grad for n, p in model.named_parameters() if 'cls_score' in n]
    assert all(gradient.abs().sum() > 0 for gradient in gradients if gradient is not None)
    with torch.no_grad():
        found = [output['instances'].pred_classes for output in model.eval()(batch)]
    assert set(torch.cat(found).tolist()) <= set(range(len(classes)))
    assert isinstance(plan.optimizer(model), torch.optim.Optimizer)
    assert MetadataCatalog.get(plan.names[0][0]).thing_classes == list(classes)


def test_the_yaml_twin_is_the_lazy_leaf():
    """They build one detector, and train it alike."""
    base = str(FOLDER / 'faster_rcnn_weighted_ce')
    lazy, yaml = (read_plan(f'{base}.{end}', [], testing=False) for end in ('py', 'yaml'))
    for name in ('max_iter', 'eval_period', 'init_checkpoint', 'device'):
        assert lazy.train[name] == yaml.train[name]
    assert lazy.names == tuple(map(list, yaml.names))
    assert (lazy.batch_size, lazy.last_step) == (yaml.batch_size, yaml.last_step) == (16, 0.75)
    models = [plan.model() for plan in (lazy, yaml)]
    shapes = [{n: p.shape for n, p in model.state_dict().items()} for model in models]
    assert shapes[0] == shapes[1]
    weights = [model.roi_heads.box_predictor.loss.class_weights for model in models]
    assert torch.equal(*weights)
    optimizers = [plan.optimizer(model) for plan, model in zip((lazy, yaml), models, strict=True)]
    assert [optimizer.defaults['lr'] for optimizer in optimizers] == [0.02, 0.02]


def test_another_taxonomy_is_one_word(annotations):
    write_annotations(annotations, 'taco10')
    leaf = str(FOLDER / 'faster_rcnn_weighted_ce.py')
    plan = read_plan(leaf, ['train.taco.taxonomy=taco10'], testing=False)
    model = plan.model().to('cpu')
    check_classes(model, plan, testing=False)
    assert model.roi_heads.num_classes == 10
    assert plan.names == (['taco_taco10_train'], ['taco_taco10_val'])
    assert len(model.roi_heads.box_predictor.loss.class_weights) == 10


def test_rate_and_length_follow_the_batch_but_not_what_is_stated():
    leaf = str(FOLDER / 'faster_rcnn.py')
    batch = 'dataloader.train.total_batch_size=4'
    scaled = read_plan(leaf, [batch], testing=False)
    assert (scaled.cfg.optimizer.lr, scaled.train.max_iter) == (0.005, 19200)
    assert scaled.train.eval_period == scaled.train.checkpointer.period == 1200
    stated = read_plan(leaf, [batch, 'train.max_iter=7', 'optimizer.lr=0.5'], testing=False)
    assert (stated.cfg.optimizer.lr, stated.train.max_iter) == (0.5, 7)
    as_is = read_plan(leaf, [batch, 'train.taco.base_batch_size=null'], testing=False)
    assert (as_is.cfg.optimizer.lr, as_is.train.max_iter) == (0.02, 4800)


def test_a_test_is_on_the_test_split():
    for leaf in ('faster_rcnn.py', 'faster_rcnn_weighted_ce.yaml'):
        plan = read_plan(str(FOLDER / leaf), [], testing=True)
        assert list(plan.names[1]) == ['taco_detectwaste7_test']


def keypoints(config):
    config.model = get_config('common/models/keypoint_rcnn_fpn.py').model


def panoptic(config):
    config.model = get_config('common/models/panoptic_fpn.py').model


REFUSED = {
    'no model': (lambda c: c.pop('model'), 'model: the config has none'),
    'keypoints': (keypoints, r'model\.roi_heads\.keypoint_head: it learns from keypoints'),
    'segmentation': (panoptic, r'model\.sem_seg_head: it learns from segmentation maps'),
    'another count': (
        lambda c: c.model.roi_heads.update(num_hidden_classes=80),
        r'model\.roi_heads\.num_hidden_classes: 80 may be a number of classes; make it 7',
    ),
    'no classes': (lambda c: c.model.pop('roi_heads'), 'model: it has no num_classes'),
    'mapper': (
        lambda c: c.dataloader.train.mapper.update(_target_=torch.nn.Identity),
        r'dataloader\.train\.mapper: a',
    ),
    'data': (
        lambda c: c.dataloader.test.dataset.update(_target_=torch.nn.Identity),
        r'dataloader\.test\.dataset: not from',
    ),
}


@pytest.mark.parametrize('change', REFUSED)
def test_what_is_not_understood_is_refused(change):
    edit, message = REFUSED[change]
    config = get_config(STOCK)
    edit(config)
    with pytest.raises(InputError, match=message):
        use_taco(config, taxonomy='detectwaste7')


def test_a_loss_that_cannot_be_replaced_is_refused():
    with pytest.raises(InputError, match='the loss of FCOS cannot be replaced'):
        use_loss(get_config('common/models/fcos.py').model, gamma=2.0)


LEAF = str(FOLDER / 'faster_rcnn.py')
YAML = str(FOLDER / 'faster_rcnn_weighted_ce.yaml')
BAD_OVERRIDES = {
    'train.max_itr=3': (LEAF, 'train.max_itr: the config has no such setting'),
    'train.max_iter': (LEAF, 'an override of a LazyConfig is key=value'),
    'train.taco.taxonomy=taco11': (LEAF, "unknown taxonomy 'taco11'"),
    'SOLVER.MAX_ITR 3': (YAML, 'SOLVER.MAX_ITR'),
    'MODEL.KEYPOINT_ON True': (YAML, 'MODEL.KEYPOINT_ON: tools/d2_train.py has none of it'),
    'MODEL.META_ARCHITECTURE PanopticFPN': (YAML, 'PanopticFPN is not supported'),
    '': ('no.py', 'no.py: no such config file'),
}


@pytest.mark.parametrize('overrides', BAD_OVERRIDES)
def test_a_wrong_override_is_refused(overrides):
    path, message = BAD_OVERRIDES[overrides]
    with pytest.raises(InputError, match=message):
        read_plan(path, overrides.split(), testing=False)


PREDICTOR = '+model.roi_heads.box_predictor.class_weights='
CLASS_ERRORS = {
    'model.roi_heads.num_classes=60': r'num_classes is 60, but the data set has 7 classes',
    f'{PREDICTOR}[1.0,2.0]': 'one weight for each of the 7 classes',
    f'{PREDICTOR}{{taxonomy:taco10,weights:{{}}}}': 'are for the classes',
    'dataloader.test.dataset.names=taco_taco10_val': 'the data sets have different classes',
}


@pytest.mark.parametrize('override', CLASS_ERRORS)
def test_other_classes_end_before_the_first_step(override, annotations):
    from taco_plugin.d2 import datasets

    datasets.register_taco(annotations, 'taco10')
    plan = read_plan(str(FOLDER / 'faster_rcnn_focal.py'), [override], testing=False)
    shrink(plan.cfg.model)
    with pytest.raises(InputError, match=CLASS_ERRORS[override]):
        check_classes(plan.model().to('cpu'), plan, testing=False)
