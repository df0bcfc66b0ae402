"""grad(), backward(), hooks, recomputation and autograd.functional: the same scripts under both libraries.

A script gets the library and leaves; what it returns (and the .grad that it leaves behind) must agree. Where the two
differ on purpose, ``DIFFERENT`` and what stands below it say why.
"""

import functools
import itertools
import warnings

import numpy as np
import pytest

import tinygen as tg
from tinygen.testing import assert_close

pytestmark = pytest.mark.torch
RNG = np.random.default_rng(0)
X, W, M = RNG.standard_normal(3), RNG.standard_normal(3), RNG.standard_normal((2, 3))


def plain(value):
    """Tensors as arrays, in tuples and lists as deep as they go."""
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if hasattr(value, "detach"):
        return value.detach().numpy().copy()  # PyTorch adds to a gradient in place that a hook has seen
    return value


def same(ours, theirs):
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    elif isinstance(theirs, np.ndarray):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    else:
        assert ours == theirs


def run(library, script, arrays=(X, W, M), **more):
    leaves = [library.tensor(a, requires_grad=True) for a in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's: create_graph leaves cycles, hooks fire early
        returned = script(library, *leaves, **more)
        return plain([returned, *(leaf.grad for leaf in leaves)])


def agree(torch, script, arrays=(X, W, M), **more):
    same(run(tg, script, arrays, **more), run(torch, script, arrays, **more))


# grad and backward ------------------------------------------------------------------------------------------


def results(x, w, m):
    """A number, a vector, a matrix, and one that needs no w."""
    y = (x * w).sin()
    return (y * m).sum(), y, (m * m).exp() * w, x.exp()


COTANGENTS = [RNG.standard_normal(s) for s in ((), (3,), (2, 3), (3,))]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("which", [c for n in (1, 2, 4) for c in itertools.combinations(range(4), n)])
def test_grad(torch, which, create_graph):
    def script(library, *leaves):
        outs = [results(*leaves)[i] for i in which]
        seeds = [None if i == 0 and len(which) > 1 else library.tensor(COTANGENTS[i]) for i in which]
        found = []
        for inputs in (leaves, leaves[::-1], leaves[:1], leaves[1], (leaves[2], leaves[2])):
            found.append(
                library.autograd.grad(
                    outs, inputs, seeds, retain_graph=True, create_graph=create_graph, allow_unused=True
                )
            )
        if create_graph:
            flowing = [g for g in found[0] if g is not None and g.requires_grad]
            total = sum((g * g).sum() for g in flowing)
            found.append(library.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True))
        return found

    agree(torch, script)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("retain_graph", [None, False, True])
def test_which_graphs_are_kept(torch, create_graph, retain_graph):
    for call in ("grad", "backward"):

        def script(library, x, w, m, call=call):
            y = (x * x * w).sum()
            options = {"retain_graph": retain_graph, "create_graph": create_graph}
            for _ in range(2):
                try:
                    if call == "grad":
                        library.autograd.grad(y, x, **options)
                    else:
                        y.backward(**options)
                except RuntimeError:
                    return "freed"
            return "kept"

        agree(torch, script)


def _backward_of_several(library, x, w, m):
    a, b, c, _ = results(x, w, m)
    library.autograd.backward([a, b], [None, library.tensor(COTANGENTS[1])], retain_graph=True)
    library.autograd.backward(a, retain_graph=True)
    library.autograd.backward((c,), library.tensor(COTANGENTS[2]))
    library.autograd.backward([])


def _backward_to_inputs(library, x, w, m):
    h = x * w
    y = (h.sin() * m).sum()
    y.backward(inputs=[x, h], retain_graph=True)
    first = h.grad.clone(), x.grad.clone(), w.grad
    y.backward(inputs=w, retain_graph=True)
    y.backward(inputs=(h,), retain_graph=True)  # adds to what is there
    unused = library.tensor(W, requires_grad=True)
    y.backward(inputs=[unused], retain_graph=True)
    y.backward(None, True, True, [m])
    return first, h.grad, unused.grad, h.retains_grad


def _gradients_of_leaves(library, x, w, m):
    x.backward(library.tensor(W))
    return library.autograd.grad([x, x * 2], [x, x], [library.tensor(W)] * 2)


def _materialized(library, x, w, m):
    grad = library.autograd.grad
    return grad(x.sum(), [x, w, m], materialize_grads=True), grad(x.sum(), [w], allow_unused=True)


def _seeds_with_history(library, x, w, m):
    (g,) = library.autograd.grad((x * x), x, w * w, create_graph=True)
    return library.autograd.grad(g.sum(), [x, w])


def _seeds_of_another_type(library, x, w, m):
    y = x * w
    seeds = [library.ones(3), library.ones(3, dtype=library.int64)]
    return [library.autograd.grad(y, x, s, retain_graph=True)[0] for s in seeds]


def _retained(library, x, w, m):
    h = (x * w).exp()
    h.retain_grad()
    h.retain_grad()
    x.retain_grad()
    kept = h.retains_grad, x.retains_grad, w.retains_grad
    y = (h * h * m).sum()
    y.backward(retain_graph=True)
    first = h.grad.clone()
    library.autograd.grad(y, x, retain_graph=True)
    library.autograd.grad(h.sum(), h)
    return kept, first, h.grad


SCRIPTS = [v for k, v in globals().items() if k.startswith("_") and getattr(v, "__module__", "") == __name__]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda f: f.__name__[1:])
def test_scripts(torch, script):
    agree(torch, script)


ERRORS = {
    "no input": lambda lib, x: lib.autograd.grad(x.sum(), []),
    "no inputs": lambda lib, x: x.sum().backward(inputs=[]),
    "unused": lambda lib, x: lib.autograd.grad(x.sum(), [x, lib.tensor(W, requires_grad=True)]),
    "nothing": lambda lib, x: lib.autograd.grad([], [x]),
    "no grad": lambda lib, x: lib.autograd.grad(x.sum(), lib.tensor(W), allow_unused=True),
    "no grad in": lambda lib, x: x.sum().backward(inputs=[lib.tensor(W)]),
    "no grad out": lambda lib, x: lib.autograd.grad(lib.tensor(W).sum(), x),
    "one for two": lambda lib, x: lib.autograd.grad([x.sum(), x.sum()], x, [None]),
    "one for two back": lambda lib, x: lib.autograd.backward([x, x], [lib.tensor(W)]),
    "not one": lambda lib, x: lib.autograd.grad(x * 2, x),
    "not one back": lambda lib, x: (x * 2).backward(),
    "shape": lambda lib, x: lib.autograd.grad(x * 2, x, lib.ones(2)),
    "materialize": lambda lib, x: lib.autograd.grad(x.sum(), x, allow_unused=False, materialize_grads=True),
    "hook without grad": lambda lib, x: x.detach().register_hook(print),
    "retain without grad": lambda lib, x: x.detach().retain_grad(),
    "hook gives a number": lambda lib, x: (x.register_hook(lambda g: 3), x.sum().backward()),
    "hook gives another shape": lambda lib, x: (x.register_hook(lambda g: g[:1]), x.sum().backward()),
    "hook gives another type": lambda lib, x: (x.register_hook(lambda g: g.float()), x.sum().backward()),
    "jacobian of a list": lambda lib, x: lib.autograd.functional.jacobian(lib.exp, [x]),
    "jacobian of 3": lambda lib, x: lib.autograd.functional.jacobian(lib.exp, (x, 3)),
    "jacobian gives 3": lambda lib, x: lib.autograd.functional.jacobian(lambda a: 3, x),
    "jacobian gives (a, 3)": lambda lib, x: lib.autograd.functional.jacobian(lambda a: (a, 3), x),
    "hessian of a vector": lambda lib, x: lib.autograd.functional.hessian(lib.exp, x),
    "hessian of a tuple": lambda lib, x: lib.autograd.functional.hessian(lambda a: (a.sum(),), x),
    "hvp of a vector": lambda lib, x: lib.autograd.functional.hvp(lib.exp, x, x),
    "vhp of a vector": lambda lib, x: lib.autograd.functional.vhp(lib.exp, x, x),
    "vjp without v": lambda lib, x: lib.autograd.functional.vjp(lib.exp, x),
    "jvp without v": lambda lib, x: lib.autograd.functional.jvp(lib.exp, x),
    "vjp with another v": lambda lib, x: lib.autograd.functional.vjp(lib.exp, x, x[:2]),
    "jvp with two v": lambda lib, x: lib.autograd.functional.jvp(lib.exp, x, (x, x)),
    "strict vectorize": lambda lib, x: lib.autograd.functional.jacobian(lib.exp, x, strict=True, vectorize=True),
}
# We raise: PyTorch's batched backwards and forward mode are not there, or it accepts what helps nobody.
DIFFERENT = {
    "vectorize": lambda lib, x: lib.autograd.functional.jacobian(lib.exp, x, vectorize=True),
    "batched": lambda lib, x: lib.autograd.grad(
        lib.exp(x), x, lib.ones(2, 3, dtype=lib.float64), is_grads_batched=True
    ),
    "a hook that is no function": lambda lib, x: x.register_hook(3),  # PyTorch notices in backward
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(torch, name):
    for library in (tg, torch):
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            ERRORS[name](library, library.tensor(X, requires_grad=True))


@pytest.mark.parametrize("name", DIFFERENT)
def test_we_raise_and_torch_does_not(torch, name):
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        DIFFERENT[name](tg, tg.tensor(X, requires_grad=True))
    DIFFERENT[name](torch, torch.tensor(X, requires_grad=True))


def test_where_results_differ_on_purpose(torch):
    def script(library, x):
        y = x * x
        y.register_hook(lambda g: g * 10)
        return [library.autograd.grad((y * 3).sum(), i, retain_graph=True)[-1] for i in ([y], [x, y])]

    ours, theirs = (plain(script(library, library.tensor(X, requires_grad=True))) for library in (tg, torch))
    # autograd.grad gives y's gradient as its hooks leave it: with us always, in PyTorch unless x is asked for too
    np.testing.assert_allclose(ours, [[30.0] * 3] * 2)
    np.testing.assert_allclose(theirs, [[30.0] * 3, [3.0] * 3])

    def other(library, x, w, m):
        seen, model = [], module(library, [])
        model.register_full_backward_hook(note(seen, "back"))
        model(x, w.detach())[0].sum().backward()
        return seen[0][1][0]

    ours, theirs = run(tg, other), run(torch, other)
    same(ours[0][0], theirs[0][0])
    # an input that does not require grad: its gradient was not computed, which is not the same as 0
    assert ours[0][1] is None
    assert not theirs[0][1].any()


# Hooks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("on", ["leaf", "inner", "both"])
def test_tensor_hooks(torch, on, create_graph):
    def script(library, x, w, m):
        seen, h = [], x * w
        if on in ("leaf", "both"):
            x.register_hook(lambda g: seen.append(g.detach().clone()))
            x.register_hook(lambda g: g * 2)
            x.register_hook(lambda g: g * g)
        if on in ("inner", "both"):
            h.retain_grad()
            h.register_hook(lambda g: g.exp())
            h.register_hook(lambda g: seen.append(g.detach().clone()))
        gone = h.register_hook(lambda g: g * 100)
        gone.remove()
        y = (h * h * m + h).sum()
        y.backward(retain_graph=True)
        kept = None if h.grad is None else h.grad.clone()
        found = library.autograd.grad(y, [x, w], create_graph=create_graph)
        if create_graph:
            found += library.autograd.grad(sum((g * g).sum() for g in found), [x, w, m])
        return seen, kept, found

    agree(torch, script)


def module(library, seen):
    class Two(library.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = library.nn.Parameter(library.tensor(W))

        def forward(self, a, b=None, *, k=1.0):
            return (a * self.w if b is None else a * b * self.w) * k, (a + 1).exp()

    return Two()


def note(seen, name):
    return lambda *values: seen.append((name, plain(values[1:])))


FORWARD_HOOKS = {
    "pre": lambda m, seen: m.register_forward_pre_hook(note(seen, "pre")),
    "pre changes": lambda m, seen: m.register_forward_pre_hook(lambda _, a: (a[0] * 2, *a[1:])),
    "pre gives one": lambda m, seen: m.register_forward_pre_hook(lambda _, a: a[0] * 2),
    "pre first": lambda m, seen: m.register_forward_pre_hook(lambda _, a: (a[0] + 1, *a[1:]), prepend=True),
    "pre with names": lambda m, seen: m.register_forward_pre_hook(
        lambda _, a, k: (a[:1], {"k": 2.0}), with_kwargs=True
    ),
    "after": lambda m, seen: m.register_forward_hook(note(seen, "after")),
    "after changes": lambda m, seen: m.register_forward_hook(lambda _, a, out: (out[0] * 3, out[1])),
    "after first": lambda m, seen: m.register_forward_hook(lambda _, a, out: (out[0] + 3, out[1]), prepend=True),
    "after with names": lambda m, seen: m.register_forward_hook(
        lambda _, a, k, out: (out[0] * k.get("k", 7.0), out[1]), with_kwargs=True, always_call=True
    ),
    "back": lambda m, seen: m.register_full_backward_hook(note(seen, "back")),
    "back changes": lambda m, seen: m.register_full_backward_hook(
        lambda _, gi, go: (gi[0] * 2, *gi[1:]) if gi[0] is not None else None
    ),
    "back first": lambda m, seen: m.register_full_backward_hook(note(seen, "first"), prepend=True),
    "back pre": lambda m, seen: m.register_full_backward_pre_hook(
        lambda _, go: tuple(None if g is None else g * 3 for g in go)
    ),
    "back pre notes": lambda m, seen: m.register_full_backward_pre_hook(note(seen, "pre"), prepend=True),
}
CALLS = {
    "one input": lambda m, x, w: m(x),
    "two inputs": lambda m, x, w: m(x, w),
    "names": lambda m, x, w: m(x, b=w, k=0.5),
    "nothing needs grad": lambda m, x, w: m(x.detach()),
    "a result of ops": lambda m, x, w: m(x * w),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "hooks", [(h,) for h in FORWARD_HOOKS] + [tuple(FORWARD_HOOKS), ("back pre", "back", "after changes")], ids=str
)
def test_module_hooks(torch, hooks, call):
    def script(library, x, w, m):
        seen = []
        model = module(library, seen)
        for name in hooks:
            FORWARD_HOOKS[name](model, seen)
        y, z = CALLS[call](model, x, w)
        (y * m).sum().backward(retain_graph=True)
        (y * z).sum().backward()
        for grad_of in (model.w, x, w):
            seen.append(plain(grad_of.grad))
        return seen

    agree(torch, script)


# Recomputation ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nested", [False, True])
def test_checkpoint(torch, nested):
    def script(library, x, w, m):
        home = tg.autograd if library is tg else torch.utils.checkpoint
        checkpoint = functools.partial(home.checkpoint, use_reentrant=False)

        def inner(a):
            return (a * w).sin() * m

        def function(a, b):
            h = checkpoint(inner, a * b) if nested else inner(a * b)
            return h.exp() * a, h.sum()

        y, z = checkpoint(function, x, w * 2)
        found = library.autograd.grad((y * y).sum() * z, [x, w, m], create_graph=True)
        return found, library.autograd.grad(sum((g * g).sum() for g in found), [x, w, m])

    agree(torch, script)


# functional -------------------------------------------------------------------------------------------------

NUMBERS = {
    "one": (lambda a: (a.exp() * a).sum(), (X,)),
    "two": (lambda a, b: ((a * b).sin() * a).sum(), (X, M)),
    "linear": (lambda a: (a * 2).sum(), (X,)),
    "unused": (lambda a, b: (a * a).sum(), (X, M)),
    "no axes": (lambda a: a * a * a, (np.float64(0.5),)),
    "one element": (lambda a: (a * a * a).reshape(1, 1), (np.array([0.5]),)),
    "a constant": (lambda a: (a * 0).detach().sum(), (X,)),
}
FUNCTIONS = {
    **NUMBERS,
    "vector": (lambda a: a.exp() * a.sum(), (X,)),
    "several": (lambda a, b: (a * b, (a * a).sum(), b.sin()), (X, M)),
    "partly": (lambda a, b: (a.sin(), (b * b).sum()), (X, M)),
    "one in a tuple": (lambda a: (a * a,), (X,)),
    "float32": (lambda a: a.exp() * a.sum(), (X.astype(np.float32),)),
    "empty": (lambda a: a[:0] * 2, (X,)),  # not its Jacobian: PyTorch fails there
}


def like(library, values):
    """Random tensors of the same shapes and dtypes."""
    rng = np.random.default_rng(5)
    return tuple(library.tensor(rng.standard_normal(v.shape).astype(v.dtype)) for v in plain(values))


def one_or_all(values):
    return values[0] if len(values) == 1 else tuple(values)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("name", "case"),
    [(n, c) for n in ("jacobian", "vjp", "jvp") for c in FUNCTIONS if (n, c) != ("jacobian", "empty")]
    + [(n, c) for n in ("hessian", "hvp", "vhp") for c in NUMBERS],
)
def test_functional(torch, name, case, create_graph):
    function, arrays = FUNCTIONS[case]
    rtol = 1e-5 if case == "float32" else 1e-9

    def script(library, *leaves):
        call = getattr(library.autograd.functional, name)
        inputs, vector = one_or_all(leaves), ()
        if name in ("jvp", "hvp", "vhp"):
            vector = (one_or_all(like(library, leaves)),)
        elif name == "vjp":
            outputs = function(*leaves)
            vector = like(library, outputs if isinstance(outputs, tuple) else (outputs,))
            vector = (vector if isinstance(outputs, tuple) else vector[0],)
        found = call(function, inputs, *vector, create_graph=create_graph)
        flat = list(flatten(found))
        assert create_graph or not any(t.requires_grad for t in flat)
        flowing = [t for t in flat if t.requires_grad]
        second = None
        if flowing:
            second = library.autograd.grad(sum((t * t).sum() for t in flowing), leaves, allow_unused=True)
            second = [g if g is None else g * 1 for g in second]
        return found, second

    ours, theirs = run(tg, script, arrays), run(torch, script, arrays)
    for a, b in zip(flatten(ours), flatten(theirs), strict=True):
        # a derivative that is 0 may come as zeros here and as None there: the two libraries drop constants elsewhere
        assert (a is None or not np.any(a)) if b is None else (a is not None or not np.any(b))
        if a is not None and b is not None:
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            assert_close(a, b, rtol=rtol, atol=rtol)


def flatten(value):
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from flatten(part)
    else:
        yield value


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", ["jacobian", "vjp", "jvp", "hessian", "hvp", "vhp"])
@pytest.mark.parametrize("case", NUMBERS)
def test_strict(torch, name, case, create_graph):
    """Both raise, or neither."""
    function, arrays = NUMBERS[case]
    raised = []
    for library in (tg, torch):
        leaves = tuple(library.tensor(a) for a in arrays)
        vector = (leaves,) if name in ("jvp", "hvp", "vhp") else ()
        try:
            getattr(library.autograd.functional, name)(
                function, leaves, *vector, create_graph=create_graph, strict=True
            )
            raised.append(False)
        except RuntimeError:
            raised.append(True)
    assert raised[0] == raised[1]
