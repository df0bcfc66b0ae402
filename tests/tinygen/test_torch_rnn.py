"""LSTM and GRU against PyTorch over the options it documents: values, gradients, second order, errors, state dicts."""

import itertools

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn

pytestmark = pytest.mark.torch
KINDS = pytest.mark.parametrize("kind", ["LSTM", "GRU"])
CELLS = pytest.mark.parametrize("kind", ["LSTMCell", "GRUCell"])
STATES = {"LSTM": 2, "GRU": 1, "LSTMCell": 2, "GRUCell": 1}
TOLERANCE = {np.float16: 4e-3, np.float32: 1e-5, np.float64: 1e-9}
SWITCHES = ("bidirectional", "batch_first", "bias", "given")  # given: whether hx is
SETTINGS = [dict(zip(SWITCHES, on, strict=True)) for on in itertools.product((False, True), repeat=4)]


def pair(torch, kind, dtype, *sizes, **options):
    """Our module and PyTorch's, with the same weights."""
    ours = getattr(nn, kind)(*sizes, generator=tg.Generator(3), **options).to(dtype)
    theirs = getattr(torch.nn, kind)(*sizes, **options)
    state = ours.state_dict()
    assert list(state) == list(theirs.state_dict())
    theirs.to(getattr(torch, np.dtype(dtype).name))
    theirs.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in state.items()})
    return ours, theirs


def flat(result):
    """Output and states as one list."""
    parts = result if isinstance(result, tuple) else (result,)
    return [t for part in parts for t in (part if isinstance(part, tuple) else (part,))]


def close(a, b, dtype, what):
    b = b.detach().numpy()
    assert a.shape == b.shape, what
    assert a.dtype == b.dtype == dtype, what
    scale = max(1.0, np.abs(b.astype(np.float64)).max(initial=0))
    np.testing.assert_allclose(a.detach().numpy(), b, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=str(what))


def both(torch, modules, arrays, states, order):
    """For each library what the module makes of the arrays (input, states), and its gradients up to ``order``."""
    found = []
    for module, library in zip(modules, (tg, torch), strict=True):
        rng = np.random.default_rng(8)

        def random(like, library=library, rng=rng):
            return library.from_numpy(rng.standard_normal(tuple(like.shape)).astype(arrays[0].dtype))

        tensors = [library.from_numpy(a.copy()) for a in arrays]
        for t in tensors:
            t.requires_grad = order > 0
        hx = tuple(tensors[1:]) if states == 2 else tensors[-1]
        results = flat(module(tensors[0], hx if len(tensors) > 1 else None))
        leaves, collected = [*tensors, *module.parameters()], [results]
        flowing = results
        for step in range(1, order + 1):
            seeds = [random(t) for t in flowing]
            flowing = library.autograd.grad(flowing, leaves, seeds, create_graph=step < order, allow_unused=True)
            assert step == 2 or all(g is not None for g in flowing)
            collected.append([g for g in flowing if g is not None])
            flowing = collected[-1]
        found.append(collected)
    return found


def compare(torch, modules, arrays, states, dtype, what, order=0):
    ours, theirs = both(torch, modules, arrays, states, order)
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert len(a) == len(b), (*what, f"order {step}")
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            close(x, y, dtype, (*what, f"order {step}, number {i}"))


def arrays_for(kind, dtype, shape, units, rows, batch_first, given):
    """Input of shape (T, N, I) or (T, I), swapped for ``batch_first``, and the states where they are given."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal(shape).astype(dtype)
    n = shape[1:-1]  # () without a batch
    if batch_first and n:
        x = np.ascontiguousarray(x.swapaxes(0, 1))
    count = STATES[kind] if given else 0
    return [x, *[rng.standard_normal((rows, *n, units)).astype(dtype) for _ in range(count)]]


@KINDS
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_values(torch, kind, layers, dtype):
    lengths = (3,) if dtype is np.float16 else (3, 16)  # of H; NumPy and PyTorch are slow in float16
    for options, units, shape in itertools.product(SETTINGS, lengths, ((4, 3, 5), (1, 1, 5), (3, 5))):
        options = dict(options)
        given, batch_first = options.pop("given"), options["batch_first"]
        modules = pair(torch, kind, dtype, 5, units, layers, **options)
        rows = layers * (1 + options["bidirectional"])
        arrays = arrays_for(kind, dtype, shape, units, rows, batch_first, given)
        compare(torch, modules, arrays, STATES[kind], dtype, (kind, layers, options, units, shape, given))


@KINDS
@pytest.mark.parametrize("layers", [1, 2])
def test_gradients_of_both_orders(torch, kind, layers):
    for options in SETTINGS:
        options = dict(options)
        given, batch_first = options.pop("given"), options["batch_first"]
        modules = pair(torch, kind, np.float64, 4, 3, layers, **options)
        rows = layers * (1 + options["bidirectional"])
        shape = (3, 2, 4) if given else (2, 4)
        arrays = arrays_for(kind, np.float64, shape, 3, rows, batch_first, given)
        compare(torch, modules, arrays, STATES[kind], np.float64, (kind, layers, options, given), order=2)


@KINDS
def test_gradients_of_the_kernels_in_float32(torch, kind):
    """H a multiple of 16 and float32: where Numba works its forms run."""
    for units, shape in ((16, (5, 9, 7)), (48, (3, 33, 5))):
        modules = pair(torch, kind, np.float32, shape[-1], units, 2, bidirectional=True)
        arrays = arrays_for(kind, np.float32, shape, units, 4, False, True)
        compare(torch, modules, arrays, STATES[kind], np.float32, (kind, units, shape), order=1)


@KINDS
def test_no_sequences(torch, kind):
    modules = pair(torch, kind, np.float64, 5, 3, 2, bidirectional=True)
    arrays = arrays_for(kind, np.float64, (4, 0, 5), 3, 4, False, True)
    compare(torch, modules, arrays, STATES[kind], np.float64, (kind,), order=0)


@CELLS
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_cells(torch, kind, dtype):
    for bias, given, units, shape in itertools.product((True, False), (True, False), (3, 16), ((4, 5), (1, 5), (5,))):
        modules = pair(torch, kind, dtype, 5, units, bias)
        rng = np.random.default_rng(5)
        shapes = [shape] + [(*shape[:-1], units)] * (STATES[kind] if given else 0)
        arrays = [rng.standard_normal(s).astype(dtype) for s in shapes]
        order = 2 if dtype is np.float64 else 0
        compare(torch, modules, arrays, STATES[kind], dtype, (kind, bias, given, units, shape), order=order)


@KINDS
def test_dropout_of_everything_and_in_evaluation(torch, kind):
    """What does not depend on the random numbers: p = 1 leaves the layers above with zeros; eval drops nothing."""
    for p, training in ((1.0, True), (0.5, False)):
        modules = pair(torch, kind, np.float64, 5, 3, 3, dropout=p, bidirectional=True)
        for module in modules:
            module.train(training)
        arrays = arrays_for(kind, np.float64, (4, 2, 5), 3, 6, False, True)
        compare(torch, modules, arrays, STATES[kind], np.float64, (kind, p, training))


# Where PyTorch raises, so does this engine. Each is a call of (library, module namespace, zeros).
ERRORS = {
    "features": lambda m, zeros: m.GRU(3, 4)(zeros(5, 2, 2)),
    "four axes": lambda m, zeros: m.GRU(3, 4)(zeros(1, 5, 2, 3)),
    "no steps": lambda m, zeros: m.LSTM(3, 4)(zeros(0, 2, 3)),
    "dtype": lambda m, zeros: m.LSTM(3, 4)(zeros(5, 2, 3).double()),
    "state length": lambda m, zeros: m.GRU(3, 4)(zeros(5, 2, 3), zeros(1, 2, 5)),
    "state layers": lambda m, zeros: m.GRU(3, 4, 2)(zeros(5, 2, 3), zeros(1, 2, 4)),
    "state directions": lambda m, zeros: m.GRU(3, 4, bidirectional=True)(zeros(5, 2, 3), zeros(1, 2, 4)),
    "state of a batch without one": lambda m, zeros: m.GRU(3, 4)(zeros(5, 3), zeros(1, 1, 4)),
    "state without the batch": lambda m, zeros: m.GRU(3, 4)(zeros(5, 2, 3), zeros(1, 4)),
    "second state": lambda m, zeros: m.LSTM(3, 4)(zeros(5, 2, 3), (zeros(1, 2, 4), zeros(1, 2, 5))),
    "one state of two": lambda m, zeros: m.LSTM(3, 4)(zeros(5, 2, 3), (zeros(1, 2, 4),)),
    "hidden size 0": lambda m, zeros: m.GRU(3, 0),
    "input size 0": lambda m, zeros: m.LSTM(0, 3),
    "layers 0": lambda m, zeros: m.GRU(3, 3, 0),
    "hidden size 3.5": lambda m, zeros: m.GRU(3, 3.5),
    "dropout 2": lambda m, zeros: m.GRU(3, 3, dropout=2),
    "dropout True": lambda m, zeros: m.LSTM(3, 3, dropout=True),
    "projection in a GRU": lambda m, zeros: m.GRU(3, 3, proj_size=2),
    "cell: three axes": lambda m, zeros: m.LSTMCell(3, 4)(zeros(1, 2, 3)),
    "cell: features": lambda m, zeros: m.GRUCell(3, 4)(zeros(2, 2)),
    "cell: state length": lambda m, zeros: m.GRUCell(3, 4)(zeros(2, 3), zeros(2, 5)),
    "cell: state batch": lambda m, zeros: m.LSTMCell(3, 4)(zeros(2, 3), (zeros(2, 4), zeros(3, 4))),
    "cell: state without the batch": lambda m, zeros: m.GRUCell(3, 4)(zeros(2, 3), zeros(4)),
    "cell: dtype": lambda m, zeros: m.GRUCell(3, 4)(zeros(2, 3).double()),
}
# Where only this engine raises, with the reason.
ONLY_OURS = {
    "projections are not supported": lambda m, zeros: m.LSTM(3, 4, proj_size=2),
    "a cell of no units is taken for a mistake": lambda m, zeros: m.GRUCell(3, 0),
    "a cell of no inputs is taken for a mistake": lambda m, zeros: m.LSTMCell(0, 3),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_errors(torch, call):
    with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)):
        call(torch.nn, torch.zeros)
    with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)) as caught:
        call(nn, tg.zeros)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call", ONLY_OURS.values(), ids=ONLY_OURS)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_errors_of_ours_only(torch, call):
    call(torch.nn, torch.zeros)
    with pytest.raises(ValueError, match=r"^`\w+` is \d; "):
        call(nn, tg.zeros)


@KINDS
def test_repr(torch, kind):
    for arguments in ((3, 4), (3, 4, 2, False, True, 0.25, True)):
        assert repr(getattr(nn, kind)(*arguments)) == repr(getattr(torch.nn, kind)(*arguments))
    assert repr(getattr(nn, kind + "Cell")(3, 4, False)) == repr(getattr(torch.nn, kind + "Cell")(3, 4, False))
