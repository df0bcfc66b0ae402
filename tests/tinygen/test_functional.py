"""tinygen.autograd.functional: Jacobians, Hessians and their products, against formulas and finite differences."""

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.autograd import functional as AF

RNG = np.random.default_rng(0)
PAIR = (RNG.standard_normal(3), RNG.standard_normal((2, 3)))


def tensors(*arrays, requires_grad=False):
    return tuple(tg.tensor(np.asarray(a), requires_grad=requires_grad) for a in arrays)


def both(a, b):
    """Two outputs of two inputs."""
    return (b * a).sin(), (a * a).sum() * b[0, 0]


def number(a, b):
    return (a.exp() * b.square()).sum() + (a[0] * b[1, 2]) ** 3


def flat(arrays):
    return np.concatenate([np.ravel(a) for a in arrays])


def differences(function, arrays, eps=1e-6):
    """The Jacobian of a function of arrays, (all outputs, all inputs)."""
    columns = []
    for k, array in enumerate(arrays):
        for i in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[k][i] += sign * eps
                ends.append(flat(function(*moved)))
            columns.append((ends[0] - ends[1]) / (2 * eps))
    return np.stack(columns, 1)


def as_matrix(blocks, outputs, inputs):
    """Blocks [o][i] as one matrix."""
    return np.block([
        [block.numpy().reshape(out.size, inp.size) for block, inp in zip(row, inputs, strict=True)]
        for row, out in zip(blocks, outputs, strict=True)
    ])


def on_arrays(*arrays):
    return [t.numpy() for t in both(*tensors(*arrays))]


def gradient_on_arrays(*arrays):
    leaves = tensors(*arrays, requires_grad=True)
    return [g.numpy() for g in tg.autograd.grad(number(*leaves), leaves)]


def test_jacobian():
    found = AF.jacobian(both, tensors(*PAIR))
    assert [[block.shape for block in row] for row in found] == [[(2, 3, 3), (2, 3, 2, 3)], [(3,), (2, 3)]]
    np.testing.assert_allclose(
        as_matrix(found, on_arrays(*PAIR), PAIR), differences(on_arrays, PAIR), atol=1e-8
    )


def test_hessian_and_its_products():
    matrix = differences(gradient_on_arrays, PAIR)
    np.testing.assert_allclose(as_matrix(AF.hessian(number, tensors(*PAIR)), PAIR, PAIR), matrix, atol=1e-7)
    v = tuple(RNG.standard_normal(a.shape) for a in PAIR)
    for product in (AF.hvp, AF.vhp):
        output, found = product(number, tensors(*PAIR), tensors(*v))
        assert output.item() == number(*tensors(*PAIR)).item()
        np.testing.assert_allclose(flat(t.numpy() for t in found), matrix @ flat(v), atol=1e-7)


def test_products_with_the_jacobian():
    matrix, outputs = differences(on_arrays, PAIR), on_arrays(*PAIR)
    left = [RNG.standard_normal(o.shape) for o in outputs]
    right = [RNG.standard_normal(a.shape) for a in PAIR]
    values, found = AF.vjp(both, tensors(*PAIR), tensors(*left))
    np.testing.assert_allclose(flat(t.numpy() for t in found), flat(left) @ matrix, atol=1e-8)
    assert [t.numpy().tolist() for t in values] == [o.tolist() for o in outputs]
    values, found = AF.jvp(both, tensors(*PAIR), tensors(*right))
    np.testing.assert_allclose(flat(t.numpy() for t in found), matrix @ flat(right), atol=1e-8)
    assert [t.numpy().tolist() for t in values] == [o.tolist() for o in outputs]


def test_tuples_in_tuples_out():
    (x,) = tensors(PAIR[0])
    assert AF.jacobian(tg.exp, x).shape == (3, 3)
    assert [j.shape for j in AF.jacobian(tg.exp, (x,))] == [(3, 3)]
    assert [j.shape for j in AF.jacobian(lambda a: (a.exp(),), x)] == [(3, 3)]
    assert [[h.shape for h in row] for row in AF.hessian(lambda a: a.exp().sum(), (x,))] == [[(3, 3)]]
    assert AF.hessian(lambda a: a.exp().sum(), x).shape == (3, 3)
    out, g = AF.vjp(lambda a: a.exp().sum(), x)
    assert (out.shape, g.shape) == ((), (3,))
    out, (g,) = AF.vhp(lambda a: a.exp().sum(), (x,), (x,))
    assert (out.shape, g.shape) == ((), (3,))
    assert AF.jacobian(lambda a: a[:0].exp(), x).shape == (0, 3)
    assert AF.jacobian(lambda a: a.exp(), x[:0]).shape == (0, 0)
    assert AF.jacobian(lambda a: a.sum(), x[:0]).shape == (0,)


def test_derivatives_that_are_zero():
    x, y = tensors(*PAIR)
    constant = tg.tensor(1.0, dtype=np.float64)
    for function in (lambda a, b: a.sum(), lambda a, b: constant):
        found = AF.jacobian(function, (x, y))[1]
        assert (found.shape, found.numpy().any()) == ((2, 3), False)
        assert not AF.vjp(function, (x, y))[1][1].numpy().any()
        assert not AF.jvp(function, (x, y), (x * 0, y))[1].numpy().any()
        assert not AF.hessian(function, (x, y))[0][0].numpy().any()
        assert not AF.hvp(function, (x, y), (x, y))[1][0].numpy().any()
        assert not AF.vhp(function, (x, y), (x, y))[1][1].numpy().any()


CASES = {
    "jacobian": lambda f, at, **s: AF.jacobian(f, at, **s),
    "hessian": lambda f, at, **s: AF.hessian(f, at, **s),
    "vjp": lambda f, at, **s: AF.vjp(f, at, **s),
    "jvp": lambda f, at, **s: AF.jvp(f, at, at, **s),
    "hvp": lambda f, at, **s: AF.hvp(f, at, at, **s),
    "vhp": lambda f, at, **s: AF.vhp(f, at, at, **s),
}


@pytest.mark.parametrize("name", CASES)
def test_strict(name):
    at, constant = tensors(*PAIR), tg.tensor(1.0, dtype=np.float64)
    CASES[name](number, at, strict=True)
    CASES[name](number, at, strict=True, create_graph=True)
    with pytest.raises(RuntimeError, match=r"strict: .*is independent of input 1"):
        CASES[name](lambda a, b: a.exp().sum(), at, strict=True)
    with pytest.raises(RuntimeError, match="strict: output 0 does not depend"):
        CASES[name](lambda a, b: constant, at, strict=True)
    linear = {"create_graph": True} if name in ("jacobian", "vjp", "jvp") else {}
    with pytest.raises(RuntimeError, match=r"strict: the derivative of .* is independent|is independent of input 0"):
        CASES[name](lambda a, b: a.sum() + b.sum(), at, strict=True, **linear)


@pytest.mark.parametrize("name", CASES)
def test_create_graph(name):
    """Recorded results have the gradient that finite differences say; others have no history."""

    def total(found):
        parts = found if isinstance(found, tuple) else (found,)
        return sum(total(p) if isinstance(p, tuple) else (p * p).sum() for p in parts)

    leaves = tensors(*PAIR, requires_grad=True)
    assert not total(CASES[name](number, leaves)).requires_grad
    result = total(CASES[name](number, leaves, create_graph=True))
    found = tg.autograd.grad(result, leaves)
    expected = differences(lambda *a: [total(CASES[name](number, tensors(*a))).numpy()], PAIR)
    np.testing.assert_allclose(flat(g.numpy() for g in found), expected[0], rtol=1e-5, atol=1e-6)
    assert leaves[0].grad is None


@pytest.mark.parametrize("name", CASES)
def test_inputs_with_history(name):
    x = tg.tensor(PAIR[0], requires_grad=True)
    CASES[name](lambda a, b: number(a, b), (x * 2, tg.tensor(PAIR[1])))
    assert x.grad is None
    gc.collect()
    gc.disable()
    try:
        CASES[name](number, (x * 2, tg.tensor(PAIR[1])), create_graph=True)
        assert gc.collect() == 0
    finally:
        gc.enable()
    with tg.no_grad():
        CASES[name](number, tensors(*PAIR))


@pytest.mark.parametrize("name", CASES)
def test_wrong_inputs_and_outputs(name):
    (x,) = tensors(PAIR[0])
    with pytest.raises(TypeError, match="`inputs` must be a Tensor or a tuple of Tensors, got list"):
        CASES[name](tg.sum, [x])
    with pytest.raises(TypeError, match="got int"):
        CASES[name](tg.sum, (x, 3))
    with pytest.raises(TypeError, match=r"output.* of `func` must be .* got int"):
        CASES[name](lambda a: 3, x)
    with pytest.raises(TypeError, match="floating dtype"):
        CASES[name](tg.sum, tg.arange(3))


def test_wrong_options():
    (x,) = tensors(PAIR[0])
    with pytest.raises(ValueError, match="`vectorize` is True"):
        AF.jacobian(tg.exp, x, vectorize=True)
    with pytest.raises(ValueError, match="`strategy` is 'forward-mode'; only 'reverse-mode'"):
        AF.jacobian(tg.exp, x, strategy="forward-mode")
    with pytest.raises(ValueError, match="`outer_jacobian_strategy` is 'x'"):
        AF.hessian(tg.sum, x, outer_jacobian_strategy="x")
    with pytest.raises(ValueError, match="`vectorize` is True"):
        AF.hessian(tg.sum, x, vectorize=True)
    for function in (AF.hessian, AF.hvp, AF.vhp):
        more = () if function is AF.hessian else (x,)
        with pytest.raises(RuntimeError, match=r"one Tensor with one element, it returned shapes \[\(3,\)\]"):
            function(tg.exp, x, *more)
        with pytest.raises(RuntimeError, match="one Tensor with one element"):
            function(lambda a: (a.sum(),), x, *more)
    for function in (AF.vjp, AF.jvp):
        with pytest.raises(RuntimeError, match="`v` may be left out only if"):
            function(tg.exp, x)
        with pytest.raises(RuntimeError, match=r"`v` has shapes \[\(2,\)\].*\[\(3,\)\]"):
            function(tg.exp, x, x[:2])
        with pytest.raises(RuntimeError, match="`v` has shapes"):
            function(tg.exp, x, (x, x))
        with pytest.raises(TypeError, match="`v` must be"):
            function(tg.exp, x, 3)


def test_both_ways_to_it():
    code = "import tinygen as tg; tg.autograd.functional.hessian\nimport tinygen.autograd.functional as f; f.jvp"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tg.autograd.nonsense  # noqa: B018


def test_on_a_device(fake):
    x = tg.tensor([1.0, 2.0]).to("fake")
    assert AF.jacobian(tg.exp, x).device == "fake:0"
    assert AF.hessian(lambda a: a.exp().sum(), x).device == "fake:0"
    assert AF.jvp(tg.exp, x, x)[1].device == "fake:0"
