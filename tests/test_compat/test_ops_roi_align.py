import itertools
import math

import pytest
import torch

SETTINGS = [
    {'aligned': aligned, 'sampling_ratio': ratio, 'pool_mode': mode}
    for aligned, ratio, mode in itertools.product([True, False], [0, 2], [0, 1])
]
settings = pytest.mark.parametrize(
    'setting', SETTINGS, ids=lambda s: '-'.join(map(str, s.values()))
)
BINS = (3, 2)
HEIGHT, WIDTH = 9, 12
# (image, x1, y1, x2, y2) in pixels of 2 per cell.
ROIS = torch.tensor(
    [
        [0, 2.0, 3.0, 11.3, 15.7],
        [1, 4.0, 2.0, 16.0, 14.0],
        [1, 0.0, 0.0, 24.0, 18.0],
        [0, -6.0, -7.5, 5.0, 4.0],
        [1, 19.0, 13.0, 40.0, 31.0],
        [0, 60.0, 60.0, 70.0, 80.0],
        [0, -50.0, 3.0, -30.0, 9.0],
        [1, 7.0, 7.0, 7.0, 7.0],
        [1, 5.0, 6.0, 5.0, 12.0],
        [0, 8.0, 8.0, 8.5, 8.5],
    ]
)


def make_features(dtype=torch.float32):
    return torch.randn(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)).to(dtype)


def pool(ext, features, rois, setting, bins=BINS, scale=0.5):
    """The output and the gradient of ``(output * sin(0, 1, 2, ...)).sum()``, as mmcv calls it."""
    arguments = {'aligned_height': bins[0], 'aligned_width': bins[1], 'spatial_scale': scale}
    arguments |= setting
    output = features.new_zeros(len(rois), features.shape[1], *bins)
    argmax = [torch.zeros_like(output) for _ in range(2)]
    ext.roi_align_forward(features, rois, output, *argmax, **arguments)
    grad_output = torch.arange(output.numel()).to(output).sin().view_as(output)
    grad_input = features.new_zeros(features.shape)
    ext.roi_align_backward(grad_output, rois, *argmax, grad_input, **arguments)
    return output, grad_input


def axis_samples(start, end, bins, index, length, setting):
    """The samples of a bin along one axis: lists of (cell, weight), empty outside of the map."""
    shift = 0.5 if setting['aligned'] else 0
    start, size = start / 2 - shift, (end - start) / 2
    if not setting['aligned']:
        size = max(size, 1)
    count = setting['sampling_ratio'] or math.ceil(size / bins)
    samples = []
    for i in range(count):
        position = start + size / bins * (index + (i + 0.5) / count)
        if not -1 <= position <= length:
            samples.append([])
            continue
        position = min(max(position, 0), length - 1)
        low = math.floor(position)
        part = position - low
        samples.append([(low, 1 - part), (min(low + 1, length - 1), part)])
    return samples


def pool_by_loops(features, rois, setting):
    """The same as :func:`pool`, one sample and one channel at a time."""
    features = features.double().requires_grad_()
    output = torch.zeros(len(rois), features.shape[1], *BINS, dtype=torch.float64)
    for n, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        for c, ph, pw in itertools.product(range(features.shape[1]), *map(range, BINS)):
            rows = axis_samples(y1, y2, BINS[0], ph, HEIGHT, setting)
            columns = axis_samples(x1, x2, BINS[1], pw, WIDTH, setting)
            values = [
                sum(wy * wx * features[int(image), c, y, x] for y, wy in row for x, wx in column)
                for row in rows
                for column in columns
            ]
            if not values:
                output[n, c, ph, pw] = 0 if setting['pool_mode'] else -10000
            elif setting['pool_mode']:
                output[n, c, ph, pw] = sum(values) / len(values)
            else:
                output[n, c, ph, pw] = max(values)
    (output.flatten() * torch.arange(output.numel()).double().sin()).sum().backward()
    return output.detach(), features.grad


@settings
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_equals_loops(standin, setting, dtype):
    features = make_features(dtype)
    output, grad = pool(standin, features, ROIS.to(dtype), setting)
    expected_output, expected_grad = pool_by_loops(features, ROIS, setting)
    torch.testing.assert_close(output.double(), expected_output, atol=1e-5, rtol=0)
    torch.testing.assert_close(grad.double(), expected_grad, atol=1e-5, rtol=0)


def random_rois(count, dtype):
    generator = torch.Generator().manual_seed(1)
    corner = torch.rand(count, 2, generator=generator) * 60 - 10
    size = torch.rand(count, 2, generator=generator) ** 2 * 40
    # Some on whole numbers: their samples fall on cells and on the border itself.
    corner[::3], size[::3] = corner[::3].round(), size[::3].round()
    image = torch.randint(2, (count, 1), generator=generator).float()
    return torch.cat([image, corner, corner + size], 1).to(dtype)


@settings
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize(('bins', 'scale'), [((7, 7), 0.5), ((3, 5), 0.3)])
def test_equals_compiled(standin, compiled, setting, dtype, bins, scale):
    rois = torch.cat([ROIS.to(dtype), random_rois(100, dtype)])
    ours = pool(standin, make_features(dtype), rois, setting, bins, scale)
    theirs = pool(compiled, make_features(dtype), rois, setting, bins, scale)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_average_by_hand(standin):
    # Cells are y * 12 + x; a linear map's average is its value at the centre: 2.5 * 12 + 2.5.
    features = torch.arange(HEIGHT * WIDTH).float().view(1, 1, HEIGHT, WIDTH)
    roi = torch.tensor([[0.0, 4, 4, 8, 8]])
    setting = {'aligned': True, 'sampling_ratio': 0, 'pool_mode': 1}
    output, _ = pool(standin, features, roi, setting, bins=(1, 1))
    assert output.item() == 2.5 * 12 + 2.5


@settings
def test_no_rois(standin, setting):
    output, grad = pool(standin, make_features(), torch.zeros(0, 5), setting)
    assert output.shape == (0, 3, *BINS)
    assert not grad.any()


@settings
def test_input_that_is_not_contiguous(standin, setting):
    features = make_features()
    strided = features.permute(2, 0, 3, 1).contiguous().permute(1, 3, 0, 2)
    assert not strided.is_contiguous()
    ours = pool(standin, strided, ROIS, setting)
    torch.testing.assert_close(ours, pool(standin, features, ROIS, setting))


@settings
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(standin, setting, dtype):
    # These RoIs are exact in both dtypes, and no sample is near the border's jump.
    rois = torch.tensor([[0, 2.0, 3.0, 11.0, 15.0], [1, 4.0, 2.0, 16.0, 14.0]])
    features = make_features(dtype)
    ours = pool(standin, features, rois.to(dtype), setting)
    expected = pool(standin, features.float(), rois, setting)
    for tensor, reference in zip(ours, expected, strict=True):
        assert tensor.dtype == dtype
        torch.testing.assert_close(tensor.float(), reference, atol=0.03, rtol=0.02)


@settings
def test_chunks_add_up(standin, setting, monkeypatch):
    whole = pool(standin, make_features(), ROIS, setting)
    monkeypatch.setattr('taco_plugin.compat.ops.roi_sampling.MAX_TAPS', 200)
    torch.testing.assert_close(pool(standin, make_features(), ROIS, setting), whole)


@pytest.mark.parametrize('corner', [7.0, math.nan])
def test_aligned_refuses_negative_size_and_nan(standin, corner):
    rois = torch.tensor([[0, 8.0, 2.0, corner, 9.0]])
    setting = {'aligned': True, 'sampling_ratio': 0, 'pool_mode': 1}
    with pytest.raises(ValueError, match=r'rois must have x2 >= x1'):
        pool(standin, make_features(), rois, setting)
