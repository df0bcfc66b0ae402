"""All ops, from their records alone. With ``--device cuda`` the same tests run on the GPU."""

import functools
import gc
import inspect
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygen as tg
import tinygen_ops.registry
from tinygen.nn import functional
from tinygen.testing.check import RTOL, check_op, samples_to_check
from tinygen.testing.gradcheck import assert_close, gradgradcheck, gradient_error
from tinygen.testing.records import RECORDS, results_of

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def those(condition):
    """Run a test for every op whose record meets the condition."""
    return pytest.mark.parametrize(
        "op", [pytest.param(r, id=name) for name, r in RECORDS.items() if condition(r)]
    )


BY_OP = those(lambda record: True)
DIFFERENTIABLE = those(lambda record: record.order > 0)


def described(op, number, sample, dtype):
    shapes = [a.shape for a in sample.arrays]
    return f"{op.name}, sample {number} {shapes} {sample.settings} {dtype}"


def small(sample, limit=200):
    return sum(a.size for a in sample.arrays) <= limit


def seeds_for(results, seed=1):
    """A random cotangent for every floating result."""
    rng = np.random.default_rng(seed)
    return [tg.tensor(rng.standard_normal(r.shape).astype(r.dtype), device=r.device) for r in results]


def gradients(op, sample, dtype, device, order=1):
    """Gradients of all inputs, at order 1 or 2, as NumPy arrays (None where there is none)."""
    tensors = sample.tensors(dtype, device)
    leaves = [t for t in tensors if t.requires_grad]
    results = [r for r in results_of(op.on_tensors(sample)(*tensors)) if r.requires_grad]
    cotangents = seeds_for(results)
    found = tg.autograd.grad(results, leaves, cotangents, create_graph=order == 2, allow_unused=True)
    if order == 2:
        flowing = [g for g in found if g is not None and g.requires_grad]
        if not flowing:
            return []
        found = tg.autograd.grad(flowing, leaves, seeds_for(flowing, 2), allow_unused=True)
    return [None if g is None else g.to("cpu").detach().numpy() for g in found]


# The records ------------------------------------------------------------------------------------------------


def test_every_public_op_has_a_record():
    recorded = {name for record in RECORDS.values() for name in (record.name, *record.aliases)}
    for home in (tg, functional):
        for name in home.__all__:
            thing = getattr(home, name, None)
            if inspect.isfunction(thing) and thing.__module__.startswith("tinygen.ops."):
                assert name in recorded, f"{home.__name__}.{name} has no record in tinygen/testing/records"
    assert {"lstm", "lstm_cell", "getitem"} <= recorded


@BY_OP
def test_records_are_complete(op):
    arrays = [a for sample in op.calls() for a in sample.arrays]
    assert op.errors, "no call that must raise"
    assert any(a.size == 0 for a in arrays) or op.name in ("lstm",), "no empty array"
    assert any(sample.gaps for sample in op.calls()) or op.name == "one_hot", "no array with gaps in memory"
    assert any(1 in a.shape for a in arrays), "no axis of length 1"
    for alias in op.aliases:
        assert getattr(tg, alias) is op.function
    for home in (tg, functional):
        if op.name != "dropout":
            assert getattr(home, op.name, op.function) is op.function


@BY_OP
def test_samples_are_the_same_every_time(op):
    for a, b in zip(op.calls(), op.calls(), strict=True):
        for x, y in zip(a.arrays, b.arrays, strict=True):
            np.testing.assert_array_equal(x, y)


# Values -----------------------------------------------------------------------------------------------------


@BY_OP
def test_values_types_shapes(op, device):
    for dtype in op.dtypes:
        for number, sample in enumerate(op.calls()):
            tensors = sample.tensors(dtype, device)
            before = [t.to("cpu").detach().numpy().copy() for t in tensors]
            results = results_of(op.on_tensors(sample)(*tensors))
            expected = op.expected(sample, dtype)
            label = described(op, number, sample, dtype)
            assert len(results) == len(expected), label
            for result, reference in zip(results, expected, strict=True):
                assert isinstance(result, tg.Tensor), label
                assert result.device == device, label
                assert_close(result.to("cpu"), reference, scale=op.scale, message=label)
            for t, copy in zip(tensors, before, strict=True):
                np.testing.assert_array_equal(
                    t.to("cpu").detach().numpy(), copy, err_msg=f"{label}: input changed"
                )


@BY_OP
def test_errors(op):
    for case in op.errors:
        with pytest.raises(Exception) as caught:
            case.call(op.function)
        assert type(caught.value) is case.exception, f"{op.name}: {caught.value!r} for {case.message!r}"
        assert case.message in str(caught.value)
        assert "\n" not in str(caught.value)


@those(
    lambda record: hasattr(tg.Tensor, record.name) and record.name != "where"
)  # the method's condition is second
def test_methods_are_the_functions(op):
    for sample in op.calls():
        args = sample.with_arrays(sample.tensors(F32 if F32 in op.dtypes else next(iter(op.dtypes))))
        if not isinstance(args[0], tg.Tensor):
            continue
        direct = results_of(op.function(*args, **sample.settings))
        method = results_of(getattr(args[0], op.name)(*args[1:], **sample.settings))
        for d, m in zip(direct, method, strict=True):
            assert_close(m, d, rtol=0, atol=0)


@those(lambda record: record.by_shape is not None)
def test_drawn_shapes(op, device):
    @settings(max_examples=8, derandomize=True, deadline=None, database=None)
    @given(st.lists(st.integers(0, 4), max_size=4), st.integers(0, 1000))
    def check(shape, seed):
        sample = op.by_shape(np.random.default_rng(seed), tuple(shape))
        results = results_of(op.on_tensors(sample)(*sample.tensors(F64, device)))
        for result, reference in zip(results, op.expected(sample, F64), strict=True):
            assert_close(
                result.to("cpu"), reference, scale=op.scale, message=f"{op.name} {shape} {sample.settings}"
            )
        if op.order and sample.arrays[0].size <= 64:
            gradient_error(
                op.on_tensors(sample), sample.tensors(F64, device), name=f"{op.name} {shape}", directions=1
            )

    check()


# Gradients --------------------------------------------------------------------------------------------------


@DIFFERENTIABLE
def test_first_order(op, device):
    assert list(samples_to_check(op, 1))
    assert check_op(op, 1, device) <= RTOL


@those(lambda record: record.order == 2)
def test_second_order(op, device):
    assert list(samples_to_check(op, 2))
    assert check_op(op, 2, device) <= RTOL


@DIFFERENTIABLE
def test_gradient_type_and_memory(op, device):
    """Gradients have their input's shape and dtype, and memory that is theirs alone."""
    for sample, label in samples_to_check(op, 1, F32):
        tensors = sample.tensors(F32, device)
        before = [t.to("cpu").detach().numpy().copy() for t in tensors]
        results = [r for r in results_of(op.on_tensors(sample)(*tensors)) if r.requires_grad]
        cotangents = seeds_for(results)
        total = functools.reduce(tg.add, [(r * v).sum() for r, v in zip(results, cotangents, strict=True)])
        total.backward()
        leaves = [t for t in tensors if t.requires_grad]
        for t in leaves:
            assert t.grad is not None, label
            assert (t.grad.shape, t.grad.dtype, t.grad.device) == (t.shape, F32, device), label
        values = [t.grad.to("cpu").numpy().copy() for t in leaves]
        for i, t in enumerate(leaves):
            t.grad.fill_(77)
            for other, value in zip(leaves[i + 1 :], values[i + 1 :], strict=True):
                np.testing.assert_array_equal(other.grad.to("cpu").numpy(), value, err_msg=label)
        for t, copy in zip(tensors, before, strict=True):
            np.testing.assert_array_equal(t.to("cpu").detach().numpy(), copy, err_msg=label)


@DIFFERENTIABLE
def test_unused_outputs(op, device):
    """Of several results each is used alone: the others' gradients are missing."""
    for sample, label in samples_to_check(op, 1):
        tensors = sample.tensors(F64, device)
        count = len(results_of(op.on_tensors(sample)(*tensors)))
        if count == 1 or not small(sample):
            continue
        for i in range(count):

            def one(*xs, i=i, sample=sample):
                return results_of(op.on_tensors(sample)(*xs))[i]

            gradient_error(one, tensors, name=f"{label}, only result {i}", directions=1)
            if op.order == 2:
                gradgradcheck(one, tensors, name=f"{label}, only result {i}", directions=1)


@DIFFERENTIABLE
def test_freed_without_the_collector(op, device):
    """A graph goes with its last tensor: there is no reference cycle, after forward, backward, second backward."""

    def run(sample, order):
        tensors = sample.tensors(F32, device)
        results = [r for r in results_of(op.on_tensors(sample)(*tensors)) if r.requires_grad]
        alive = [weakref.ref(t) for t in (*tensors, *results)]
        if order:
            leaves = [t for t in tensors if t.requires_grad]
            first = tg.autograd.grad(
                results, leaves, seeds_for(results), create_graph=order > 1, allow_unused=True
            )
            flowing = [g for g in first if g is not None and g.requires_grad]
            alive += [weakref.ref(g) for g in first if g is not None]
            if flowing:
                tg.autograd.grad(flowing, leaves, seeds_for(flowing), allow_unused=True)
        return alive

    gc.collect()
    gc.disable()
    try:
        for sample, label in samples_to_check(op, 1, F32):
            for order in (0, 1, 2):
                assert not [r for r in run(sample, order) if r() is not None], (
                    f"{label}: alive after order {order}"
                )
    finally:
        gc.enable()


@DIFFERENTIABLE
def test_kernel_forms_agree(op):
    """The reference kernels and the Numba ones give the same values and gradients of both orders, in float32."""
    if problem := tinygen_ops.registry.numba_problem():
        pytest.skip(problem)
    for sample, label in samples_to_check(op, 1, F32):
        values, first, second = {}, {}, {}
        for mode in ("reference", "numba"):
            with tinygen_ops.registry.use(mode):
                values[mode] = [
                    r.detach().numpy() for r in results_of(op.on_tensors(sample)(*sample.tensors(F32)))
                ]
                first[mode] = gradients(op, sample, F32, "cpu")
                second[mode] = gradients(op, sample, F32, "cpu", order=2) if small(sample) else []
        for what, found in (("value", values), ("gradient", first), ("second derivative", second)):
            for i, (a, b) in enumerate(zip(found["numba"], found["reference"], strict=True)):
                assert (a is None) == (b is None), f"{label}: {what} {i}"
                if a is not None:
                    size = float(np.abs(b).max(initial=0.0))
                    assert_close(
                        a,
                        b,
                        atol=2e-6 * op.scale * max(1.0, size),
                        scale=op.scale,
                        message=f"{label}: {what} {i}",
                    )


# PyTorch ----------------------------------------------------------------------------------------------------


def torch_function(op, torch):
    if isinstance(op.torch, str):
        return functools.reduce(getattr, op.torch.split("."), torch)
    return functools.partial(op.torch, torch)


def in_torch(torch, sample, dtype):
    tensors = [torch.from_numpy(a.copy()) for a in sample.typed(dtype)]
    for i, (t, a) in enumerate(zip(tensors, sample.arrays, strict=True)):
        t.requires_grad_(bool(t.dtype.is_floating_point and a.dtype.kind == "f" and i not in sample.fixed))
    return tensors


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:(std|var)\\(\\)")
@those(lambda record: record.torch)
def test_values_against_torch(op, torch):
    function = torch_function(op, torch)
    for dtype in op.dtypes:
        for number, sample in enumerate(op.calls()):
            if not sample.against_torch:
                continue
            label = f"against torch: {described(op, number, sample, dtype)}"
            theirs = results_of(
                function(*sample.with_arrays(in_torch(torch, sample, dtype)), **sample.settings)
            )
            ours = results_of(op.on_tensors(sample)(*sample.tensors(dtype)))
            assert len(ours) == len(theirs), label
            for a, b in zip(ours, theirs, strict=True):
                assert_close(a, b.detach().numpy(), scale=4 * op.scale, message=label)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:(std|var)\\(\\)")
@those(lambda record: record.torch and record.order)
def test_gradients_against_torch(op, torch):
    function = torch_function(op, torch)
    for number, sample in enumerate(op.calls()):
        label = f"against torch: {described(op, number, sample, F64)}"
        tensors = sample.tensors(F64)
        leaves = [t for t in tensors if t.requires_grad]
        if not sample.against_torch or not leaves or not all(np.isfinite(a).all() for a in sample.arrays):
            continue
        results = [r for r in results_of(op.on_tensors(sample)(*tensors)) if r.requires_grad]
        if not all(np.isfinite(r.detach().numpy()).all() for r in results):
            continue
        cotangents = seeds_for(results)
        ours = tg.autograd.grad(results, leaves, cotangents, allow_unused=True)
        their_tensors = in_torch(torch, sample, F64)
        their_results = results_of(function(*sample.with_arrays(their_tensors), **sample.settings))
        their_results = [r for r in their_results if r.is_floating_point()]
        theirs = torch.autograd.grad(
            their_results,
            [t for t in their_tensors if t.requires_grad],
            [torch.from_numpy(v.numpy()) for v in cotangents],
            allow_unused=True,
        )
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            b = np.zeros(leaves[i].shape) if b is None else b.numpy()
            a = np.zeros(leaves[i].shape) if a is None else a.numpy()
            assert_close(a, b, scale=10, message=f"{label}: gradient {i}")
