"""A detector that finds what is pure red (a can) or pure blue (a cup), and photographs for it."""

import sys
from argparse import Namespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

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
