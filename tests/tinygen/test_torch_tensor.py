"""Creation and the Tensor's own methods against PyTorch: shapes, dtypes, ranges, errors."""

import warnings

import numpy as np
import pytest

import tinygen as tg

pytestmark = pytest.mark.torch
TYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]


def torch_type(torch, dtype):
    return getattr(torch, np.dtype(dtype).name)


def both(torch, call, label=""):
    """Dtype, shape and values of ``call(library, dtype function)``; where PyTorch raises, we must, in one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = call(torch, lambda name: torch_type(torch, name))
    except Exception:
        with pytest.raises((TypeError, ValueError, IndexError, RuntimeError)) as caught:
            call(tg, np.dtype)
        assert "\n" not in str(caught.value), label
        return
    ours = call(tg, np.dtype)
    if isinstance(theirs, torch.Tensor):
        assert ours.requires_grad == theirs.requires_grad, label
        ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), label
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7, err_msg=label)
    else:
        assert ours == theirs, label


DATA = [
    1, 1.5, True, -3, 2**40, 2**63, 1e300, float("nan"), [], [[]], [1, 2], [1, 2.5], [True, False], [True, 2],
    [[1, 2], [3, 4]], [[1], [2, 3]], "a", None, [None], (1, 2), [(1, 2), [3, 4]], 300, -1, [1.5, -2.5], float("inf"),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [None, *TYPES])
def test_tensor(torch, dtype):
    for data in DATA:
        if dtype == "uint8" and data in (-1, -3):
            continue  # PyTorch wraps them to 255 and 253, though it refuses 300
        if dtype == "float16" and data in (2**40, 1e300):
            continue  # it makes infinity of one and refuses the other
        if dtype == "float32" and data == 1e300:
            continue
        both(torch, lambda lib, t, data=data: lib.tensor(data, dtype=dtype and t(dtype)), f"{data} {dtype}")


@pytest.mark.parametrize("name", ["zeros", "ones", "rand", "randn", "empty"])
def test_shapes(torch, name):
    for shape in ((2, 3), (0,), ((2, 3),), ([2, 3],), (-1,), (2, -1), (2.0,), ("a",), (2, 3.5)):
        both(torch, lambda lib, t, s=shape: lib.zeros_like(getattr(lib, name)(*s)), f"{name} {shape}")
    for dtype in TYPES:
        for grad in (False, True):

            def call(lib, t, dtype=dtype, grad=grad):
                made = getattr(lib, name)(2, dtype=t(dtype), device="cpu", requires_grad=grad)
                return lib.zeros_like(made, requires_grad=made.requires_grad)

            both(torch, call, f"{name} {dtype} {grad}")
    assert getattr(tg, name)().shape == ()  # PyTorch wants a shape


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "rand_like", "randn_like", "empty_like", "full_like"])
def test_like(torch, name):
    more = (2.5,) if name == "full_like" else ()
    for dtype in TYPES:
        for settings in ({}, {"dtype": "float64"}, {"dtype": "int32"}, {"requires_grad": True}, {"device": "cpu"}):
            x = np.ones((2, 3), dtype)

            def call(lib, t, x=x, settings=settings):
                kept = {k: t(v) if k == "dtype" else v for k, v in settings.items()}
                made = getattr(lib, name)(lib.tensor(x), *more, **kept)
                drawn = name in ("rand_like", "randn_like", "empty_like")
                return lib.zeros_like(made, requires_grad=made.requires_grad) if drawn else made

            both(torch, call, f"{name} {dtype} {settings}")
    both(torch, lambda lib, t: getattr(lib, name)([1.0], *more))


RANGES = [
    (3,), (0,), (-3,), (2, 5), (5, 2), (5, 2, -1), (0, 5, 2), (0, 5, -1), (0, 1, 0.25), (0, 1, 0), (1, 0, -0.1), (2.5,),
    (0.0, 1, 0.1), (0, 10, 3.3), (float("nan"),), (0, float("inf")), (0, 3, 7), (-2, 2), (0, -5, -2), (True,),
]  # fmt: skip


def test_arange(torch):
    for args in RANGES:
        both(torch, lambda lib, t, a=args: lib.arange(*a), f"{args}")
        for dtype in ("int64", "float64", "int32"):
            if all(float(a).is_integer() for a in args) or dtype == "float64":
                both(torch, lambda lib, t, a=args, d=dtype: lib.arange(*a, dtype=t(d)), f"{args} {dtype}")
    both(torch, lambda lib, t: lib.arange(3.0, requires_grad=True))
    both(torch, lambda lib, t: lib.arange(3, requires_grad=True))
    both(torch, lambda lib, t: lib.arange(0, 300_000, 0.7))  # does not drift


def test_linspace(torch):
    whole = (0, 1, 5), (0, 1, 1), (0, 1, 0), (0, 1, -1), (3, -3, 7), (2, 2, 4), (0, 10, 4)
    for args in (*whole, (0.5, 7.3, 1000), (0, 1, 2.5)):
        for dtype in (None, "float64", "float32", "int64")[: 4 - (args[0] == 0.5)]:  # of integers it cuts the ends
            both(torch, lambda lib, t, a=args, d=dtype: lib.linspace(*a, dtype=d and t(d)), f"{args} {dtype}")
    both(torch, lambda lib, t: lib.linspace(0, 1, steps=3, requires_grad=True))


def test_full_and_eye(torch):
    for value in (2, 2.5, True, -1, float("inf"), np.float64(1.5)):
        for dtype in (None, "float32", "float64", "int64", "bool"):
            if value != float("inf") or dtype != "int64":
                both(torch, lambda lib, t, v=value, d=dtype: lib.full((2, 3), v, dtype=d and t(d)), f"{value} {dtype}")
    both(torch, lambda lib, t: lib.full((2,), lib.tensor(2.5)))
    both(torch, lambda lib, t: lib.full((), 1))
    both(torch, lambda lib, t: lib.full((-1,), 1))
    for args in ((3,), (2, 4), (4, 2), (0,), (0, 3), (-1,), (2, -1), (1.5,)):
        both(torch, lambda lib, t, a=args: lib.eye(*a), f"{args}")
        both(torch, lambda lib, t, a=args: lib.eye(*a, dtype=t("int64")), f"{args}")
    both(torch, lambda lib, t: lib.eye(2, requires_grad=True))


def test_randint(torch):
    for args in ((3, (2, 3)), (1, 3, (2,)), (3, 3, (2,)), (5, 2, (2,)), (3, (-1,)), (3, ()), (-4, -2, (3,))):
        both(torch, lambda lib, t, a=args: lib.randint(*a) * 0, f"{args}")
    both(torch, lambda lib, t: lib.randint(3, size=(2,), dtype=t("int32")) * 0)
    both(torch, lambda lib, t: lib.randint(3, size=(2,), dtype=t("float32"), requires_grad=True) * 0)
    drawn = tg.randint(-2, 2, (1000,))
    assert (drawn.min().item(), drawn.max().item()) == (-2, 1)


FACE = {
    "shape": lambda lib, x: tuple(x.shape),
    "size": lambda lib, x: tuple(x.size()),
    "size 1": lambda lib, x: x.size(1),
    "size -1": lambda lib, x: x.size(-1),
    "size 2": lambda lib, x: x.size(2),
    "counts": lambda lib, x: (x.ndim, x.dim(), x.numel(), len(x), x.is_leaf, x.requires_grad, x.grad),
    "T": lambda lib, x: x.T,
    "mT": lambda lib, x: x[None].mT,
    "mT of one axis": lambda lib, x: x[0].mT,
    "tolist": lambda lib, x: x.tolist(),
    "item": lambda lib, x: x.item(),
    "item of one": lambda lib, x: x[0, 0].item(),
    "bool": lambda lib, x: bool(x),
    "bool of none": lambda lib, x: bool(x[:0]),
    "bool of one": lambda lib, x: bool(x[:1, :1]),
    "float of one": lambda lib, x: float(x[1, 1]),
    "int of one": lambda lib, x: int(x[1, 1]),
    "float": lambda lib, x: x.float(),
    "double": lambda lib, x: x.double(),
    "half": lambda lib, x: x.half(),
    "long": lambda lib, x: x.long(),
    "int": lambda lib, x: x.int(),
    "to bool": lambda lib, x: x.bool(),
    "type_as": lambda lib, x: x.type_as(lib.tensor([1])),
    "in": lambda lib, x: (1.0 in x, 1 in x, 17 in x, lib.tensor(1) in x),
    "format": lambda lib, x: f"{x[1, 0]:.3f}",
    "format many": lambda lib, x: f"{x:.3f}",
    "percent": lambda lib, x: "%.2f" % x[1, 0],  # noqa: UP031
    "plus": lambda lib, x: +x,
    "iterate": lambda lib, x: [row.tolist() for row in x],
    "iterate none": lambda lib, x: list(x[0, 0]),
    "unpack": lambda lib, x: [a.tolist() for a in (lambda p, q: (p, q))(*x)],
    "len none": lambda lib, x: len(x[0, 0]),
    "divmod": lambda lib, x: divmod(x, 2),
    "round": lambda lib, x: round(x),
    "text": lambda lib, x: x + "a",
    "none": lambda lib, x: x * None,
    "list": lambda lib, x: x + [1, 2],  # noqa: RUF005
    "fill_": lambda lib, x: x.clone().fill_(2),
    "fill_ tensor": lambda lib, x: x.clone().fill_(lib.tensor(3)),
    "fill_ many": lambda lib, x: x.clone().fill_(lib.tensor([3])),
    "zero_": lambda lib, x: x.clone().zero_(),
    "copy_": lambda lib, x: x.clone().copy_(lib.tensor([5, 6, 7])),
    "copy_ wrong": lambda lib, x: x.clone().copy_(lib.tensor([5, 6])),
    "requires_grad_": lambda lib, x: x.clone().requires_grad_().requires_grad,
    "contiguous": lambda lib, x: x.T.contiguous(),
    "invert": lambda lib, x: ~x,
    "rand": lambda lib, x: 1 & x,
    "ror": lambda lib, x: 1 | x,
    "rxor": lambda lib, x: 1 ^ x,
    "rfloordiv": lambda lib, x: 7 // (x + 1),
    "rmod": lambda lib, x: 7 % (x + 1),
    "rpow": lambda lib, x: 2**x,
    "index": lambda lib, x: [10, 11, 12, 13, 14, 15][x[1, 1]],
}  # fmt: skip


@pytest.mark.parametrize("name", FACE)
def test_face(torch, name):
    for dtype in TYPES:
        x = np.arange(6).reshape(2, 3).astype(dtype)
        both(torch, lambda lib, t, x=x: FACE[name](lib, lib.tensor(x)), f"{name} {dtype}")


@pytest.mark.parametrize("call", [lambda x: x << 1, lambda x: x >> 1, lambda x: 1 << x, lambda x: x.shape << 1])
def test_operators_that_are_not_here(call):
    """A TypeError, never NumPy's answer element by element."""
    with pytest.raises(TypeError):
        call(tg.tensor([1, 2]))
    with pytest.raises(TypeError):
        np.array([1, 2]) << tg.tensor([1, 2])


def test_casts(torch):
    """Every pair; what does not fit is the C language's affair, in both."""
    for a in TYPES:
        for b in TYPES:
            x = np.array([0, 1, 2, 200], a)
            both(torch, lambda lib, t, x=x, b=b: lib.tensor(x).to(t(b)), f"{a} {b}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tg.tensor([np.nan, np.inf]).long()
        tg.tensor([1e300], dtype=tg.float64).float()


def test_exchange(torch):
    """Through DLPack both ways, on shared memory; through NumPy's protocol with its rules of copying."""
    ours = tg.arange(6).reshape(2, 3)
    theirs = torch.from_dlpack(ours)
    theirs[0, 0] = 9
    assert ours[0, 0].item() == 9
    back = tg.from_dlpack(torch.arange(3.0))
    assert (back.tolist(), back.dtype) == ([0, 1, 2], np.float32)
    x = tg.ones(2, requires_grad=True)
    for refused in (lambda: torch.from_dlpack(x), lambda: np.asarray(x), lambda: np.from_dlpack(x)):
        with pytest.raises((RuntimeError, BufferError, TypeError)):
            refused()
    with pytest.raises(TypeError, match="`array` is list"):
        tg.from_dlpack([1.0])
    assert torch.tensor(ours.numpy()).tolist() == ours.tolist()
