"""Convolution as an op and as layers: what the records and the sweep against PyTorch do not show."""

import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F
from tinygen.testing import gradgradcheck


def line(n):
    return tg.arange(1, n + 1, dtype=np.float32).reshape(1, 1, n)


# Keras' "same" ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "expected"),
    [
        (4, 3, 1, [3, 6, 9, 7]),  # 0 1 2 3 4 0
        (4, 2, 1, [3, 5, 7, 4]),  # 1 2 3 4 0: the odd zero at the end
        (4, 3, 2, [6, 7]),  # 1 2 3 4 0: PyTorch's padding=1 would give 3, 9
        (5, 3, 2, [3, 9, 9]),  # 0 1 2 3 4 5 0
        (5, 4, 3, [6, 12]),  # 0 1 2 3 4 5 0
        (5, 1, 3, [1, 4]),
    ],
)
def test_same_by_hand(length, kernel, stride, expected):
    x, w = line(length), tg.ones(1, 1, kernel)
    assert F.conv1d(x, w, stride=stride, padding="same").tolist() == [[expected]]


@pytest.mark.parametrize(
    ("kernel", "stride", "expected"),
    [
        (3, 1, [3, 6, 5]),  # 1 3 6 5 3 without the first and the last
        (2, 1, [1, 3, 5]),  # 1 3 5 3 without the last
        (3, 2, [1, 1, 3, 2, 5, 3]),  # 1 1 3 2 5 3 3 without the last
        (4, 2, [1, 3, 3, 5, 5, 3]),  # 1 1 3 3 5 5 3 3 without the first and the last
        (1, 3, [1, 0, 0, 2, 0, 0, 3, 0, 0]),  # zeros added behind
    ],
)
def test_transposed_same_by_hand(kernel, stride, expected):
    found = F.conv_transpose1d(line(3), tg.ones(1, 1, kernel), tg.zeros(1), stride=stride, padding="same")
    assert found.tolist() == [[expected]]


def test_same_is_for_each_axis():
    x = tg.randn(2, 3, 7, 10)
    assert F.conv2d(x, tg.randn(4, 3, 3, 5), stride=(2, 3), padding="same").shape == (2, 4, 4, 4)
    assert F.conv_transpose2d(x, tg.randn(3, 4, 3, 5), stride=(2, 3), padding="same").shape == (2, 4, 14, 30)


def test_bias_reaches_places_that_no_input_reaches():
    y = F.conv_transpose1d(line(2), tg.ones(1, 1, 1), tg.full((1,), 7.0), stride=3, output_padding=2)
    assert y.tolist() == [[[8, 7, 7, 9, 7, 7]]]


# One sum, three ops -------------------------------------------------------------------------------------------


def test_transposed_is_the_adjoint():
    """<conv(x), v> = <x, conv_transpose(v)> with the same weights."""
    tg.manual_seed(0)
    x, w, v = (tg.randn(*s).double() for s in ((2, 4, 9, 8), (6, 2, 3, 3), (2, 6, 5, 4)))
    settings = {"stride": 2, "padding": 1, "groups": 2}
    forth = (F.conv2d(x, w, **settings) * v).sum().item()
    back = (F.conv_transpose2d(v, w, output_padding=(0, 1), **settings) * x).sum().item()
    assert math.isclose(forth, back, rel_tol=1e-12)


def test_unfold_turns_convolution_into_a_product():
    tg.manual_seed(0)
    x, w = tg.randn(2, 3, 6, 5).double(), tg.randn(4, 3, 3, 2).double()
    settings = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    product = w.reshape(4, 18) @ F.unfold(x, (3, 2), **settings)
    np.testing.assert_allclose(product.reshape(2, 4, 3, 3).numpy(), F.conv2d(x, w, **settings).numpy(), rtol=1e-12)


def test_fold_counts_the_windows_over_each_place():
    x = tg.ones(1, 1, 4, 4)
    counts = F.fold(F.unfold(x, 3), 4, 3)
    assert counts.tolist() == [[[[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]]]]


@pytest.mark.parametrize("op", [F.conv2d, F.conv_transpose2d])
@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_second_order_where_only_one_input_wants_it(op, wanted):
    """Each backward leaves out what nobody asked for, at both orders; squared, as the op is linear in each input."""
    tg.manual_seed(0)
    inputs = [tg.randn(*s).double() for s in ((1, 2, 5, 4), (2, 2, 3, 2), (2,))]
    inputs[wanted].requires_grad = True
    gradgradcheck(lambda *t: op(*t, padding=1, stride=2) ** 2, inputs)


def test_third_order():
    """Of a cubed convolution, against the same thing written as unfold and a product."""
    tg.manual_seed(0)
    x, w = tg.randn(1, 2, 4, 4).double(), tg.randn(2, 2, 2, 2).double()

    def third(op):
        a, b = x.clone().detach(), w.clone().detach()
        a.requires_grad = b.requires_grad = True
        total = (op(a, b) ** 3).sum()
        for leaf in (a, b, a):
            (gradient,) = tg.autograd.grad(total, leaf, create_graph=True)
            total = (gradient * gradient).sum()
        return total.item()

    by_product = third(lambda a, b: b.reshape(2, 8) @ F.unfold(a, 2))
    assert math.isclose(third(F.conv2d), by_product, rel_tol=1e-9)


def test_an_empty_batch_gives_gradients_of_zero():
    layer = nn.Conv2d(2, 3, 3, generator=tg.Generator(0))
    layer(tg.zeros(0, 2, 5, 5)).sum().backward()
    assert not layer.weight.grad.numpy().any()
    assert not layer.bias.grad.numpy().any()


# Layers -------------------------------------------------------------------------------------------------------

LAYERS = [
    (nn.Conv1d, (4, 6, 3), {"groups": 2}, (6, 2, 3), 6),
    (nn.Conv2d, (4, 6, (3, 5)), {}, (6, 4, 3, 5), 60),
    (nn.ConvTranspose1d, (4, 6, 3), {"groups": 2}, (4, 3, 3), 9),
    (nn.ConvTranspose2d, (4, 6, (3, 5)), {}, (4, 6, 3, 5), 90),
]


@pytest.mark.parametrize(("layer", "arguments", "settings", "shape", "inputs"), LAYERS)
def test_parameters(layer, arguments, settings, shape, inputs):
    made = layer(*arguments, **settings, generator=tg.Generator(3))
    again = layer(*arguments, **settings, generator=tg.Generator(3))
    assert {k: v.shape for k, v in made.state_dict().items()} == {"weight": shape, "bias": (6,)}
    for name, array in made.state_dict().items():
        assert array.dtype == np.float32
        assert np.abs(array).max() <= 1 / math.sqrt(inputs)
        assert np.abs(array).max() > 0.5 / math.sqrt(inputs)
        np.testing.assert_array_equal(array, again.state_dict()[name])
    bare = layer(*arguments, **settings, bias=False)
    assert list(bare.state_dict()) == ["weight"]
    x = tg.ones(2, 4, *[8] * (len(shape) - 2))
    assert bare(x).shape == made(x).shape


def test_what_the_layers_show():
    assert repr(nn.Conv1d(4, 6, 3, padding="same", groups=2, bias=False, padding_mode="reflect")) == (
        "Conv1d(4, 6, kernel_size=(3,), stride=(1,), padding=same, groups=2, bias=False, padding_mode=reflect)"
    )
    assert repr(nn.ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, dilation=2)) == (
        "ConvTranspose2d(4, 6, kernel_size=(3, 2), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "output_padding=(1, 1))"
    )
    assert repr(nn.Unfold(3, padding=1)) == "Unfold(kernel_size=3, dilation=1, padding=1, stride=1)"


@pytest.mark.parametrize(
    ("mode", "border"), [("reflect", [2, 3]), ("replicate", [1, 4]), ("circular", [4, 1]), ("zeros", [0, 0])]
)
@pytest.mark.parametrize("padding", [1, "same"])
def test_padding_modes(mode, border, padding):
    layer = nn.Conv1d(1, 1, 3, padding=padding, bias=False, padding_mode=mode)
    layer.weight.data[:] = 1
    first, last = border
    assert layer(line(4)).tolist() == [[[first + 3, 6, 9, 7 + last]]]


def test_padding_mode_with_same_at_stride_2():
    """1 2 3 4 and what follows: two windows, from 1 and from 3."""
    layer = nn.Conv1d(1, 1, 3, stride=2, padding="same", bias=False, padding_mode="replicate")
    layer.weight.data[:] = 1
    assert layer(line(4)).tolist() == [[[6, 11]]]


def test_transposed_layer_with_same_doubles():
    layer = nn.ConvTranspose2d(3, 2, 5, stride=2, padding="same")
    assert layer(tg.zeros(1, 3, 7, 4)).shape == (1, 2, 14, 8)
    with pytest.raises(ValueError, match=r"`output_size` is \(13, 8\); with `padding` 'same'"):
        layer(tg.zeros(1, 3, 7, 4), output_size=(13, 8))


def test_output_size_leads_back_to_any_input():
    down, up = nn.Conv2d(2, 3, 3, 2, 1), nn.ConvTranspose2d(3, 2, 3, 2, 1)
    for size in ((7, 8), (8, 7)):
        x = tg.zeros(1, 2, *size)
        assert up(down(x), output_size=size).shape == x.shape
        assert up(down(x), output_size=x.shape).shape == x.shape
    with pytest.raises(ValueError, match=r"`output_size` is \(9, 8\); valid are lengths from \[7, 7\] to \[8, 8\]"):
        up(down(x), output_size=(9, 8))
    with pytest.raises(ValueError, match="it must have 2 or 4 lengths"):
        up(down(x), output_size=(3, 7, 8))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(0, 1, 3), "`in_channels` is 0"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "`in_channels` is 3; it must be divisible by `groups`, 2"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "`out_channels` is 3; it must be divisible"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), "`groups` is 0"),
        (lambda: nn.Conv2d(4, 4, 0), "`kernel_size` is 0"),
        (lambda: nn.Conv2d(4, 4, (3, 3, 3)), "`kernel_size` is"),
        (lambda: nn.Conv1d(4, 4, 3, stride=0), "`stride` is 0"),
        (lambda: nn.Conv1d(4, 4, 3, padding="full"), "`padding` is 'full'"),
        (lambda: nn.Conv1d(4, 4, 3, dilation=0), "`dilation` is 0"),
        (lambda: nn.Conv1d(4, 4, 3, padding_mode="mirror"), "`padding_mode` is 'mirror'; valid are zeros, reflect"),
        (lambda: nn.ConvTranspose1d(4, 4, 3, padding_mode="reflect"), "`padding_mode` is 'reflect'; ConvTranspose1d"),
        (lambda: nn.ConvTranspose1d(4, 4, 3, output_padding=-1), "`output_padding` is -1"),
    ],
)
def test_errors_of_layers(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_layers_learn_a_known_kernel():
    """Gradient descent finds the weights that made the data."""
    tg.manual_seed(1)
    x, target = tg.randn(8, 2, 6, 6), nn.Conv2d(2, 3, 3, generator=tg.Generator(1))
    with tg.no_grad():
        y = target(x)
    layer = nn.Conv2d(2, 3, 3, generator=tg.Generator(2))
    optimizer = tg.optim.SGD(layer.parameters(), lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = ((layer(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(layer.weight.detach().numpy(), target.weight.detach().numpy(), atol=2e-3)


# A rectifier that runs with the convolution ---------------------------------------------------------------------


@pytest.mark.parametrize("slope", [0.0, 0.3])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("channels", "kernel", "stride"), [(32, 3, 1), (32, 4, 2), (5, 3, 1)])
def test_with_a_rectifier_it_is_both_in_turn(slope, transposed, channels, kernel, stride):
    """In float32, where the kernels are that do both at once."""
    tg.manual_seed(0)
    convolve = F.conv_transpose2d if transposed else F.conv2d
    settings = {"stride": stride, "padding": "same"}
    x, w, b = tg.randn(2, channels, 12, 12), tg.randn(channels, channels, kernel, kernel), tg.randn(channels)
    g = tg.randn(*convolve(x, w, b, **settings).shape)
    found = []
    for together in (True, False):
        leaves = [tg.tensor(t.numpy().copy(), requires_grad=True) for t in (x, w, b)]
        if together:
            y = convolve(*leaves, **settings, negative_slope=slope)
        else:
            y = F.leaky_relu(convolve(*leaves, **settings), slope)
        y.backward(g)
        found.append([y.detach().numpy(), *(t.grad.numpy() for t in leaves)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def net(*layers):
    tg.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), *layers).requires_grad_(False)


def test_a_sequence_puts_convolution_and_rectifier_together():
    x = tg.randn(2, 3, 9, 9)
    for activation in (nn.ReLU(), nn.LeakyReLU(0.3)):
        model = net(activation, nn.Flatten())
        with tg.autograd.profile() as profile:
            y = model(x)
        assert "ReLU" not in str(profile)
        np.testing.assert_array_equal(y.numpy(), activation(model[0](x)).flatten(1).numpy())


@pytest.mark.parametrize("activation", [nn.LeakyReLU(-0.1), nn.LeakyReLU(2.0), nn.Tanh(), nn.Identity()])
def test_other_layers_behind_it_run_by_themselves(activation):
    model, x = net(activation), tg.randn(1, 3, 5, 5)
    np.testing.assert_array_equal(model(x).numpy(), activation(model[0](x)).numpy())


def test_hooks_between_the_two_see_what_they_should():
    x, seen = tg.randn(1, 3, 5, 5), []
    for k in (0, 1):
        model = net(nn.ReLU())
        model[k].register_forward_hook(lambda module, inputs, output: seen.append(output.numpy()))
        model(x)
    before, after = seen
    assert before.min() < 0
    np.testing.assert_array_equal(after, np.maximum(before, 0))
