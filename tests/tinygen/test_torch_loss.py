"""Losses against PyTorch: options x shapes x dtypes, gradients and second order, mixed dtypes, errors."""

from itertools import product

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F

pytestmark = [
    pytest.mark.torch,
    # its own advice about kl_div, and about sizes that differ
    pytest.mark.filterwarnings("ignore:reduction. 'mean' divides", "ignore:Using a target size"),
]
F64, F32, F16 = np.float64, np.float32, np.float16
REDUCTIONS = ("mean", "sum", "none")
SHAPES = ((), (1,), (3, 4), (2, 3, 2), (0, 3))
NAMES = (
    "mse_loss",
    "l1_loss",
    "huber_loss",
    "smooth_l1_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "kl_div",
)


def drawn(shape, dtype, seed=0, low=-2.0, high=2.0):
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape).astype(dtype)


def both(torch, name, **options):
    """Our function and PyTorch's, with the same options by name."""
    return (lambda *t: getattr(F, name)(*t, **options)), (lambda *t: getattr(torch.nn.functional, name)(*t, **options))


def orders(dtype):
    return 2 if dtype == F64 else 0


@pytest.mark.parametrize("dtype", [F64, F32, F16])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mse_loss", {}),
        ("l1_loss", {}),
        *(("huber_loss", {"delta": d}) for d in (1.0, 0.3, 7)),
        *(("smooth_l1_loss", {"beta": b}) for b in (1.0, 0.3, 7, 0)),
        *(("kl_div", {"log_target": b}) for b in (True, False)),
        ("binary_cross_entropy", {}),
        ("binary_cross_entropy_with_logits", {}),
    ],
)
def test_reductions_and_shapes(torch, agree, name, options, dtype):
    reductions = (*REDUCTIONS, "batchmean") if name == "kl_div" else REDUCTIONS
    x_range = (0.1, 0.9) if name == "binary_cross_entropy" else (-3, 3)
    t_range = (-3, 3)
    if name.startswith("binary") or (name == "kl_div" and not options["log_target"]):
        t_range = (0.05, 0.95)
    for shape, reduction in product(SHAPES, reductions):
        arrays = [drawn(shape, dtype, 0, *x_range), drawn(shape, dtype, 1, *t_range)]
        empty_mean = 0 in shape and "mean" in reduction  # NaN, and so are the gradients' shapes of PyTorch's mean
        functions = both(torch, name, reduction=reduction, **options)
        order = 0 if empty_mean else orders(dtype)
        agree(*functions, arrays, [True, True], order, f"{shape} {reduction} {options} {dtype}")


@pytest.mark.parametrize("dtype", [F64, F32, F16])
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weight_of_each_element(torch, agree, name, dtype):
    for shape, reduction in product(SHAPES[:-1], REDUCTIONS):
        arrays = [drawn(shape, dtype), drawn(shape, dtype, 1), drawn(shape, dtype, 2, 0.1, 2)]
        ours, theirs = (
            lambda x, t, w, f=f, reduction=reduction: getattr(f, name)(x, t, reduction=reduction, weight=w)
            for f in (F, torch.nn.functional)
        )
        agree(ours, theirs, arrays, [True, True, True], orders(dtype), f"{shape} {reduction} {dtype}")


@pytest.mark.parametrize("dtype", [F64, F32, F16])
@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (4, 1), (4, 3)])
def test_factors_of_binary_cross_entropy(torch, agree, name, shape, dtype):
    logits = name.endswith("logits")
    x, t = drawn((4, 3), dtype, 0, *((-3, 3) if logits else (0.1, 0.9))), drawn((4, 3), dtype, 1, 0.05, 0.95)
    factor = drawn(shape, dtype, 2, 0.1, 2)
    for reduction, weight, positive in product(REDUCTIONS, (False, True), (False, True) if logits else (False,)):
        names = ["weight"] * weight + ["pos_weight"] * positive

        def call(f, names=names, reduction=reduction):
            return lambda x, t, *ws: getattr(f, name)(x, t, reduction=reduction, **dict(zip(names, ws, strict=True)))

        arrays, wanted = [x, t, *[factor] * len(names)], [True, True, *[False] * len(names)]
        agree(call(F), call(torch.nn.functional), arrays, wanted, orders(dtype), f"{names} {reduction} {dtype}")


def test_binary_cross_entropy_at_the_ends(torch, agree):
    """Values everywhere, first derivatives by the input: PyTorch's by the target is infinite, ours 100."""
    x = np.array([0.0, 0.0, 1.0, 1.0, 1e-14, 1 - 1e-14])
    t = np.array([0.0, 1.0, 0.0, 1.0, 0.3, 0.3])
    functions = both(torch, "binary_cross_entropy", reduction="none")
    agree(*functions, [x, t], [True, False], 1, tolerance=1e-8)  # its 1e-12 has the digits of a float32
    agree(*functions, [x.astype(F32), t.astype(F32)], [True, False], 1)
    target = tg.tensor(t, requires_grad=True)
    F.binary_cross_entropy(tg.tensor(x), target, reduction="sum").backward()
    np.testing.assert_allclose(target.grad.numpy()[:4], [100, 100, -100, -100])


def test_logits_far_out_and_at_zero(torch, agree):
    x = np.array([-1e4, -800.0, -40.0, -21.0, 0.0, 0.0, 21.0, 40.0, 800.0, 1e4])
    for target in (np.zeros(10), np.ones(10), np.full(10, 0.3)):
        for dtype in (F64, F32):
            functions = both(torch, "binary_cross_entropy_with_logits", reduction="none")
            agree(*functions, [x.astype(dtype), target.astype(dtype)], [True, True], orders(dtype))


def test_kinks(torch, agree):
    """Errors of 0, and of exactly delta: first order everywhere, second at 0."""
    x, t = np.array([0.0, 0.0, 1.0, -1.0, 0.5]), np.array([0.0, -0.0, 0.0, 0.0, 0.5])
    for name in ("l1_loss", "huber_loss", "smooth_l1_loss", "mse_loss"):
        agree(*both(torch, name, reduction="none"), [x, t], [True, True], 1, name)
        agree(*both(torch, name, reduction="none"), [x[:2], t[:2]], [True, True], 2, name)


def test_kl_div_at_zero_probability(torch, agree):
    x, t = np.array([0.3, -0.7, 0.1]), np.array([0.0, 0.4, 0.6])
    agree(*both(torch, "kl_div", reduction="none"), [x, t], [True, False], 2)


MIXED = ((F32, F64), (F64, F32), (F16, F32), (F32, np.int64), (np.int64, F32), (F32, np.bool_))
# PyTorch's dtype of the result is not the promoted one here, or it raises; ours is the promoted one.
NOT_PROMOTED = {
    ("huber_loss", F32, F64),
    ("huber_loss", F16, F32),
    ("huber_loss", np.int64, F32),
    ("binary_cross_entropy_with_logits", F64, F32),
    ("l1_loss", F32, np.bool_),
}


@pytest.mark.parametrize("name", [n for n in NAMES if n != "binary_cross_entropy"])
def test_mixed_dtypes(torch, agree, name):
    for first, second in MIXED:
        if name in ("binary_cross_entropy_with_logits", "kl_div") and not {first, second} <= {F16, F32, F64}:
            continue  # both raise: see below
        x, t = drawn((3, 4), first, 0, 0.1, 3), drawn((3, 4), second, 1, 0.1, 3)
        if (name, first, second) in NOT_PROMOTED:
            wide = np.promote_types(first, second) if np.dtype(first).kind == "f" == np.dtype(second).kind else F32
            ours = getattr(F, name)(tg.tensor(x), tg.tensor(t))
            theirs = getattr(torch.nn.functional, name)(torch.tensor(x.astype(wide)), torch.tensor(t.astype(wide)))
            assert ours.dtype == wide
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)
        else:
            # a part is computed in the narrow dtype
            tolerance = 1e-3 if first == F16 else 1e-6
            agree(*both(torch, name), [x, t], [False, False], 0, f"{name} {first} {second}", tolerance)


# Classes ------------------------------------------------------------------------------------------------------------

IGNORED = (None, 1, -100)


def classes(shape, count, ignored=None):
    t = np.random.default_rng(3).integers(0, count, shape)
    if ignored is not None and t.size > 1:
        t.reshape(-1)[::3] = ignored
    return t


@pytest.mark.parametrize("dtype", [F64, F32, F16])
@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
@pytest.mark.parametrize("shape", [(5,), (6, 5), (1, 3), (2, 3, 4), (2, 3, 2, 3), (0, 3), (2, 3, 0)])
def test_classes(torch, agree, name, shape, dtype):
    x = drawn(shape, dtype, 0, -3, 3)
    count = shape[1] if len(shape) > 1 else shape[0]
    places = shape[:1] + shape[2:] if len(shape) > 1 else ()
    weight = drawn((count,), dtype, 2, 0.1, 2)
    smoothings = (0.0, 0.1) if name == "cross_entropy" else (None,)
    for ignored, reduction, weighted, smoothing in product(IGNORED, REDUCTIONS, (False, True), smoothings):
        options = {"reduction": reduction} | ({} if smoothing is None else {"label_smoothing": smoothing})
        options |= {} if ignored is None else {"ignore_index": ignored}
        if 0 in shape and reduction == "mean" and smoothing:
            continue  # 0/0 either way, PyTorch's division of integers warns
        target = classes(places, count, ignored)

        def call(lib, f, options=options, target=target):
            return lambda x, w: getattr(f, name)(x, lib.tensor(target), w, **options)

        empty_mean = 0 in shape and reduction == "mean"
        agree(
            call(tg, F),
            call(torch, torch.nn.functional),
            [x, weight if weighted else None],
            [True, False],
            # the second order of one reduction for each; the others are the same losses added up
            0 if empty_mean else orders(dtype) and (2 if reduction == REDUCTIONS[weighted - 1] else 1),
            f"{shape} {weighted} {options} {dtype}",
        )


@pytest.mark.parametrize("dtype", [F64, F32, F16])
@pytest.mark.parametrize("shape", [(5,), (6, 5), (1, 3), (2, 3, 4), (2, 3, 2, 3), (0, 3)])
def test_probabilities(torch, agree, shape, dtype):
    x, t = drawn(shape, dtype, 0, -3, 3), drawn(shape, dtype, 1, -0.2, 1.2)
    weight = drawn(shape[1:2] or shape, dtype, 2, 0.1, 2)
    for reduction, weighted, smoothing in product(REDUCTIONS, (False, True), (0.0, 0.1, 1.0)):
        arrays = [x, t, weight if weighted else None]
        functions = both(torch, "cross_entropy", reduction=reduction, label_smoothing=smoothing)
        order = 0 if 0 in shape and reduction == "mean" else orders(dtype)
        agree(*functions, arrays, [True] * 3, order, f"{shape} {reduction} {weighted} {smoothing} {dtype}")


def test_dtypes_of_classes_and_of_probabilities(torch, agree):
    x = drawn((4, 3), F32)
    target = np.array([2, 0, 1, 1])
    expected = torch.nn.functional.cross_entropy(torch.tensor(x), torch.tensor(target)).numpy()
    for dtype in (np.uint8, np.int8, np.int16, np.int32, np.int64):  # PyTorch takes uint8 and int64
        for name in ("cross_entropy", "nll_loss"):
            y = getattr(F, name)(tg.tensor(x), tg.tensor(target.astype(dtype)))
            assert y.dtype == F32
        np.testing.assert_allclose(
            F.cross_entropy(tg.tensor(x), tg.tensor(target.astype(dtype))).numpy(), expected, 1e-6
        )
    soft = drawn((4, 3), F64, 1, 0, 1)
    weight = drawn((3,), F64, 2, 0.1, 2)
    agree(*both(torch, "cross_entropy"), [x, soft, None], [False] * 3, 0, tolerance=1e-6)
    agree(*both(torch, "cross_entropy"), [x, soft.astype(F16), None], [False] * 3, 0, tolerance=1e-6)
    agree(*both(torch, "cross_entropy"), [x, soft.astype(F32), weight], [False] * 3, 0, tolerance=1e-6)


def test_infinite_logits(torch, agree):
    inf = float("inf")
    x = np.array([[0.0, -inf, 1.0], [0.0, -inf, 1.0], [inf, 0.0, 1.0], [-inf, -inf, -inf]])
    target = np.array([0, 1, 0, 0])
    for weight in (None, np.array([1.0, 0.0, 2.0])):
        for lib_pair in (both(torch, "cross_entropy", reduction="none"), both(torch, "nll_loss", reduction="none")):
            ours, theirs = lib_pair

            def mine(x, w, ours=ours):
                return ours(x, tg.tensor(target), w)

            def other(x, w, theirs=theirs):
                return theirs(x, torch.tensor(target), w)

            agree(mine, other, [x, weight], [False, False], 0)


# Layers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((n, {"reduction": r}) for n in ("MSELoss", "L1Loss") for r in REDUCTIONS),
        *(("HuberLoss", {"reduction": r, "delta": 0.5}) for r in REDUCTIONS),
        *(("SmoothL1Loss", {"reduction": r, "beta": 0.5}) for r in REDUCTIONS),
        *(("KLDivLoss", {"reduction": r, "log_target": True}) for r in (*REDUCTIONS, "batchmean")),
        *(("BCELoss", {"reduction": r, "weight": 3}) for r in REDUCTIONS),
        *(("BCEWithLogitsLoss", {"reduction": r, "weight": 3, "pos_weight": 3}) for r in REDUCTIONS),
        *(("NLLLoss", {"reduction": r, "weight": 3, "ignore_index": 1}) for r in REDUCTIONS),
        *(("CrossEntropyLoss", {"reduction": r, "weight": 3, "label_smoothing": 0.1}) for r in REDUCTIONS),
        ("CrossEntropyLoss", {}),
        ("BCELoss", {}),
    ],
)
def test_layers(torch, name, options):
    arrays = {k: drawn((v,), F32, i, 0.5, 2) for i, (k, v) in enumerate(options.items()) if "weight" in k}
    mine = getattr(nn, name)(**options | {k: tg.tensor(a) for k, a in arrays.items()})
    theirs = getattr(torch.nn, name)(**options | {k: torch.tensor(a) for k, a in arrays.items()})
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    x = drawn((4, 3), F32, 0, 0.1, 0.9)
    t = np.array([0, 1, 2, 2]) if name in ("NLLLoss", "CrossEntropyLoss") else drawn((4, 3), F32, 1, 0.1, 0.9)
    y, their_y = mine(tg.tensor(x), tg.tensor(t)), theirs(torch.tensor(x), torch.tensor(t))
    np.testing.assert_allclose(y.numpy(), their_y.numpy(), rtol=1e-5)


# Errors -------------------------------------------------------------------------------------------------------------


def of(*values, dtype="float32", requires_grad=False):
    return lambda lib: lib.tensor(np.array(values, dtype), requires_grad=requires_grad)


HALF, LONG = of(0.5, 0.5), of(1, 0, dtype="int64")
GRID = of([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
BOTH_RAISE = [
    *((n, (HALF, HALF), {"reduction": "max"}) for n in NAMES),
    *((n, (HALF, HALF), {"reduction": "batchmean"}) for n in NAMES if n != "kl_div"),
    *((n, (LONG, LONG), {}) for n in NAMES),
    *((n, (HALF, HALF), {"weight": of(1.0)}) for n in ("mse_loss", "l1_loss", "huber_loss")),
    ("huber_loss", (HALF, HALF), {"delta": 0.0}),
    ("huber_loss", (HALF, HALF), {"delta": -1.0}),
    ("smooth_l1_loss", (HALF, HALF), {"beta": -1.0}),
    ("binary_cross_entropy", (of(1.5, 0.5), HALF), {}),
    ("binary_cross_entropy", (of(-0.5, 0.5), HALF), {}),
    ("binary_cross_entropy", (of(np.nan, 0.5), HALF), {}),
    *((n, (GRID, HALF), {}) for n in NAMES if n.startswith("binary")),
    *((n, (HALF, LONG), {}) for n in (*NAMES[4:],)),
    ("binary_cross_entropy", (HALF, of(0.5, 0.5, dtype="float64")), {}),
    *((n, (HALF, HALF), {"weight": of(1.0, 1.0, 1.0)}) for n in NAMES[4:6]),
    *((n, (HALF, HALF), {"weight": of([1.0, 1.0], [1.0, 1.0])}) for n in NAMES[4:6]),
    *((n, (of(0.5, 0.5, requires_grad=True), HALF), {"weight": of(1.0, requires_grad=True)}) for n in NAMES[4:6]),
    (NAMES[5], (of(0.5, 0.5, requires_grad=True), HALF), {"pos_weight": of(1.0, requires_grad=True)}),
    (NAMES[5], (HALF, HALF), {"pos_weight": of(1.0, 1.0, 1.0)}),
]
for _name in ("nll_loss", "cross_entropy"):
    BOTH_RAISE += [
        (_name, (GRID, LONG), {"reduction": "max"}),
        (_name, (GRID, of(1, 3, dtype="int64")), {}),
        (_name, (GRID, of(1, -1, dtype="int64")), {}),
        (_name, (GRID, of(1, dtype="int64")), {}),
        (_name, (GRID, of(True, False, dtype="bool")), {}),
        (_name, (GRID, HALF), {}),
        (_name, (of([1, 2, 3], [1, 2, 3], dtype="int64"), LONG), {}),
        (_name, (GRID, LONG, of(1.0, 1.0)), {}),
        (_name, (GRID, LONG, of(1.0, 1.0, 1.0, dtype="float64")), {}),
        (_name, (GRID, LONG, of(1, 1, 1, dtype="int64")), {}),
        (
            _name,
            (of([0.5, 0.5, 0.5], [0.5, 0.5, 0.5], requires_grad=True), LONG, of(1, 1, 1.0, requires_grad=True)),
            {},
        ),
        (_name, (of(0.5), of(0, dtype="int64")), {"ignore_index": None}),
    ]
BOTH_RAISE += [
    ("cross_entropy", (GRID, LONG), {"label_smoothing": 1.1}),
    ("cross_entropy", (GRID, GRID), {"ignore_index": 1}),
    ("cross_entropy", (GRID, GRID, of(1.0, 1.0)), {}),
    ("cross_entropy", (GRID, GRID, of([1.0, 1.0, 1.0])), {}),
    ("cross_entropy", (GRID, of([0.5, 0.5], [0.5, 0.5])), {}),
    ("cross_entropy", (GRID, of([1, 0, 0], [1, 0, 0], dtype="int64")), {}),
]
# Here we raise and PyTorch goes on; each with the reason.
WE_RAISE = [
    *((n, (GRID, of(0.5, 0.5, 0.5)), {}, "sizes differ: it broadcasts and warns") for n in NAMES[:4]),
    ("kl_div", (GRID, of(0.5, 0.5, 0.5)), {}, "sizes differ: it broadcasts"),
    ("l1_loss", (LONG, LONG), {"reduction": "sum"}, "integers, whose mean it refuses too"),
    ("cross_entropy", (GRID, LONG), {"label_smoothing": -0.1}, "it takes a negative share for none"),
    ("cross_entropy", (of(0.5, 0.5, 0.5), of(1, dtype="int64")), {}, "one class in an axis of its own, for (C,)"),
    ("cross_entropy", (of([], []), of([], [])), {}, "probabilities of no class at all"),
]


def attempt(lib, functional, name, args, options):
    args = [a(lib) for a in args]
    options = {k: v(lib) if callable(v) else v for k, v in options.items()}
    return getattr(functional, name)(*args, **options)


@pytest.mark.parametrize(("name", "args", "options"), BOTH_RAISE)
def test_errors_of_both(torch, name, args, options):
    with pytest.raises(Exception):
        attempt(torch, torch.nn.functional, name, args, options)
    with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)) as caught:
        attempt(tg, F, name, args, options)
    assert "`" in str(caught.value) or "shapes" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "args", "options", "reason"), WE_RAISE)
def test_errors_of_ours_alone(torch, name, args, options, reason):
    attempt(torch, torch.nn.functional, name, args, options)
    with pytest.raises((ValueError, TypeError)):
        attempt(tg, F, name, args, options)


def test_targets_beyond_probabilities_are_taken(torch):
    """Label noise above 1: the formula holds, PyTorch refuses it for probabilities and takes it for logits."""
    x, t = drawn((5,), F64, 0, 0.1, 0.9), np.array([1.05, -0.1, 0.5, 1.2, 1.0])
    with pytest.raises(RuntimeError):
        torch.nn.functional.binary_cross_entropy(torch.tensor(x), torch.tensor(t))
    logits = np.log(x / (1 - x))
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(logits), torch.tensor(t))
    np.testing.assert_allclose(F.binary_cross_entropy(tg.tensor(x), tg.tensor(t)).numpy(), theirs.numpy())
