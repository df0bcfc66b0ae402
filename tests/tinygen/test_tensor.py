"""Tensor itself: types and their promotion, conversion, operators, writing in place, how it shows itself."""

import base64
import copy
import io
import pickle
import re

import numpy as np
import pytest
from PIL import Image

import tinygen as tg
from tinygen.testing import assert_close

# Types ------------------------------------------------------------------------------------------------------


def test_types_are_numpys():
    assert tg.float32 is np.float32
    x = tg.ones(2)
    assert x.dtype == tg.float32 == np.dtype("float32")
    conversions = {"float": "float32", "double": "float64", "long": "int64", "int": "int32", "bool": "bool"}
    for method, dtype in conversions.items():
        assert getattr(x, method)().dtype == dtype
    assert x.to(np.float64).dtype == np.float64
    assert x.to("cpu", np.float16).dtype == np.float16
    assert x.to(device="cpu", dtype=np.int32).dtype == np.int32
    assert x.to(np.float32) is x
    assert x.to("float64").dtype == np.float64
    with pytest.raises((TypeError, ValueError)):
        x.to("nonsense")


def test_casts_carry_gradients():
    x = tg.ones(2, requires_grad=True)
    (x.double() * 3).sum().backward()
    assert_close(x.grad, np.full(2, 3, np.float32))
    y = tg.ones(2, requires_grad=True, dtype=np.float16)
    (y.float() * tg.tensor([1.0, 2.0])).sum().backward()
    assert y.grad.dtype == np.float16


# The face ---------------------------------------------------------------------------------------------------


def test_properties():
    x = tg.zeros(2, 3)
    assert (x.shape, x.ndim, x.dim(), x.size(), x.size(1), x.numel(), len(x)) == (
        (2, 3),
        2,
        2,
        (2, 3),
        3,
        6,
        2,
    )
    assert x.device == "cpu"
    assert x.grad is None
    assert x.grad_fn is None
    assert x.T.shape == (3, 2)
    assert tg.zeros(2, 3, 4).mT.shape == (2, 4, 3)
    assert tg.zeros(2, 3, 4).T.shape == (4, 3, 2)
    assert x.contiguous() is x
    assert x.T.contiguous().data.flags.c_contiguous
    assert x.view(3, 2).shape == (3, 2)
    with pytest.raises(RuntimeError, match="not contiguous enough for a view"):
        x.T.view(6)


def test_numbers():
    assert tg.tensor(2.5).item() == 2.5
    assert type(tg.tensor([2]).item()) is int
    assert float(tg.tensor(2.5)) == 2.5
    assert int(tg.tensor(2.5)) == 2
    assert [10, 20, 30][tg.tensor(1)] == 20
    assert bool(tg.tensor(0.0)) is False
    assert bool(tg.tensor([1])) is True
    with pytest.raises(RuntimeError, match=r"one element, this one has shape \(2,\)"):
        tg.ones(2).item()
    with pytest.raises(RuntimeError, match="ambiguous"):
        bool(tg.ones(2))
    with pytest.raises(TypeError, match="only integer tensors"):
        [1, 2][tg.tensor(1.0)]
    with pytest.raises(TypeError, match="0-d"):
        len(tg.tensor(1.0))
    with pytest.raises(TypeError, match="0-d"):
        iter(tg.tensor(1.0))


def test_iteration_and_truth():
    assert [row.tolist() for row in tg.arange(4).reshape(2, 2)] == [[0, 1], [2, 3]]
    a, b = tg.arange(2)
    assert (a.item(), b.item()) == (0, 1)
    x = tg.tensor([True, False])
    assert (x.any().item(), x.all().item()) == (True, False)
    assert len({x, x, tg.tensor(1)}) == 2  # hashed by identity


def test_numpy_and_back():
    x = tg.ones(2)
    assert np.shares_memory(x.numpy(), x.data)
    assert np.asarray(x).tolist() == [1, 1]
    assert np.asarray(x, np.float64).dtype == np.float64
    assert np.from_dlpack(x).tolist() == [1, 1]
    assert not x.detach().requires_grad
    w = tg.ones(2, requires_grad=True)
    for convert in (lambda: w.numpy(), lambda: np.asarray(w)):
        with pytest.raises(RuntimeError, match=r"use .detach"):
            convert()


def test_arrays_and_tensors_do_not_mix_by_accident():
    """NumPy hands the operation to Tensor, which says that an array is none."""
    for call in (lambda a, t: a + t, lambda a, t: t + a, lambda a, t: a @ t, lambda a, t: a > t):
        with pytest.raises(TypeError):
            call(np.ones(2, np.float32), tg.ones(2))
    assert (np.float32(2) * tg.ones(2)).tolist() == [2, 2]
    assert type(np.float64(2) * tg.ones(2)) is tg.Tensor
    assert (np.float64(2) * tg.ones(2)).dtype == np.float32


def test_repr():
    assert repr(tg.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tg.tensor(1)) == "tensor(1)"
    assert repr(tg.ones(1, requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(tg.ones(1, dtype=np.float64)) == "tensor([1.], dtype=float64)"
    assert repr(tg.ones(1, requires_grad=True) * 2) == "tensor([2.], grad_fn=<Mul>)"
    assert len(repr(tg.zeros(1000, 1000))) < 1000


def test_operators():
    x, y = tg.tensor([1.0, 4.0]), tg.tensor([2.0, 2.0])
    cases = [
        (x + y, [3, 6]), (x - y, [-1, 2]), (x * y, [2, 8]), (x / y, [0.5, 2]), (x**y, [1, 16]), (-x, [-1, -4]),
        (1 + x, [2, 5]), (1 - x, [0, -3]), (2 * x, [2, 8]), (2 / x, [2, 0.5]), (2**x, [2, 16]), (abs(-x), [1, 4]),
        (x @ y, 10), (x > 2, [False, True]), (x >= 4, [False, True]), (x < 2, [True, False]), (x <= 1, [True, False]),
        (x == 1, [True, False]), (x != 1, [False, True]), (~(x > 2), [True, False]), (3 > x, [True, False]),
        ((x > 0) & (x > 2), [False, True]), ((x > 5) | (x < 2), [True, False]),
    ]  # fmt: skip
    for got, expected in cases:
        assert got.tolist() == expected
    assert sum([x, y]).tolist() == [3, 6]
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(TypeError, match="one of the operands must be a Tensor"):
        tg.add(1, 2)


def test_format():
    """As PyTorch: a format for what has no axes."""
    x = tg.tensor(2.5)
    assert (f"{x:.3f}", f"{tg.tensor(7):04d}", f"{x}", str(x)) == ("2.500", "0007", "tensor(2.5)", "tensor(2.5)")
    with pytest.raises(TypeError, match=r"shape \(2,\) has no format '.3f'"):
        f"{tg.ones(2):.3f}"


def test_contains():
    assert 1.0 in tg.tensor([[1.0, 2.0]])
    assert 3 not in tg.tensor([[1.0, 2.0]])
    assert True in tg.tensor([False, True])


def test_what_python_offers_and_tensors_lack():
    """A TypeError, never an answer element by element from somewhere else."""
    x = tg.tensor([1, 2])
    array = np.array([1, 2])
    for call in (
        lambda: x << 1, lambda: x >> 1, lambda: divmod(x, 2), lambda: round(x), lambda: array + x, lambda: array << x,
        lambda: array // x, lambda: array & x, lambda: array == x, lambda: x + [1, 2], lambda: x == None,  # noqa: E711, RUF005
        lambda: np.add(array, x), lambda: np.exp(x), lambda: +tg.tensor([True]), lambda: -tg.tensor([True]),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        array += x


def test_no_cuda_array_here():
    assert not hasattr(tg.ones(2), "__cuda_array_interface__")
    assert not hasattr(tg.ones(2, requires_grad=True), "__cuda_array_interface__")


def test_array_protocol_copies_as_asked():
    x = tg.ones(2)
    assert np.shares_memory(np.asarray(x), x.data)
    assert not np.shares_memory(np.array(x), x.data)
    assert np.asarray(x, np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, np.float64, copy=False)


# In notebooks -----------------------------------------------------------------------------------------------


def picture_in(text):
    """The picture that a piece of HTML holds, as an array; None if there is none."""
    found = re.search(r'src="data:image/png;base64,([^"]+)"', text)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1])))) if found else None


def test_html_says_what_it_is():
    x = tg.tensor([[1.0, 3.0]], requires_grad=True)
    text = (x * 2)._repr_html_()
    for part in ("shape (1, 2)", "float32", "cpu", "grad_fn Mul", "min 2 · mean 4 · max 6", "[[2., 6.]]"):
        assert part in text
    assert "requires_grad" in x._repr_html_()
    assert "2 not finite" in tg.tensor([1.0, np.nan, np.inf])._repr_html_()
    assert "min 0 · mean 0.5 · max 1" in tg.tensor([0, 1])._repr_html_()
    assert "<img" not in text
    for empty in (tg.zeros(0), tg.zeros(0, 3), tg.zeros(3, 0, 20)):
        assert f"shape {empty.shape}" in empty._repr_html_()


def test_html_is_escaped():
    class Less(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

    Less.__name__ = "<script>"
    text = Less.apply(tg.ones(2, requires_grad=True))._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize("shape", [(7, 20), (20,), (2, 20, 20), (1, 3, 20, 20), (4, 20, 20), (5000, 20)])
def test_what_is_no_picture(shape):
    assert picture_in(tg.zeros(*shape)._repr_html_()) is None
    assert picture_in(tg.zeros(20, 20, dtype=np.int64)._repr_html_()) is None


def test_colours():
    """(3, H, W) from 0 to 1, from -1 to 1, and any other range; the file is the picture, pixel by pixel."""
    x = np.random.default_rng(0).random((3, 9, 12))
    expected = np.round(x.transpose(1, 2, 0) * 255).astype(np.uint8)
    for data, caption in ((x, "from 0 to 1"), (2 * x - 1, "from -1 to 1")):
        text = tg.tensor(data)._repr_html_()
        np.testing.assert_array_equal(picture_in(text), expected)
        assert f"picture {caption}" in text
    stretched = picture_in(tg.tensor(1000 * x)._repr_html_())
    assert (stretched.min(), stretched.max()) == (0, 255)
    grey = picture_in(tg.tensor(x[:1])._repr_html_())
    np.testing.assert_array_equal(grey, np.repeat(expected[:, :, :1], 3, 2))


def test_heat_map():
    """Brightness grows with the number; what is not finite has a colour of its own."""
    x = np.arange(100.0).reshape(10, 10)
    picture = picture_in(tg.tensor(x)._repr_html_())
    brightness = picture.reshape(100, 3) @ [0.299, 0.587, 0.114]
    assert (np.diff(brightness) > -1).all()
    assert brightness[-1] - brightness[0] > 200
    x[3, 4] = np.nan
    assert picture_in(tg.tensor(x)._repr_html_())[3, 4].tolist() == [0, 200, 200]
    assert picture_in(tg.full((10, 10), 3.0)._repr_html_()).shape == (10, 10, 3)
    assert picture_in(tg.full((10, 10), np.nan)._repr_html_()).shape == (10, 10, 3)


def test_large_pictures_are_thinned():
    text = tg.zeros(3, 1200, 1030)._repr_html_()
    assert picture_in(text).shape == (400, 344, 3)
    assert "1 of 3 rows and columns" in text
    assert len(text) < 20_000


def test_copies():
    x = tg.ones(2, requires_grad=True)
    y = x.clone()
    assert y.grad_fn == "Clone"
    assert not np.shares_memory(y.data, x.data)
    for made in (copy.deepcopy(tg.ones(2)), pickle.loads(pickle.dumps(tg.ones(2)))):
        assert made.tolist() == [1, 1]


# Writing ----------------------------------------------------------------------------------------------------


def test_writing():
    x = tg.zeros(2, 3)
    x[0, 1] = 5
    x[1] = tg.tensor([1.0, 2.0, 3.0])
    assert x.tolist() == [[0, 5, 0], [1, 2, 3]]
    x[x > 2] = -1.0
    x[tg.tensor([0]), [2]] = 9
    assert x.tolist() == [[0, -1, 9], [1, 2, -1]]
    assert x.fill_(2).tolist() == [[2, 2, 2]] * 2
    assert x.zero_() is x
    assert x.copy_(tg.arange(3)).tolist() == [[0, 1, 2]] * 2
    x.data = np.ones(2, np.float32)
    assert x.tolist() == [1, 1]
    w = tg.ones(2, requires_grad=True)
    with tg.no_grad():
        w[0] = 3.0
    assert w.tolist() == [3, 1]
