"""Arithmetic, comparisons and choices against PyTorch: options, every pair of types, special values, both orders."""

import itertools
import operator
import warnings

import numpy as np
import pytest

import tinygen as tg

pytestmark = pytest.mark.torch
RNG = np.random.default_rng(0)
TYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
SHAPES = [((), ()), ((3,), ()), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0, 3), (1, 3)), ((2, 3), (2, 3))]
SYMBOLS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "&": operator.and_, "|": operator.or_, "^": operator.xor,
}  # fmt: skip
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e-300, 1e300])


def numbers(shape, dtype="float64", low=0.3):
    """Numbers of both signs away from 0."""
    return np.asarray((low + RNG.random(shape)) * RNG.choice([-1, 1], shape), dtype)


CALLS = {
    "add": lambda lib, x, y: lib.add(x, y),
    "add alpha": lambda lib, x, y: lib.add(x, y, alpha=-2.5),
    "add number": lambda lib, x, y: lib.add(x, 2, alpha=3) + y.add(x, alpha=2),
    "sub": lambda lib, x, y: lib.sub(x, y, alpha=0.5) - (1 - x).sub(y, alpha=2),
    "mul": lambda lib, x, y: x.mul(y) * 2.5 * (3 * y),
    "div": lambda lib, x, y: x.div(y) / 3 + 2 / y,
    "div floor": lambda lib, x, y: lib.div(x, y, rounding_mode="floor") * x * y,
    "div trunc": lambda lib, x, y: x.div(y, rounding_mode="trunc") * x * y,
    "div none": lambda lib, x, y: x.div(y, rounding_mode=None),
    "div wrong": lambda lib, x, y: lib.div(x, y, rounding_mode="up"),
    "remainder": lambda lib, x, y: lib.remainder(x, y) + x % 0.7,
    "neg": lambda lib, x, y: -x - y.neg(),
    "pow": lambda lib, x, y: lib.pow(abs(x), y),
    "pow numbers": lambda lib, x, y: x**2 + x**3 + x.pow(-1) + y**0 + y**1 + abs(y) ** 0.5 + abs(x) ** -1.5,
    "pow base": lambda lib, x, y: 2**x + 0.5**y + 1**x + lib.pow(3.0, x),
    "maximum": lambda lib, x, y: lib.maximum(x, y) * x,
    "minimum": lambda lib, x, y: lib.minimum(x, y) * x,
    "max of two": lambda lib, x, y: lib.max(x, y) * lib.min(x, y),
    "where": lambda lib, x, y: lib.where(x > y, x * x, y * y),
    "where numbers": lambda lib, x, y: lib.where(x > 0, 2.0, y * y) + lib.where(y > 0, x * x, -1),
    "method where": lambda lib, x, y: x.where(x > y, y),
    "clip": lambda lib, x, y: x.clip(-0.5, 0.5) * x + y.clamp(min=0.1) + y.clip(max=0.2) * y,
    "clip crossed": lambda lib, x, y: x.clip(0.5, -0.5) * x + y,
    "clip tensors": lambda lib, x, y: lib.clip(x, y, y + 0.7) * x,
    "clip tensors crossed": lambda lib, x, y: lib.clip(x, y, y - 0.7) * x,
    "clip min": lambda lib, x, y: x.clamp(min=y) * x,
    "clip max": lambda lib, x, y: lib.clamp(x, max=y) * x,
    "clip none": lambda lib, x, y: x.clip(),
    "masked_fill": lambda lib, x, y: (x * x).masked_fill(y > 0, 2),
    "masked_fill tensor": lambda lib, x, y: x.masked_fill(y > 0, (y * y).sum()),
    "masked_fill axes": lambda lib, x, y: x.masked_fill(y > 0, lib.ones(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_options(same, name):
    for x, y in SHAPES:
        same(CALLS[name], numbers(x), numbers(y), label=f"{name} {x} {y}")
        same(CALLS[name], numbers(x, "float32"), numbers(y, "float32"), order=1, label=f"{name} {x} {y} float32")
    same(CALLS[name], numbers((4, 3)).T, numbers((3, 8))[:, ::2], label=f"{name}, gaps")


@pytest.mark.parametrize("x", [(2, 3), (4, 0)])
def test_shapes_that_do_not_fit(same, x):
    for name in ("add", "sub", "mul", "div", "pow", "maximum", "where", "clip tensors", "masked_fill"):
        same(CALLS[name], numbers(x), numbers((5,)), label=name)


def operand(kind, dtype):
    """An operand with axes, one without, or a Python number."""
    if kind == "number":
        return {"b": True, "u": 2, "i": 2, "f": 2.0}[np.dtype(dtype).kind]
    return np.array([1, 2] if kind == "axes" else 2, dtype)


def outcome(library, call, a, b):
    """Dtype, shape and values, or None where it raises."""
    a, b = (library.tensor(v) if isinstance(v, np.ndarray) else v for v in (a, b))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error" if library is tg else "ignore")
            result = call(a, b)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return None
    result = result.numpy()
    return str(result.dtype), result.shape, np.asarray(result, np.float64).round(3).tolist()


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_promotion(torch, symbol):
    """Every pair of types, each with axes, without, or as a Python number: type, values, and where it raises."""
    differ = []
    for a, b in itertools.product(itertools.product(("axes", "none", "number"), TYPES), repeat=2):
        if a[0] == b[0] == "number":
            continue
        x, y = operand(*a), operand(*b)
        ours, theirs = (outcome(library, SYMBOLS[symbol], x, y) for library in (tg, torch))
        if ours != theirs and not stricter(symbol, x, y, ours):
            differ.append((a, b, ours, theirs))
    assert not differ, differ


def stricter(symbol, x, y, ours):
    """Where we raise and PyTorch does not."""
    # It rounds the quotient of two booleans, and raises one to another, where one of them is a number.
    return ours is None and symbol in ("//", "%", "**") and all(np.asarray(v).dtype == bool for v in (x, y))


@pytest.mark.parametrize(
    "name", ["maximum", "minimum", "where", "clip", "clip max", "masked_fill", "add alpha", "div floor"]
)
def test_promotion_of_functions(torch, name):
    def call(library):
        def f(a, b):
            if name in ("maximum", "minimum"):
                return getattr(library, name)(a, b)
            if name == "where":
                return library.where(library.tensor([True, False]), a, b)
            if name == "clip":
                return library.clip(a, b, b)
            if name == "clip max":
                return library.clip(a, max=b)
            if name == "masked_fill":
                return a.masked_fill(library.tensor([True, False]), b)
            return library.add(a, b, alpha=2) if name == "add alpha" else library.div(a, b, rounding_mode="floor")

        return f

    differ = []
    for a, b in itertools.product(itertools.product(("axes", "none", "number"), TYPES), repeat=2):
        x, y = operand(*a), operand(*b)
        if not isinstance(x, np.ndarray) and (name != "where" or not isinstance(y, np.ndarray)):
            continue
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray) is False and name in ("maximum", "minimum"):
            continue  # PyTorch takes no number here; we do
        ours, theirs = outcome(tg, call(tg), x, y), outcome(torch, call(torch), x, y)
        if ours != theirs and not accepted(name, x, y, ours, theirs):
            differ.append((a, b, ours, theirs))
    assert not differ, differ


def accepted(name, x, y, ours, theirs):
    """Where the two differ on purpose."""
    kinds = [np.asarray(v).dtype.kind for v in (x, y)]
    if name == "masked_fill" and ours is None:  # it drops what the dtype cannot hold: 2.5 becomes 2, and 2 True
        return "biuf".index(kinds[1]) > "biuf".index(kinds[0])
    if name.startswith("clip") and theirs is None:  # it clips no booleans
        return True
    return False


def test_special_values(same):
    """Infinities, NaN, zeros, over- and underflow: the values, and no warning from NumPy."""
    x, y = (np.ascontiguousarray(a) for a in np.broadcast_arrays(SPECIAL[:, None], SPECIAL))
    for symbol in ("+", "-", "*", "/", "//", "**", "==", "<", ">="):
        same(lambda _, a, b, s=symbol: SYMBOLS[s](a, b), x, y, order=0, label=symbol)
    for name in ("maximum", "minimum", "clip tensors", "clip min", "where"):
        same(CALLS[name], x, y, order=0, label=name)
    finite = np.abs(x) < 1e200
    same(lambda _, a, b: a % b, x[finite], y[finite], order=0, label="%")
    for bound in (np.nan, np.inf, -np.inf, 0.0):
        same(lambda _, a, bound=bound: a.clip(min=bound), SPECIAL, order=0, label=f"clip {bound}")
        same(lambda _, a, bound=bound: a.clip(max=bound), SPECIAL, order=0, label=f"clip {bound}")


@pytest.mark.parametrize("name", ["maximum", "minimum", "max of two"])
def test_ties(same, name):
    same(CALLS[name], np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 0.0]))
    same(lambda lib, a, b: lib.maximum(a, b), np.array([np.inf, np.nan, 1.0]), np.array([np.inf, 1.0, np.nan]))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 0.0, 1.0, 2.0, 3.0, 0.5, 1.5, -1, -2, -0.5])
def test_powers_at_zero(same, exponent):
    """Values, gradients and second derivatives at 0 and below, as numbers and as tensors."""
    x = np.array([0.0, 1.0, -2.0, 3.0])
    same(lambda _, a: a**exponent, x)
    same(lambda _, a, n: a**n, x, np.full(4, float(exponent)), order=1)
    # the second derivative of x**0 is 0 everywhere; PyTorch has NaN at 0 where the exponent is a tensor
    same(lambda lib, a: a ** lib.tensor(float(exponent)), x, order=2 if exponent else 1)


def test_gradient_of_the_bounds(same):
    """On a bound the gradient goes to x."""
    x = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    same(lambda _, a: a.clip(-0.5, 0.5) * a, x)
    same(lambda _, a, low, high: a.clip(low, high) * a, x, np.array(-0.5), np.full(5, 0.5))


def test_integers(same):
    """They wrap, round down, refuse a division by 0, and compare exactly."""
    i, u = np.array([7, -7, 2**62, 0]), np.array([0, 1, 200, 255], np.uint8)
    for symbol, b in itertools.product(("+", "-", "*", "//", "%", "**", "&", "|", "^"), (3, 2, -3)):
        if b > 0 or symbol != "**":
            same(lambda _, a, s=symbol, b=b: SYMBOLS[s](a, b), i, label=f"{symbol} {b}")
    for symbol, b in itertools.product(("+", "-", "*"), (300, -1, 2**40)):
        same(lambda _, a, s=symbol, b=b: SYMBOLS[s](a, b), u, label=f"{symbol} {b}")
    for symbol in ("//", "%"):
        same(lambda _, a, s=symbol: SYMBOLS[s](a, 0), i, label=symbol)
        same(lambda _, a, b, s=symbol: SYMBOLS[s](a, b), i, i, label=symbol)
    same(lambda lib, a: lib.div(a, -2, rounding_mode="trunc"), np.arange(-5, 6))
    same(lambda lib, a, b: a**b, np.array([1, -1, 2, 3, -1]), np.array([-1, -1, -1, 2, -2]))
    same(lambda lib, a: a**-1, i)
    same(lambda lib, a: 2**a, np.array([-1, 3]))
    # PyTorch wraps -1 to 255 here and clips everything to 5; it finds no uint8 above -1
    assert tg.tensor(u).clip(-1, 5).tolist() == [0, 1, 5, 5]
    assert (tg.tensor(u) > -1).all()
    assert not (tg.tensor(u) == 256).any()
    with pytest.raises(ValueError, match="the number 300 does not fit into uint8"):
        tg.maximum(tg.tensor(u), 300)
    with pytest.raises(ValueError, match="the number 300 does not fit into uint8"):
        tg.tensor(u) ** 300


def test_equal_and_allclose(torch):
    a = np.array([1.0, np.nan, 2.0])
    for x, y in ((a, a), (a[::2], a[::2]), (a[:1], a[:2]), (a[::2], a[::2] + 1e-9), (a[::2], a[::2] + 1)):
        assert tg.equal(tg.tensor(x), tg.tensor(y)) == torch.equal(torch.tensor(x), torch.tensor(y))
        if x.shape == y.shape:
            for nan in (False, True):
                ours = tg.allclose(tg.tensor(x), tg.tensor(y), equal_nan=nan)
                assert ours is torch.allclose(torch.tensor(x), torch.tensor(y), equal_nan=nan)
