"""Reductions against PyTorch over their documented options: dim, keepdim, dtype, correction, p; both orders, errors."""

import itertools

import numpy as np
import pytest

import tinygen as tg

pytestmark = pytest.mark.torch
RNG = np.random.default_rng(0)
TYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]
DIMS = [(), (0,), (1,), (-1,), (0, 2), (-1, 0), (0, 1, 2)]
INF = float("inf")


def distinct(*shape):
    """Numbers at least 0.1 apart, so that no two are equal, in random order."""
    size = int(np.prod(shape))
    return (0.1 * RNG.permutation(size) - 0.049 * size).reshape(shape)


def over(name, **settings):
    return lambda lib, x: getattr(lib, name)(x, **settings)


AXES = "sum mean var std amax amin any all logsumexp".split()
ONE_AXIS = "max min argmax argmin prod cumsum".split()


@pytest.mark.parametrize("name", AXES)
def test_axes(same, name):
    """Over all axes, one, several, with and without keepdim; rows, columns, single elements, float32 with gaps."""
    x = distinct(2, 3, 4)
    calls = [over(name, dim=d, keepdim=k) for d in DIMS[1:] for k in (False, True)] + [over(name, dim=1)]
    if name not in ("logsumexp",):
        calls.append(over(name))
    if name in ("sum", "mean", "amax", "amin"):  # of var() its gradient is infinite, any() reduces nothing
        calls.append(over(name, dim=()))
    for number, call in enumerate(calls):
        same(call, x, label=f"{name} call {number}")
        same(call, np.repeat(x, 2, -1)[..., ::2].astype(np.float32), order=1, label=f"{name} call {number} float32")
    for shape in ((1, 5), (4, 1), (1,)):
        same(over(name, dim=0), distinct(*shape), order=2 if name not in ("var", "std") else 0, label=f"{name} {shape}")


@pytest.mark.parametrize("name", AXES)
def test_axes_on_the_edge(same, name):
    """No axes, no elements, wrong axes: values and errors."""
    for dim in (0, -1, (0,)):
        same(over(name, dim=dim), np.array(1.5), order=0, label=f"{name} {dim}")
    for shape, dim in (((0,), 0), ((0, 3), 0), ((0, 3), 1), ((3, 0), (0, 1)), ((2, 0, 3), 2)):
        same(over(name, dim=dim, keepdim=True), np.zeros(shape), order=0, label=f"{name} {shape} {dim}")
    if name != "logsumexp":
        same(over(name), np.zeros((0, 2)), order=0)
    for dim in (3, -4, (0, 0), (0, -3), 1.0, "a"):
        same(over(name, dim=dim), distinct(2, 3, 4), label=f"{name} {dim}")


@pytest.mark.parametrize("name", ONE_AXIS)
def test_one_axis(same, name):
    x = distinct(2, 3, 4) / 2 + 1
    if name != "cumsum":
        same(over(name), x)
        for keepdim, dim in itertools.product((False, True), (0, 1, -1)):
            same(over(name, dim=dim, keepdim=keepdim), x, label=f"{name} {dim} {keepdim}")
            same(over(name, dim=dim, keepdim=keepdim), x.astype(np.float32), order=1, label=f"{name} {dim} {keepdim}")
    else:
        for dim in (0, 1, -1):
            same(over(name, dim=dim), x)
            same(over(name, dim=dim), np.repeat(x, 2, -1)[..., ::2].astype(np.float32), order=1)
    for shape, dim in (((), 0), ((), -1), ((1, 5), 0), ((0, 3), 1), ((0, 3), 0), ((0,), 0)):
        same(over(name, dim=dim), np.ones(shape), order=0, label=f"{name} {shape} {dim}")
    for dim in (3, -4, 1.0, (0, 1)):
        same(over(name, dim=dim), x, label=f"{name} {dim}")
    if name != "cumsum":
        same(over(name), np.zeros((0, 2)), order=0)


@pytest.mark.parametrize("name", AXES + ONE_AXIS)
@pytest.mark.parametrize("dtype", TYPES)
def test_types(same, name, dtype):
    x = np.array([[0, 1, 2], [3, 1, 0]], dtype)
    if (dtype, name) in {("bool", "argmax"), ("bool", "argmin")}:
        assert tg.tensor(x).argmax(1).tolist() == [1, 0]  # PyTorch refuses
        return
    label = f"{name} {dtype}"
    if (dtype, name) in {("uint8", "any"), ("uint8", "all")}:  # PyTorch keeps uint8
        same(lambda lib, t: getattr(lib, name)(t, dim=1).to(lib.tensor(True).dtype), x, order=0, label=label)
        return
    # ties: PyTorch's index is any of them
    pick = (lambda r: r[0]) if name in ("max", "min") else (lambda r: r * 0) if "arg" in name else (lambda r: r)
    same(lambda lib, t: pick(getattr(lib, name)(t, dim=1)), x, order=0, label=label)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "cumsum"])
@pytest.mark.parametrize("dtype", TYPES)
def test_dtype(same, name, dtype):
    """The data is converted before."""
    for given in TYPES:
        x = np.array([[0.4, 1.6, 2.7], [3.2, 1.0, 0.0]]).astype(given)

        def call(lib, t):
            return getattr(lib, name)(t, dim=0, dtype=lib.from_numpy(np.zeros(1, dtype)).dtype)

        if name == "cumsum" and dtype == "bool":
            continue  # PyTorch refuses
        same(call, x, order=0, label=f"{name} {given} to {dtype}")
    if dtype.startswith("float"):
        same(call, np.array([[0.4, 1.6]]), order=1)


@pytest.mark.parametrize("name", ["var", "std"])
def test_variance(same, name):
    x = distinct(3, 4)
    for settings in (
        {"correction": 0}, {"correction": 2}, {"correction": 0.5}, {"correction": None}, {"unbiased": False},
        {"unbiased": True}, {"dim": 0, "unbiased": False, "keepdim": True}, {"dim": (0, 1), "correction": 0},
    ):  # fmt: skip
        same(over(name, **settings), x, label=f"{name} {settings}")
    for args in ((False,), (True,), (0, False), (0, True), (1, False, True), (1, True, False)):
        same(lambda _, t, args=args: getattr(t, name)(*args), x, label=f"{name} {args}")
    for n in (0, 1, 2, 3):  # 0/0 and worse
        for correction in (0, 1, 5):
            same(over(name, correction=correction), np.arange(n) * 1.5, order=0, label=f"{name} {n} {correction}")
    same(over(name, dim=1), np.full((2, 3), 0.25), order=1, label="equal elements: the slope of the root is 0")
    same(over(name), np.arange(3))


@pytest.mark.parametrize("p", ["fro", None, 2, 2.0, 1, 3, 0.5, 1.5, 0, -1, -2.5, INF, -INF])
def test_norm(same, p):
    x = distinct(2, 3, 4) + 0.03
    for settings in ({}, {"dim": 0}, {"dim": (0, 2), "keepdim": True}, {"dim": -1}, {"dim": (1, 2)}):
        same(over("norm", p=p, **settings), x, label=f"{p} {settings}")
    same(over("norm", p=p), x[0].astype(np.float32), order=1)
    rows = np.array([[1.0, 0.0, -2.0], [0.0, 0.0, 0.0], [3.0, 1.0, 2.0]])
    same(over("norm", p=p, dim=1), rows, order=1, label=f"{p}: zeros")
    same(over("norm", p=p), np.array(-1.5), label=f"{p}: no axes")
    same(over("norm", p=p, dim=1), np.zeros((2, 0)), order=0, label=f"{p}: no elements")
    same(lambda lib, t: lib.norm(t, p, dtype=lib.from_numpy(np.zeros(1)).dtype), x.astype(np.float32), order=0)
    same(over("norm", p=p), np.arange(3), order=0)


@pytest.mark.parametrize("p", ["nuc", "abc", "2"])
def test_norm_without(same, p):
    with pytest.raises(ValueError, match="`p` is"):  # "nuc" is there in PyTorch
        tg.norm(tg.ones(2, 2), p)


@pytest.mark.parametrize("zeros", [(), (0,), (3,), (1, 3), (0, 1, 2, 3, 4)])
def test_product_with_zeros(same, zeros):
    x = distinct(5, 3) + 1
    x[list(zeros), 1] = 0
    for call in (over("prod"), over("prod", dim=0), over("prod", dim=1), over("prod", dim=0, keepdim=True)):
        same(call, x, label=str(zeros))


def test_ties_of_full_extremes(same):
    x = np.array([[2.0, 1.0, 2.0], [0.0, 0.0, 2.0]])
    for name in ("max", "min", "amax", "amin"):
        same(over(name), x, label=name)
    for name in ("amax", "amin"):
        same(over(name, dim=1), x, label=name)


def test_nan_and_infinities(same):
    """NaN wins, in values and indices; infinities; what over- and underflows. Without a warning."""
    x = np.array([[1.0, np.nan, 3.0], [np.inf, -np.inf, 1.0], [-np.inf, -np.inf, -np.inf], [np.inf, np.inf, 0.0]])
    for name in (*AXES, *ONE_AXIS, "norm"):
        if name not in ("var", "std"):
            same(over(name, dim=1), x if name not in ("max", "min", "argmax", "argmin") else x[:2], order=0, label=name)
    for dtype in ("float32", "float64"):
        large = np.array([[3e38, 3e38, -3e38], [1e-30, 1e-30, 1e-30]], dtype)
        for name in ("sum", "mean", "prod", "logsumexp", "cumsum"):
            same(over(name, dim=1), large, order=0, label=f"{name} {dtype}")
    same(over("logsumexp", dim=1), np.array([[-np.inf, 1.0], [1000.0, 999.0]]))
    x = tg.tensor([[-np.inf, -np.inf]], requires_grad=True)
    x.logsumexp(1).backward(tg.ones(1))
    assert x.grad.tolist() == [[0, 0]]  # PyTorch has NaN


def test_two_tensors(same):
    for name in ("max", "min"):
        same(lambda lib, a, b, name=name: getattr(lib, name)(a, b), distinct(2, 3), distinct(3) + 0.03)


def test_many_float32(same):
    """A million summands: as accurate as PyTorch, whichever axis."""
    x = np.full((300_000, 3), 0.1, np.float32)
    for call in (over("sum", dim=0), over("mean", dim=0), over("cumsum", dim=0), over("var", dim=0)):
        same(call, x, order=0, tolerance=2e-6)
    bias = tg.zeros(3, requires_grad=True)
    (tg.tensor(x) + bias).backward(tg.tensor(x))
    np.testing.assert_allclose(bias.grad.numpy(), 30_000, rtol=1e-6)


def test_named_results(torch):
    x = distinct(3, 4)
    for name in ("max", "min"):
        ours, theirs = getattr(tg.tensor(x), name)(1), getattr(torch.tensor(x), name)(1)
        assert ours.values.tolist() == theirs.values.tolist()
        assert ours.indices.tolist() == theirs.indices.tolist()
