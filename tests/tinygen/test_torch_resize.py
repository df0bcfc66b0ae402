"""Resizing against PyTorch over its documented options: values, gradients, second order, errors, layers."""

from itertools import product

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F

pytestmark = pytest.mark.torch
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-5}
MODES = {
    1: ("nearest", "nearest-exact", "area", "linear"),
    2: ("nearest", "nearest-exact", "area", "bilinear", "bicubic", "lanczos"),
    3: ("nearest", "nearest-exact", "area", "trilinear"),
}
ALIGNED = ("linear", "bilinear", "bicubic", "trilinear")
SIZES = {1: ((1,), (4,), (7,)), 2: ((1, 5), (4, 7)), 3: ((2, 3, 4),)}
OUTS = {1: (1, 3, 7, 12), 2: (1, (3, 4), (4, 7), (9, 13)), 3: (1, (4, 3, 2), (5, 3, 7))}
FACTORS = {1: (0.3, 1.0, 1.05, 1.3, 2, 3.0), 2: (0.7, (1.05, 2.0), (2.3, 0.5)), 3: (1.3, (0.5, 1.0, 2.0))}


def close(a, b, tolerance, label):
    a, b = a.detach().numpy(), b.detach().numpy()
    assert (a.shape, a.dtype) == (b.shape, b.dtype), label
    scale = max(float(np.abs(b).max(initial=0)), 1.0)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=label)


def outcome(function, *args, **settings):
    """What the call returns, or None where it raises."""
    try:
        return function(*args, **settings)
    except (ValueError, TypeError, RuntimeError, NotImplementedError):
        return None


def compare(torch, array, settings):
    """Values in both types, derivatives of both orders in float64. Where PyTorch raises, so must we.

    No derivatives where PyTorch has none (areas without elements), or none of its own value: a factor like 1.05 that
    leaves a length as it is makes its forward copy and its backward resize, or the other way round.
    """
    label = f"{array.shape} {settings}"
    for dtype in (np.float32, np.float64):
        x, their_x = tg.tensor(array.astype(dtype)), torch.tensor(array.astype(dtype))
        x.requires_grad = their_x.requires_grad = True
        y = outcome(F.interpolate, x, **settings)
        their_y = outcome(torch.nn.functional.interpolate, their_x, **settings)
        assert (y is None) == (their_y is None), label
        if y is None:
            return False
        close(y, their_y, TOLERANCE[dtype], label)
    copies = settings["mode"].startswith("nearest") or settings.get("antialias")
    if not y.numel() or (copies and keeps(array, settings)):
        return True
    rng = np.random.default_rng(0)
    v, direction = rng.standard_normal(y.shape), rng.standard_normal(array.shape)
    first, second = derivatives(tg, y, x, v, direction)
    their_first, their_second = derivatives(torch, their_y, their_x, v, direction)
    close(first, their_first, 1e-9, f"{label}: gradient")
    close(second, their_second, 1e-9, f"{label}: second order")
    return True


def keeps(array, settings):
    """Whether a factor other than 1 leaves a length as it is."""
    factor = settings.get("scale_factor")
    if factor is None or settings["recompute_scale_factor"]:
        return False
    lengths = array.shape[2:]
    factors = factor if isinstance(factor, tuple) else (factor,) * len(lengths)
    return any(f != 1 and int(n * f) == n for n, f in zip(lengths, factors, strict=True))


def derivatives(library, y, x, v, direction):
    """The gradient for cotangent v, and that of <gradient, direction> with respect to v: y is linear in x."""
    v = library.tensor(v, requires_grad=True)
    (first,) = library.autograd.grad(y, x, v, create_graph=True)
    (second,) = library.autograd.grad(first, v, library.tensor(direction))
    return first, second


@pytest.mark.parametrize(("axes", "mode"), [(axes, mode) for axes, modes in MODES.items() for mode in modes])
def test_interpolate(torch, axes, mode):
    rng = np.random.default_rng(1)
    options = [{}]
    if mode in ALIGNED:
        options = [{"align_corners": aligned} for aligned in (None, False, True)]
    if axes == 2 and mode in ("bilinear", "bicubic", "lanczos"):
        aligned = (None, False) if mode == "lanczos" else (False, True)
        options += [{"align_corners": a, "antialias": True} for a in aligned]
    targets = [{"size": out} for out in OUTS[axes]]
    for factor, recompute in product(FACTORS[axes], (None, True)):
        targets.append({"scale_factor": factor, "recompute_scale_factor": recompute})
    agreed = 0
    for size, option, target in product(SIZES[axes], options, targets):
        agreed += compare(torch, rng.standard_normal((2, 2, *size)), {"mode": mode, **option, **target})
    assert agreed > len(SIZES[axes]) * len(targets) // 2


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_picks_the_same_pixel(torch, mode):
    """In single precision PyTorch's own choice depends on its rounding; from (N, C, H, W) on it is ours always.

    For (N, C, L) its loops contract multiply and add, and its float64 compares in double precision: at lengths where
    two pixels are equally near (14 to 46, 2 to 41) it then takes another than for a picture. We take one for all.
    """
    for n in range(1, 34):
        x = np.arange(n, dtype=np.float32).reshape(1, 1, n, 1)
        for out in range(1, 50):
            theirs = torch.nn.functional.interpolate(torch.tensor(x), (out, 1), mode=mode).numpy()
            ours = F.interpolate(tg.tensor(x), (out, 1), mode=mode).numpy()
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{n} to {out}")


def test_bytes(torch):
    x = np.random.default_rng(2).integers(0, 256, (2, 3, 5, 7), np.uint8)
    for mode in ("nearest", "nearest-exact"):
        theirs = torch.nn.functional.interpolate(torch.tensor(x), (8, 3), mode=mode).numpy()
        ours = F.interpolate(tg.tensor(x), (8, 3), mode=mode).numpy()
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


CALLS = [
    ((2, 2, 4), {}),
    ((2, 2, 4), {"size": 2, "scale_factor": 2.0}),
    ((2, 2, 4), {"size": 2, "mode": "cubic"}),
    ((2, 2, 4), {"size": 2, "mode": "bilinear"}),
    ((2, 2, 4), {"size": 2, "mode": "bicubic"}),
    ((2, 2, 4, 4), {"size": 2, "mode": "linear"}),
    ((2, 2, 4, 4), {"size": 2, "mode": "trilinear"}),
    ((2, 2, 4, 4), {"size": 2, "mode": "lanczos"}),
    ((2, 2, 4, 4), {"size": 2, "mode": "lanczos", "antialias": True, "align_corners": True}),
    ((2, 2, 4, 4), {"size": 2, "mode": "area", "align_corners": False}),
    ((2, 2, 4, 4), {"size": 2, "align_corners": True}),
    ((2, 2, 4, 4), {"size": 2, "antialias": True}),
    ((2, 2, 4, 4), {"size": 2, "mode": "area", "antialias": True}),
    ((2, 2, 4), {"size": 2, "mode": "linear", "antialias": True}),
    ((2, 2, 4), {"size": 2, "recompute_scale_factor": True}),
    ((2, 2, 4), {"size": 2, "recompute_scale_factor": False}),
    ((2, 2, 4), {"size": (2, 2)}),
    ((2, 2, 4), {"size": 0}),
    ((2, 2, 4), {"size": 0, "mode": "area"}),
    ((2, 2, 4), {"size": -1, "mode": "area"}),
    ((2, 2, 4), {"size": 2.0}),
    ((2, 2, 4), {"size": True}),
    ((2, 2, 4, 4), {"size": (2,)}),
    ((2, 2, 4, 4), {"size": (None, 2)}),
    ((2, 2, 4), {"scale_factor": 0.0}),
    ((2, 2, 4), {"scale_factor": -1.0}),
    ((2, 2, 4), {"scale_factor": 0.1}),
    ((2, 2, 4), {"scale_factor": 0.1, "mode": "area"}),
    ((2, 2, 4), {"scale_factor": np.inf}),
    ((2, 2, 4), {"scale_factor": np.nan}),
    ((2, 2, 4), {"scale_factor": "2"}),
    ((2, 2, 4, 4), {"scale_factor": (2.0,)}),
    ((2, 2, 4, 4), {"scale_factor": (2.0, 1.0)}),
    ((4, 4), {"size": 2}),
    ((1, 1, 1, 1, 1, 4), {"size": 2}),
    ((0, 2, 4), {"size": 2}),
    ((2, 0, 4), {"size": 2}),
    ((2, 0, 4), {"size": 2, "mode": "area"}),
    ((2, 2, 0), {"size": 2}),
    ((2, 2, 0), {"size": 2, "mode": "area"}),
    ((2, 2, 4, 0), {"size": 2, "mode": "bicubic"}),
]


@pytest.mark.parametrize(("shape", "settings"), CALLS)
def test_calls_that_may_raise(torch, shape, settings):
    """Where PyTorch raises, so do we; where it does not, the shapes agree."""
    ours = outcome(F.interpolate, tg.zeros(shape), **settings)
    theirs = outcome(torch.nn.functional.interpolate, torch.zeros(shape), **settings)
    assert (ours is None) == (theirs is None)
    assert ours is None or ours.shape == tuple(theirs.shape)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "area", "bilinear", "bicubic"])
def test_types(torch, mode):
    """The same dtypes are taken, but for bytes where the result is a mean: PyTorch rounds these, we ask for floats."""
    for dtype in (np.float16, np.int32, np.int64, np.uint8, np.bool_):
        x = np.arange(16).reshape(1, 1, 4, 4).astype(dtype)
        ours = outcome(F.interpolate, tg.tensor(x), (3, 5), mode=mode)
        theirs = outcome(torch.nn.functional.interpolate, torch.tensor(x), (3, 5), mode=mode)
        if dtype == np.uint8 and mode in ("bilinear", "bicubic"):
            assert ours is None
            continue
        assert (ours is None) == (theirs is None), dtype
        assert ours is None or ours.numpy().dtype == theirs.numpy().dtype
        if ours is not None:
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["pixel_shuffle", "pixel_unshuffle"])
def test_pixel_shuffle(torch, name):
    rng = np.random.default_rng(3)
    shapes = [(4, 2, 2), (2, 9, 6, 3), (2, 1, 4, 4, 2), (3, 2, 2), (2, 2), (4,), (1, 5, 6)]
    for shape, r in product(shapes, (1, 2, 3, 0, -1, 2.0)):
        x = rng.standard_normal(shape)
        ours = outcome(getattr(tg, name), tg.tensor(x), r)
        theirs = outcome(getattr(torch, name), torch.tensor(x), r)
        assert (ours is None) == (theirs is None), (shape, r)
        if ours is not None:
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    ("name", "args", "settings"),
    [
        ("Upsample", (), {"scale_factor": 2}),
        ("Upsample", ((4, 7),), {"mode": "bilinear", "align_corners": True}),
        ("Upsample", (None, (2, 1.5), "bicubic"), {"recompute_scale_factor": True}),
        ("PixelShuffle", (2,), {}),
        ("PixelUnshuffle", (3,), {}),
    ],
)
def test_layers(torch, name, args, settings):
    ours, theirs = getattr(nn, name)(*args, **settings), getattr(torch.nn, name)(*args, **settings)
    assert repr(ours) == repr(theirs)
    assert not ours.state_dict()
    x = np.random.default_rng(4).standard_normal((2, 4, 6, 3))
    close(ours(tg.tensor(x)), theirs(torch.tensor(x)), 1e-9, name)
