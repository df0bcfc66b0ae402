"""Fixtures of the tests of the engine."""

import warnings

import numpy as np
import pytest

import tinygen as tg

TOLERANCE = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 1e-5, np.dtype(np.float16): 4e-3}


def close(ours, theirs, label, tolerance=None):
    """One shape, one dtype, and values that differ by less than the tolerance times the largest of them."""
    a, b = ours.detach().numpy(), theirs.detach().numpy(force=True)
    assert (a.shape, a.dtype) == (b.shape, b.dtype), label
    finite = np.abs(b[np.isfinite(b)])
    scale = max(float(finite.max(initial=0)), 1.0)
    np.testing.assert_allclose(a, b, rtol=0, atol=(tolerance or TOLERANCE.get(a.dtype, 0)) * scale, err_msg=label)


@pytest.fixture
def agree(torch):
    """A function that compares one call of ours with one of PyTorch's.

    ``agree(ours, theirs, arrays, wanted, orders=2, label="", tolerance=None)``: both are called with the arrays as
    tensors (None stays None); ``wanted`` says of which arrays the gradient is compared. Values in the dtypes that the
    arrays have; for ``orders`` 1 and 2 also <random, gradient>, and of that the derivative by all inputs and by the
    cotangent.
    ``tolerance`` None means that of the dtype.
    """

    def compare(ours, theirs, arrays, wanted, orders=2, label="", tolerance=None):
        inputs = [
            [None if a is None else make(a, w and bool(orders)) for a, w in zip(arrays, wanted, strict=True)]
            for make in (
                lambda a, grad: tg.tensor(a.copy(), requires_grad=grad),
                lambda a, grad: torch.tensor(a, requires_grad=grad),
            )
        ]
        results = [function(*tensors) for function, tensors in zip((ours, theirs), inputs, strict=True)]
        close(*results, label, tolerance)
        if not orders:
            return
        rng = np.random.default_rng(5)
        seed = rng.standard_normal(results[0].shape).astype(results[0].dtype)
        cotangents = tg.tensor(seed, requires_grad=True), torch.tensor(seed, requires_grad=True)
        leaves = [[t for t in tensors if t is not None and t.requires_grad] for tensors in inputs]
        first = [
            lib.autograd.grad([y], xs, [v], create_graph=orders > 1, allow_unused=True)
            for lib, y, xs, v in zip((tg, torch), results, leaves, cotangents, strict=True)
        ]
        for i, (a, b) in enumerate(zip(*first, strict=True)):
            close(a, b, f"{label}: gradient {i}", tolerance)
        if orders < 2:
            return
        draws = [rng.standard_normal(g.shape).astype(g.dtype) for g in first[0]]
        flowing = [i for i, g in enumerate(first[0]) if g.requires_grad]
        assert flowing == [i for i, g in enumerate(first[1]) if g.requires_grad], label
        second = [
            lib.autograd.grad(
                [gs[i] for i in flowing], [*xs, v], [lib.tensor(draws[i]) for i in flowing], allow_unused=True
            )
            for lib, gs, xs, v in zip((tg, torch), first, leaves, cotangents, strict=True)
        ]
        for i, (a, b) in enumerate(zip(*second, strict=True)):
            if a is None or b is None:  # one may say "does not depend" where the other gives zeros
                there = b if a is None else a
                assert there is None or not there.detach().numpy().any(), f"{label}: second {i}"
            else:
                close(a, b, f"{label}: second {i}", 1e-8)

    return compare


@pytest.fixture
def same(torch):
    """A function that runs one script with our library and with PyTorch and compares all that comes out.

    ``same(script, *arrays, order=2, label="")``: ``script(library, *tensors)`` returns a tensor or a tuple; arrays of
    floats want gradients. Compared are dtypes, shapes and values of the results and, by ``order``, the gradients of
    <random, results> and of <random, gradients>. Where PyTorch raises, we must: one line, of a type that we use.
    """

    def run(library, script, arrays, order):
        tensors = [library.tensor(a, requires_grad=a.dtype.kind == "f" and order > 0) for a in map(np.copy, arrays)]
        made = script(library, *tensors)
        results = list(made) if isinstance(made, (tuple, list)) else [made]
        stages, leaves = [results], [t for t in tensors if t.requires_grad]
        rng = np.random.default_rng(3)
        for _ in range(order):
            draws = [rng.standard_normal(t.shape).astype(np.float64) for t in stages[-1]]
            flowing = [(t, v) for t, v in zip(stages[-1], draws, strict=True) if t.requires_grad]
            if not flowing or not leaves:
                break
            total = sum(((t * library.tensor(v).to(t.dtype)).sum() for t, v in flowing), start=0.0)
            found = library.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
            stages.append([library.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True)])
        return stages

    def compare(script, *arrays, order=2, label="", tolerance=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's
            try:
                theirs = run(torch, script, arrays, order)
            except Exception as error:
                theirs = error
        if isinstance(theirs, Exception):
            with pytest.raises((TypeError, ValueError, IndexError, RuntimeError)) as caught:
                run(tg, script, arrays, 0)
            assert "\n" not in str(caught.value), label
            return
        ours = run(tg, script, arrays, order)
        for depth, b in enumerate(theirs):
            # what we know to be constant has no further derivative: it must be 0 there
            a = (
                ours[depth]
                if depth < len(ours)
                else [tg.zeros(tuple(g.shape), dtype=g.numpy(force=True).dtype) for g in b]
            )
            assert len(a) == len(b), label
            for i, (x, y) in enumerate(zip(a, b, strict=True)):
                close(x, y, f"{label}: order {depth}, {i}", tolerance)
        for depth in range(len(theirs), len(ours)):
            assert not any(g.detach().numpy().any() for g in ours[depth]), label

    return compare
