"""LSTM and GRU as layers: weights, both directions, tokens, states, no batch, errors."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.ops import rnn
from tinygen_ops import numba_problem, use

LAYERS = pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
CELLS = pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell])


def make(kind, *sizes, **options):
    """A layer with I = 5, H = 16."""
    return kind(5, 16, *sizes, generator=tg.Generator(1), **options)


def randn(*shape, seed=2, **options):
    return tg.randn(*shape, generator=tg.Generator(seed), **options)


def states_of(result):
    """The states that a layer or a cell returned, as a tuple."""
    return result if isinstance(result, tuple) else (result,)


def assert_close(a, b, tolerance=1e-6):
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=0, atol=tolerance)


# Weights ----------------------------------------------------------------------------------------------------


@LAYERS
def test_weight_names_shapes_and_first_values(kind):
    rows = {nn.LSTM: 64, nn.GRU: 48}[kind]
    state = make(kind, 2, bidirectional=True).state_dict()
    expected = {}
    for k, inputs in enumerate((5, 32)):
        for end in (f"_l{k}", f"_l{k}_reverse"):
            expected |= {"weight_ih" + end: (rows, inputs), "weight_hh" + end: (rows, 16)}
            expected |= {"bias_ih" + end: (rows,), "bias_hh" + end: (rows,)}
    assert {name: array.shape for name, array in state.items()} == expected
    assert list(state) == list(expected)
    for array in state.values():
        assert array.dtype == np.float32
        assert 0.2 < abs(array).max() <= 0.25  # 1 / sqrt(H)
    assert not np.array_equal(state["weight_hh_l0"], state["weight_hh_l0_reverse"])
    assert len(list(make(kind, bias=False).parameters())) == 2


@CELLS
def test_cell_weights(kind):
    rows = {nn.LSTMCell: 64, nn.GRUCell: 48}[kind]
    shapes = {name: array.shape for name, array in make(kind).state_dict().items()}
    assert shapes == {"weight_ih": (rows, 5), "weight_hh": (rows, 16), "bias_ih": (rows,), "bias_hh": (rows,)}
    assert list(make(kind, bias=False).state_dict()) == ["weight_ih", "weight_hh"]


def test_repr_tells_what_is_not_the_default():
    assert repr(nn.GRU(3, 4)) == "GRU(3, 4)"
    told = "LSTM(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.1, bidirectional=True)"
    assert repr(nn.LSTM(3, 4, 2, False, True, 0.1, True)) == told
    assert repr(nn.GRUCell(3, 4, bias=False)) == "GRUCell(3, 4, bias=False)"
    assert repr(nn.LSTMCell(3, 4)) == "LSTMCell(3, 4)"


@LAYERS
def test_flatten_parameters_changes_nothing(kind):
    layer = make(kind)
    before = {name: array.copy() for name, array in layer.state_dict().items()}
    assert layer.flatten_parameters() is None
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


# What a layer computes --------------------------------------------------------------------------------------


@LAYERS
def test_layer_is_its_cell_step_after_step(kind):
    layer, cell = make(kind), make({nn.LSTM: nn.LSTMCell, nn.GRU: nn.GRUCell}[kind])
    cell.load_state_dict({name.removesuffix("_l0"): array for name, array in layer.state_dict().items()})
    x, states = randn(4, 3, 5), None
    output, ends = layer(x)
    for t in range(4):
        states = cell(x[t], states)
        assert_close(output[t], states_of(states)[0])
    for end, state in zip(states_of(ends), states_of(states), strict=True):
        assert_close(end[0], state)


@LAYERS
def test_reverse_direction_is_the_sequence_read_backwards(kind):
    both, forward, reverse = make(kind, bidirectional=True), make(kind), make(kind)
    state = both.state_dict()
    forward.load_state_dict({k: v for k, v in state.items() if not k.endswith("_reverse")})
    reverse.load_state_dict({k.removesuffix("_reverse"): v for k, v in state.items() if k.endswith("_reverse")})
    x = randn(4, 3, 5)
    output, ends = both(x)
    y, ends_forward = forward(x)
    z, ends_reverse = reverse(tg.flip(x, 0))
    assert output.shape == (4, 3, 32)
    assert_close(output[..., :16], y)
    assert_close(output[..., 16:], tg.flip(z, 0))
    for end, a, b in zip(*map(states_of, (ends, ends_forward, ends_reverse)), strict=True):
        assert_close(end, tg.cat([a, b]))


@LAYERS
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_tokens_are_one_hot_vectors(kind, options):
    layer = make(kind, **options)
    tokens = tg.randint(5, size=(6, 3), generator=tg.Generator(2))
    one_hot = nn.functional.one_hot(tokens, 5).float()
    results, expected = (layer(x) for x in (tokens, one_hot))
    assert_close(results[0], expected[0])
    for a, b in zip(states_of(results[1]), states_of(expected[1]), strict=True):
        assert_close(a, b)
    gradients = [
        tg.autograd.grad((y * y).sum(), list(layer.parameters())) for y in (results[0], expected[0])
    ]
    for a, b in zip(*gradients, strict=True):
        assert_close(a, b, 2e-5)


@LAYERS
@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
def test_one_sequence_without_a_batch(kind, tokens, options):
    layer = make(kind, **options)
    x = tg.randint(5, size=(4, 1), generator=tg.Generator(3)) if tokens else randn(4, 1, 5)
    output, ends = layer(x)
    alone, ends_alone = layer(x[:, 0])
    assert_close(alone, output[:, 0])
    for a, b in zip(states_of(ends_alone), states_of(ends), strict=True):
        assert_close(a, b[:, 0])
    again, _ = layer(x[:, 0], ends_alone)
    assert_close(again, layer(x, ends)[0][:, 0])
    swapped = make(kind, batch_first=True, **options)  # without a batch nothing is swapped
    assert_close(swapped(x[:, 0])[0], alone)


@CELLS
def test_cell_without_a_batch(kind):
    cell, x = make(kind), randn(1, 5)
    first, alone = cell(x), cell(x[0])
    for a, b in zip(states_of(cell(x[0], alone)), states_of(cell(x, first)), strict=True):
        assert a.shape == (16,)
        assert_close(a, b[0])


@LAYERS
def test_batch_first_swaps_input_and_output_but_no_states(kind):
    a, b = make(kind, bidirectional=True), make(kind, bidirectional=True, batch_first=True)
    x = randn(6, 3, 5)
    (y, ends), (y_first, ends_first) = a(x), b(x.transpose(0, 1))
    assert_close(y.transpose(0, 1), y_first)
    for one, other in zip(states_of(ends), states_of(ends_first), strict=True):
        assert one.shape == (2, 3, 16)
        assert_close(one, other)


@LAYERS
def test_states_carried_over_equal_one_long_run(kind):
    layer, x = make(kind, 2), randn(9, 4, 5)
    whole, last = layer(x)
    first, states = layer(x[:5])
    second, ends = layer(x[5:], states)
    assert_close(tg.cat([first, second]), whole)
    for a, b in zip(states_of(ends), states_of(last), strict=True):
        assert_close(a, b)


@LAYERS
def test_dropout_between_layers_only(kind):
    def run(layer):
        return layer(tg.ones(4, 2, 5))[0].detach().numpy()

    layer = make(kind, 2, dropout=0.5, bidirectional=True)
    state = layer.generator.state()
    first, second = run(layer), run(layer)
    assert not np.array_equal(first, second)
    assert first.all()  # nothing is dropped after the last layer
    layer.generator.set_state(state)
    np.testing.assert_array_equal(run(layer), first)
    np.testing.assert_array_equal(run(layer.eval()), run(layer))
    single = make(kind, dropout=0.9)
    np.testing.assert_array_equal(run(single), run(make(kind)))


@LAYERS
@pytest.mark.parametrize("shape", [(3, 0, 5), (3, 0)], ids=["vectors", "tokens"])
def test_no_sequences(kind, shape):
    layer = make(kind, 2, bidirectional=True)
    x = randn(*shape) if len(shape) == 3 else tg.zeros(*shape, dtype=np.int64)
    output, ends = layer(x)
    assert output.shape == (3, 0, 32)
    assert all(end.shape == (4, 0, 16) for end in states_of(ends))
    output.sum().backward()
    assert not any(p.grad.numpy().any() for p in layer.parameters())


@LAYERS
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_dtype_follows_the_weights(kind, dtype):
    layer = make(kind, bidirectional=True).to(dtype)
    for x in (randn(3, 2, 5).to(dtype), tg.zeros(3, 2, dtype=np.int64)):
        output, ends = layer(x)
        output.sum().backward()
        assert {output.dtype, *(e.dtype for e in states_of(ends)), *(p.grad.dtype for p in layer.parameters())} == {
            np.dtype(dtype)
        }


# Kernels and memory -----------------------------------------------------------------------------------------


@LAYERS
def test_kernel_forms_agree(kind):
    if problem := numba_problem():
        pytest.skip(problem)
    layer, x = make(kind, 2, bidirectional=True), randn(7, 9, 5)
    found = {}
    for mode in ("reference", "numba"):
        with use(mode):
            output, _ = layer(x)
            found[mode] = [output, *tg.autograd.grad((output * output).sum(), list(layer.parameters()))]
    for a, b in zip(found["reference"], found["numba"], strict=True):
        assert_close(a, b, 1e-6 * max(1, abs(a.detach().numpy()).max()))


@pytest.mark.parametrize("op", [rnn.lstm, rnn.gru])
@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_write_into_an_output_is_noticed(op, which):
    """The kernels keep their states for the backward, and the outputs look at the same memory."""
    rows, states = (64, 2) if op is rnn.lstm else (48, 1)
    inputs = [randn(3, 2, 5), *[randn(2, 16)] * states, randn(rows, 5), randn(rows, 16)]
    for t in inputs:
        t.requires_grad = True
    outputs = op(*inputs)
    outputs[which].data[...] = 7
    with pytest.raises(RuntimeError, match="Scan needs for its gradient was written to"):
        outputs[0].sum().backward()


def test_hard_sigmoid_at_its_kinks():
    """There the kernel and the composition, which higher orders differentiate, agree: the slope is 0."""
    bias = tg.tensor(np.repeat([2.5, -2.5, 0.3, 2.5], 2), requires_grad=True)  # i f g o, H = 2
    zeros = {"input": (2, 1, 3), "h0": (1, 2), "c0": (1, 2), "w_ih": (8, 3), "w_hh": (8, 2)}
    zeros = {name: tg.zeros(*shape, dtype=np.float64) for name, shape in zeros.items()}
    found = []
    for create_graph in (False, True):
        output, _, _ = rnn.lstm(**zeros, bias=bias, gate="hard_sigmoid")
        found += tg.autograd.grad(output.sum(), bias, create_graph=create_graph)
    assert_close(*found)
    assert (found[0].numpy() != 0).tolist() == [False] * 4 + [True] * 2 + [False] * 2


# Errors -----------------------------------------------------------------------------------------------------


@LAYERS
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input_size": 0}, "`input_size` is 0"),
        ({"hidden_size": 1.5}, "`hidden_size` is 1.5"),
        ({"num_layers": 0}, "`num_layers` is 0"),
        ({"dropout": 1.5}, "`dropout` is 1.5"),
        ({"dropout": True}, "`dropout` is True"),
        ({"dropout": "half"}, "`dropout` is 'half'"),
    ],
)
def test_wrong_options(kind, options, words):
    with pytest.raises(ValueError, match=words):
        kind(**{"input_size": 3, "hidden_size": 4, **options})


def test_projections_are_refused():
    with pytest.raises(ValueError, match="`proj_size` is 2; only 0"):
        nn.LSTM(3, 4, proj_size=2)
    with pytest.raises(TypeError, match="proj_size"):
        nn.GRU(3, 4, proj_size=2)


@LAYERS
def test_wrong_inputs(kind):
    layer = make(kind)
    for x, words in (
        (tg.zeros(3, 2, 4), r"`input` has shape \(3, 2, 4\); its last axis must be 5 long"),
        (tg.zeros(1, 3, 2, 5), r"`input` has shape \(1, 3, 2, 5\); it must be \(T, N, I\), or unbatched \(T, I\)"),
        (tg.zeros(3, 2, 5, dtype=np.int64), r"must be \(T, N\) or unbatched \(T,\) for integer tokens"),
        (tg.zeros(0, 2, 5), "no steps"),
        (tg.zeros(3, 2, 5, dtype=np.float64), "`input` is float64, `w_ih` float32; all must have one floating dtype"),
        (tg.zeros(3, 2, 5, dtype=bool), "`input` is bool"),
    ):
        with pytest.raises(ValueError, match=words):
            layer(x)
    with pytest.raises(IndexError, match="`index` runs from 5 to 5"):
        layer(tg.full((3, 2), 5, dtype=np.int64))
    with pytest.raises(TypeError, match="`input` must be a Tensor"):
        layer([1.0])
    with pytest.raises(ValueError, match=r"must be \(N, T, I\)"):
        make(kind, batch_first=True)(tg.zeros(1, 3, 2, 5))


def test_wrong_states():
    x, h = tg.zeros(3, 2, 5), tg.zeros(2, 2, 16)
    lstm, gru = make(nn.LSTM, bidirectional=True), make(nn.GRU, bidirectional=True)
    for layer, given, states, exception, words in (
        (gru, x, tg.zeros(1, 2, 16), ValueError, r"starting h has shape \(1, 2, 16\); it must be \(2, 2, 16\)"),
        (gru, x[:, 0], h, ValueError, r"shape \(2, 2, 16\); it must be \(2, 16\)"),
        (gru, x, (h, h), TypeError, "`hx` must be a Tensor"),
        (gru, x, h.double(), ValueError, "`h0` float64"),
        (lstm, x, (h, tg.zeros(2, 2, 9)), ValueError, r"starting c has shape \(2, 2, 9\)"),
        (lstm, x, h, TypeError, r"`hx` must be a tuple of 2 Tensors \(h, c\)"),
        (lstm, x, (h,), TypeError, "`hx` must be a tuple of 2"),
        (lstm, x[:, 0], (h, h), ValueError, r"it must be \(2, 16\)"),
    ):
        with pytest.raises(exception, match=words):
            layer(given, states)


@CELLS
def test_wrong_cell_inputs(kind):
    cell = make(kind)
    for shape in ((2, 4), (3, 2, 5), ()):
        with pytest.raises(ValueError, match=r"`input` has shape .*; it must be \(N, 5\), or unbatched \(5,\)"):
            cell(tg.zeros(*shape))
    wrong = tg.zeros(3, 16)
    with pytest.raises(ValueError, match=r"starting h has shape \(3, 16\); it must be \(2, 16\)"):
        cell(tg.zeros(2, 5), (wrong, wrong) if kind is nn.LSTMCell else wrong)
    with pytest.raises(ValueError, match="`x` is int64"):
        cell(tg.zeros(2, 5, dtype=np.int64))
