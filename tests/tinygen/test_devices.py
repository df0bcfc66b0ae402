"""All ops on a stand-in for a GPU: arrays that the host cannot read. Nothing moves silently, nothing waits."""

import numpy as np
import pytest

import tinygen as tg
import tinygen_ops.registry
from tinygen.backend import array_module, check_device, device_of
from tinygen.testing.gradcheck import assert_close
from tinygen.testing.records import RECORDS, results_of

F32 = np.dtype(np.float32)


def those(condition):
    return pytest.mark.parametrize(
        "op", [pytest.param(r, id=name) for name, r in RECORDS.items() if condition(r)]
    )


def data_type(op):
    return F32 if F32 in op.dtypes else next(iter(op.dtypes))


def on(device, op, sample):
    """Values and first gradients, all still on ``device``; and the graph's leaves."""
    tensors = sample.tensors(data_type(op), device)
    results = results_of(op.on_tensors(sample)(*tensors))
    flowing = [r for r in results if r.requires_grad]
    found = ()
    if flowing and sample.gradients:
        rng = np.random.default_rng(1)
        seeds = [rng.standard_normal(r.shape).astype(r.dtype) for r in flowing]
        seeds = [tg.tensor(s, device=device) for s in seeds]
        found = tg.autograd.grad(flowing, [t for t in tensors if t.requires_grad], seeds, allow_unused=True)
    return results, found


@those(lambda record: True)
def test_same_as_on_the_cpu(op, fake):
    for sample in op.calls():
        with tinygen_ops.registry.use("reference"):
            expected = on("cpu", op, sample)
        got = on("fake", op, sample)
        for ours, theirs in zip(got, expected, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                assert (a is None) == (b is None)
                if a is not None:
                    assert type(a._data) is fake.ndarray
                    assert a.device == "fake:0"
                    assert_close(a, b.detach(), scale=op.scale)


@those(lambda record: record.order == 2)
def test_second_order_stays_there(op, fake):
    for sample in op.calls():
        tensors = sample.tensors(F32, "fake")
        leaves = [t for t in tensors if t.requires_grad]
        results = [r for r in results_of(op.on_tensors(sample)(*tensors)) if r.requires_grad]
        if not sample.gradients or not results or sum(t._data.size for t in tensors) > 200:
            continue
        seeds = [tg.ones_like(r) for r in results]
        first = tg.autograd.grad(results, leaves, seeds, create_graph=True, allow_unused=True)
        flowing = [g for g in first if g is not None and g.requires_grad]
        if flowing:
            second = tg.autograd.grad(flowing, leaves, [tg.ones_like(g) for g in flowing], allow_unused=True)
            assert all(g is None or g.device == "fake:0" for g in second)


@those(lambda record: True)
def test_no_waiting(op, fake):
    """Forward and backward leave the host free to go on; the record states the exceptions."""
    waited = []
    for number, sample in enumerate(op.calls()):
        tensors = sample.tensors(data_type(op), "fake")
        fake.waits.clear()
        results = results_of(op.on_tensors(sample)(*tensors))
        for r in results:
            if r.requires_grad and sample.gradients:
                r.backward(tg.ones_like(r), retain_graph=True)
        if fake.waits:
            waited.append((number, list(fake.waits)))
    assert bool(waited) == bool(op.waits), waited or "the record states a reason to wait that there is not"


@those(lambda record: any(len(sample.arrays) > 1 for sample in record.calls()))
def test_mixed_devices(op, fake):
    """Each array in turn stays on the host: a TypeError that says how to move it."""
    for sample in op.calls():
        if len(sample.arrays) < 2 or any(a.size == 0 for a in sample.arrays):
            continue
        for i in range(len(sample.arrays)):
            tensors = sample.tensors(F32, "fake")
            tensors[i] = tensors[i].detach().to("cpu")
            with pytest.raises(TypeError, match=r"\.to\b"):
                op.on_tensors(sample)(*tensors)


def test_index_on_another_device(fake):
    x = tg.ones(3, 4).to("fake")
    for index in (tg.tensor([0, 1]), tg.tensor([True, False, True])):
        with pytest.raises(TypeError, match=r"\.to\b"):
            x[index]
    with pytest.raises(TypeError, match=r"\.to\b"):
        tg.index_select(x, 0, tg.tensor([0, 1]))
    assert x[[0, 1]].device == "fake:0"


def test_to_and_back(fake):
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x.to("fake")
    assert (x.device, y.device) == ("cpu", "fake:0")
    assert y.to("fake") is y
    assert x.to("cpu") is x
    assert type(y.data) is fake.ndarray
    (y * y).sum().backward()
    assert_close(x.grad, np.array([2.0, 4.0], np.float32))
    assert x.grad.device == "cpu"
    z = tg.tensor([3.0]).to("fake", np.float64)
    assert (z.device, z.dtype) == ("fake:0", np.float64)


def test_nothing_converts_silently(fake):
    x = tg.ones(2).to("fake")
    with pytest.raises(TypeError, match=r"\.to\('cpu'\)"):
        np.asarray(x)
    with pytest.raises(TypeError):
        np.asarray(x.data)
    with pytest.raises(TypeError, match="operands on cpu and fake:0"):
        tg.ones(2) + x
    fake.waits.clear()
    assert x.numpy().tolist() == [1.0, 1.0]
    assert fake.waits == ["get"]


def test_backward_from_a_gradient_elsewhere(fake):
    x = tg.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match=r"fake:0, the tensor on cpu"):
        (x * 2).backward(tg.ones(2).to("fake"))


def test_in_place_is_noticed_there_too(fake):
    x = tg.ones(2).to("fake")
    x.requires_grad = True
    y = x * x
    x.data[0] = fake.module.asarray(5.0)
    with pytest.raises(RuntimeError, match="was written to"):
        y.sum().backward()


def test_creation_there(fake):
    for made in (
        tg.zeros(2, device="fake"),
        tg.ones(2, device="fake"),
        tg.full((2,), 3.0, device="fake"),
        tg.arange(3, device="fake"),
        tg.linspace(0, 1, 3, device="fake"),
        tg.eye(2, device="fake"),
        tg.rand(2, device="fake"),
        tg.randn(2, device="fake"),
        tg.randint(3, size=(2,), device="fake"),
        tg.tensor([1.0], device="fake"),
        tg.zeros_like(tg.ones(2).to("fake")),
        tg.full_like(tg.ones(2).to("fake"), 2.0),
    ):
        assert device_of(made._data) == "fake:0"
        assert array_module(made._data) is fake.module
    assert "device='fake:0'" in repr(tg.ones(1, device="fake"))


def test_environment_names_the_device(fake, monkeypatch):
    monkeypatch.setenv("TINYGEN_DEVICE", "fake")
    assert tg.zeros(1).device == "fake:0"
    assert tg.tensor([1.0]).device == "fake:0"
    monkeypatch.setenv("TINYGEN_DEVICE", "tpu")
    with pytest.raises(ValueError, match="'tpu'"):
        tg.zeros(1)


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "cuda:x", "cuda:-1", ""])
def test_wrong_device_names(name):
    with pytest.raises(ValueError, match="`device` is"):
        check_device(name)


def test_cuda_where_there_is_none():
    from tinygen.backend import cuda_problem

    if cuda_problem() is None:
        pytest.skip("there is a CUDA device here")
    with pytest.raises(RuntimeError, match="use 'cpu'"):
        tg.zeros(1, device="cuda")
    assert check_device("auto") == "cpu"


def test_the_stand_in_is_strict(fake):
    a = fake.module.asarray(np.ones(2, np.float32))
    with pytest.raises(TypeError, match="host array"):
        a + np.ones(2, np.float32)
    with pytest.raises(TypeError, match="host array"):
        np.ones(2, np.float32) * a
    with pytest.raises(TypeError, match="host array"):
        fake.module.exp(np.ones(2))
    with pytest.raises(TypeError):
        np.exp(np.ones(2), out=a)
    with pytest.raises(TypeError):
        np.concatenate([a, a])
    with pytest.raises(AttributeError, match="CuPy has no"):
        fake.module.einsum_path  # noqa: B018
    assert type(a.sum()) is fake.ndarray
    assert fake.module.exp(a).dtype == np.float32
    fake.waits.clear()
    assert bool(a[0] > 0)
    assert fake.waits == ["bool"]
