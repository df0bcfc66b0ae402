import numpy as np
import pytest

from tinygen_ops import gru_backward, gru_forward, use

SHAPES = [(1, 1, 16, 5), (3, 7, 16, 4), (5, 8, 32, 57), (2, 33, 48, 3), (4, 130, 16, 9), (9, 5, 24, 6), (2, 3, 7, 4)]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def textbook(table, index, h0, w_hh, b_hh, grad_h, grad_h_last):
    """Forward and backward in float64, one sequence and one unit of time after another, from the equations."""
    table, h0, w, b = (a.astype(np.float64) for a in (table, h0, w_hh, b_hh))
    (steps, n), units = index.shape, h0.shape[1]
    h, gates = np.zeros((steps + 1, n, units)), np.zeros((steps, n, 4, units))
    h[0] = h0
    for t in range(steps):
        for k in range(n):
            x, a = table[index[t, k]].reshape(3, units), (w @ h[t, k] + b).reshape(3, units)
            r, z = sigmoid(x[0] + a[0]), sigmoid(x[1] + a[1])
            new = np.tanh(x[2] + r * a[2])
            h[t + 1, k] = (1 - z) * new + z * h[t, k]
            gates[t, k] = r, z, new, a[2]
    dw, db, dtable, dh0 = np.zeros(w.shape), np.zeros(b.shape), np.zeros(table.shape), np.zeros((n, units))
    for k in range(n):
        dh = grad_h_last[k].astype(np.float64)
        for t in reversed(range(steps)):
            r, z, new, a_n = gates[t, k]
            dh = dh + grad_h[t, k]
            to_tanh = dh * (1 - z) * (1 - new**2)
            to_r, to_z = to_tanh * a_n * r * (1 - r), dh * (h[t, k] - new) * z * (1 - z)
            da = np.concatenate([to_r, to_z, to_tanh * r])
            dtable[index[t, k]] += np.concatenate([to_r, to_z, to_tanh])
            dw += np.outer(da, h[t, k])
            db += da
            dh = dh * z + w.T @ da
        dh0[k] = dh
    return (h, gates.reshape(steps, n, 4 * units)), (dtable, dh0, dw, db)


@pytest.fixture
def problem(normal, rng):
    def build(steps, n, units, rows):
        return {
            "table": normal(rows, 3 * units),
            "index": rng.integers(0, rows, (steps, n)),
            "h0": normal(n, units, scale=0.5),
            "w_hh": normal(3 * units, units, scale=0.3),
            "b_hh": normal(3 * units, scale=0.5),
            "grad_h": normal(steps, n, units),
            "grad_h_last": normal(n, units),
        }

    return build


def inputs(p, index=True):
    """The arguments of `gru_forward`; without `index` the gathered table."""
    table = p["table"] if index else p["table"][p["index"].reshape(-1)]
    return table, p["index"] if index else None, p["h0"], p["w_hh"], p["b_hh"]


def assert_close(results, expected, tolerance=2e-5):
    for result, wanted in zip(results, expected, strict=True):
        assert result.shape == wanted.shape
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, wanted, rtol=0, atol=tolerance * max(1, abs(wanted).max()))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_forward_and_backward_against_the_equations(form, problem, shape):
    p = problem(*shape)
    before = {name: array.copy() for name, array in p.items()}
    forward, backward = textbook(**p)
    h, gates = gru_forward(*inputs(p))
    assert_close((h, gates), forward)
    got = gru_backward(p["w_hh"], p["index"], shape[3], gates, h, p["grad_h"], p["grad_h_last"])
    assert_close(got, backward)
    for name, array in p.items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


@pytest.mark.parametrize("shape", SHAPES[:5], ids=str)
def test_dense_input_is_the_gathered_table(form, problem, shape):
    p = problem(*shape)
    h, gates = gru_forward(*inputs(p, index=False))
    assert_close((h, gates), gru_forward(*inputs(p)), 1e-6)
    grad_rows, *others = gru_backward(p["w_hh"], None, shape[0] * shape[1], gates, h, p["grad_h"])
    grad_table, *same = gru_backward(p["w_hh"], p["index"], shape[3], gates, h, p["grad_h"])
    assert_close(others, same, 1e-6)
    summed = np.zeros_like(grad_table)
    np.add.at(summed, p["index"].reshape(-1), grad_rows)
    assert_close([summed], [grad_table])


def test_no_bias_and_no_gradients_mean_zeros(form, problem):
    p = problem(3, 5, 16, 4)
    table, index, h0, w_hh, _ = inputs(p)
    h, gates = gru_forward(table, index, h0, w_hh)
    assert_close((h, gates), gru_forward(table, index, h0, w_hh, np.zeros(48, np.float32)), 1e-7)
    some = gru_backward(w_hh, index, 4, gates, h, None, p["grad_h_last"])
    assert_close(some, gru_backward(w_hh, index, 4, gates, h, np.zeros_like(p["grad_h"]), p["grad_h_last"]), 1e-6)
    assert not any(g.any() for g in gru_backward(w_hh, index, 4, gates, h))


def test_strided_and_read_only_arrays_and_small_integers(form, problem):
    p = problem(4, 6, 16, 5)
    plain = gru_forward(*inputs(p))
    odd = {
        "table": np.asfortranarray(p["table"]),
        "index": p["index"].T.astype(np.uint8).copy().T,
        "h0": np.repeat(p["h0"], 2, axis=1)[:, ::2],
        "w_hh": p["w_hh"].T.copy().T,
        "b_hh": p["b_hh"][::-1].copy()[::-1],
    }
    for array in odd.values():
        array.setflags(write=False)
    h, gates = gru_forward(*odd.values())
    assert_close((h, gates), plain, 1e-6)
    grad_h = np.broadcast_to(p["grad_h"][:1, :1], p["grad_h"].shape)
    strided = gru_backward(odd["w_hh"], odd["index"], 5, gates[::-1].copy()[::-1], h, grad_h)
    assert_close(strided, gru_backward(p["w_hh"], p["index"], 5, gates, h, grad_h.copy()), 1e-6)


def test_results_do_not_share_memory(form, problem):
    """The scratch memory kept between calls must not be what a caller gets to hold."""
    p = problem(3, 8, 32, 4)
    h, gates = gru_forward(*inputs(p))
    for index, rows in ((p["index"], 4), (None, 24)):
        first = gru_backward(p["w_hh"], index, rows, gates, h, p["grad_h"])
        kept = [g.copy() for g in first]
        gru_backward(p["w_hh"], p["index"], 4, gates, h, 3 * p["grad_h"])
        gru_backward(p["w_hh"], index, rows, gates, h, 2 * p["grad_h"])
        for now, then in zip(first, kept, strict=True):
            np.testing.assert_array_equal(now, then)


def test_extreme_pre_activations_saturate(form):
    for size in (80, 1e4, 3e38):
        table = np.full((2, 48), size, np.float32) * np.array([[1], [-1]], np.float32)
        w_hh, h0 = np.zeros((48, 16), np.float32), np.full((2, 16), 0.5, np.float32)
        h, gates = gru_forward(table, None, h0, w_hh)
        np.testing.assert_allclose(gates[0, :, :32], [[1] * 32, [0] * 32], atol=1e-6)
        np.testing.assert_allclose(h[1], [[0.5] * 16, [-1] * 16], atol=1e-6)  # z = 1 keeps the old state
        assert all(np.isfinite(g).all() for g in gru_backward(w_hh, None, 2, gates, h, None, h[1]))


def test_not_a_number_is_passed_on(form):
    table = np.zeros((3, 48), np.float32)
    table[1] = np.nan
    h, _ = gru_forward(table, None, np.zeros((3, 16), np.float32), np.zeros((48, 16), np.float32))
    assert np.isnan(h[1, 1]).all()
    assert np.isfinite(h[1, [0, 2]]).all()


def test_float64_keeps_its_precision(form, problem):
    p = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in problem(3, 4, 16, 5).items()}
    forward, backward = textbook(**p)
    h, gates = gru_forward(*inputs(p))
    assert h.dtype == np.float64
    np.testing.assert_allclose(h, forward[0], atol=1e-14)
    got = gru_backward(p["w_hh"], p["index"], 5, gates, h, p["grad_h"], p["grad_h_last"])
    for result, wanted in zip(got, backward, strict=True):
        np.testing.assert_allclose(result, wanted, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 33, 32, 7), (3, 128, 64, 57)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(thread_counts, problem, shape):
    p = problem(*shape)

    def run():
        h, gates = gru_forward(*inputs(p))
        return h, gates, *gru_backward(p["w_hh"], p["index"], shape[3], gates, h, p["grad_h"])

    for one, many in zip(*thread_counts(run), strict=True):
        np.testing.assert_array_equal(one, many)


def test_errors_name_the_argument(form, problem):
    p = problem(3, 4, 16, 5)
    table, index, h0, w_hh, b_hh = inputs(p)
    for wrong, words in (
        ((table, index, h0[0], w_hh, b_hh), r"`h0` has shape \(16,\)"),
        ((table, index, h0, w_hh[:8], b_hh), "`w_hh`"),
        ((table, index, h0, w_hh, b_hh[:5]), "`b_hh`"),
        ((table[:, :9], index, h0, w_hh, b_hh), "`table`"),
        ((table, None, h0, w_hh, b_hh), "`table` has 5 rows"),
        ((table, index.astype(np.float32), h0, w_hh, b_hh), "`index`"),
        ((table, index[:, :2], h0, w_hh, b_hh), "`index`"),
    ):
        with pytest.raises(ValueError, match=words):
            gru_forward(*wrong)
    for bad in (5, -1):
        with pytest.raises(IndexError, match="`index` runs from"):
            gru_forward(table, np.full_like(index, bad), h0, w_hh, b_hh)
    h, gates = gru_forward(table, index, h0, w_hh, b_hh)
    for arguments, words in (
        ((w_hh, index, 5, gates, h, p["grad_h"][:1]), "`grad_h`"),
        ((w_hh, index, 5, gates[..., :48], h), "`gates`"),
        ((w_hh, index, 5, gates, h[0]), "`h` has shape"),
        ((w_hh, None, 5, gates, h), "`rows` is 5"),
    ):
        with pytest.raises(ValueError, match=words):
            gru_backward(*arguments)


@pytest.mark.torch
@pytest.mark.parametrize("index", [True, False])
def test_against_torch(form, problem, torch, index):
    steps, n, units, rows = 7, 10, 32, 11
    p = problem(steps, n, units, rows)
    net = torch.nn.GRU(rows, units)
    state = {"weight_ih_l0": p["table"].T.copy(), "weight_hh_l0": p["w_hh"], "bias_hh_l0": p["b_hh"]}
    state["bias_ih_l0"] = np.zeros_like(p["b_hh"])
    net.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    x = torch.nn.functional.one_hot(torch.from_numpy(p["index"]), rows).float()
    h0 = torch.from_numpy(p["h0"])[None].requires_grad_()
    y, _ = net(x, h0)
    y.backward(torch.from_numpy(p["grad_h"]))
    h, gates = gru_forward(*inputs(p, index))
    np.testing.assert_allclose(h[1:], y.detach().numpy(), atol=2e-6)
    where, count = (p["index"], rows) if index else (None, steps * n)
    got = gru_backward(p["w_hh"], where, count, gates, h, p["grad_h"])
    for result, expected in zip(got[1:], [h0.grad[0], net.weight_hh_l0.grad, net.bias_hh_l0.grad], strict=True):
        np.testing.assert_allclose(result, expected.numpy(), atol=3e-5)
    if index:
        np.testing.assert_allclose(got[0], net.weight_ih_l0.grad.numpy().T, atol=3e-5)


def test_mode_reference_is_the_reference(problem):
    arguments = inputs(problem(2, 3, 16, 4))
    with use("reference"):
        for one, other in zip(gru_forward(*arguments), gru_forward.reference(*arguments), strict=True):
            np.testing.assert_array_equal(one, other)
