"""einsum beyond its record: the order of the products, what goes through a matrix product, networks written with it."""

import math

import numpy as np
import pytest

import tinygen as tg
from tinygen.ops import einsum as module
from tinygen.testing.gradcheck import assert_close, gradcheck, gradgradcheck


@pytest.fixture
def products(monkeypatch):
    """The shapes of the products of two that are made, in order."""
    made = []
    forward = module.Contract.forward

    def noting(ctx, x, y, **labels):
        z = forward(ctx, x, y, **labels)
        made.append(z.shape)
        return z

    monkeypatch.setattr(module.Contract, "forward", staticmethod(noting))
    return made


def rand(*shape):
    return tg.tensor(np.random.default_rng(sum(shape)).standard_normal(shape))


def test_small_products_come_first(products):
    a, b, v = rand(30, 40), rand(40, 50), rand(50)
    assert_close(tg.einsum("ij,jk,k->i", a, b, v), a.numpy() @ (b.numpy() @ v.numpy()))
    assert products == [(40,), (30,)]  # matrix times vector, never the (30, 50) matrix
    products.clear()
    x, y = rand(60), rand(70)
    tg.einsum("i,j,ij->", x, y, rand(60, 70))
    assert max(map(math.prod, products)) <= 70  # not the outer product
    products.clear()
    tg.einsum("ij,kl->jk", rand(30, 4), rand(5, 40))
    assert products == [(4, 5)]  # both are summed before they meet


def test_sums_over_shared_labels_are_matrix_products(monkeypatch):
    calls = []
    kernel = module.matrix_product
    monkeypatch.setattr(module, "matrix_product", lambda x, y: calls.append((x.shape, y.shape)) or kernel(x, y))
    x, w = tg.randn(3, 4, 5, requires_grad=True), tg.randn(6, 5, requires_grad=True)
    tg.einsum("btc,oc->bto", x, w).sum().backward()
    assert calls == [((12, 5), (5, 6)), ((12, 6), (6, 5)), ((5, 12), (12, 6))]
    calls.clear()
    tg.einsum("bhqd,bhkd->bhqk", tg.randn(2, 3, 4, 5), tg.randn(2, 3, 6, 5))
    assert calls == [((6, 4, 5), (6, 5, 6))]
    calls.clear()
    tg.einsum("i,j->ij", tg.randn(3), tg.randn(4))
    assert not calls  # nothing is summed: a plain product


def test_attention_in_two_equations():
    q, k, v = (tg.tensor(np.random.default_rng(i).standard_normal((2, 2, 3, 4)), requires_grad=True) for i in range(3))

    def attention(q, k, v):
        scores = tg.einsum("bhqd,bhkd->bhqk", q, k) / 2
        return tg.einsum("bhqk,bhkd->bhqd", tg.softmax(scores, -1), v)

    expected = tg.softmax(q @ k.mT / 2, -1) @ v
    assert_close(attention(q, k, v), expected.detach())
    assert gradcheck(attention, (q, k, v))
    assert gradgradcheck(attention, (q, k, v))


def test_gram_matrix_of_one_tensor_twice():
    x = tg.tensor(np.random.default_rng(0).standard_normal((3, 4)), requires_grad=True)
    tg.einsum("ci,di->cd", x, x).sum().backward()
    first, x.grad = x.grad, None
    (x @ x.T).sum().backward()
    assert_close(first, x.grad)


def test_many_operands_and_labels():
    xs = [rand(2, 2) for _ in range(12)]
    letters = "abcdefghijklm"
    equation = ",".join(letters[i : i + 2] for i in range(12)) + "->am"
    assert_close(tg.einsum(equation, *xs), np.linalg.multi_dot([x.numpy() for x in xs]), scale=100)
    wide = rand(*(1,) * 30, 2)
    assert tg.einsum("...->...", wide).shape == wide.shape


def test_integers_wrap_as_products_do():
    x = tg.tensor(np.array([100, 100], np.uint8))
    assert tg.einsum("i,i->", x, x).item() == 20000 % 256
    assert tg.einsum("i->", x).item() == 200
    assert tg.einsum("i,j->j", x, x).dtype == np.uint8
