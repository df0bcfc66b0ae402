"""Pooling against PyTorch over its documented options: values, places, gradients, second order, errors, layers."""

from itertools import product

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F

pytestmark = pytest.mark.torch
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-5}


def close(a, b, tolerance, label):
    a, b = a.detach().numpy(), b.detach().numpy()
    assert (a.shape, a.dtype) == (b.shape, b.dtype), label
    scale = max(float(np.abs(b[np.isfinite(b)]).max(initial=0)), 1.0)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=label)


def outcome(function, *args, **settings):
    """What the call returns as a tuple, or None where it raises."""
    try:
        result = function(*args, **settings)
    except (ValueError, TypeError, IndexError, RuntimeError, NotImplementedError):
        return None
    return result if isinstance(result, tuple) else (result,)


def compare(torch, name, array, settings):
    """The op on an array: values and places in both types, derivatives of both orders in float64.

    Where PyTorch raises, so must we. Returns whether it did not.
    """
    label = f"{name} {array.shape} {settings}"
    ours, theirs = getattr(F, name), getattr(torch.nn.functional, name)
    for dtype in (np.float32, np.float64):
        x, their_x = tg.tensor(array.astype(dtype)), torch.tensor(array.astype(dtype))
        x.requires_grad = their_x.requires_grad = True
        y, their_y = outcome(ours, x, **settings), outcome(theirs, their_x, **settings)
        assert (y is None) == (their_y is None), label
        if y is None:
            return False
        for a, b in zip(y, their_y, strict=True):
            close(a, b, TOLERANCE[dtype], label)
    rng = np.random.default_rng(0)
    v, direction = rng.standard_normal(y[0].shape), rng.standard_normal(array.shape)
    first, second = derivatives(tg, y[0], x, v, direction)
    their_first, their_second = derivatives(torch, their_y[0], their_x, v, direction)
    close(first, their_first, 1e-9, f"{label}: gradient")
    close(second, their_second, 1e-9, f"{label}: second order")
    return True


def derivatives(library, y, x, v, direction):
    """The gradient for cotangent v, and that of <gradient, direction> with respect to v: y is linear near x."""
    v = library.tensor(v, requires_grad=True)
    (first,) = library.autograd.grad(y, x, v, create_graph=True)
    (second,) = library.autograd.grad(first, v, library.tensor(direction))
    return first, second


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("axes", [1, 2])
def test_max_pool(torch, axes, ceil_mode):
    rng, agreed = np.random.default_rng(1), 0
    sizes, kernels = (((7,), (4,)), (1, 2, (3,))) if axes == 1 else (((5, 6), (4, 7)), (1, 3, (2, 3)))
    for size, kernel, stride, padding, dilation in product(sizes, kernels, (None, 1, 3), (0, 1), (1, 2)):
        settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        settings |= {"ceil_mode": ceil_mode, "return_indices": True}
        agreed += compare(torch, f"max_pool{axes}d", rng.integers(0, 4, (2, 2, *size)) * 1.0, settings)
    assert agreed > 40


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("axes", [1, 2])
def test_avg_pool(torch, axes, ceil_mode):
    rng, agreed = np.random.default_rng(2), 0
    sizes, kernels = (((7,), (4,)), (1, 2, (3,))) if axes == 1 else (((5, 6), (4, 7)), (1, 3, (2, 3)))
    for size, kernel, stride, padding, count in product(sizes, kernels, (None, 1, 3), (0, 1), (True, False)):
        settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
        settings["count_include_pad"] = count
        x = rng.standard_normal((2, 2, *size))
        agreed += compare(torch, f"avg_pool{axes}d", x, settings)
        if axes == 2 and count:
            agreed += compare(torch, "avg_pool2d", x, {**settings, "divisor_override": 5})
    assert agreed > 40


@pytest.mark.parametrize("name", ["avg", "max"])
@pytest.mark.parametrize("axes", [1, 2])
def test_adaptive(torch, axes, name):
    rng = np.random.default_rng(3)
    sizes, outs = (((7,), (4,)), (1, 2, 4, 9)) if axes == 1 else (((5, 6), (4, 7)), (1, 2, 7, (3, 8), (None, 2)))
    for size, out in product(sizes, outs):
        x = rng.standard_normal((2, 3, *size))
        settings = {"output_size": out} | ({"return_indices": True} if name == "max" else {})
        assert compare(torch, f"adaptive_{name}_pool{axes}d", x, settings)
        assert compare(torch, f"adaptive_{name}_pool{axes}d", x[0], settings)


BAD = [np.nan, np.inf, -np.inf, 1.0, 2.0]


@pytest.mark.parametrize("name", ["max_pool1d", "max_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d"])
def test_ties_and_what_is_not_finite(torch, name):
    """NaN is greatest, the last one counts; of other equal ones the first."""
    rng = np.random.default_rng(4)
    for options in (1, 2, 3) if name[0] == "a" else product((1, 2, 3), (1, 2), (0, 1), (1, 2)):
        x = rng.choice(BAD, (2, 5, 6))
        args = (options,) if name[0] == "a" else options
        ours = outcome(getattr(F, name), tg.tensor(x), *args, return_indices=True)
        theirs = outcome(getattr(torch.nn.functional, name), torch.tensor(x), *args, return_indices=True)
        assert (ours is None) == (theirs is None)
        for a, b in zip(ours or (), theirs or (), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=f"{name} {options}")


@pytest.mark.parametrize("name", ["avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"])
def test_infinite_elements_stay_in_their_windows(torch, name):
    x = np.random.default_rng(5).standard_normal((1, 6, 6))
    x[0, 2, 3], x[0, 4, 0] = np.inf, np.nan
    with np.errstate(invalid="raise"):
        ours = getattr(F, name)(tg.tensor(x), 2).numpy()
    np.testing.assert_allclose(ours, getattr(torch.nn.functional, name)(torch.tensor(x), 2).numpy(), rtol=1e-12)


SHAPES = {1: [(3, 4), (2, 3, 4)], 2: [(3, 4, 5), (2, 3, 4, 5)]}
WRONG_SHAPES = [(), (4,), (0, 4), (2, 0, 4), (2, 3, 0), (1, 2, 0, 4), (1, 1, 1, 1, 4), (0, 3, 4), (0, 2, 3, 4)]
NAMES = [f"{kind}_pool{axes}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max") for axes in (1, 2)]


@pytest.mark.parametrize("name", NAMES)
def test_shapes(torch, name):
    """The same shapes are taken, and give the same (to size 1 PyTorch takes adaptive means without a look at them)."""
    for shape in SHAPES[1] + SHAPES[2] + WRONG_SHAPES:
        ours = outcome(getattr(F, name), tg.zeros(shape), 2)
        theirs = outcome(getattr(torch.nn.functional, name), torch.zeros(shape), 2)
        assert (ours is None) == (theirs is None), (name, shape)
        assert ours is None or ours[0].shape == tuple(theirs[0].shape), (name, shape)


@pytest.mark.parametrize("name", NAMES)
def test_types(torch, name):
    """The same dtypes are taken, but for two where PyTorch's choice is an accident of its loops."""
    for dtype in (np.float16, np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_):
        x = np.arange(12).reshape(1, 3, 4).astype(dtype)
        ours = outcome(getattr(F, name), tg.tensor(x), 2)
        theirs = outcome(getattr(torch.nn.functional, name), torch.tensor(x), 2)
        if name.startswith("avg") and dtype == np.int64:
            assert ours is None  # PyTorch's means of int64 are cut off; of other integers it raises
            continue
        if name == "max_pool1d" and theirs is None:  # PyTorch's takes integers with return_indices=True only
            theirs = outcome(torch.nn.functional.max_pool1d_with_indices, torch.tensor(x), 2)
        assert (ours is None) == (theirs is None), (name, dtype)
        if ours is not None:
            np.testing.assert_array_equal(ours[0].numpy(), theirs[0].numpy())
            assert ours[0].numpy().dtype == theirs[0].numpy().dtype


OPTIONS = [
    {"kernel_size": 0},
    {"kernel_size": -1},
    {"kernel_size": 7},
    {"kernel_size": 2.0},
    {"kernel_size": True},
    {"kernel_size": (2, 2, 2)},
    {"kernel_size": (2,)},
    {"kernel_size": 2, "stride": 0},
    {"kernel_size": 2, "stride": -1},
    {"kernel_size": 2, "stride": 1.5},
    {"kernel_size": 2, "stride": ()},
    {"kernel_size": 2, "padding": -1},
    {"kernel_size": 2, "padding": 2},
    {"kernel_size": 3, "padding": 2},
    {"kernel_size": 2, "dilation": 0},
    {"kernel_size": 2, "dilation": 6},
    {"kernel_size": 2, "padding": 2, "dilation": 3},
    {"kernel_size": 2, "divisor_override": 0},
    {"kernel_size": 2, "divisor_override": -3},
    {"kernel_size": 2, "divisor_override": 1.5},
    {"output_size": -1},
    {"output_size": 0},
    {"output_size": 1.5},
    {"output_size": None},
    {"output_size": (2, 2, 2)},
    {"output_size": (2, -2)},
]


@pytest.mark.parametrize("name", NAMES)
def test_options_out_of_range(torch, name):
    """Where PyTorch raises, so do we; where it does not, the shapes agree."""
    for options in OPTIONS:
        ours = outcome(getattr(F, name), tg.zeros(2, 5, 5), **options)
        theirs = outcome(getattr(torch.nn.functional, name), torch.zeros(2, 5, 5), **options)
        if (name, options) in (
            # PyTorch has no length for None here, though it documents one
            ("adaptive_avg_pool2d", {"output_size": None}),
            ("adaptive_max_pool2d", {"output_size": None}),
        ):
            assert ours[0].shape == (2, 5, 5)
            continue
        assert (ours is None) == (theirs is None), (name, options)
        assert ours is None or ours[0].shape == tuple(theirs[0].shape), (name, options)


def test_windows_without_elements(torch):
    """A dilated window between the elements: PyTorch gives -inf and a place outside of the picture, we raise."""
    theirs = torch.nn.functional.max_pool2d(torch.ones(1, 1, 2), 2, 1, 1, 2, return_indices=True)
    assert theirs[0].isinf().all()
    with pytest.raises(ValueError, match="does not fit an axis of length 1"):
        F.max_pool2d(tg.ones(1, 1, 2), 2, 1, 1, 2)


@pytest.mark.parametrize(
    ("name", "args", "settings"),
    [
        ("MaxPool1d", (2,), {"ceil_mode": True}),
        ("MaxPool1d", (3, 2, 1, 1, True), {}),
        ("MaxPool2d", (2,), {}),
        ("MaxPool2d", ((2, 3), (1, 2), 1, 2), {"return_indices": True}),
        ("AvgPool1d", (3,), {"padding": 1, "count_include_pad": False}),
        ("AvgPool2d", (2,), {"stride": 1, "divisor_override": 3}),
        ("AvgPool2d", ((2, 3),), {}),
        ("AdaptiveAvgPool1d", (3,), {}),
        ("AdaptiveAvgPool2d", ((None, 2),), {}),
        ("AdaptiveMaxPool1d", (3,), {"return_indices": True}),
        ("AdaptiveMaxPool2d", ((2, 3),), {}),
    ],
)
def test_layers(torch, name, args, settings):
    ours, theirs = getattr(nn, name)(*args, **settings), getattr(torch.nn, name)(*args, **settings)
    assert repr(ours) == repr(theirs)
    assert not ours.state_dict()
    x = np.random.default_rng(6).standard_normal((2, 5, 6) if name.endswith("1d") else (2, 2, 5, 6))
    for a, b in zip(outcome(ours, tg.tensor(x)), outcome(theirs, torch.tensor(x)), strict=True):
        close(a, b, 1e-9, name)
