"""Convolutions, unfold and fold against PyTorch over its documented options: values, both orders, errors, layers."""

from itertools import product

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
]
TOLERANCE = {np.float64: 1e-9, np.float32: 1e-5}


@pytest.fixture(autouse=True, scope="module")
def one_thread(torch):
    """PyTorch's threads cost more than they save on arrays this small: 35 s against 10 on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def close(ours, theirs, dtype, label):
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    assert (a.shape, a.dtype) == (b.shape, b.dtype), label
    scale = max(float(np.abs(b).max(initial=0)), 1.0)
    np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=label)


def compare(torch, name, shapes, settings, orders=True):
    """The op on random arrays of these shapes (None: left out): values in both types, derivatives in float64.

    The second order differentiates <gradient, random> for the inputs and for the cotangent of the first.
    """
    rng, label = np.random.default_rng(0), f"{name} {shapes} {settings}"
    arrays = [None if s is None else rng.uniform(-1, 1, s) for s in shapes]
    for dtype in (np.float32, np.float64):
        inputs = [None if a is None else a.astype(dtype) for a in arrays]
        ours = [a if a is None else tg.tensor(a, requires_grad=orders) for a in inputs]
        theirs = [a if a is None else torch.tensor(a, requires_grad=orders) for a in inputs]
        y, their_y = getattr(F, name)(*ours, **settings), getattr(torch.nn.functional, name)(*theirs, **settings)
        close(y, their_y, dtype, label)
    if not orders:
        return
    leaves, their_leaves = ([t for t in ts if t is not None] for ts in (ours, theirs))
    v = rng.standard_normal(y.shape)
    cotangent, their_cotangent = tg.tensor(v, requires_grad=True), torch.tensor(v, requires_grad=True)
    first = tg.autograd.grad(y, leaves, cotangent, create_graph=True)
    their_first = torch.autograd.grad(their_y, their_leaves, their_cotangent, create_graph=True)
    directions = [rng.standard_normal(g.shape) for g in first]
    second = tg.autograd.grad(
        first, [*leaves, cotangent], [tg.tensor(d) for d in directions], allow_unused=True
    )
    their_second = torch.autograd.grad(
        their_first,
        [*their_leaves, their_cotangent],
        [torch.tensor(d) for d in directions],
        allow_unused=True,
    )
    for a, b in zip((*first, *second), (*their_first, *their_second), strict=True):
        if a is None or b is None:  # a linear op: PyTorch may give zeros where nothing flows
            assert all(t is None or not t.detach().numpy().any() for t in (a, b)), label
        else:
            close(a, b, np.float64, label)


STRIDES, PADDINGS, DILATIONS, GROUPS = (1, 2, 3), (0, 1, 3), (1, 2), (1, 2, 4)


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("axes", [1, 2])
def test_conv(torch, axes, groups):
    size, kernel = ((9,), (3,)) if axes == 1 else ((6, 7), (2, 3))
    for i, (stride, padding, dilation) in enumerate(product(STRIDES, PADDINGS, DILATIONS)):
        bias = (8,) if i % 2 else None
        settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        compare(torch, f"conv{axes}d", [(2, 4, *size), (8, 4 // groups, *kernel), bias], settings)


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("axes", [1, 2])
def test_conv_transpose(torch, axes, groups):
    size, kernel = ((6,), (4,)) if axes == 1 else ((4, 3), (3, 4))
    for i, (stride, padding, dilation) in enumerate(product(STRIDES, (0, 1, 2), DILATIONS)):
        for more in range(max(stride, dilation)):
            bias = (2 * groups,) if i % 2 else None
            settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
            settings["output_padding"] = more
            compare(torch, f"conv_transpose{axes}d", [(2, 4, *size), (4, 2, *kernel), bias], settings)


SHAPES = {  # input, weight: one sample, no axis of samples, none at all, one channel, window as large as the input
    "conv1d": [((1, 3, 5), (2, 3, 3)), ((3, 5), (2, 3, 3)), ((0, 3, 5), (2, 3, 3)), ((3, 1, 4), (1, 1, 4))],
    "conv2d": [
        ((1, 3, 5, 4), (2, 3, 3, 3)),
        ((3, 5, 4), (2, 3, 3, 2)),
        ((0, 3, 5, 4), (2, 3, 3, 2)),
        ((3, 1, 4, 1), (1, 1, 4, 1)),
        ((1, 3, 19, 18), (5, 3, 7, 7)),
    ],
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(torch, name):
    for x, w in SHAPES[name]:
        for settings in ({}, {"padding": (1,)}, {"stride": (2,), "dilation": (1,)}):
            compare(torch, name, [x, w, (len(w) and w[0],)], settings)
        turned = (w[1], w[0], *w[2:])
        for settings in ({}, {"padding": (1,), "stride": 3, "output_padding": (2,)}):
            compare(torch, name.replace("v", "v_transpose"), [x, turned, (w[0],)], settings)


def test_one_number_per_axis(torch):
    settings = {"stride": (1, 2), "padding": (2, 0), "dilation": (2, 1)}
    compare(torch, "conv2d", [(2, 4, 6, 7), (6, 2, 2, 3), (6,)], {**settings, "groups": 2})
    settings["output_padding"] = (1, 1)
    compare(torch, "conv_transpose2d", [(2, 4, 4, 3), (4, 3, 2, 3), (6,)], {**settings, "groups": 2})
    compare(torch, "conv_transpose2d", [(2, 2, 3, 3), (2, 1, 2, 3), None], {"dilation": 4, "output_padding": (3, 2)})


def test_same_and_valid(torch):
    """At stride 1, where PyTorch has "same": odd and even windows, dilated."""
    for k, dilation in product((1, 2, 3, 4, 5), (1, 2, 3)):
        settings = {"padding": "same", "dilation": dilation}
        compare(torch, "conv1d", [(2, 2, 6), (3, 2, k), (3,)], settings)
        compare(torch, "conv2d", [(1, 2, 5, 4), (2, 1, k, 3), None], {**settings, "groups": 2}, orders=k % 2 == 0)
    for stride in (1, 2):
        compare(torch, "conv2d", [(1, 2, 5, 4), (2, 2, 3, 2), None], {"padding": "valid", "stride": stride})


@pytest.mark.parametrize("name", ["unfold", "fold"])
def test_windows(torch, name):
    for kernel, stride, padding, dilation in product((1, (2, 3)), (1, (3, 2)), (0, (1, 2)), (1, (2, 1))):
        settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        for lead in ((2,), (), (0,)):
            shape = (*lead, 2, 7, 8)
            if name == "fold":
                columns = F.unfold(tg.zeros(*shape), **settings)
                compare(torch, name, [columns.shape], {"output_size": (7, 8), **settings})
            else:
                compare(torch, name, [shape], settings)
    compare(torch, "unfold", [(1, 1, 2, 2)], {"kernel_size": 2, "padding": 4, "stride": 3})


# Errors -----------------------------------------------------------------------------------------------------


def ones(library, *shape, dtype="float32"):
    return library.ones(*shape, dtype=getattr(library, dtype))


BOTH_RAISE = {
    "channels": ("conv2d", (1, 4, 4, 4), (3, 2, 2, 2), {}),
    "channels in a group": ("conv2d", (1, 3, 4, 4), (2, 1, 2, 2), {"groups": 2}),
    "outputs in a group": ("conv2d", (1, 4, 4, 4), (3, 2, 2, 2), {"groups": 2}),
    "no group": ("conv2d", (1, 1, 4, 4), (1, 1, 2, 2), {"groups": 0}),
    "bias": ("conv2d", (1, 1, 4, 4), (3, 1, 2, 2), {"bias": (2,)}),
    "bias axes": ("conv2d", (1, 1, 4, 4), (3, 1, 2, 2), {"bias": (3, 1)}),
    "input axes": ("conv2d", (4, 4), (1, 1, 2, 2), {}),
    "input axes 1d": ("conv1d", (1, 1, 1, 4), (1, 1, 2), {}),
    "weight axes": ("conv2d", (1, 1, 4, 4), (1, 1, 2), {}),
    "weight axes 1d": ("conv1d", (1, 1, 4), (1, 1, 2, 2), {}),
    "window too large": ("conv2d", (1, 1, 4, 4), (1, 1, 5, 5), {}),
    "window too large, valid": ("conv1d", (1, 1, 4), (1, 1, 3), {"padding": "valid", "dilation": 2}),
    "no places": ("conv2d", (1, 1, 0, 4), (1, 1, 2, 2), {"padding": 1}),
    "no places, same": ("conv2d", (1, 1, 0, 4), (1, 1, 3, 3), {"padding": "same"}),
    "no places, transposed": ("conv_transpose2d", (1, 1, 0, 4), (1, 1, 2, 2), {}),
    "no outputs": ("conv2d", (1, 1, 4, 4), (0, 1, 2, 2), {}),
    "no outputs, transposed": ("conv_transpose2d", (1, 1, 4, 4), (1, 0, 2, 2), {}),
    "no window": ("conv2d", (1, 1, 4, 4), (1, 1, 0, 2), {}),
    "stride 0": ("conv2d", (1, 1, 4, 4), (1, 1, 2, 2), {"stride": 0}),
    "stride -1": ("conv_transpose2d", (1, 1, 4, 4), (1, 1, 2, 2), {"stride": -1}),
    "stride float": ("conv2d", (1, 1, 4, 4), (1, 1, 2, 2), {"stride": 1.0}),
    "stride bool": ("conv2d", (1, 1, 4, 4), (1, 1, 2, 2), {"stride": True}),
    "stride count": ("conv2d", (1, 1, 4, 4), (1, 1, 2, 2), {"stride": (1, 1, 1)}),
    "dilation 0": ("conv1d", (1, 1, 4), (1, 1, 2), {"dilation": 0}),
    "padding -1": ("conv1d", (1, 1, 4), (1, 1, 2), {"padding": -1}),
    "padding word": ("conv1d", (1, 1, 4), (1, 1, 2), {"padding": "full"}),
    "padding word, transposed": ("conv_transpose1d", (1, 1, 4), (1, 1, 2), {"padding": "full"}),
    "output padding": ("conv_transpose2d", (1, 1, 4, 4), (1, 1, 2, 2), {"output_padding": 1}),
    "output padding, one axis": (
        "conv_transpose2d",
        (1, 1, 4, 4),
        (1, 1, 2, 2),
        {"stride": (2, 1), "output_padding": 1},
    ),
    "output padding -1": ("conv_transpose1d", (1, 1, 4), (1, 1, 2), {"stride": 2, "output_padding": -1}),
    "nothing left": ("conv_transpose1d", (1, 1, 1), (1, 1, 2), {"padding": 1}),
    "channels, transposed": ("conv_transpose1d", (1, 4, 3), (3, 4, 2), {}),
    "groups, transposed": ("conv_transpose1d", (1, 4, 3), (4, 3, 2), {"groups": 3}),
    "bias, transposed": ("conv_transpose1d", (1, 4, 3), (4, 3, 2), {"groups": 2, "bias": (3,)}),
    "unfold axes": ("unfold", (4, 4), None, {"kernel_size": 2}),
    "unfold window": ("unfold", (1, 1, 4, 4), None, {"kernel_size": 5}),
    "unfold no window": ("unfold", (1, 1, 4, 4), None, {"kernel_size": 0}),
    "unfold stride": ("unfold", (1, 1, 4, 4), None, {"kernel_size": 2, "stride": 0}),
    "unfold dilation": ("unfold", (1, 1, 4, 4), None, {"kernel_size": 2, "dilation": 0}),
    "unfold padding": ("unfold", (1, 1, 4, 4), None, {"kernel_size": 2, "padding": -1}),
    "unfold count": ("unfold", (1, 1, 4, 4), None, {"kernel_size": (2, 2, 2)}),
    "unfold no places": ("unfold", (1, 1, 0, 4), None, {"kernel_size": 2, "padding": 2}),
    "fold axes": ("fold", (4,), None, {"kernel_size": 2, "output_size": 3}),
    "fold rows": ("fold", (1, 3, 4), None, {"kernel_size": 2, "output_size": 3}),
    "fold columns": ("fold", (1, 4, 5), None, {"kernel_size": 2, "output_size": 3}),
    "fold nothing": ("fold", (1, 4, 4), None, {"kernel_size": 2, "output_size": 0}),
    "fold window": ("fold", (1, 9, 4), None, {"kernel_size": 3, "output_size": 2}),
}


@pytest.mark.parametrize("case", BOTH_RAISE)
def test_both_raise(torch, case):
    name, x, w, settings = BOTH_RAISE[case]
    for library, functions in ((tg, F), (torch, torch.nn.functional)):
        inputs = [library.ones(*x)] if w is None else [library.ones(*x), library.ones(*w)]
        options = {k: library.ones(*v) if k == "bias" else v for k, v in settings.items()}
        with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)):
            getattr(functions, name)(*inputs, **options)


@pytest.mark.parametrize("which", ["weight", "bias"])
def test_mixed_types_raise_in_both(torch, which):
    types = {"input": "float32", "weight": "float32", "bias": "float32", which: "float64"}
    for library, functions in ((tg, F), (torch, torch.nn.functional)):
        shapes = {"input": (1, 1, 4), "weight": (1, 1, 2), "bias": (1,)}
        arguments = {k: ones(library, *shapes[k], dtype=types[k]) for k in shapes}
        with pytest.raises((TypeError, RuntimeError)):
            functions.conv1d(**arguments)


def test_where_we_raise_and_pytorch_does_not(torch):
    """No channels: PyTorch gives no output channels either, where the sum over nothing is three channels of zeros."""
    assert torch.nn.functional.conv2d(torch.ones(2, 0, 4, 4), torch.ones(3, 0, 2, 2)).shape == (2, 0, 3, 3)
    with pytest.raises(ValueError, match="every length at least 1"):
        F.conv2d(tg.ones(2, 0, 4, 4), tg.ones(3, 0, 2, 2))


def test_where_pytorch_raises_and_we_do_not(torch):
    """Keras' "same" at any stride and for transposed convolutions; types that PyTorch has no code for."""
    with pytest.raises(RuntimeError, match="strided"):
        torch.nn.functional.conv1d(torch.ones(1, 1, 5), torch.ones(1, 1, 3), stride=2, padding="same")
    assert F.conv1d(tg.ones(1, 1, 5), tg.ones(1, 1, 3), stride=2, padding="same").tolist() == [[[2, 3, 2]]]
    with pytest.raises(TypeError):
        torch.nn.functional.conv_transpose1d(torch.ones(1, 1, 2), torch.ones(1, 1, 3), stride=2, padding="same")
    found = F.conv_transpose1d(tg.ones(1, 1, 2), tg.ones(1, 1, 3), stride=2, padding="same")
    assert found.tolist() == [[[1, 1, 2, 1]]]
    for name, shapes in (("unfold", [(1, 1, 2, 2)]), ("conv_transpose1d", [(1, 1, 2), (1, 1, 2)])):
        settings = {"kernel_size": 2} if name == "unfold" else {}
        with pytest.raises(NotImplementedError):
            getattr(torch.nn.functional, name)(*(ones(torch, *s, dtype="int32") for s in shapes), **settings)
        assert getattr(F, name)(*(ones(tg, *s, dtype="int32") for s in shapes), **settings).dtype == np.int32


# Layers -----------------------------------------------------------------------------------------------------

LAYERS = [
    ("Conv1d", (4, 6, 3), {}, (4, 8)),
    ("Conv1d", (4, 6, 4), {"padding": "same", "groups": 2, "bias": False}, (4, 8)),
    ("Conv1d", (2, 3, 2, 3, 4, 2), {}, (2, 8)),
    ("Conv2d", (4, 6, (3, 2), 2, 1, 2), {}, (4, 8, 7)),
    ("Conv2d", (4, 6, 3, (2, 1), (0, 2), 1, 2, False), {}, (4, 8, 7)),
    ("Conv2d", (1, 1, 1), {"padding": "valid"}, (1, 3, 3)),
    ("ConvTranspose1d", (4, 6, 3), {}, (4, 5)),
    ("ConvTranspose1d", (4, 6, 3, 2, 1, 1, 2, False, 3), {}, (4, 5)),
    ("ConvTranspose2d", (4, 6, (3, 4), 2, 1, 1), {}, (4, 5, 4)),
    ("ConvTranspose2d", (4, 6, 3), {"stride": (2, 3), "output_padding": (1, 0), "groups": 2}, (4, 5, 4)),
    ("Unfold", (3,), {"padding": 1}, (2, 6, 5)),
    ("Fold", ((4, 5), 2), {}, (8, 12)),
]
LAYERS += [
    (
        f"Conv{axes}d",
        (2, 3, kernel),
        {"padding": padding, "padding_mode": mode, "dilation": dilation},
        (2, 6, 5)[: axes + 1],
    )
    for mode in ("reflect", "replicate", "circular")
    for axes, kernel, padding, dilation in (
        (1, 3, 1, 1),
        (1, 4, "same", 1),
        (1, 2, "valid", 1),
        (2, (2, 3), (2, 1), 1),
        (2, 3, "same", 2),
        (2, 3, (1, 0), 1),
    )
]


@pytest.mark.parametrize(("name", "arguments", "settings", "shape"), LAYERS)
def test_layers(torch, name, arguments, settings, shape):
    """The same line, the same parameters, and with PyTorch's numbers the same results, with and without samples."""
    ours, theirs = getattr(nn, name)(*arguments, **settings), getattr(torch.nn, name)(*arguments, **settings)
    assert repr(ours) == repr(theirs)
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in state.items()}
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    ours.load_state_dict(state)
    for lead in ((3,), ()):
        x = np.random.default_rng(0).standard_normal((*lead, *shape)).astype(np.float32)
        x, their_x = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, their_y = ours(x), theirs(their_x)
        close(y, their_y, np.float32, name)
        (y * y).sum().backward()
        (their_y * their_y).sum().backward()
        close(x.grad, their_x.grad, np.float32, name)
        for (key, parameter), their_parameter in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            close(parameter.grad, their_parameter.grad, np.float32, f"{name} {key}")


@pytest.mark.parametrize("size", [[7, 9], (8, 10), (1, 2, 8, 9), (2, 8, 9), [9, 10], [6, 9], [8], (8, 9, 1, 1, 1)])
def test_output_size(torch, size):
    arguments = (1, 2, 3, 2, 1)
    ours, theirs = nn.ConvTranspose2d(*arguments), torch.nn.ConvTranspose2d(*arguments)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    for lead in ((1,), ()):
        x = np.random.default_rng(0).standard_normal((*lead, 1, 4, 5)).astype(np.float32)
        try:
            expected = theirs(torch.tensor(x), output_size=size)
        except ValueError:
            with pytest.raises(ValueError, match="`output_size` is"):
                ours(tg.tensor(x), output_size=size)
        else:
            close(ours(tg.tensor(x), output_size=size), expected, np.float32, str(size))


@pytest.mark.parametrize("name", ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"])
@pytest.mark.parametrize(
    "settings", [{"groups": 3}, {"groups": 0}, {"padding": "full"}, {"padding_mode": "constant"}], ids=str
)
def test_layers_raise_in_both(torch, name, settings):
    if "padding" in settings and "Transpose" in name:  # PyTorch takes any word, and raises when the layer is used
        theirs = getattr(torch.nn, name)(4, 6, 2, **settings)
        with pytest.raises(TypeError):
            theirs(torch.ones(1, 4, *[5] * int(name[-2])))
    else:
        with pytest.raises(ValueError):
            getattr(torch.nn, name)(4, 6, 2, **settings)
    with pytest.raises(ValueError, match=f"`{next(iter(settings))}`"):
        getattr(nn, name)(4, 6, 2, **settings)


def test_initial_values_are_drawn_as_pytorch_draws_them(torch):
    """Evenly from the same interval: the extremes and the deviation of 20,000 numbers agree."""
    for name, arguments in (("Conv2d", (24, 40, 5)), ("ConvTranspose2d", (40, 24, (4, 5))), ("Conv1d", (60, 64, 6))):
        ours, theirs = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
        torch.manual_seed(0)
        theirs.reset_parameters()
        a, b = ours.weight.detach().numpy(), theirs.weight.detach().numpy()
        np.testing.assert_allclose([a.min(), a.max(), a.std()], [b.min(), b.max(), b.std()], rtol=0.03)
        bound = np.abs(b).max() * 1.001
        assert np.abs(ours.bias.detach().numpy()).max() <= bound
        assert np.abs(ours.bias.detach().numpy()).max() >= 0.8 * bound
