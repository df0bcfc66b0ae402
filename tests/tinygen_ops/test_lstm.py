import numpy as np
import pytest

from tinygen_ops import lstm_backward, lstm_forward, lstm_sample, use

SHAPES = [(1, 1, 16, 5), (3, 7, 16, 4), (5, 8, 32, 57), (2, 33, 48, 3), (4, 130, 16, 9), (9, 5, 24, 6), (2, 3, 7, 4)]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def textbook(table, index, h0, c0, w_hh, grad_h, grad_h_last, grad_c_last, hard=False):
    """Forward and backward in float64, one sequence and one unit of time after another, from the equations."""
    table, h0, c0, w = (a.astype(np.float64) for a in (table, h0, c0, w_hh))
    (steps, n), units = index.shape, h0.shape[1]
    gate = (lambda z: np.clip(0.2 * z + 0.5, 0, 1)) if hard else sigmoid
    slope = (lambda y: 0.2 * ((y > 0) & (y < 1))) if hard else (lambda y: y * (1 - y))
    h, c = np.zeros((steps + 1, n, units)), np.zeros((steps + 1, n, units))
    gates = np.zeros((steps, n, 4, units))
    h[0], c[0] = h0, c0
    for t in range(steps):
        for k in range(n):
            z = (table[index[t, k]] + w @ h[t, k]).reshape(4, units)
            i, f, g, o = gates[t, k] = gate(z[0]), gate(z[1]), np.tanh(z[2]), gate(z[3])
            c[t + 1, k] = f * c[t, k] + i * g
            h[t + 1, k] = o * np.tanh(c[t + 1, k])
    dw, dtable = np.zeros(w.shape), np.zeros(table.shape)
    dh0, dc0 = np.zeros((n, units)), np.zeros((n, units))
    for k in range(n):
        dh, dc = grad_h_last[k].astype(np.float64), grad_c_last[k].astype(np.float64)
        for t in reversed(range(steps)):
            i, f, g, o = gates[t, k]
            dh = dh + grad_h[t, k]
            tc = np.tanh(c[t + 1, k])
            dc = dc + dh * o * (1 - tc**2)
            dz = [dc * g * slope(i), dc * c[t, k] * slope(f), dc * i * (1 - g**2), dh * tc * slope(o)]
            dz = np.concatenate(dz)
            dtable[index[t, k]] += dz
            dw += np.outer(dz, h[t, k])
            dh, dc = w.T @ dz, dc * f
        dh0[k], dc0[k] = dh, dc
    return (h, c, gates.reshape(steps, n, 4 * units)), (dtable, dh0, dc0, dw)


@pytest.fixture
def problem(normal, rng):
    def build(steps, n, units, rows):
        return {
            "table": normal(rows, 4 * units),
            "index": rng.integers(0, rows, (steps, n)),
            "h0": normal(n, units, scale=0.5),
            "c0": normal(n, units),
            "w_hh": normal(4 * units, units, scale=0.3),
            "grad_h": normal(steps, n, units),
            "grad_h_last": normal(n, units),
            "grad_c_last": normal(n, units),
        }

    return build


def assert_close(results, expected, tolerance=2e-5):
    for result, wanted in zip(results, expected, strict=True):
        assert result.shape == wanted.shape
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, wanted, rtol=0, atol=tolerance * max(1, abs(wanted).max()))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("gate", ["sigmoid", "hard_sigmoid"])
def test_forward_and_backward_against_the_equations(form, problem, shape, gate):
    p = problem(*shape)
    before = {name: array.copy() for name, array in p.items()}
    forward, backward = textbook(**p, hard=gate == "hard_sigmoid")
    h, c, gates = lstm_forward(p["table"], p["index"], p["h0"], p["c0"], p["w_hh"], gate)
    assert_close((h, c, gates), forward)
    ends = (p["grad_h"], p["grad_h_last"], p["grad_c_last"])
    assert_close(lstm_backward(p["w_hh"], p["index"], shape[3], gates, c, h, *ends, gate=gate), backward)
    for name, array in p.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


@pytest.mark.parametrize("shape", SHAPES[:5], ids=str)
def test_dense_input_is_the_gathered_table(form, problem, shape):
    p = problem(*shape)
    dense, rows = p["table"][p["index"].reshape(-1)], shape[0] * shape[1]
    forward = lstm_forward(dense, None, p["h0"], p["c0"], p["w_hh"])
    assert_close(forward, lstm_forward(p["table"], p["index"], p["h0"], p["c0"], p["w_hh"]), 1e-6)
    h, c, gates = forward
    grad_rows, *others = lstm_backward(p["w_hh"], None, rows, gates, c, h, p["grad_h"])
    grad_table, *same = lstm_backward(p["w_hh"], p["index"], shape[3], gates, c, h, p["grad_h"])
    assert_close(others, same, 1e-6)
    summed = np.zeros_like(grad_table)
    np.add.at(summed, p["index"].reshape(-1), grad_rows)
    assert_close([summed], [grad_table])


def test_gradients_left_out_are_zero(form, problem):
    p = problem(3, 5, 16, 4)
    h, c, gates = lstm_forward(p["table"], p["index"], p["h0"], p["c0"], p["w_hh"])
    zero, zeros = np.zeros_like(p["h0"]), np.zeros_like(p["grad_h"])
    some = lstm_backward(p["w_hh"], p["index"], 4, gates, c, h, None, p["grad_h_last"])
    every = lstm_backward(p["w_hh"], p["index"], 4, gates, c, h, zeros, p["grad_h_last"], zero)
    assert_close(some, every, 1e-6)
    assert not any(g.any() for g in lstm_backward(p["w_hh"], p["index"], 4, gates, c, h))


def test_strided_and_read_only_arrays_and_small_integers(form, problem):
    p = problem(4, 6, 16, 5)
    plain = lstm_forward(p["table"], p["index"], p["h0"], p["c0"], p["w_hh"])
    odd = {
        "table": np.asfortranarray(p["table"]),
        "index": p["index"].T.astype(np.uint8).copy().T,
        "h0": np.repeat(p["h0"], 2, axis=1)[:, ::2],
        "c0": p["c0"][::-1].copy()[::-1],
        "w_hh": p["w_hh"].T.copy().T,
    }
    for array in odd.values():
        array.setflags(write=False)
    h, c, gates = lstm_forward(*odd.values())
    assert_close((h, c, gates), plain, 1e-6)
    grad_h = np.broadcast_to(p["grad_h"][:1, :1], p["grad_h"].shape)
    strided = lstm_backward(odd["w_hh"], odd["index"], 5, gates[::-1].copy()[::-1], c, h, grad_h)
    assert_close(strided, lstm_backward(p["w_hh"], p["index"], 5, gates, c, h, grad_h.copy()), 1e-6)


def test_results_do_not_share_memory(form, problem):
    """The scratch memory kept between calls must not be what a caller gets to hold."""
    p = problem(3, 8, 32, 4)
    h, c, gates = lstm_forward(p["table"], p["index"], p["h0"], p["c0"], p["w_hh"])
    for index, rows in ((p["index"], 4), (None, 24)):
        first = lstm_backward(p["w_hh"], index, rows, gates, c, h, p["grad_h"])
        kept = [g.copy() for g in first]
        lstm_backward(p["w_hh"], p["index"], 4, gates, c, h, 3 * p["grad_h"])
        lstm_backward(p["w_hh"], index, rows, gates, c, h, 2 * p["grad_h"])
        for now, then in zip(first, kept, strict=True):
            np.testing.assert_array_equal(now, then)


def test_extreme_pre_activations_saturate(form):
    for size in (80, 1e4, 3e38):
        table = np.full((2, 64), size, np.float32) * np.array([[1], [-1]], np.float32)
        state = np.zeros((2, 16), np.float32)
        h, c, gates = lstm_forward(table, None, state, state, np.zeros((64, 16), np.float32))
        assert np.isfinite(h).all()
        assert np.isfinite(c).all()
        np.testing.assert_allclose(gates[0, 0], 1, atol=1e-6)
        np.testing.assert_allclose(gates[0, 1, :32], 0, atol=1e-6)
        grads = lstm_backward(np.zeros((64, 16), np.float32), None, 2, gates, c, h, None, h[1])
        assert all(np.isfinite(g).all() for g in grads)


def test_not_a_number_is_passed_on(form):
    table = np.zeros((3, 64), np.float32)
    table[1] = np.nan
    state = np.zeros((3, 16), np.float32)
    h, _, _ = lstm_forward(table, None, state, state, np.zeros((64, 16), np.float32))
    assert np.isnan(h[1, 1]).all()
    assert np.isfinite(h[1, [0, 2]]).all()


def test_float64_keeps_its_precision(form, problem):
    p = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in problem(3, 4, 16, 5).items()}
    forward, backward = textbook(**p)
    h, c, gates = lstm_forward(p["table"], p["index"], p["h0"], p["c0"], p["w_hh"])
    assert h.dtype == np.float64
    np.testing.assert_allclose(h, forward[0], atol=1e-14)
    ends = (p["grad_h"], p["grad_h_last"], p["grad_c_last"])
    for result, wanted in zip(lstm_backward(p["w_hh"], p["index"], 5, gates, c, h, *ends), backward, strict=True):
        np.testing.assert_allclose(result, wanted, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 33, 32, 7), (3, 128, 64, 57)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(thread_counts, problem, shape):
    p = problem(*shape)

    def run():
        h, c, gates = lstm_forward(p["table"], p["index"], p["h0"], p["c0"], p["w_hh"])
        return h, c, gates, *lstm_backward(p["w_hh"], p["index"], shape[3], gates, c, h, p["grad_h"])

    for one, many in zip(*thread_counts(run), strict=True):
        np.testing.assert_array_equal(one, many)


def test_errors_name_the_argument(form, problem):
    p = problem(3, 4, 16, 5)
    table, index, h0, c0, w_hh = (p[k] for k in ("table", "index", "h0", "c0", "w_hh"))
    for wrong, words in (
        ((table, index, h0, c0[:2], w_hh), "`h0`"),
        ((table, index, h0, c0, w_hh[:8]), "`w_hh`"),
        ((table[:, :9], index, h0, c0, w_hh), "`table`"),
        ((table, None, h0, c0, w_hh), "`table` has 5 rows"),
        ((table, index.astype(np.float32), h0, c0, w_hh), "`index`"),
        ((table, index[:, :2], h0, c0, w_hh), "`index`"),
        ((table, index, h0, c0, w_hh, "relu"), "`gate` is 'relu'; valid are sigmoid, hard_sigmoid"),
    ):
        with pytest.raises(ValueError, match=words):
            lstm_forward(*wrong)
    for bad in (5, -1):
        with pytest.raises(IndexError, match="`index` runs from"):
            lstm_forward(table, np.full_like(index, bad), h0, c0, w_hh)
    h, c, gates = lstm_forward(table, index, h0, c0, w_hh)
    with pytest.raises(ValueError, match="`grad_h`"):
        lstm_backward(w_hh, index, 5, gates, c, h, p["grad_h"][:1])
    with pytest.raises(ValueError, match="`rows` is 5"):
        lstm_backward(w_hh, None, 5, gates, c, h)


@pytest.mark.torch
@pytest.mark.parametrize("index", [True, False])
def test_against_torch(form, problem, index):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    steps, n, units, rows = 7, 10, 32, 11
    p = problem(steps, n, units, rows)
    net = torch.nn.LSTM(rows, units)
    with torch.no_grad():
        net.weight_ih_l0.copy_(torch.from_numpy(p["table"].T.copy()))
        net.weight_hh_l0.copy_(torch.from_numpy(p["w_hh"]))
        net.bias_ih_l0.zero_()
        net.bias_hh_l0.zero_()
    x = torch.nn.functional.one_hot(torch.from_numpy(p["index"]), rows).float()
    h0, c0 = (torch.from_numpy(p[k])[None].requires_grad_() for k in ("h0", "c0"))
    y, (_, c_last) = net(x, (h0, c0))
    grad_y = torch.from_numpy(p["grad_h"])
    torch.autograd.backward([y, c_last], [grad_y, torch.from_numpy(p["grad_c_last"])[None]])
    table, where = (p["table"], p["index"]) if index else (p["table"][p["index"].reshape(-1)], None)
    h, c, gates = lstm_forward(table, where, p["h0"], p["c0"], p["w_hh"])
    np.testing.assert_allclose(h[1:], y.detach().numpy(), atol=2e-6)
    got = lstm_backward(p["w_hh"], where, len(table), gates, c, h, p["grad_h"], None, p["grad_c_last"])
    wanted = [h0.grad[0], c0.grad[0], net.weight_hh_l0.grad]
    for result, expected in zip(got[1:], wanted, strict=True):
        np.testing.assert_allclose(result, expected.numpy(), atol=3e-5)
    if index:
        np.testing.assert_allclose(got[0], net.weight_ih_l0.grad.numpy().T, atol=3e-5)


# Sampling


@pytest.fixture
def model(normal):
    def build(depth, units, vocabulary):
        layers = [(normal(vocabulary, 4 * units), normal(4 * units, units, scale=0.1))]
        for _ in range(depth - 1):
            w_ih, w_hh = normal(4 * units, units, scale=0.2), normal(4 * units, units, scale=0.1)
            layers.append((w_ih, normal(4 * units), w_hh))
        state = normal(depth, units, scale=0.5), normal(depth, units, scale=0.5)
        return layers, normal(vocabulary, units), normal(vocabulary), *state

    return build


SETTINGS = [{}, {"temperature": 0.4}, {"top_k": 3}, {"top_p": 0.7}, {"top_k": 4, "top_p": 0.5}, {"greedy": True}]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("shape", [(1, 16, 5), (1, 128, 57), (2, 32, 64), (3, 48, 131)], ids=str)
def test_numba_draws_the_reference_tokens(numba_form, model, rng, shape, settings):
    arguments, uniforms = (*model(*shape), 2), rng.random(60)
    before = [array.copy() for array in (*arguments[0][0], *arguments[1:5])]
    tokens, h, c = lstm_sample(*arguments, uniforms, **settings)
    wanted, wanted_h, wanted_c = lstm_sample.reference(*arguments, uniforms, **settings)
    np.testing.assert_array_equal(tokens, wanted)
    np.testing.assert_allclose(h, wanted_h, atol=2e-5)
    np.testing.assert_allclose(c, wanted_c, atol=2e-5)
    for now, then in zip((*arguments[0][0], *arguments[1:5]), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_one_step_is_the_forward_pass_and_calls_chain(form, model):
    layers, w_out, b_out, h, c = model(1, 32, 9)
    uniforms = np.linspace(0, 0.999, 12)
    tokens, h_end, c_end = lstm_sample(layers, w_out, b_out, h, c, 4, uniforms)
    assert tokens.dtype == np.int64
    inputs = np.concatenate(([4], tokens[:-1]))[:, None]
    states, cells, _ = lstm_forward(layers[0][0], inputs, h, c, layers[0][1])
    np.testing.assert_allclose(states[-1], h_end, atol=1e-6)
    np.testing.assert_allclose(cells[-1], c_end, atol=1e-6)
    first, h_mid, c_mid = lstm_sample(layers, w_out, b_out, h, c, 4, uniforms[:5])
    second, h_two, _ = lstm_sample(layers, w_out, b_out, h_mid, c_mid, int(first[-1]), uniforms[5:])
    np.testing.assert_array_equal(np.concatenate((first, second)), tokens)
    np.testing.assert_allclose(h_two, h_end, atol=1e-6)
    none, h_same, _ = lstm_sample(layers, w_out, b_out, h, c, 4, uniforms[:0])
    assert none.shape == (0,)
    np.testing.assert_array_equal(h_same, h)


def one_step_frequencies(probabilities, uniforms, **settings):
    """Draw many single tokens from a distribution set by the output bias alone."""
    count = len(probabilities)
    layers = [(np.zeros((count, 64), np.float32), np.zeros((64, 16), np.float32))]
    with np.errstate(divide="ignore"):
        bias = np.log(np.array(probabilities)).astype(np.float32)
    state = np.zeros((1, 16), np.float32)
    tokens, _, _ = lstm_sample(layers, np.zeros((count, 16), np.float32), bias, state, state, 0, uniforms, **settings)
    return np.bincount(tokens, minlength=count) / len(uniforms)


P = np.array([0.05, 0.4, 0.2, 0.05, 0.3])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, P),
        ({"temperature": 0.5}, P**2 / (P**2).sum()),
        ({"temperature": 2.0}, P**0.5 / (P**0.5).sum()),
        ({"top_k": 2}, np.array([0, 0.4, 0, 0, 0.3]) / 0.7),
        ({"top_k": 4}, P),  # the two tokens of 0.05 are equally likely: both are kept
        ({"top_k": 99}, P),
        ({"top_p": 0.65}, np.array([0, 0.4, 0, 0, 0.3]) / 0.7),
        ({"top_p": 0.85}, np.array([0, 0.4, 0.2, 0, 0.3]) / 0.9),
        ({"top_p": 0.01}, np.array([0, 1, 0, 0, 0])),
        ({"top_k": 3, "top_p": 0.7}, np.array([0, 0.4, 0, 0, 0.3]) / 0.7),  # 0.7 of the 0.9 that are left
        ({"greedy": True}, np.array([0, 1, 0, 0, 0])),
    ],
    ids=str,
)
def test_tokens_follow_the_distribution(form, rng, settings, expected):
    count = 20000
    frequencies = one_step_frequencies(P, rng.random(count), **settings)
    assert not frequencies[expected == 0].any()
    kept = expected > 0
    chi_square = count * ((frequencies - expected)[kept] ** 2 / expected[kept]).sum()
    assert chi_square < 25  # 4 degrees of freedom at most: exceeded by chance once in 20,000
    even = one_step_frequencies(P, (np.arange(count) + 0.5) / count, **settings)
    np.testing.assert_allclose(even, expected, atol=2 / count)


def test_impossible_tokens_are_never_drawn(form):
    for p in ([0, 1, 0], [0.5, 0, 0.5], [1, 0, 0], [0, 0, 1]):
        for uniform in (0.0, 0.5, np.nextafter(1.0, 0.0)):
            assert one_step_frequencies(p, np.full(3, uniform))[np.array(p) == 0].sum() == 0
            assert one_step_frequencies(p, np.full(3, uniform), temperature=1e-3)[np.array(p) == 0].sum() == 0


def test_sample_errors_name_the_argument(form, model):
    layers, w_out, b_out, h, c = model(2, 16, 6)
    u = np.zeros(3)
    for arguments, settings, words in (
        ((layers, w_out, b_out[:2], h, c, 0), {}, "`b_out`"),
        ((layers[:1], w_out, b_out, h, c, 0), {}, "`h`"),
        (([layers[0], layers[0]], w_out, b_out, h, c, 0), {}, r"`layers\[1\]` has 2 arrays"),
        (
            ([layers[0], (layers[1][0], layers[1][1][:3], layers[1][2])], w_out, b_out, h, c, 0),
            {},
            r"`layers\[1\]\[1\]`",
        ),
        ((layers, w_out, b_out, h, c, 0), {"temperature": 0.0}, "`temperature` is 0.0"),
        ((layers, w_out, b_out, h, c, 0), {"temperature": float("nan")}, "`temperature` is nan"),
        ((layers, w_out, b_out, h, c, 0), {"top_k": -1}, "`top_k` is -1"),
        ((layers, w_out, b_out, h, c, 0), {"top_p": 1.5}, "`top_p` is 1.5"),
    ):
        with pytest.raises(ValueError, match=words):
            lstm_sample(*arguments, u, **settings)
    with pytest.raises(IndexError, match="`token` is 6"):
        lstm_sample(layers, w_out, b_out, h, c, 6, u)


def test_mode_reference_is_the_reference(problem):
    p = problem(2, 3, 16, 4)
    arguments = (p["table"], p["index"], p["h0"], p["c0"], p["w_hh"])
    with use("reference"):
        for one, other in zip(lstm_forward(*arguments), lstm_forward.reference(*arguments), strict=True):
            np.testing.assert_array_equal(one, other)
