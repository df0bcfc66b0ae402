"""Activations, softmax, dropout and their layers against PyTorch: options, values, both orders, types, errors."""

from functools import partial

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn

pytestmark = pytest.mark.torch
RNG = np.random.default_rng(0)
INF = float("inf")


def numbers(shape, dtype=np.float64):
    a = RNG.uniform(-3, 3, shape)
    return np.where(abs(a) < 0.05, a + 0.1, a).astype(dtype)


@pytest.fixture
def same(torch, agree):
    """A function that compares one call, written for either library."""

    def compare(call, x, orders=2, label="", tolerance=None):
        agree(partial(call, tg), partial(call, torch), [x], [x.dtype.kind == "f"], orders, label, tolerance)

    return compare


CALLS = [
    ("relu", {}),
    *[("leaky_relu", s) for s in ({}, {"negative_slope": 0.3}, {"negative_slope": 0.0}, {"negative_slope": -0.5})],
    *[("elu", s) for s in ({}, {"alpha": 0.3}, {"alpha": 2.5})],
    ("silu", {}),
    *[("gelu", s) for s in ({}, {"approximate": "none"}, {"approximate": "tanh"})],
    *[("softplus", s) for s in ({}, {"beta": 2.0}, {"beta": 0.5, "threshold": 1.0})],
    *[("softmax", {"dim": d}) for d in (0, 1, -1)],
    *[("log_softmax", {"dim": d}) for d in (0, 1, -1)],
    ("dropout", {"training": False}),
    ("dropout", {"p": 0.0}),
    ("dropout", {"p": 1.0}),
]


def function(L, x, name, settings):
    return getattr(L.nn.functional, name)(x, **settings)


def test_values_and_both_orders(same):
    for name, settings in CALLS:
        call = partial(function, name=name, settings=settings)
        for shape in ((4, 5), (1, 7), (2, 3, 4), (3, 0), (0, 3)):
            # from an empty result, and from dropout that does nothing, PyTorch's gradient has no history
            orders = 2 if np.prod(shape) and name != "dropout" else 1
            same(call, numbers(shape), orders, f"{name} {settings} {shape}")
            same(call, numbers(shape, np.float32), 1, f"{name} {settings} {shape}")
        same(call, numbers((4, 5), np.float16), 0, f"{name} {settings}")
        same(call, np.asfortranarray(numbers((4, 5))), 1, f"{name} {settings}")
        if "dim" not in settings:
            same(call, numbers(()), 1 if name == "dropout" else 2, f"{name} {settings} of a number")
    for name in ("softmax", "log_softmax"):
        same(partial(function, name=name, settings={"dim": 0}), numbers(()))


def test_far_from_zero(torch, same):
    """Large numbers, kinks, infinities: values, and gradients where they are finite."""
    x = np.array([0.0, -0.0, 1e-30, 30.0, -30.0, 1e4, -1e4, 1e30, -1e30])
    for name, settings in CALLS:
        if name != "dropout":
            settings = {"dim": -1} if "dim" in settings else settings
            call = partial(function, name=name, settings=settings)
            far = x[:-2] if name == "gelu" else x  # in float32 PyTorch's gradient is NaN there: it cubes x
            same(call, far, 1, f"{name} {settings}", tolerance=1e-12)
            same(call, far.astype(np.float32), 1, f"{name} {settings}")
    special = np.array([INF, -INF, np.nan, 1.0])
    flat = {"negative_slope": 0.0}
    for name, settings in (("relu", {}), ("leaky_relu", {}), ("leaky_relu", flat), ("elu", {}), ("silu", {})):
        ours = function(tg, tg.tensor(special), name, settings).numpy()
        np.testing.assert_array_equal(ours, function(torch, torch.tensor(special), name, settings).numpy(), name)
    rows = np.array([[INF, 1.0], [-INF, 1.0], [-INF, -INF], [np.nan, 0.0]])
    for name in ("softmax", "log_softmax"):
        ours = function(tg, tg.tensor(rows), name, {"dim": 1}).numpy()
        np.testing.assert_allclose(ours, function(torch, torch.tensor(rows), name, {"dim": 1}).numpy(), atol=1e-15)


def test_dtype_of_softmax(same):
    for name in ("softmax", "log_softmax"):
        for dtype in ("float16", "float32", "float64"):
            for given in (np.float16, np.float32, np.float64, np.int64, np.bool_):
                x = numbers((3, 4)).astype(given)

                def call(L, x, name=name, dtype=dtype):
                    return getattr(L, name)(x, 1, getattr(L, dtype))

                tolerance = 2e-3 if "16" in dtype or given is np.float16 else 1e-6
                same(call, x, int(x.dtype.kind == "f"), f"{name} {given} as {dtype}", tolerance)
        same(lambda L, x, n=name: getattr(x, n)(dim=0), numbers((3, 4)))
        same(lambda L, x, n=name: getattr(x, n)(-1, dtype=L.float64), numbers((3, 4), np.float32), 1, tolerance=1e-6)
    same(lambda L, x: L.nn.functional.relu(x), np.array([-2, 0, 3]), 0)
    same(lambda L, x: x.relu(), np.array([2, 0, 3], np.uint8), 0)
    same(lambda L, x: L.nn.functional.dropout(x, 0.5, False), np.array([2, 0, 3]), 0)


def test_dropout_keeps_the_mean_and_the_scale(torch):
    x = np.ones((200, 200), np.float32)
    for library in (tg, torch):
        y = library.nn.functional.dropout(library.tensor(x), 0.25).numpy()
        assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
        assert abs(y.mean() - 1) < 0.02


BAD = [
    *[(name, {}, dtype) for name in ("leaky_relu", "elu", "silu", "gelu", "softplus") for dtype in ("int64", "bool")],
    ("relu", {}, "bool"),
    *[(name, {"dim": 0}, "int64") for name in ("softmax", "log_softmax")],
    *[(name, {"dim": d}, "float32") for name in ("softmax", "log_softmax") for d in (2, -3)],
    ("softmax", {"dim": 0, "dtype": "int64"}, "float32"),
    ("gelu", {"approximate": "erf"}, "float32"),
    ("dropout", {"p": 1.5}, "float32"),
    ("dropout", {"p": -0.1}, "float32"),
    ("dropout", {"p": 2.0, "training": False}, "float32"),
    ("dropout", {}, "int64"),
    ("dropout", {}, "bool"),
]


def test_errors(torch):
    """Where PyTorch raises, so do we."""
    for name, settings, dtype in BAD:
        for library in (torch, tg):
            given = {k: getattr(library, v) if k == "dtype" else v for k, v in settings.items()}
            x = library.ones(2, 3).to(getattr(library, dtype if dtype != "bool" or library is torch else "bool_"))
            with pytest.raises((RuntimeError, TypeError, ValueError, IndexError)) as caught:
                function(library, x, name, given)
        assert "\n" not in str(caught.value), name


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_stricter_than_torch(torch):
    """Where we raise and PyTorch does not, with the reason."""
    for name in ("softmax", "log_softmax"):  # it guesses the axis, and warns that this is deprecated
        function(torch, torch.ones(2, 3), name, {})
        with pytest.raises(ValueError, match="`dim` is None"):
            function(tg, tg.ones(2, 3), name, {})
    for name in ("relu", "leaky_relu", "elu", "silu", "dropout"):  # no op of ours writes into its input
        function(torch, torch.ones(2, 3), name, {"inplace": True})
        with pytest.raises(ValueError, match="`inplace` is True"):
            function(tg, tg.ones(2, 3), name, {"inplace": True})


LAYERS = [
    ("ReLU", (), {}), ("LeakyReLU", (), {}), ("LeakyReLU", (0.2,), {}), ("ELU", (), {}), ("ELU", (), {"alpha": 0.5}),
    ("SiLU", (), {}), ("GELU", (), {}), ("GELU", (), {"approximate": "tanh"}), ("Softplus", (), {}),
    ("Softplus", (2, 10), {}), ("Tanh", (), {}), ("Sigmoid", (), {}), ("Softmax", (1,), {}),
    ("Softmax", (), {"dim": -1}), ("LogSoftmax", (), {"dim": 0}), ("Identity", (3,), {"anything": 1}),
    ("Flatten", (), {}), ("Flatten", (0, 1), {}), ("Unflatten", (1, (2, 3)), {}),
    ("Unflatten", (), {"dim": -1, "unflattened_size": (3, -1)}), ("Dropout", (), {}), ("Dropout", (0.2,), {}),
    ("Linear", (6, 3), {}), ("Linear", (6, 1), {"bias": False}),
]  # fmt: skip


def test_layers(torch, agree):
    """Line, names of the state, values and gradients with PyTorch's weights loaded."""
    for name, args, settings in LAYERS:
        ours, theirs = getattr(nn, name)(*args, **settings), getattr(torch.nn, name)(*args, **settings)
        assert repr(ours) == repr(theirs)
        state = {k: v.numpy() for k, v in theirs.state_dict().items()}
        assert list(ours.state_dict()) == list(state)
        ours.load_state_dict(state)
        ours.eval(), theirs.eval()
        agree(ours, theirs, [numbers((4, 6), np.float32)], [True], 1, repr(ours))


def test_embedding(torch):
    for settings in ({}, {"padding_idx": 2}, {"padding_idx": -1}):
        ours, theirs = nn.Embedding(5, 3, **settings), torch.nn.Embedding(5, 3, **settings)
        assert repr(ours) == repr(theirs)
        assert ours.padding_idx == theirs.padding_idx
        if settings:
            assert not ours.weight.detach().numpy()[ours.padding_idx].any()
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        tokens = np.array([[0, 2, 2], [4, 1, 4]])
        y, their_y = ours(tg.tensor(tokens)), theirs(torch.tensor(tokens))
        np.testing.assert_array_equal(y.detach().numpy(), their_y.detach().numpy())
        (y * y).sum().backward()
        (their_y * their_y).sum().backward()
        np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy(), rtol=1e-6)
    table = numbers((4, 2), np.float32)
    ours = nn.Embedding.from_pretrained(tg.tensor(table), padding_idx=1)
    theirs = torch.nn.Embedding.from_pretrained(torch.tensor(table), padding_idx=1)
    assert repr(ours) == repr(theirs)
    np.testing.assert_array_equal(ours.weight.data, theirs.weight.detach().numpy())
    assert ours.weight.requires_grad == theirs.weight.requires_grad


def test_initial_weights(torch):
    """PyTorch's bounds: +-1/sqrt(I) for Linear, a standard normal for Embedding."""
    for library in (nn, torch.nn):
        layer = library.Linear(400, 300)
        for parameter in (layer.weight, layer.bias):
            values = parameter.detach().numpy()
            assert 0.9 / 20 < abs(values).max() <= 1 / 20
            assert abs(values.std() * 20 - 3**-0.5) < 0.05
        assert abs(library.Embedding(300, 100).weight.detach().numpy().std() - 1) < 0.02
