"""Gradients that are cut off by the op before a rectifier, in place of a pass of their own (Node.may_cut)."""

import numpy as np
import pytest

from tinygen import Tensor, cat
from tinygen.autograd import grad
from tinygen.graph import Node
from tinygen.nn import functional as F
from tinygen.ops import activation

SHAPES = {"x": (2, 3, 12, 10), "w": (16, 3, 3, 3), "v": (32, 16, 3, 3), "t": (32, 16, 4, 4), "u": (4, 16, 1, 1)}


@pytest.fixture
def tensors():
    rng = np.random.default_rng(5)
    return {n: Tensor(rng.standard_normal(s).astype(np.float32), requires_grad=True) for n, s in SHAPES.items()}


@pytest.fixture
def passes(monkeypatch):
    """A list that grows with each pass of a rectifier's gradient over memory."""
    found, plain = [], activation.rectify_gradient
    monkeypatch.setattr(activation, "rectify_gradient", lambda *args: found.append(1) or plain(*args))
    return found


def chain(x, w, v, t, u):
    """Five rectifiers, each with one op behind it: what each gives, and the loss."""
    a = F.conv2d(x, w, padding=1, negative_slope=0.0)
    b = F.relu(F.conv2d(a, v, padding=1))
    c = F.conv_transpose2d(b, t, stride=2, padding=1, negative_slope=0.0)
    d = F.max_pool2d(c, 2)
    e = F.conv2d(d, u, negative_slope=0.0)
    return (a, b, c, d, e), (e * e).sum()


def gradients(tensors, **settings):
    for tensor in tensors.values():
        tensor.grad = None
    _, loss = chain(**tensors)
    loss.backward(**settings)
    return [tensor.grad.numpy().copy() for tensor in tensors.values()]


def test_gradients_are_the_same_bit_for_bit(tensors, passes, monkeypatch):
    found = gradients(tensors)
    # what multiplies cuts nothing off, so the last rectifier does; the transposed convolution leaves it to the relu
    assert len(passes) == 2
    monkeypatch.setattr(Node, "may_cut", lambda node, i: False)
    expected = gradients(tensors)
    assert len(passes) == 2 + 4
    for ours, plain in zip(found, expected, strict=True):
        assert np.array_equal(ours, plain)


def test_what_somebody_looks_at_is_not_cut(tensors, passes):
    """Hooks and `grad` see the whole gradient of what a rectifier gave."""
    outputs, loss = chain(**tensors)
    plain = grad(loss, outputs, retain_graph=True)
    zero = outputs[2].detach().numpy() == 0
    assert (plain[2].numpy()[zero] != 0).any()
    assert len(passes) == 3  # none was saved; that of the first convolution is not computed
    seen = {}
    for i, output in enumerate(outputs):
        output.register_hook(lambda gradient, i=i: seen.update({i: gradient.numpy().copy()}))
    loss.backward()
    for i, gradient in enumerate(plain):
        assert np.array_equal(seen[i], gradient.numpy())


def test_a_second_use_is_not_forgotten(tensors, monkeypatch):
    """One op behind the rectifier cuts its gradient off, the other does not: the sum is cut as a whole."""

    def both():
        x, w, v = (tensors[n].detach().requires_grad_() for n in "xwv")
        a = F.conv2d(x, w, padding=1, negative_slope=0.0)
        (F.conv2d(a, v).sum() + (a * 3 - 1).pow(2).sum()).backward()
        return x.grad.numpy()

    found = both()
    monkeypatch.setattr(Node, "may_cut", lambda node, i: False)
    assert np.array_equal(found, both())


def test_second_order_keeps_the_cut_in_the_graph(tensors, monkeypatch):
    def second():
        loss = chain(**tensors)[1]
        (gx,) = grad(loss, [tensors["x"]], create_graph=True)
        return [g.numpy() for g in grad((gx * gx).sum(), [tensors["w"], tensors["u"]])]

    found = second()
    monkeypatch.setattr(Node, "may_cut", lambda node, i: False)
    for ours, plain in zip(found, second(), strict=True):
        assert np.array_equal(ours, plain)


def joined(x, w, v, u, slope=0.0):
    """Three branches side by side, one of them a largest of its windows, and behind them a convolution."""
    a = F.conv2d(x, w, padding=1, negative_slope=0.0)
    b = F.conv2d(a, v, padding=1, negative_slope=0.0)
    c = F.conv2d(a, u, negative_slope=slope)
    d = F.max_pool2d(a, 3, stride=1, padding=1)
    both = cat([cat([b, c], 1), d], 1)
    return F.conv2d(both, Tensor(np.ones((16, 52, 1, 1), np.float32))).pow(2).sum()


@pytest.mark.parametrize(("slope", "saved"), [(0.0, 2), (0.1, 0)])
def test_branches_side_by_side(tensors, passes, monkeypatch, slope, saved):
    """They are cut off all at once, where each is; what is picked from a is cut only once more is added to it."""
    names = "xwvu"

    def found():
        passes.clear()
        gradients = grad(joined(*[tensors[n] for n in names], slope), [tensors[n] for n in names])
        return [each.numpy() for each in gradients], len(passes)

    ours, few = found()
    monkeypatch.setattr(Node, "may_cut", lambda node, i: False)
    plain, many = found()
    assert many - few == saved + 1  # and that of a, whose last gradient is a convolution's
    for each, expected in zip(ours, plain, strict=True):  # a piece of a gradient is not summed in the order of a copy
        np.testing.assert_allclose(each, expected, atol=1e-6 * abs(expected).max())


def test_many_joined_one_after_the_other(tensors):
    """As many as Python could not ask for one inside the other."""
    a = F.conv2d(tensors["x"][:1, :, :2, :2], tensors["w"], padding=1, negative_slope=0.0)
    y = a
    for _ in range(1500):
        y = cat([y[:, :1], a[:, :1]], 1)
    b = F.conv2d(F.conv2d(y, tensors["u"][:, :2].detach(), negative_slope=0.0), tensors["u"][:, :4].detach())
    b.sum().backward()
    assert np.isfinite(tensors["x"].grad.numpy()).all()


def test_a_graph_that_is_freed_says_so(tensors):
    loss = chain(**tensors)[1]
    loss.backward()
    with pytest.raises(RuntimeError, match="a second time"):
        loss.backward()


def test_recomputed_functions(tensors, monkeypatch):
    """A checkpointed function is run again for its backward, its nodes stand in for the first ones."""
    from tinygen.autograd import checkpoint

    def run():
        x, w, v = (tensors[n].detach().requires_grad_() for n in "xwv")
        body = checkpoint(lambda y: F.conv2d(F.conv2d(y, w, padding=1, negative_slope=0.0), v, negative_slope=0.0), x)
        F.conv2d(body, tensors["t"].detach().permute(1, 0, 2, 3)).sum().backward()
        return x.grad.numpy(), w.grad.numpy()

    found = run()
    monkeypatch.setattr(Node, "may_cut", lambda node, i: False)
    for ours, plain in zip(found, run(), strict=True):
        assert np.array_equal(ours, plain)


def test_slopes_other_than_zero_are_not_cut(tensors, passes):
    """0.1 of 0.1 would be 0.01: only zeros stay what they are when they are cut twice."""
    a = F.conv2d(tensors["x"], tensors["w"], negative_slope=0.1)
    F.conv2d(a, tensors["v"]).sum().backward()
    assert len(passes) == 1


def test_reference_and_numba_agree(tensors):
    from tinygen_ops import use

    found = gradients(tensors)
    with use("reference"):
        for ours, plain in zip(found, gradients(tensors), strict=True):
            np.testing.assert_allclose(ours, plain, rtol=1e-3, atol=1e-3 * abs(plain).max())


