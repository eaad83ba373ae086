"""``predict.py --write gallery``, with a detector that finds what is pure red or pure blue."""

from argparse import Namespace

import cv2
import numpy as np
import pytest
from PIL import Image

from taco_plugin.apps.predict import predict as command
from taco_plugin.apps.predict.gallery import make_thumbnail, read_place
from taco_plugin.checkpoint_files import Run

EVIL = '</script><img src=x onerror="document.title=1">'
HERE, THERE = ('N', (52, 6, 0), 'W', (4, 15, 0)), ('N', (52, 9, 0), 'W', (4, 15, 0))
RED, BLUE = (255, 0, 0), (0, 0, 255)


class ColourDetector:
    classes, fingerprint = ('Can', EVIL), 'colours'

    def prepare(self, image, path):
        return {'image': image}

    def predict(self, batch):
        image = batch[0]['image']
        masks = [(image[..., 2 - 2 * n] > 200) & (image[..., 2 * n] < 60) for n in (0, 1)]
        found = [(n, cv2.boundingRect(mask.astype('uint8'))) for n, mask in enumerate(masks)]
        boxes = [[n, 0.9 - 0.4 * n, *box] for n, box in found if any(box)]
        return [{'size': [*image.shape[1::-1]], 'boxes': boxes}]


def save(path, *colours, gps=()):
    pixels, exif = np.full((60, 80, 3), 255, np.uint8), Image.Exif()
    for n, colour in enumerate(colours):
        pixels[10:30, 10 + 30 * n : 30 + 30 * n] = colour
    exif.get_ifd(0x8825).update(zip((1, 2, 3, 4), gps, strict=False))
    Image.fromarray(pixels).save(path, exif=exif, quality=95, subsampling=0)
    return path


SCRIPT = """
  const seen = {}, [status, score, order] = ['.status span', '[name=score]', 'select'].map(find);
  const set = (input, value) => {
    Object.assign(input, {value}).dispatchEvent(new Event('input', {bubbles: true}));
  };
  const note = (name) => {
    const shown = texts('figure:not([hidden]) figcaption b').map((one) => one[0]).join('');
    seen[name] = [shown, status.textContent.match(/[0-9]+ obj/)[0], texts('.spot text').join()];
  };
  const [can, evil] = page.querySelectorAll('.classes button'), litter = find('[name=litter]');
  note('all');
  seen.counts = texts('figcaption span');
  litter.click(), note('litter');
  evil.click(), note('evil');
  set(score, 0.7), note('sure');
  evil.click(), litter.click(), set(score, 0), set(order, 'litter'), note('ordered');
  find('.spot').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'})), note('place');
  find('figure:not([hidden]) button').click();
  const [box, frame] = ['.box', 'img'].map((one) => find(`dialog ${one}`).getBoundingClientRect());
  seen.share = [(box.left - frame.left) / frame.width, box.width / frame.width];
  [seen.labels, seen.link] = [texts('dialog .box b'), find('dialog a').getAttribute('href')];
  find('[name=back]').click(), note('back');
  seen.foreign = page.querySelectorAll('[onerror], [onload]').length;
  return {...seen, buttons: [can, evil].map((one) => one.textContent), title: page.title};
"""


def test_filters_work_and_foreign_code_does_not(in_browser, monkeypatch, tmp_path):
    save(tmp_path / 'a.jpg', gps=HERE)
    save(tmp_path / 'b <b>#%.jpg', RED, BLUE, gps=HERE)
    save(tmp_path / 'c.jpg', RED, gps=THERE)
    save(tmp_path / 'd"onload="x.jpg', BLUE, gps=('N', (95, 0, 0), 'E', (4, 0, 0)))
    monkeypatch.setattr(command, '_find_run', lambda _: Run('', 'a.onnx', 0.3, ''))
    monkeypatch.setattr(command, '_load_detector', lambda *_: ColourDetector())
    options = {'batch_size': 1, 'threshold': None, 'write': ['gallery', 'pictures']}
    options |= {'inputs': [str(tmp_path)], 'out': str(tmp_path / 'out'), 'resume': False}
    command.predict(Namespace(**options))
    page = (tmp_path / 'out' / 'gallery.html').read_text()
    assert 'GPS positions that are broken: 1.' in page
    seen = in_browser(page, SCRIPT)
    assert seen.pop('share') == pytest.approx([0.5, 0.25], abs=0.01)
    assert seen == {
        **{'all': ['abcd', '4 obj', '2,'], 'litter': ['bcd', '4 obj', ',']},
        **{'evil': ['bd', '2 obj', ''], 'sure': ['', '0 obj', '']},
        **{'ordered': ['bcda', '4 obj', '2,'], 'place': ['ba', '2 obj', '2,']},
        **{
            'back': ['bcda', '4 obj', '2,'],
            'counts': ['', f'Can 1, {EVIL} 1', 'Can 1', f'{EVIL} 1'],
        },
        **{'labels': [f'{EVIL} 0.50', 'Can 0.90'], 'buttons': ['Can 2', f'{EVIL} 2']},
        **{'link': 'pictures/b%20%3Cb%3E%23%25.jpg', 'title': 'Litter in photographs'},
        'foreign': 0,
    }


def test_a_photograph_of_noise_is_small_enough_for_the_page():
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    assert len(make_thumbnail(noise)) <= 20_000


@pytest.mark.parametrize(
    ('gps', 'place'),
    [
        ((), None),
        (('S', (33.5, 30, 0), 'E', (151, 12, 36)), [-34, 151.21]),
        (('N', (0, 0, 0), 'E', (0, 0, 0)), []),
        (('N', (12, 0, 0)), []),
    ],
)
def test_where_a_photograph_was_taken(gps, place, tmp_path):
    assert read_place(str(save(tmp_path / 'a.jpg', gps=gps))) == place
