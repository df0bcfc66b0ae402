"""A convolution adds its gradient to what waits at its input, in place of a pass over both (Node.take_waiting)."""

import numpy as np
import pytest

from tinygen import Tensor
from tinygen.autograd import checkpoint, engine, grad
from tinygen.graph import Node
from tinygen.nn import functional as F

SHAPES = {"x": (2, 3, 12, 10), "w": (32, 3, 3, 3), "v": (32, 32, 3, 3), "u": (32, 32, 1, 1), "t": (32, 16, 4, 4)}


@pytest.fixture
def tensors():
    rng = np.random.default_rng(6)
    return {n: Tensor(rng.standard_normal(s).astype(np.float32), requires_grad=True) for n, s in SHAPES.items()}


@pytest.fixture
def sums(monkeypatch):
    """A list that grows with each sum of two gradients that the engine makes itself."""
    found = []
    for name in ("add", "add_to"):
        plain = getattr(engine, name)
        monkeypatch.setattr(engine, name, lambda x, y, plain=plain: found.append(1) or plain(x, y))
    return found


def branches(x, w, v, u, t):
    """One input with five uses, a convolution last, first and in the middle of them; and the results, and the loss."""
    a = F.conv2d(x, w, padding=1, negative_slope=0.0)
    b = F.conv2d(a, v, padding=1)
    c = (a * a).sum()
    d = F.conv2d(a, u)
    e = F.max_pool2d(a, 2)
    f = F.conv2d(a, v, stride=2)
    g = F.conv_transpose2d(d, t, stride=2)
    return (a, b, d), sum((y * y).sum() for y in (b, e, f, g)) + c


def plainly(monkeypatch):
    monkeypatch.setattr(Node, "take_waiting", lambda node, i: None)


def test_the_sums_are_the_same_bit_for_bit(tensors, sums, monkeypatch):
    def run():
        _, loss = branches(**tensors)
        sums.clear()
        found = grad(loss, [tensors[n] for n in "xwvut"])
        return [each.numpy() for each in found], len(sums)

    found, ours = run()
    plainly(monkeypatch)
    expected, without = run()
    assert without - ours == 2  # from b and from d; when f sends its own, nothing waits
    for each, plain in zip(found, expected, strict=True):
        np.testing.assert_array_equal(each, plain)


def test_what_somebody_looks_at_is_whole(tensors, monkeypatch):
    def run():
        outputs, loss = branches(**tensors)
        seen = {}
        for i, output in enumerate(outputs):
            output.register_hook(lambda gradient, i=i: seen.update({i: gradient.numpy().copy()}))
        found = grad(loss, outputs)
        return [*(each.numpy() for each in found), *(seen[i] for i in range(len(outputs)))]

    found = run()
    plainly(monkeypatch)
    for each, plain in zip(found, run(), strict=True):
        np.testing.assert_array_equal(each, plain)


def test_what_waits_is_not_written_to(tensors):
    """The same array may be the gradient of several tensors: that of a sum is."""
    x, v = tensors["x"], tensors["v"]
    a, b = (F.conv2d(x, tensors["w"], padding=1) for _ in range(2))
    seen = []
    c = F.conv2d(a, v)  # comes after the sum in the backward pass
    total = a + b
    b.register_hook(lambda gradient: seen.append(gradient.numpy().copy()))
    (total.sum() + c.sum()).backward()
    np.testing.assert_array_equal(seen[0], np.ones_like(seen[0]))


def test_higher_order(tensors, monkeypatch):
    def run():
        _, loss = branches(**tensors)
        (gx,) = grad(loss, [tensors["x"]], create_graph=True)
        return [each.numpy() for each in grad((gx * gx).sum(), [tensors[n] for n in "wvu"])]

    found = run()
    plainly(monkeypatch)
    for each, plain in zip(found, run(), strict=True):
        np.testing.assert_allclose(each, plain, rtol=1e-5, atol=1e-5 * abs(plain).max())


def test_recomputed_functions(tensors, monkeypatch):
    def run():
        x, w, v = (tensors[n].detach().requires_grad_() for n in "xwv")

        def body(y):
            a = F.conv2d(y, w, padding=1, negative_slope=0.0)
            return F.conv2d(a, v, padding=1) + a * 3

        checkpoint(body, x).pow(2).sum().backward()
        return [each.grad.numpy() for each in (x, w, v)]

    found = run()
    plainly(monkeypatch)
    for each, plain in zip(found, run(), strict=True):
        np.testing.assert_array_equal(each, plain)


def test_the_plain_form(tensors, monkeypatch):
    """In float64, which has no other."""
    def run():
        x, w, v, u, t = (tensors[n].detach().double().requires_grad_() for n in "xwvut")
        branches(x, w, v, u, t)[1].backward()
        return [each.grad.numpy() for each in (x, w)]

    found = run()
    plainly(monkeypatch)
    for each, plain in zip(found, run(), strict=True):
        np.testing.assert_array_equal(each, plain)
