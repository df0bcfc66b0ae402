"""Normalisation against PyTorch: options x shapes x dtypes, gradients, second order, running statistics, errors."""

from itertools import product

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:input's size at dim", "ignore:`x` has shape"),
]
PARAMETERS = list(product([False, True], repeat=2))  # is there a weight, a bias
DTYPES = (np.float64, np.float32, np.float16)
EPS = (1e-5, 0.1)


def drawn(shape, dtype, seed=0, low=-2.0, high=2.0):
    return np.random.default_rng([seed, *shape]).uniform(low, high, shape).astype(dtype)


def parameters(shape, which, dtype):
    return [drawn(shape, dtype, 1 + i) if there else None for i, there in enumerate(which)]


def orders(dtype, which):
    """Derivatives in float64; PyTorch's second one fails for a bias without a weight."""
    return 0 if dtype != np.float64 else 1 if which == (False, True) else 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 3, 2), (1, 1, 6), (2, 2, 2, 1, 3), (0, 3, 2), (2, 3, 0)])
def test_batch_norm(torch, agree, shape, dtype):
    theirs = torch.nn.functional.batch_norm
    stats = [drawn(shape[1:2], dtype, 8), drawn(shape[1:2], dtype, 9, 0.1, 2)]
    for which, eps in product(PARAMETERS, EPS):
        arrays = [drawn(shape, dtype), *parameters(shape[1:2], which, dtype)]
        label = f"{shape} {which} {eps} {dtype}"

        def call(f, eps=eps):
            return lambda x, w, b: f(x, None, None, w, b, True, 0.1, eps)

        agree(call(F.batch_norm), call(theirs), arrays, [True] * 3, orders(dtype, which), f"training {label}")

        def call_eval(f, eps=eps):
            return lambda x, m, v, w, b: f(x, m, v, w, b, eps=eps)

        arrays = [arrays[0], *stats, *arrays[1:]]
        wanted = [True, False, False, True, True]
        agree(call_eval(F.batch_norm), call_eval(theirs), arrays, wanted, orders(dtype, which), f"evaluation {label}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 3, 2), (1, 1, 6), (2, 2, 2, 1, 3), (0, 3, 2), (2, 3, 0)])
def test_instance_norm(torch, agree, shape, dtype):
    theirs = torch.nn.functional.instance_norm
    stats = [drawn(shape[1:2], dtype, 8), drawn(shape[1:2], dtype, 9, 0.1, 2)]
    for which, eps in product(PARAMETERS, EPS):
        if not shape[0] and any(which):
            continue  # its gradient for a weight of an empty batch is an error in PyTorch
        arrays = [drawn(shape, dtype), *parameters(shape[1:2], which, dtype)]
        label = f"{shape} {which} {eps} {dtype}"

        def call(f, eps=eps):
            return lambda x, w, b: f(x, None, None, w, b, True, 0.1, eps)

        agree(call(F.instance_norm), call(theirs), arrays, [True] * 3, orders(dtype, which), label)

        def call_eval(f, eps=eps):
            return lambda x, m, v, w, b: f(x, m, v, w, b, False, 0.1, eps)

        wanted = [True, False, False, True, True]
        agree(
            call_eval(F.instance_norm),
            call_eval(theirs),
            [arrays[0], *stats, *arrays[1:]],
            wanted,
            orders(dtype, which),
            f"running {label}",
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "last"),
    [
        ((5,), 1),
        ((3, 4), 1),
        ((3, 4), 2),
        ((2, 3, 4), 1),
        ((2, 3, 4), 2),
        ((2, 3, 4), 3),
        ((2, 2, 1, 5), 2),
        ((0, 4), 1),
    ],
)
def test_layer_norm(torch, agree, shape, last, dtype):
    normalized = shape[-last:]
    for which, eps in product(PARAMETERS, EPS):
        arrays = [drawn(shape, dtype), *parameters(normalized, which, dtype)]

        def call(f, eps=eps):
            return lambda x, w, b: f(x, normalized, w, b, eps)

        label = f"{shape} {last} {which} {eps} {dtype}"
        agree(call(F.layer_norm), call(torch.nn.functional.layer_norm), arrays, [True] * 3, orders(dtype, which), label)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 3), (1, 6, 2, 2), (0, 6, 2), (2, 12, 1, 2, 2)])
def test_group_norm(torch, agree, shape, dtype):
    for groups, which, eps in product((1, 2, 3, 6), PARAMETERS, EPS):
        if len(shape) == 2 and groups == 6:
            continue  # single values: 0 with a gradient of 0, up to rounding times 1 / sqrt(eps)
        arrays = [drawn(shape, dtype), *parameters(shape[1:2], which, dtype)]

        def call(f, groups=groups, eps=eps):
            return lambda x, w, b: f(x, groups, w, b, eps)

        order = 0 if which == (False, True) else orders(dtype, which)  # and here the first one too
        label = f"{shape} {groups} {which} {eps} {dtype}"
        agree(call(F.group_norm), call(torch.nn.functional.group_norm), arrays, [True] * 3, order, label)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm", "layer_norm", "group_norm"])
def test_half_precision_with_parameters_in_float32(agree, torch, name):
    arrays = [drawn((4, 6, 5), np.float16), drawn((6,), np.float32, 1), drawn((6,), np.float32, 2)]
    before = {"batch_norm": (None, None), "instance_norm": (None, None), "layer_norm": ((6,),), "group_norm": (2,)}[
        name
    ]
    options = {"training": True} if name == "batch_norm" else {}
    if name == "layer_norm":
        arrays[0] = arrays[0].transpose(0, 2, 1).copy()

    def call(functional):
        return lambda x, w, b: getattr(functional, name)(x, *before, w, b, **options)

    agree(call(F), call(torch.nn.functional), arrays, [False] * 3, 0, name)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.1, 0, 1, 0.7])
def test_running_statistics(torch, name, dtype, momentum):
    for shape in ((4, 3, 5), (2, 3, 2, 2), (1, 3, 2), (0, 3, 2), (2, 3, 0)):
        arrays = [drawn((3,), dtype, 8), drawn((3,), dtype, 9, 0.1, 2)]
        ours, theirs = [tg.tensor(a) for a in arrays], [torch.tensor(a) for a in arrays]
        if name == "instance_norm" and 0 in shape:
            continue  # PyTorch fills them with NaN; here nothing seen changes nothing
        for seed in range(3):
            x = drawn(shape, dtype, seed) + seed
            flag = {"training": True} if name == "batch_norm" else {"use_input_stats": True}
            y = getattr(F, name)(tg.tensor(x, requires_grad=True), *ours, momentum=momentum, **flag)
            getattr(torch.nn.functional, name)(torch.tensor(x), *theirs, momentum=momentum, **flag)
            y.sum().backward()
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5 if dtype == np.float32 else 1e-9)


LAYERS = [
    ("BatchNorm1d", (3,), [(4, 3), (2, 3, 5)]),
    ("BatchNorm2d", (3,), [(2, 3, 4, 2)]),
    ("InstanceNorm1d", (3,), [(2, 3, 5), (3, 5)]),
    ("InstanceNorm2d", (3,), [(2, 3, 4, 2), (3, 4, 2)]),
]


@pytest.mark.parametrize(("name", "args", "shapes"), LAYERS)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("track", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_layers_with_running_statistics(torch, name, args, shapes, affine, track, momentum):
    """The same keys, and the same outputs and state through training, evaluation and a loaded state."""
    options = {"eps": 1e-3, "momentum": momentum, "affine": affine, "track_running_stats": track}
    mine, theirs = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)
    assert repr(mine) == repr(theirs)
    state = {k: drawn(v.shape, v.dtype, i, 0.5, 2) for i, (k, v) in enumerate(mine.state_dict().items())}
    if track:
        state["num_batches_tracked"] = np.array(2)
    mine.load_state_dict(state)
    theirs.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()})
    for step, training in enumerate((True, True, False, True, False)):
        mine.train(training)
        theirs.train(training)
        for shape in shapes:
            x = drawn(shape, np.float32, step)
            y, their_y = mine(tg.tensor(x)), theirs(torch.from_numpy(x))
            np.testing.assert_allclose(y.detach().numpy(), their_y.detach().numpy(), atol=2e-5, err_msg=f"{step}")
        for (key, a), (their_key, b) in zip(mine.state_dict().items(), theirs.state_dict().items(), strict=True):
            assert (key, a.dtype, a.shape) == (their_key, b.numpy().dtype, tuple(b.shape))
            np.testing.assert_allclose(a, b.numpy(), rtol=2e-6, err_msg=f"{step} {key}")


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [
        ("LayerNorm", (5,), {}),
        ("LayerNorm", ((3, 5),), {"eps": 0.1}),
        ("LayerNorm", ([3, 5],), {"bias": False}),
        ("LayerNorm", (5,), {"elementwise_affine": False}),
        ("GroupNorm", (3, 3), {}),
        ("GroupNorm", (1, 3), {"affine": False, "eps": 0.1}),
        ("GroupNorm", (1, 3), {"bias": False}),
        ("BatchNorm1d", (3,), {"bias": False}),
        ("InstanceNorm1d", (3,), {"affine": True, "bias": False}),
    ],
)
def test_other_layers(torch, name, args, options):
    mine, theirs = getattr(nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options)
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    state = {k: drawn(v.shape, v.dtype, i) for i, (k, v) in enumerate(mine.state_dict().items())}
    state |= {"num_batches_tracked": np.array(0)} if "num_batches_tracked" in state else {}
    mine.load_state_dict(state)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
    x = drawn((4, 3, 5), np.float32)
    y, their_y = mine(tg.tensor(x)), theirs(torch.from_numpy(x))
    np.testing.assert_allclose(y.detach().numpy(), their_y.detach().numpy(), atol=2e-5)


def of(*shape, dtype="float32"):
    return lambda lib: lib.ones(shape, dtype=getattr(lib, dtype))


X = of(2, 3, 4)
BOTH_RAISE = [
    ("batch_norm", (of(3), None, None), {"training": True}),
    ("batch_norm", (of(1, 3), None, None), {"training": True}),
    ("batch_norm", (of(1, 3, 1), of(3), of(3)), {"training": True}),
    ("batch_norm", (X, None, None), {}),
    ("batch_norm", (X, of(3), None), {}),
    ("batch_norm", (X, of(3), None), {"training": True}),
    ("batch_norm", (X, of(2), of(3)), {}),
    ("batch_norm", (X, of(3), of(1)), {"training": True}),
    ("batch_norm", (X, of(3), of(3), of(4)), {}),
    ("batch_norm", (X, of(3), of(3), None, of(2)), {}),
    ("batch_norm", (X, of(3), of(3)), {"training": True, "eps": 0.0}),
    ("batch_norm", (X, of(3), of(3)), {"eps": -1.0}),
    ("batch_norm", (X, of(3), of(3)), {"momentum": None}),
    ("batch_norm", (X, of(3, dtype="float64"), of(3)), {}),
    ("batch_norm", (X, None, None, of(3, dtype="float64")), {"training": True}),
    ("batch_norm", (of(2, 3, dtype="float64"), of(3), of(3)), {}),
    ("batch_norm", (of(2, 3, dtype="int64"), None, None), {"training": True}),
    ("instance_norm", (of(3),), {}),
    ("instance_norm", (of(2, 3),), {}),
    ("instance_norm", (of(2, 3, 1),), {}),
    ("instance_norm", (X,), {"use_input_stats": False}),
    ("instance_norm", (X, of(3)), {}),
    ("instance_norm", (X, of(2), of(2)), {}),
    ("instance_norm", (X, None, None, of(2)), {}),
    ("instance_norm", (of(2, 3, 4, dtype="int64"),), {}),
    ("layer_norm", (X, 4), {}),
    ("layer_norm", (X, ()), {}),
    ("layer_norm", (X, (3,)), {}),
    ("layer_norm", (X, (2, 3)), {}),
    ("layer_norm", (X, (1, 2, 3, 4)), {}),
    ("layer_norm", (X, (3, 4), of(4)), {}),
    ("layer_norm", (X, (3, 4), None, of(4)), {}),
    ("layer_norm", (X, (4,), of(4, dtype="float64")), {}),
    ("layer_norm", (of(2, 3, dtype="int64"), (3,)), {}),
    ("group_norm", (X, 2), {}),
    ("group_norm", (X, 0), {}),
    ("group_norm", (X, -1), {}),
    ("group_norm", (X, 3.0), {}),
    ("group_norm", (of(3), 3), {}),
    ("group_norm", (of(1, 3), 3), {}),
    ("group_norm", (X, 3, of(2)), {}),
    ("group_norm", (of(2, 3, dtype="int64"), 3), {}),
]
# Here we raise and PyTorch goes on; each with the reason.
WE_RAISE = [
    ("layer_norm", (X, (4,)), {"eps": -1.0}, "a negative eps gives NaN"),
    ("instance_norm", (X,), {"eps": -1.0}, "a negative eps gives NaN"),
    ("group_norm", (X, 3), {"eps": -1.0}, "a negative eps gives NaN"),
    ("batch_norm", (X, of(3), of(3), of(3, 1)), {}, "a weight of another shape with the right number of elements"),
    ("instance_norm", (of(2, 3, 4, dtype="float64"), of(3), of(3)), {}, "dtypes differ, which batch_norm refuses too"),
]


def attempt(lib, functional, name, args, options):
    args = [a(lib) if callable(a) else a for a in args]
    return getattr(functional, name)(*args, **options)


@pytest.mark.parametrize(("name", "args", "options"), BOTH_RAISE)
def test_errors_of_both(torch, name, args, options):
    with pytest.raises(Exception):
        attempt(torch, torch.nn.functional, name, args, options)
    with pytest.raises((ValueError, TypeError, RuntimeError)) as caught:
        attempt(tg, F, name, args, options)
    assert "`" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "args", "options", "reason"), WE_RAISE)
def test_errors_of_ours_alone(torch, name, args, options, reason):
    attempt(torch, torch.nn.functional, name, args, options)
    with pytest.raises((ValueError, TypeError)):
        attempt(tg, F, name, args, options)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *(("BatchNorm1d", s) for s in ((3,), (4, 2), (2, 3, 4, 5), (1, 3))),
        *(("BatchNorm2d", s) for s in ((4, 3), (2, 3, 4), (2, 2, 3, 4))),
        *(("InstanceNorm1d", s) for s in ((3,), (4, 5), (2, 4, 5), (2, 3, 1), (2, 3, 4, 5))),
        *(("InstanceNorm2d", s) for s in ((3, 4), (4, 3, 5), (2, 4, 3, 5), (2, 3, 1, 1))),
    ],
)
def test_layers_refuse_what_theirs_refuse(torch, name, shape):
    options = {"affine": True, "track_running_stats": True}
    with pytest.raises((ValueError, RuntimeError)):
        getattr(torch.nn, name)(3, **options)(torch.ones(shape))
    with pytest.raises(ValueError, match="`"):
        getattr(nn, name)(3, **options)(tg.ones(*shape))
