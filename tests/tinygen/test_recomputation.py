"""Recomputation: checkpointed functions give the same results, gradients and statistics, in less memory."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygen as tg
from tinygen.autograd import Function, checkpoint, grad
from tinygen.modes import mode
from tinygen.ops.rnn import lstm
from tinygen.testing import gradcheck, gradgradcheck
from tinygen.testing.records import RECORDS, results_of

RNG = np.random.default_rng(0)
WRITTEN = "was written to after the forward"


def leaf(*shape):
    return tg.tensor(RNG.standard_normal(shape), requires_grad=True)


def bits(t):
    return None if t is None else t.detach().numpy().tobytes()


def same(function, *leaves, order=2):
    """Results and gradients with and without a checkpoint, bit for bit."""
    found = []
    for run in (function, lambda *args: checkpoint(function, *args)):
        results = run(*leaves)
        results = results if isinstance(results, tuple) else (results,)
        flowing = [r for r in results if isinstance(r, tg.Tensor) and r.requires_grad]
        all_bits = [bits(r) for r in flowing]
        for _ in range(order):
            total = sum((r * r).sum() for r in flowing)
            gradients = grad(total, leaves, create_graph=True, allow_unused=True)
            all_bits += [bits(g) for g in gradients]
            flowing = [g for g in gradients if g is not None and g.requires_grad]
        found.append(all_bits)
    assert found[0] == found[1]
    assert len(found[0]) > len(leaves)


CALLS = []


class Counting(Function):
    """y = x**2, which counts its calls."""

    @staticmethod
    def forward(ctx, x):
        CALLS.append("forward")
        ctx.save(x)
        return x * x

    @staticmethod
    def backward(ctx, gy):
        (x,) = ctx.saved
        return 2 * gy * x


@pytest.fixture
def calls():
    CALLS.clear()
    return CALLS


# Values -----------------------------------------------------------------------------------------------------


def test_same_gradients_at_any_order():
    x, y = leaf(3, 4), leaf(4, 2)
    same(lambda a, b: tg.tanh(tg.exp(a * 0.1) @ b), x, y)
    same(lambda a, b: (tg.softmax(a @ b, 0), (a * a).sum(0), a.max(0)), x, y)
    same(lambda a: tg.sigmoid(a).log(), x, order=3)
    for check in (gradcheck, gradgradcheck):
        check(lambda a, b: checkpoint(lambda s, t: tg.sin(s @ t), a, b), (x, y), full=True)


def test_inner_inputs_and_what_follows():
    x = leaf(3)
    found = []
    for run in (lambda f, *a: f(*a), checkpoint):
        h = tg.tanh(x * 2)
        y = run(lambda t: tg.exp(t) * t, h)
        z = run(lambda t, s: (t * s).sin(), y, h)
        (g,) = grad((z * y).sum(), x, create_graph=True)
        (gg,) = grad((g * g).sum(), x)
        found.append((bits(g), bits(gg)))
    assert found[0] == found[1]


def test_inputs_of_all_sorts():
    x = leaf(3)

    def function(a, nothing, factor, *, power, flag=False):
        assert nothing is None
        assert flag
        return {"y": [a.tanh() ** power * factor], "n": 3}, a.detach() > 0, a

    results, mask, itself = checkpoint(function, x, None, 2.0, power=3, flag=True)
    assert results["n"] == 3
    assert not mask.requires_grad
    assert itself is x
    (g,) = grad(results["y"][0].sum(), x)
    (h,) = grad((x.tanh() ** 3 * 2.0).sum(), x)
    assert bits(g) == bits(h)
    with pytest.raises(TypeError, match="`function` is 3"):
        checkpoint(3, x)
    with pytest.raises(ValueError, match="`use_reentrant` is True"):
        checkpoint(tg.tanh, x, use_reentrant=True)
    assert checkpoint(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        checkpoint(lambda: 1 / 0)
    assert mode.segment is None
    assert mode.watchers == ()


def test_parameters_in_the_closure_get_their_gradients():
    generator = tg.Generator(0)
    net = tg.nn.Sequential(
        tg.nn.Linear(4, 8, generator=generator), tg.nn.Tanh(), tg.nn.Linear(8, 3, generator=generator)
    )
    x = tg.tensor(RNG.standard_normal((5, 4)).astype(np.float32))  # the input itself needs none
    found = []
    for run in (net, lambda t: checkpoint(net, t)):
        net.zero_grad()
        run(x).square().sum().backward()
        found.append([bits(p.grad) for p in net.parameters()])
    assert found[0] == found[1]
    assert None not in found[0]


def test_without_recording_the_function_just_runs(calls):
    x = leaf(2)
    with tg.no_grad():
        assert not checkpoint(Counting.apply, x).requires_grad
    assert not checkpoint(Counting.apply, x.detach()).requires_grad
    y = checkpoint(Counting.apply, x)
    assert calls == ["forward"] * 3
    with tg.no_grad():
        y.sum()
    y.sum().backward()
    assert calls == ["forward"] * 4


def test_how_often_the_function_runs(calls):
    x = leaf(2)
    y = checkpoint(lambda t: Counting.apply(Counting.apply(t)) * 1.0, x)
    assert len(calls) == 2
    y.sum().backward(retain_graph=True)
    assert len(calls) == 4  # once for both
    y.sum().backward(retain_graph=True)
    assert len(calls) == 6  # a pass keeps nothing for the next one
    grad(y.sum(), x)
    assert len(calls) == 8
    with pytest.raises(RuntimeError, match="a second time"):
        y.sum().backward()
    z = checkpoint(lambda t: t + 1.0, Counting.apply(x))
    z.sum().backward()
    assert len(calls) == 9  # nothing in there saved anything


def test_it_stops_where_nothing_more_is_needed():
    runs = []

    def function(x):
        y = tg.tanh(x)
        runs.append("after tanh")
        return y + 1.0

    checkpoint(function, leaf(2)).sum().backward()
    assert runs == ["after tanh"]


def test_parts_of_the_graph():
    """autograd.grad to an input only, and to a tensor inside."""
    x, w, inner = leaf(3), leaf(3), []

    def function(a):
        inner.append(tg.exp(a * w))
        return inner[0].tanh() * w

    y = checkpoint(function, x)
    (gx,) = grad(y.sum(), x, retain_graph=True)
    h = inner[0]
    (gh,) = grad(y.sum(), h, retain_graph=True)
    y.sum().backward(inputs=[w])
    inner.clear()
    z = function(x)
    assert bits(gx) == bits(grad(z.sum(), x, retain_graph=True)[0])
    assert bits(gh) == bits(grad(z.sum(), inner[0], retain_graph=True)[0])
    assert bits(w.grad) == bits(grad(z.sum(), w)[0])
    assert x.grad is None


def test_fused_ops():
    x, h, c = leaf(5, 2, 3), leaf(2, 4), leaf(2, 4)
    w_ih, w_hh = leaf(16, 3), leaf(16, 4)
    same(lambda *t: lstm(*t), x, h, c, w_ih, w_hh)
    logits = leaf(4, 3)
    same(lambda t: tg.nn.functional.cross_entropy(t * 2, tg.tensor([0, 1, 2, 1])), logits)


def test_gradients_inside_the_function():
    """A gradient penalty in a checkpoint: autograd.grad runs in the first run and in the second."""
    x, w = leaf(3), leaf(3)

    def penalty(a, b):
        y = (tg.tanh(a * b) * b).sum()
        (g,) = grad(y, a, create_graph=True)
        return (g * g).sum() + tg.exp(y)

    same(penalty, x, w)
    same(lambda a, b: checkpoint(penalty, a * 1.5, b) * checkpoint(tg.sin, b), x, w)
    with pytest.raises(RuntimeError, match=r"use autograd.grad"):
        checkpoint(lambda a: (a * a).sum().backward(), x)


# Nested -----------------------------------------------------------------------------------------------------


def test_nested():
    w, found = leaf(3), []
    x = leaf(3)
    for run in (lambda f, *a: f(*a), checkpoint):

        def innermost(a):
            return tg.sin(Counting.apply(a) * w)

        def middle(a, run=run, innermost=innermost):
            b = tg.tanh(run(innermost, a * 2))
            return run(lambda t: t * b * tg.exp(w), b) + run(innermost, b)  # b, in a closure, gets its gradient too

        def outer(a, run=run, middle=middle):
            return run(middle, run(middle, a) * a).exp()

        first = grad(run(outer, x).sum(), [x, w], create_graph=True)
        second = grad(sum((g * g).sum() for g in first), [x, w], create_graph=True)
        third = grad(sum((g * g).sum() for g in second), [x, w])
        found.append([bits(g) for g in first + second + third])
    assert found[0] == found[1]


def test_nested_checkpoints_hold_the_outermost_inputs_only():
    n = 100_000
    x = tg.tensor(np.ones(n), requires_grad=True)

    def block(a):
        for _ in range(4):
            a = tg.tanh(a)
        return a

    def outer(a):
        for _ in range(4):
            a = checkpoint(block, a)
        return a

    assert held(lambda: checkpoint(outer, x)) < 1.5 * 8 * n  # the result
    assert held(lambda: outer(x)) > 3.9 * 8 * n


def held(function):
    gc.collect()
    tracemalloc.start()
    result = function()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del result
    return size


# Random numbers, statistics ---------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [True, False])
def test_dropout_has_the_same_mask(own):
    generator = tg.Generator(5) if own else None
    x = tg.tensor(np.ones(1000), requires_grad=True)

    def function(a):
        a = tg.nn.functional.dropout(a * 1.0, 0.5, generator=generator)
        return tg.nn.functional.dropout(a.exp(), 0.5, generator=generator)

    tg.manual_seed(3)
    following = {}
    for name, run in (("plain", function), ("checkpoint", lambda a: checkpoint(function, a))):
        tg.manual_seed(3)
        if own:
            generator.manual_seed(5)
        y = run(x)
        tg.rand(7)  # other numbers are drawn in between
        if own:
            generator.uniform((3,))
        (g,) = grad(y.sum(), x)
        following[name] = bits(y), bits(g), bits(tg.rand(5)), bits(tg.rand(5, generator=generator))
    assert following["plain"] == following["checkpoint"]


def test_dropout_in_nested_checkpoints():
    x = tg.tensor(np.ones(100), requires_grad=True)

    def block(a):
        return tg.nn.functional.dropout(a, 0.5).exp()

    def both(a):
        return block(checkpoint(block, checkpoint(block, a)))

    found = []
    for run in (lambda a: block(block(block(a))), lambda a: checkpoint(both, a)):
        tg.manual_seed(1)
        found.append(bits(grad(run(x).sum(), x)[0]) + bits(tg.rand(3)))
    assert found[0] == found[1]


def test_generators_that_are_made_inside_or_copied():
    import copy

    x, generator = tg.tensor(np.ones(100), requires_grad=True), copy.deepcopy(tg.Generator(2))

    def function(a):
        noise = tg.Generator(9).uniform((100,)) + generator.uniform((100,))
        return (a * tg.tensor(noise)).exp()

    y = checkpoint(function, x)
    (g,) = grad(y.sum(), x)
    noise = tg.Generator(9).uniform((100,)) + tg.Generator(2).uniform((100,))
    np.testing.assert_allclose(g.numpy(), noise * np.exp(noise), rtol=1e-6)


def test_the_flag_for_statistics():
    seen = []

    def function(a):
        seen.append(mode.recomputing)
        return a.tanh()

    checkpoint(function, leaf(2)).sum().backward()
    assert seen == [False, True]
    assert not mode.recomputing


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_are_updated_once(momentum):
    def run(through):
        norm = tg.nn.BatchNorm1d(3, momentum=momentum)
        net = tg.nn.Sequential(norm, tg.nn.Tanh(), norm)  # twice in one function
        x = tg.tensor(np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32), requires_grad=True)
        losses = [through(net, x * i).square().sum() for i in (1.0, 2.0)]  # two batches before one backward
        (losses[0] * losses[1]).backward()
        return bits(x.grad), {name: array.tobytes() for name, array in norm.state_dict().items()}

    plain = run(lambda net, x: net(x))
    assert len(plain[1]) == 5
    assert run(checkpoint) == plain


# What changed in between ------------------------------------------------------------------------------------


def test_a_second_run_that_differs_is_refused():
    x, runs = leaf(2), []

    def another_op(a):
        runs.append(1)
        return a.tanh() if len(runs) == 1 else a.exp()

    with pytest.raises(RuntimeError, match=r"did not do the same the second time: step 0 was .*Tanh.*now .*Exp"):
        checkpoint(another_op, x).sum().backward()

    def fewer_ops(a):
        runs.append(1)
        return a.tanh().exp() if len(runs) == 1 else a.tanh()

    runs.clear()
    with pytest.raises(RuntimeError, match=r"step 1 was .*Exp.*now nothing more"):
        checkpoint(fewer_ops, x).sum().backward()

    def another_shape(a):
        runs.append(1)
        return a[: len(runs)].tanh().sum()

    runs.clear()
    with pytest.raises(RuntimeError, match="the second time"):
        checkpoint(another_shape, x).backward()
    assert mode.segment is None


def test_after_an_error_the_graph_is_as_it_was():
    x, w, fails = leaf(2), leaf(2), [False, True, False]

    def function(a):
        if fails.pop(0):
            raise KeyError("out of luck")
        return tg.exp(a * w)

    y = checkpoint(function, x)
    with pytest.raises(KeyError):
        grad(y.sum(), x)
    y.sum().backward()
    assert bits(x.grad) == bits(tg.exp(x * w) * w)
    assert bits(w.grad) == bits(tg.exp(x * w) * x)


def test_inputs_are_freed_as_backward_passes():
    alive = []
    x = leaf(1000)

    def block(a):
        return a.tanh().exp()

    def note(g):
        gc.collect()
        alive.append(sum(r() is not None for r in arrays))

    arrays, y = [], x * 1.0
    y.register_hook(note)
    for _ in range(5):
        arrays.append(weakref.ref(y.data))
        y = checkpoint(block, y)
    y = y.sum()
    gc.collect()
    assert sum(r() is not None for r in arrays) == 5
    y.backward()
    assert alive == [1]  # the first block's, whose turn it was last


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.fill_(2.0),
        lambda t: t.data.fill(2.0),
        lambda t: t.detach().numpy().fill(2.0),
        lambda t: setattr(t, "data", np.full(3, 2.0)),
    ],
    ids=["fill_", "data", "numpy", "data is replaced"],
)
@pytest.mark.parametrize("which", ["input", "parameter", "constant", "constant of an unrecorded op", "nested"])
def test_writes_in_between(write, which):
    """The first op, an addition, saves nothing; and still its operands must be what they were."""
    x, w, c = leaf(3), leaf(3), leaf(3).detach()
    functions = {
        "input": (lambda a: (a + 1.0).tanh(), x),
        "parameter": (lambda a: (a + w).tanh(), w),
        "constant": (lambda a: (a + c).tanh(), c),
        "constant of an unrecorded op": (lambda a: (a + (c + 1.0)).tanh(), c),
        "nested": (lambda a: checkpoint(lambda b: (b + c).tanh(), a * 1.0).exp(), c),
    }
    function, target = functions[which]
    y = checkpoint(function, x)
    with tg.no_grad():
        write(target)
    with pytest.raises(RuntimeError, match=WRITTEN):
        y.sum().backward()
    y = checkpoint(function, x)  # afterwards all is as ever
    y.sum().backward()
    with tg.no_grad():
        write(target)


def test_writes_inside_the_function():
    """Into an array of its own: no harm."""
    x = leaf(3)

    def function(a):
        mask = tg.zeros(3, dtype=np.float64)
        mask[1] = 1.0
        return (a * mask).exp()

    y = checkpoint(function, x)
    (g,) = grad(y.sum(), x)
    assert g.numpy().tolist() == [0.0, np.exp(x.detach().numpy()[1]), 0.0]


def test_a_counter_that_the_function_changes_is_noticed():
    x, counter = leaf(3), tg.zeros(3, dtype=np.float64)

    def function(a):
        y = (a + counter).exp()
        counter.fill_(1.0)
        return y

    with pytest.raises(RuntimeError, match=WRITTEN):
        checkpoint(function, x).sum().backward()

    def reads_writes_and_reads_inside(a):
        y = (a + counter).exp()
        counter.fill_(2.0)
        return checkpoint(lambda b: (b + counter).exp(), y)

    with pytest.raises(RuntimeError, match=WRITTEN):
        checkpoint(reads_writes_and_reads_inside, x).sum().backward()


# Memory, modes ----------------------------------------------------------------------------------------------


def test_memory_of_a_deep_chain():
    layers, every, n = 64, 8, 20_000
    x = tg.tensor(np.linspace(-1, 1, n), requires_grad=True)

    def block(a):
        for _ in range(every):
            a = tg.tanh(a)
        return a

    def chain(run):
        y = x
        for _ in range(layers // every):
            y = run(block, y)
        return y.sum()

    peaks, found = [], []
    for run in (lambda f, a: f(a), checkpoint):
        gc.collect()
        x.grad = None
        tracemalloc.start()
        chain(run).backward()
        peaks.append(tracemalloc.get_traced_memory()[1] / (8 * n))
        tracemalloc.stop()
        found.append(bits(x.grad))
    assert found[0] == found[1]
    assert peaks[0] > layers
    assert peaks[1] < layers / every + every + 8  # inputs of the blocks, one block, a few gradients


def test_nothing_is_left_behind():
    """No reference cycles: the graph goes when its last tensor goes, before and after a backward."""
    gc.collect()
    gc.disable()
    try:
        counts = []
        for use in ("drop", "backward", "grad", "retain", "second order"):
            x = leaf(3)
            y = checkpoint(lambda a: checkpoint(lambda b: b.tanh() * b, a.exp()).sin(), x).sum()
            if use == "backward":
                y.backward()
            elif use == "grad":
                grad(y, x)
            elif use == "retain":
                y.backward(retain_graph=True)
            elif use == "second order":
                (g,) = grad(y, x, create_graph=True)
                grad(g.sum(), x)
                del g
            del x, y
            counts.append(gc.collect())
        assert counts == [0] * 5
    finally:
        gc.enable()


def test_anomaly_detection():
    x = tg.tensor(np.array([4.0]), requires_grad=True)
    with tg.autograd.detect_anomaly():
        y = checkpoint(lambda a: tg.sqrt(a) * 2.0, x)
        (g,) = grad(y.sum(), x)
        assert g.item() == 0.5
        with pytest.raises(RuntimeError, match="NaN was born in the forward of Sqrt"):
            checkpoint(lambda a: tg.sqrt(a - 5.0), x)
        zero = tg.tensor(np.array([0.0]), requires_grad=True)
        y = checkpoint(lambda a: tg.sqrt(a) * 0.0, zero)
        with pytest.raises(RuntimeError, match=r"in the backward of Sqrt[\s\S]*test_recomputation"):
            y.sum().backward()


def test_on_a_device(fake):
    x = tg.tensor([1.0, 2.0]).to("fake")
    x.requires_grad = True
    fake.waits.clear()
    y = checkpoint(lambda a: tg.nn.functional.dropout(tg.tanh(a) * a, 0.5), x)
    (g,) = grad(y.sum(), x)
    assert g.device == "fake:0"
    assert not fake.waits


# Every op ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [pytest.param(r, id=name) for name, r in RECORDS.items() if r.order > 0])
def test_every_op(op):
    """What an op hangs on its node is complete when it is recorded, and is found again."""
    for sample in op.calls():
        found = []
        for run in (lambda f, *a: f(*a), checkpoint):
            tg.manual_seed(0)
            inputs = sample.tensors(np.dtype(np.float32))
            results = [r for r in results_of(run(op.on_tensors(sample), *inputs)) if r.requires_grad]
            seeds = [tg.tensor(np.random.default_rng(1).standard_normal(r.shape).astype(r.dtype)) for r in results]
            leaves = [t for t in inputs if t.requires_grad]
            gradients = grad(results, leaves, seeds, allow_unused=True) if results and leaves else ()
            found.append([bits(t) for t in (*results, *gradients)])
        assert found[0] == found[1]
