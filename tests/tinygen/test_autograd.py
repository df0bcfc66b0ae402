"""The engine: graph, backward, modes, and the ways in which gradients go wrong elsewhere."""

import gc
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.autograd import Function, Node, grad
from tinygen.ops.rnn import lstm
from tinygen.testing import assert_close, gradcheck, gradgradcheck

ROOT = Path(__file__).parents[2]


def leaf(*values, dtype=np.float64):
    return tg.tensor(np.array(values, dtype), requires_grad=True)


def numbers(t):
    return None if t is None else t.detach().numpy().tolist()


# Depth and memory -------------------------------------------------------------------------------------------


def nodes_alive():
    return sum(type(thing) is Node for thing in gc.get_objects())


def test_a_chain_of_100_000_nodes_runs_and_is_freed():
    gc.collect()
    before = nodes_alive()
    gc.disable()
    try:
        x = leaf(1.0)
        y = x
        for _ in range(100_000):
            y = -y
        assert nodes_alive() == before + 100_000
        y.backward()
        assert numbers(x.grad) == [1.0]
        del y
        assert nodes_alive() == before
        y = x
        for _ in range(100_000):  # dropped without a backward: as deep, and freed too
            y = -y
        del y
        assert nodes_alive() == before
    finally:
        gc.enable()


def test_arrays_are_freed_as_backward_passes():
    x = tg.ones(500, 100, requires_grad=True)  # too small for the kernels' own memory, which is not traced
    y = x
    for _ in range(50):
        y = tg.tanh(y)  # each keeps its result
    loss = y.sum()
    gc.collect()
    tracemalloc.start()
    held = y.data.nbytes
    del y
    loss.backward()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * held  # a few gradients at a time, not one for each of the 50 ops


def test_a_wide_graph():
    x = leaf(1.0, 2.0)
    total = sum((x * float(i) for i in range(2000)), start=tg.zeros(2, dtype=np.float64))
    total.sum().backward()
    assert numbers(x.grad) == [1999000.0, 1999000.0]


def test_a_diamond_is_visited_once_each():
    calls = []

    class Counted(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, gy):
            calls.append(1)
            return gy * 2

    x = leaf(1.0)
    y = x
    for _ in range(20):  # 2**20 paths
        y = Counted.apply(y)
        y = y + y
    y.sum().backward()
    assert numbers(x.grad) == [4.0**20]
    assert len(calls) == 20


# backward ---------------------------------------------------------------------------------------------------


def test_backward_accumulates():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    assert numbers(x.grad) == [5.0, 7.0]
    assert numbers(first) == [3.0, 3.0]  # the old gradient is not written into


def test_second_backward():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"a second time.*retain_graph=True"):
        y.backward()
    z = (x * x).sum()
    z.backward(retain_graph=True)
    z.backward()
    assert numbers(x.grad) == [6.0, 12.0]


def test_second_backward_through_a_shared_part():
    x = leaf(2.0)
    y = x * x
    a, b = y * 1.0, y * 2.0
    a.sum().backward()
    with pytest.raises(RuntimeError, match="a second time"):
        b.sum().backward()
    with pytest.raises(RuntimeError, match="a second time"):
        grad(b.sum(), x)


def test_backward_needs_a_gradient_for_more_than_one_element():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"shape \(2,\) needs `gradient`"):
        (x * 2).backward()
    (x * 2).backward(tg.tensor([1.0, 10.0]))
    assert numbers(x.grad) == [2.0, 20.0]
    assert x.grad.dtype == np.float64  # the float32 gradient did not make the result float32
    (x[:1] * 2).backward()  # one element implies a gradient of 1
    assert numbers(x.grad) == [4.0, 20.0]
    (x * 2).backward(np.array([1.0, 1.0]))
    assert numbers(x.grad) == [6.0, 22.0]


def test_backward_names_both_shapes():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"\(3,\).*\(2,\)"):
        (x * 2).backward(tg.ones(3))
    with pytest.raises(RuntimeError, match="nothing it came from has requires_grad"):
        tg.ones(1).backward()


def test_float64_does_not_sneak_in():
    x = tg.ones(2, requires_grad=True)
    (x * 2.0 + np.float64(3)).backward(tg.ones(2, dtype=np.float64))
    assert x.grad.dtype == np.float32


def test_a_gradient_of_another_shape_from_a_function():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, gy):
            return gy.sum()

    with pytest.raises(RuntimeError, match=r"Wrong.backward has shape \(\), the tensor it belongs to \(2,\)"):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_too_few_gradients_from_a_function():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, gy):
            return gy

    with pytest.raises(RuntimeError, match="returned 1 gradients for 2 inputs"):
        Wrong.apply(leaf(1.0), leaf(1.0)).sum().backward()


# Shared arrays ----------------------------------------------------------------------------------------------


def test_two_leaves_never_share_a_gradient():
    """a + b hands one array to both; clipping both in place must clip each once."""
    for create_graph in (False, True):
        a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
        (a + b).backward(tg.tensor([4.0, 8.0], dtype=np.float64), create_graph=create_graph)
        for x in (a, b):
            with tg.no_grad():
                x.grad[...] = x.grad.detach() * 0.5
        assert numbers(a.grad) == numbers(b.grad) == [2.0, 4.0]


def test_the_callers_gradient_is_his():
    a = leaf(1.0, 2.0)
    seeds = tg.ones(3, 2, dtype=np.float64)
    for gradient in (seeds[0], tg.ones(2, dtype=np.float64), np.ones(2), np.ones((2, 2))[0]):
        a.grad = None
        (a + 0.0).backward(gradient)
        a.grad.fill_(5.0)
        kept = gradient if isinstance(gradient, np.ndarray) else gradient.numpy()
        assert kept.tolist() == [1.0, 1.0]


def test_gradients_can_be_written_into():
    for shape in ((1,), (2, 3), (), (0,)):
        x = tg.ones(*shape, requires_grad=True)
        x.sum().backward()  # a broadcast, read-only in NumPy
        x.grad.fill_(3.0)
        assert (x.grad.numpy() == 3.0).all()
        assert (x.data == 1.0).all()


def test_a_gradient_is_not_another_leafs_memory():
    class First(Function):
        """z = x y where backward hands out what it saved, as it may at gz = 1."""

        @staticmethod
        def forward(ctx, x, y):
            ctx.save(x, y)
            return x * y

        @staticmethod
        def backward(ctx, gz):
            x, y = ctx.saved
            return y, x

    a, b = leaf(2.0, 3.0), leaf(4.0, 5.0)
    First.apply(a, b).backward(tg.ones(2))
    a.grad.zero_()
    assert numbers(b) == [4.0, 5.0]
    assert numbers(b.grad) == [2.0, 3.0]


def test_accumulation_does_not_write_into_what_it_was_given():
    x = leaf(1.0, 2.0)
    gradient = tg.tensor([1.0, 1.0], dtype=np.float64)
    y = x + x + x + x
    y.backward(gradient)
    assert numbers(x.grad) == [4.0, 4.0]
    assert numbers(gradient) == [1.0, 1.0]


# autograd.grad ----------------------------------------------------------------------------------------------


def test_grad_returns_a_tuple_and_touches_no_grad():
    x, y = leaf(2.0), leaf(3.0)
    result = grad((x * y).sum(), x)
    assert type(result) is tuple
    assert numbers(result[0]) == [3.0]
    assert x.grad is None
    assert y.grad is None


def test_grad_of_unused_inputs():
    x, y = leaf(2.0), leaf(3.0)
    with pytest.raises(RuntimeError, match="input 1 was not used"):
        grad((x * 2).sum(), [x, y])
    gx, gy = grad((x * 2).sum(), [x, y], allow_unused=True)
    assert numbers(gx) == [2.0]
    assert gy is None


def test_grad_of_inner_tensors():
    x = leaf(2.0)
    y = x * x
    z = (y * y * x).sum()
    gy, gx = grad(z, [y, x], retain_graph=True)
    assert numbers(gy) == [2 * 4.0 * 2.0]
    assert numbers(gx) == [5 * 2.0**4]
    (same,) = grad(y, y, tg.tensor([7.0], dtype=np.float64))
    assert numbers(same) == [7.0]
    (itself,) = grad(x, x)
    assert numbers(itself) == [1.0]


def test_grad_of_one_input_twice_and_several_outputs():
    x = leaf(2.0)
    g1, g2 = grad([x * x, x * 3], [x, x])
    assert numbers(g1) == numbers(g2) == [7.0]
    v = tg.tensor([10.0], dtype=np.float64)
    (g,) = grad([x * x, x * 3], x, [None, v])
    assert numbers(g) == [34.0]


def test_grad_visits_only_what_lies_between():
    visited = []

    class Watched(Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save(x, w)
            return x * w

        @staticmethod
        def backward(ctx, gy):
            x, w = ctx.saved
            visited.append(list(ctx.needs_input_grad))
            return tuple(
                g if wanted else None
                for g, wanted in zip((gy * w, gy * x), ctx.needs_input_grad, strict=True)
            )

    x, w = leaf(2.0), leaf(3.0)
    y = Watched.apply(Watched.apply(x * 1.0, w), w * 1.0)
    (g,) = grad(y, x, retain_graph=True)
    assert numbers(g) == [9.0]
    assert visited == [[True, False], [True, False]]  # the weight's gradient is not computed
    visited.clear()
    (g,) = grad(y, w)
    assert numbers(g) == [12.0]
    assert visited == [[True, True], [False, True]]


def test_second_order_sees_inputs_whose_gradient_was_not_asked_for():
    """A gradient penalty: d/dw of (dz/dx)**2, where dz/dx alone was computed."""
    x, w = leaf(2.0, 1.0), leaf(3.0, 5.0)
    (gx,) = grad((x * w * w).sum(), x, create_graph=True)  # w**2
    (gw,) = grad((gx * gx).sum(), w)  # 4 w**3
    assert numbers(gw) == [108.0, 500.0]
    m, v = (
        tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True),
        tg.tensor([[1.0], [1.0]], requires_grad=True),
    )
    (gv,) = grad(tg.tanh(m @ v).sum(), v, create_graph=True)
    (gv * gv).sum().backward()
    assert m.grad is not None
    assert np.abs(m.grad.numpy()).min() > 0


def test_third_order():
    x = leaf(0.5, 2.0)
    y = (x**4).sum()
    for expected in (4 * x.data**3, 12 * x.data**2, 24 * x.data, 24 * np.ones(2)):
        (y,) = grad(y.sum(), x, create_graph=True)
        np.testing.assert_allclose(y.detach().numpy(), expected, rtol=1e-12)
    t = tg.tensor(0.3, dtype=np.float64, requires_grad=True)  # no axes: NumPy hands back scalars there
    y = tg.exp(t)
    for _ in range(3):
        (y,) = grad(y, t, create_graph=True)
        np.testing.assert_allclose(y.item(), np.exp(0.3), rtol=1e-12)


def test_second_order_of_a_fused_op_whose_inputs_depend_on_one_another():
    """Partial derivatives: the path from c through tanh(c) is no part of d(lstm)/dc."""
    rng = np.random.default_rng(0)
    x, w_ih, w_hh = (tg.tensor(rng.standard_normal(s)) for s in [(2, 2, 3), (8, 3), (8, 2)])

    def through(c):
        return lstm(x, tg.tanh(c), c, w_ih, w_hh * c.sum())[0]

    gradcheck(through, tg.tensor(rng.standard_normal((2, 2)), requires_grad=True), full=True)
    gradgradcheck(through, tg.tensor(rng.standard_normal((2, 2)), requires_grad=True), full=True)


def test_backward_with_create_graph():
    x = leaf(3.0)
    (x * x * x).sum().backward(create_graph=True)
    first, x.grad = x.grad, None
    first.backward(tg.ones(1))
    assert numbers(x.grad) == [18.0]
    x.grad = None  # x.grad holds a graph that holds x: a cycle the user made, and must cut


# Writing in place -------------------------------------------------------------------------------------------

WRITTEN = "was written to after the forward"


def _set_item(x):
    with tg.no_grad():
        x[0] = 9.0


def _data(x):
    x.data[0] = 9.0


def _data_of_a_view(x):
    x.data[:1][...] = 9.0


def _numpy(x):
    x.detach().numpy()[0] = 9.0


def _zero(x):
    with tg.no_grad():
        x.zero_()


def _fill(x):
    with tg.no_grad():
        x.fill_(9.0)


def _copy(x):
    with tg.no_grad():
        x.copy_(tg.full((2,), 9.0, dtype=np.float64))


def _optimiser(x):
    x.grad = tg.ones(2, dtype=np.float64)
    tg.optim.SGD([x], lr=0.5).step()
    x.grad = None


def _dlpack(x):
    np.from_dlpack(x.detach())[0] = 9.0


WRITES = [_set_item, _data, _data_of_a_view, _numpy, _zero, _fill, _copy, _optimiser, _dlpack]
USES = {
    "mul": lambda x: x * x,
    "mul by another": lambda x: x * tg.tensor([1.0, 2.0], requires_grad=True),
    "exp of sum": lambda x: (x * x).exp(),
    "matmul": lambda x: x @ x,
    "div": lambda x: 1.0 / x,
    "leaky relu": lambda x: tg.nn.functional.leaky_relu(x, -0.5),
    "max": lambda x: x * x.max(),
}


@pytest.mark.parametrize("write", WRITES, ids=lambda f: f.__name__.strip("_"))
@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_write_between_forward_and_backward_is_refused(write, use):
    x = leaf(1.0, 2.0)
    y = use(x)
    write(x)
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()


@pytest.mark.parametrize("write", WRITES, ids=lambda f: f.__name__.strip("_"))
def test_a_write_before_the_forward_is_fine(write):
    x = leaf(1.0, 2.0)
    x.data  # noqa: B018  (handed out: watched from now on)
    write(x)
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.detach().numpy())


@pytest.mark.parametrize("write", WRITES, ids=lambda f: f.__name__.strip("_"))
def test_a_write_after_backward_is_fine(write):
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    write(x)
    x.grad = None
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.detach().numpy())


def test_data_that_is_replaced_stays_what_it_was_to_the_graph():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    x.data = np.array([9.0, 9.0])
    y.backward()
    assert numbers(x.grad) == [2.0, 4.0]
    y = (x * x).sum()
    x.data = np.array([1.0, 1.0])
    with pytest.raises(
        RuntimeError, match=WRITTEN
    ):  # the second derivative belongs to a leaf that is another now
        y.backward(create_graph=True)


def test_writes_that_matter_to_nobody():
    x = leaf(1.0, 2.0)
    y = x + 1.0  # saves nothing
    _data(x)
    y.sum().backward()
    assert numbers(x.grad) == [1.0, 1.0]
    x = leaf(1.0, -2.0)
    y = tg.relu(x)  # saves its result
    x.data[:] = -9.0
    y.sum().backward()
    assert numbers(x.grad) == [1.0, 0.0]


def test_writes_into_constants_and_results():
    w = leaf(1.0, 2.0)
    c = tg.tensor([3.0, 4.0], dtype=np.float64)
    y = w * c
    c[0] = 0.0
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()
    y = tg.exp(w)  # saves its result
    y.data[0] = 0.0
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()
    y = tg.exp(w)
    y.detach().fill_(0.0)
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()


def test_writes_through_from_numpy():
    array = np.array([3.0, 4.0])
    c, w = tg.from_numpy(array), leaf(1.0, 2.0)
    y = w * c
    array[0] = 9.0
    assert numbers(c) == [9.0, 4.0]
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()
    z = w * c[:1]  # a view of it
    array[0] = 1.0
    with pytest.raises(RuntimeError, match=WRITTEN):
        z.sum().backward()
    (w * c).sum().backward()
    assert numbers(w.grad) == [1.0, 4.0]


def test_writes_into_an_array_that_was_put_in():
    array, x = np.array([3.0, 4.0]), leaf(1.0, 2.0)
    x.data = array
    y = x * x
    array[0] = 9.0
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()


def test_tensor_copies_what_it_is_given():
    array = np.array([3.0, 4.0])
    c, w = tg.tensor(array), leaf(1.0, 2.0)
    y = w * c
    array[0] = 9.0
    y.sum().backward()
    assert numbers(w.grad) == [3.0, 4.0]


def test_writes_into_an_index():
    x, index = leaf(1.0, 2.0, 3.0), np.array([0, 1])
    y = x[index]
    index[:] = 2
    y.sum().backward()
    assert numbers(x.grad) == [1.0, 1.0, 0.0]
    places = tg.tensor([[0, 1]])
    y = tg.gather(x.reshape(1, 3), 1, places)
    places[0, 0] = 2
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()
    y = tg.nn.functional.embedding(places[0], x.reshape(3, 1))
    places[0, 0] = 1
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()
    x.grad = None
    rows = tg.tensor([0, 0])
    y = tg.index_select(x, 0, rows)
    rows.fill_(2)
    y.sum().backward()
    assert numbers(x.grad) == [2.0, 0.0, 0.0]


def test_writes_while_recording_are_refused():
    x = leaf(1.0, 2.0)
    y = x * 2
    for t in (x, y):
        for write in (lambda t: t.zero_(), lambda t: t.fill_(1.0), lambda t: t.copy_(x.detach())):
            with pytest.raises(RuntimeError, match="the graph needs"):
                write(t)
        with pytest.raises(RuntimeError, match="gradient is wanted"):
            t[0] = 1.0
    with tg.no_grad(), pytest.raises(RuntimeError, match=r"gradient is wanted|graph needs"):
        y[0] = 1.0  # not a leaf: others may have saved it
    x += 1  # rebinds
    assert x.grad_fn == "Add"


def test_writes_into_the_view_of_a_leaf():
    x = leaf(1.0, 2.0)
    y = x * x
    with tg.no_grad():
        view = x[:1]
        view.fill_(9.0)
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()


# Modes ------------------------------------------------------------------------------------------------------


def test_no_grad_and_enable_grad():
    x = leaf(1.0)
    with tg.no_grad():
        assert not tg.is_grad_enabled()
        assert not (x * 2).requires_grad
        with tg.enable_grad():
            assert (x * 2).requires_grad
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()

    @tg.no_grad()
    def quiet(t):
        return t * 2

    @tg.enable_grad()
    def loud(t):
        return t * 2

    for _ in range(2):  # a decorated function can be called again
        assert not quiet(x).requires_grad
        with tg.no_grad():
            assert loud(x).requires_grad
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        1 / 0  # noqa: B018
    assert tg.is_grad_enabled()


def test_modes_belong_to_a_thread():
    x, seen = leaf(1.0), {}

    def other():
        seen["fresh"] = tg.is_grad_enabled()
        with tg.no_grad():
            seen["inside"] = tg.is_grad_enabled()
            ready.set()
            go.wait(10)
        seen["recorded"] = (x * 2).requires_grad

    ready, go = threading.Event(), threading.Event()
    with tg.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        assert ready.wait(10)
        with tg.enable_grad():
            seen["outside"] = tg.is_grad_enabled()
        go.set()
        thread.join()
    assert seen == {"fresh": True, "inside": False, "outside": True, "recorded": True}


def test_threads_build_graphs_side_by_side():
    results, errors = {}, []

    def work(i):
        try:
            x = leaf(float(i))
            y = x
            for _ in range(200):
                y = y * 1.0 + 1.0
            (y * x).sum().backward()
            results[i] = x.grad.numpy()[0]
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert results == {i: 2.0 * i + 200 for i in range(8)}


class NaNBackwards(Function):
    """y = x, with a wrong backward."""

    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, gy):
        return tg.tensor(np.full(gy.shape, np.nan))


def test_detect_anomaly():
    x = leaf(-1.0, 4.0)
    with (
        tg.autograd.detect_anomaly(),
        pytest.raises(RuntimeError, match=r"NaN was born in the forward of Sqrt.*\(2,\)"),
    ):
        tg.sqrt(x)
    z = leaf(0.0)
    with tg.autograd.detect_anomaly():
        y = NaNBackwards.apply(z)
        with pytest.raises(
            RuntimeError, match=r"NaN was born in the backward of NaNBackwards[\s\S]*test_autograd"
        ):
            y.sum().backward()
        y = tg.sqrt(z) * 0.0  # the gradient 0 meets an infinite slope
        with pytest.raises(RuntimeError, match="in the backward of Sqrt"):
            y.sum().backward()
    with tg.autograd.detect_anomaly():
        tg.tensor([np.nan]) * 2  # not born here
    with np.errstate(all="ignore"):
        y = tg.sqrt(z) * 0.0
        y.sum().backward()
    assert np.isnan(z.grad.numpy()).all()


def test_requires_grad():
    x = tg.ones(2)
    y = x * 2
    assert not y.requires_grad
    assert y.is_leaf
    x.requires_grad = True
    y = x * 2
    assert not y.is_leaf
    with pytest.raises(RuntimeError, match=r"use .detach"):
        y.requires_grad = False
    assert not y.detach().requires_grad
    with pytest.raises(TypeError, match="floating dtype"):
        tg.arange(3).requires_grad_()
    with pytest.raises(RuntimeError, match=r"use .detach"):
        y.numpy()


def test_integers_carry_no_gradient():
    x = leaf(1.0, 2.0)
    assert not x.long().requires_grad
    assert not x.argmax().requires_grad
    assert not (x > 1).requires_grad
    values, indices = x.max(0)
    assert values.requires_grad
    assert not indices.requires_grad


# Functions of one's own -------------------------------------------------------------------------------------


class Cube(Function):
    """y = x**3 k;  dy/dx = 3 x**2 k."""

    @staticmethod
    def forward(ctx, x, *, k=1.0):
        ctx.save(x)
        ctx.k = k
        return x * x * x * k

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        return gy * 3 * x * x * ctx.k


class SumAndDifference(Function):
    """Two results, one of them saved, and an input that may be None."""

    @staticmethod
    def forward(ctx, x, y):
        s = x + (0 if y is None else y)
        ctx.save(s, y)
        return s * s, x - (0 if y is None else y)

    @staticmethod
    def backward(ctx, g_sum, g_difference):
        s, y = ctx.saved
        assert y is None or y.shape == s.shape
        return g_difference * 1, (None if y is None else -g_difference)


def test_own_functions():
    gradcheck(lambda x: Cube.apply(x, k=2.0), leaf(0.5, -1.0), full=True)
    gradgradcheck(lambda x: Cube.apply(x, k=2.0), leaf(0.5, -1.0), full=True)
    assert Cube.apply(leaf(2.0)).grad_fn == "Cube"
    assert "grad_fn=<Cube>" in repr(Cube.apply(leaf(2.0)))
    x = leaf(1.0, 2.0)
    _, difference = SumAndDifference.apply(x, None)
    difference.sum().backward()
    assert numbers(x.grad) == [1.0, 1.0]
    with pytest.raises(TypeError, match=r"takes Tensors.*settings go by keyword"):
        Cube.apply(leaf(1.0), 2.0)

    class Empty(Function):
        pass

    with pytest.raises(TypeError, match="needs a static method `forward"):
        Empty.apply(leaf(1.0))

    class NoArray(Function):
        @staticmethod
        def forward(ctx, x):
            return [1.0]

    with pytest.raises(TypeError, match="must return arrays"):
        NoArray.apply(leaf(1.0))


def test_an_own_function_saves_an_output_without_axes():
    class Exponential(Function):
        @staticmethod
        def forward(ctx, x):
            y = np.exp(x)  # a NumPy scalar where x has no axes
            ctx.save(y)
            return y

        @staticmethod
        def backward(ctx, gy):
            (y,) = ctx.saved
            return gy * y

    gradgradcheck(Exponential.apply, tg.tensor(0.3, dtype=np.float64, requires_grad=True))


# Order does not depend on hashes; random graphs -------------------------------------------------------------

PROGRAM = """
import numpy as np, tinygen as tg
rng = np.random.default_rng(0)
xs = [tg.tensor(rng.standard_normal(5).astype(np.float32), requires_grad=True) for _ in range(6)]
ys = list(xs)
for _ in range(60):
    a, b = (ys[i] for i in rng.integers(0, len(ys), 2))
    ys.append(tg.tanh(a * b + a) if rng.random() < 0.5 else a + tg.sin(b))
sum((y.sum() for y in ys[-9:]), start=tg.zeros(())).backward()
print([None if x.grad is None else x.grad.numpy().tobytes().hex() for x in xs])
"""


def test_results_do_not_depend_on_the_hash_seed():
    outputs = set()
    for seed in ("0", "1", "42"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        outputs.add(
            subprocess.run([sys.executable, "-c", PROGRAM], env=env, check=True, capture_output=True).stdout
        )
    assert len(outputs) == 1
    assert b"None" not in outputs.pop()


def random_graph(library, leaves, seed, length):
    """The same graph in either library: long, with wide sharing, broadcasts, reductions, slices, products."""
    rng = np.random.default_rng(seed)
    pool = list(leaves)
    steps = [
        lambda a, b: library.tanh(a * b),
        lambda a, b: a + library.sin(b),
        lambda a, b: a / (2 + b * b),
        lambda a, b: library.sigmoid(a @ b),
        lambda a, b: a - b.mean(0, keepdim=True),
        lambda a, b: library.softmax(a, 1) * b[:, :1],
        lambda a, b: library.maximum(a, b) * 0.5,
        lambda a, b: library.cat([a[1:], b[:1]], 0),
        lambda a, b: a.permute(1, 0) + b[0],
        lambda a, b: library.where(a > b, a, b * 0.3),
    ]
    for _ in range(length):
        a, b = (pool[int(i)] for i in rng.integers(max(0, len(pool) - 12), len(pool), 2))
        pool.append(steps[int(rng.integers(len(steps)))](a, b))
    return sum((p * p).sum() for p in pool[-5:])


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_against_torch(seed, torch):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal((4, 4)) for _ in range(4)]
    length = 15 if seed < 8 else 400
    ours = [tg.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = random_graph(tg, ours, seed, length), random_graph(torch, theirs, seed, length)
    np.testing.assert_allclose(y.item(), z.item(), rtol=1e-9)
    second = seed < 8
    g = grad(y, ours, create_graph=second, allow_unused=True)
    h = torch.autograd.grad(z, theirs, create_graph=second, allow_unused=True)
    for a, b in zip(g, h, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert_close(a.detach(), b.detach().numpy(), rtol=1e-7, atol=1e-9)
    if second:
        g2 = grad(sum((a * a).sum() for a in g if a is not None), ours, allow_unused=True)
        h2 = torch.autograd.grad(sum((b * b).sum() for b in h if b is not None), theirs, allow_unused=True)
        for a, b in zip(g2, h2, strict=True):
            if b is not None:
                assert_close(a, b.numpy(), rtol=1e-6, atol=1e-7)
