"""Pooling as ops and layers: what the records and the sweep against PyTorch do not show."""

from itertools import product

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F
from tinygen.testing import gradcheck, gradgradcheck
from tinygen_ops import pooling, registry
from tinygen_ops.pooling import AdaptiveWindows, lay_windows


def picture(*rows):
    return tg.tensor(np.array([rows], np.float64), requires_grad=True)


# By hand ----------------------------------------------------------------------------------------------------


def test_max_pool_by_hand():
    x = picture([1, 5, 2, 0], [3, 4, 8, 8], [9, 0, 1, 1])
    y, places = F.max_pool2d(x, (2, 3), stride=1, return_indices=True)
    assert y.tolist() == [[[8, 8], [9, 8]]]
    assert places.tolist() == [[[6, 6], [8, 6]]]  # of the two 8 in row 1 the first: 1 * 4 + 2
    y.backward(tg.tensor(np.array([[[1.0, 2], [3, 4]]])))
    assert x.grad.tolist() == [[[0, 0, 0, 0], [0, 0, 7, 0], [3, 0, 0, 0]]]
    assert not places.requires_grad


def test_avg_pool_by_hand():
    x = picture([2, 4, 6])
    y = F.avg_pool2d(x, 3, stride=2, padding=1)
    assert y.tolist() == [[[6 / 9, 10 / 9]]]
    assert F.avg_pool2d(x, 3, 2, 1, count_include_pad=False).tolist() == [[[3, 5]]]
    assert F.avg_pool2d(x, 3, 2, 1, divisor_override=2).tolist() == [[[3, 5]]]
    y.backward(tg.tensor(np.array([[[9.0, 18.0]]])))
    np.testing.assert_allclose(x.grad.numpy(), [[[1, 3, 2]]])


def test_adaptive_pools_by_hand():
    x = picture([1, 2, 3, 4, 5])  # three windows: 1 2, 2 3 4, 4 5
    assert F.adaptive_avg_pool1d(x[0], 3).tolist() == [[1.5, 3, 4.5]]
    assert F.adaptive_max_pool1d(x[0], 3).tolist() == [[2, 4, 5]]
    y = F.adaptive_max_pool2d(x, (None, 3))
    y.backward(tg.tensor(np.array([[[1.0, 2, 4]]])))
    assert x.grad.tolist() == [[[0, 1, 0, 2, 4]]]


def test_gradients_at_ties():
    x = tg.zeros(1, 1, 4, 4, requires_grad=True)
    F.max_pool2d(x, 2, 1).sum().backward()  # every window takes its top left place
    assert x.grad.numpy()[0, 0].tolist() == [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    F.adaptive_max_pool2d(x, 1).backward()
    assert x.grad.numpy()[0, 0, 0, 0] == 2


# Windows ----------------------------------------------------------------------------------------------------


def test_windows_are_those_of_the_definition():
    for n, k, s, p, d, ceil_mode in product(range(1, 8), (1, 2, 3, 4), (1, 2, 3), (0, 1, 2), (1, 2), (False, True)):
        places = [[o * s - p + i * d for i in range(k)] for o in range(3 * n + 3)]
        wanted = [place for place in places if place[-1] < n + p]
        if ceil_mode and wanted:  # one more, if the windows do not end at the end and it begins before
            wanted += [places[len(wanted)]] if wanted[-1][-1] < n + p - 1 and places[len(wanted)][0] < n + p else []
        inside = [[q for q in place if 0 <= q < n] for place in wanted]
        if not wanted or not all(inside) or p > k // 2:
            continue
        laid = lay_windows(n, k, s, p, d, ceil_mode)
        assert laid.count == len(wanted), (n, k, s, p, d, ceil_mode)
        found = [[] for _ in wanted]
        for having, at in laid.places():
            for o, q in zip(range(laid.count)[having], at, strict=True):
                found[o].append(q)
        assert found == inside
        if d == 1:
            assert laid.lengths(False).tolist() == list(map(len, inside))
            assert laid.lengths(True).tolist() == [sum(-p <= q < n + p for q in place) for place in wanted]


@pytest.mark.parametrize(("size", "count"), [(7, 3), (3, 7), (6, 3), (5, 1), (5, 5), (4, 0)])
def test_adaptive_windows_cover_the_axis(size, count):
    windows = [sorted({int(at[o]) for _, at in AdaptiveWindows(size, count).places()}) for o in range(count)]
    for o, window in enumerate(windows):
        assert window == list(range(o * size // count, -(-(o + 1) * size // count)))
    assert not count or {i for window in windows for i in window} == set(range(size))


def test_adaptive_pools_that_divide_are_plain_ones():
    x = tg.tensor(np.random.default_rng(0).standard_normal((2, 3, 6, 8)))
    np.testing.assert_allclose(F.adaptive_avg_pool2d(x, (3, 2)).numpy(), F.avg_pool2d(x, (2, 4)).numpy())
    ours, plain = F.adaptive_max_pool2d(x, (3, 2), True), F.max_pool2d(x, (2, 4), return_indices=True)
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    np.testing.assert_allclose(F.adaptive_avg_pool2d(x, 1).numpy(), x.numpy().mean((2, 3), keepdims=True))
    assert F.adaptive_avg_pool2d(x, None).shape == x.shape


# Derivatives ------------------------------------------------------------------------------------------------


def test_second_order_through_something_curved():
    """Pools are linear by pieces; with a square before and behind, every part of the second order counts."""
    rng = np.random.default_rng(1)
    x = tg.tensor(rng.permutation(60).reshape(1, 2, 5, 6) / 20 + 0.5, requires_grad=True)
    for pool in (
        lambda x: F.max_pool2d(x, 3, 2, 1),
        lambda x: F.max_pool2d(x, 2, 1, dilation=2),
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        lambda x: F.adaptive_avg_pool2d(x, (3, 4)),
        lambda x: F.adaptive_max_pool2d(x, (3, 4)),
    ):
        assert gradcheck(lambda x, pool=pool: pool(x * x) ** 2, x)
        assert gradgradcheck(lambda x, pool=pool: pool(x * x) ** 2, x)


def test_third_order():
    x = tg.tensor([[1.0, 3.0, 2.0]], requires_grad=True)
    y = F.max_pool1d(x, 2, 1) ** 3  # 27, 27, both of the 3 in the middle
    for expected in (54.0, 36.0, 12.0):  # 2 * 3 * 9, 2 * 6 * 3, 2 * 6
        (y,) = tg.autograd.grad(y.sum(), x, create_graph=True)
        assert y.tolist() == [[0, expected, 0]]


def test_only_the_values_are_in_the_graph():
    x = tg.randn(1, 4, 4, requires_grad=True)
    y, places = F.max_pool2d(x, 2, return_indices=True)
    assert y.requires_grad
    (g,) = tg.autograd.grad(y.sum() + (y * y).sum(), x, create_graph=True)
    (gg,) = tg.autograd.grad(g.sum(), x)
    assert sorted(np.flatnonzero(gg.numpy())) == sorted(places.numpy().ravel())


# Types ------------------------------------------------------------------------------------------------------


def test_half_precision_is_added_up_in_single():
    x = tg.tensor(np.full((1, 64, 64), 60.0, np.float16), requires_grad=True)
    for y in (F.avg_pool2d(x, 64), F.adaptive_avg_pool2d(x, 1)):  # the sum, 245760, is beyond float16
        assert y.dtype == np.float16
        assert y.item() == 60
    y.backward()
    assert x.grad.dtype == np.float16


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_integers_have_a_lowest_too(dtype):
    low = np.iinfo(dtype).min
    y, places = F.max_pool1d(tg.tensor(np.full((1, 3), low, dtype)), 3, 1, 1, return_indices=True)
    assert y.tolist() == [[low] * 3]
    assert places.tolist() == [[0, 0, 1]]


# Kernels and layers -----------------------------------------------------------------------------------------


def test_kernels_are_in_the_registry():
    names = {variant.name for variant in registry.available()}
    assert {"max_pool_forward", "max_pool_backward", "avg_pool_forward", "avg_pool_backward"} <= names
    assert "adaptive_max_pool_forward" in names


def test_backwards_are_the_adjoints():
    """sum of gy * pool(x) = sum of x * pool_backward(gy), for the mean and for the winners."""
    rng = np.random.default_rng(2)
    over = (lay_windows(7, 3, 2, 1), lay_windows(6, 2, 1, 0, 1))
    x = rng.standard_normal((2, 7, 6))
    y, places = pooling.max_pool_forward(x, over)
    gy = rng.standard_normal(y.shape)
    np.testing.assert_allclose((gy * y).sum(), (x * pooling.max_pool_backward(gy, places, over)).sum())
    for how in ((True, None), (False, None), (True, 5)):
        y = pooling.avg_pool_forward(x, over, *how)
        np.testing.assert_allclose((gy * y).sum(), (x * pooling.avg_pool_backward(gy, over, *how)).sum())


def test_layers_in_a_network():
    net = nn.Sequential(nn.MaxPool2d(2), nn.AvgPool2d(2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert net(tg.randn(3, 4, 12, 12)).shape == (3, 4)
    assert not list(net.parameters())
    assert "(0): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)" in repr(net)
    values, places = nn.MaxPool1d(2, return_indices=True)(tg.randn(2, 6))
    assert values.shape == places.shape == (2, 3)
