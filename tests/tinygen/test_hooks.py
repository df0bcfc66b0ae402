"""Hooks on tensors and on modules."""

import copy
import gc
import weakref

import numpy as np
import pytest

import tinygen as tg
from tinygen.autograd import checkpoint, grad
from tinygen.tensor import Tensor

nn = tg.nn


def leaf(*values):
    return tg.tensor(np.array(values, np.float64), requires_grad=True)


def numbers(t):
    return None if t is None else t.detach().numpy().tolist()


# On tensors -------------------------------------------------------------------------------------------------


def test_hooks_see_the_whole_gradient_once():
    for inner in (False, True):
        x, seen = leaf(2.0), []
        y = x * 1.0 if inner else x
        y.register_hook(lambda g, seen=seen: seen.append(numbers(g)))
        (y * y + y).sum().backward()
        assert seen == [[5.0]]
        assert numbers(x.grad) == [5.0]


def test_hooks_replace_the_gradient_in_order():
    for inner in (False, True):
        x = leaf(2.0)
        y = x * 1.0 if inner else x
        y.register_hook(lambda g: g * 10)
        y.register_hook(lambda g: g + 1)
        (y * 3).sum().backward(retain_graph=True)
        assert numbers(x.grad) == [31.0]
        (y * 3).sum().backward(retain_graph=True)  # before it is added to what is there
        assert numbers(x.grad) == [62.0]
        assert numbers(grad((y * 3).sum(), x)[0]) == [31.0]


def test_grad_returns_what_the_hooks_leave():
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * 10)
    z = (y * 3).sum()
    assert [numbers(g) for g in grad(z, [y, x], retain_graph=True)] == [[30.0], [120.0]]
    assert [numbers(g) for g in grad(z, y)] == [[30.0]]


def test_handles():
    x, seen = leaf(2.0), []
    handle = x.register_hook(lambda g: seen.append("kept"))
    with x.register_hook(lambda g: seen.append("with")):
        (x * 1).sum().backward()
    (x * 1).sum().backward()
    assert seen == ["kept", "with", "kept"]
    handle.remove()
    handle.remove()
    (x * 1).sum().backward()
    assert len(seen) == 3
    y = x * 2
    handle = y.register_hook(seen.append)
    y.sum().backward()
    del y
    handle.remove()  # the graph is gone


def test_a_hook_may_remove_itself():
    x, seen, handles = leaf(2.0), [], []

    def once(g):
        seen.append(numbers(g))
        handles[0].remove()

    handles.append(x.register_hook(once))
    x.register_hook(lambda g: g * 2)
    for _ in range(2):
        (x * 1).sum().backward()
    assert seen == [[1.0]]
    assert numbers(x.grad) == [4.0]


def test_hooks_at_second_order():
    x, recorded = leaf(3.0), []

    def square(g):
        recorded.append(g.requires_grad)
        return g * g

    y = x * x
    y.register_hook(square)
    (g,) = grad((y * y).sum(), x, create_graph=True)  # (2 y)**2 2 x = 8 x**5
    assert numbers(g) == [8 * 3.0**5]
    assert recorded == [True]
    # dg/dx with the way through y's own gradient hooked again: z -> 8 x**5 = 2 x (2 y)**2 has dg/dy = 16 x y
    y2 = x * x
    (h,) = grad((2 * x * (2 * y2) ** 2).sum(), y2)
    assert numbers(h) == [16 * 27.0]
    (gg,) = grad(g.sum(), x)
    assert numbers(gg) == [2 * (2 * 9.0) ** 2 + (16 * 27.0) ** 2 * 2 * 3.0]


def test_retain_grad():
    x = leaf(2.0)
    y = x * x
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    y.register_hook(lambda g: g * 10)  # runs first all the same
    z = (y * 3).sum()
    z.backward(retain_graph=True)
    assert numbers(y.grad) == [30.0]
    assert numbers(x.grad) == [120.0]
    grad(z, x)
    assert numbers(y.grad) == [60.0]
    y.grad.zero_()
    assert numbers(x.grad) == [120.0]
    x.retain_grad()
    assert not x.retains_grad
    u = (x * 1).detach()
    with pytest.raises(RuntimeError, match="retain_grad"):
        u.retain_grad()
    first, second = tg.stack([x, x]).split(1)
    second.retain_grad()  # one output of several
    (first * 2 + second * 3).sum().backward()
    assert numbers(second.grad) == [[3.0]]
    assert first.grad is None


def test_retained_gradients_are_ones_own_memory():
    x = leaf(2.0)
    y = x + 0.0
    y.retain_grad()
    y.backward(tg.ones(1))
    y.grad.fill_(7.0)
    assert numbers(x.grad) == [1.0]


def test_a_hooks_tensor_is_not_taken_for_grad():
    x, mine = leaf(2.0), tg.tensor([5.0], dtype=np.float64)
    x.register_hook(lambda g: mine)
    x.sum().backward()
    x.grad.fill_(1.0)
    assert numbers(mine) == [5.0]


def test_errors():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="does not require grad"):
        tg.ones(2).register_hook(print)
    with pytest.raises(TypeError, match="`hook` is 3"):
        x.register_hook(3)
    for wrong, error, message in (
        (lambda g: 3, TypeError, "returned 3"),
        (lambda g: g[:1], RuntimeError, r"\(1,\).*must agree"),
        (lambda g: g.to(np.float32), RuntimeError, "float32.*must agree"),
    ):
        with x.register_hook(wrong), pytest.raises(error, match=message):
            x.sum().backward()
        assert x.grad is None


def test_a_hook_runs_once_in_a_checkpoint():
    x, seen = leaf(2.0), []

    def function(a):
        y = a * a
        y.register_hook(lambda g: seen.append(numbers(g)) or g * 2)
        return y * y

    checkpoint(function, x).sum().backward()
    assert seen == [[8.0]]
    assert numbers(x.grad) == [64.0]


def test_no_cycles_no_costs():
    gc.collect()
    gc.disable()
    try:
        for create_graph in (False, True):
            x, handles = leaf(2.0), []
            y = x * x
            handles.append(y.register_hook(lambda g, handles=handles: g * len(handles)))
            handles.append(x.register_hook(lambda g, handles=handles: g * len(handles)))
            y.retain_grad()
            z = (y * 3).sum()
            grad(z, x, create_graph=create_graph)
            gone = weakref.ref(y)
            del y, z, x, handles
            assert gone() is None
        assert gc.collect() == 0
    finally:
        gc.enable()
    assert not hasattr(leaf(1.0), "_hooks")
    assert (leaf(1.0) * 2)._node.hooks is None


# On modules -------------------------------------------------------------------------------------------------


class Scale(nn.Module):
    """y = a w, or a b w; and a + 1."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(np.full(1, 2.0))

    def forward(self, a, b=None, *, k=1.0):
        return (a * self.w if b is None else a * b * self.w) * k, a + 1


class One(Scale):
    def forward(self, a, **settings):
        return super().forward(a, **settings)[0]


def test_forward_pre_hooks():
    m, x = One(), leaf(3.0)
    handle = m.register_forward_pre_hook(lambda module, inputs: inputs[0] * 2)
    assert numbers(m(x)) == [12.0]
    m.register_forward_pre_hook(lambda module, inputs: (inputs[0] + 1,), prepend=True)
    assert numbers(m(x)) == [16.0]
    handle.remove()
    with m.register_forward_pre_hook(lambda module, inputs, settings: (inputs, {"k": 5.0}), with_kwargs=True):
        assert numbers(m(x, k=1.0)) == [40.0]
    with (
        m.register_forward_pre_hook(lambda module, inputs, settings: 3, with_kwargs=True),
        pytest.raises(RuntimeError, match="returned 3"),
    ):
        m(x)
    assert numbers(m(x)) == [8.0]
    with pytest.raises(TypeError, match="`hook` is 3"):
        m.register_forward_hook(3)


def test_forward_hooks():
    m, x, seen = One(), leaf(3.0), []
    m.register_forward_hook(lambda module, inputs, output: seen.append((module is m, inputs[0] is x, numbers(output))))
    m(x)
    assert seen == [(True, True, [6.0])]
    m.register_forward_hook(lambda module, inputs, output: output + 1)
    m.register_forward_hook(lambda module, inputs, output: output * 10, prepend=True)
    assert numbers(m(x)) == [61.0]
    m.register_forward_hook(lambda module, inputs, settings, output: output * settings["k"], with_kwargs=True)
    assert numbers(m(x, k=2.0)) == [242.0]


def test_hooks_that_are_always_called():
    m, seen = One(), []
    m.register_forward_hook(lambda module, inputs, output: seen.append("usual"))
    m.register_forward_hook(lambda module, inputs, output: seen.append(output), always_call=True)
    with pytest.raises(TypeError):
        m(None)
    assert seen == [None]

    def breaks(module, inputs, output):
        raise KeyError("hook")

    m.register_forward_hook(breaks)
    with pytest.raises(KeyError):
        m(leaf(1.0))
    assert seen[1] == "usual"
    assert numbers(seen[2]) == [2.0]
    assert len(seen) == 3  # not twice


def test_full_backward_hooks():
    m, x, b, seen = Scale(), leaf(3.0), leaf(5.0), []
    m.register_full_backward_hook(lambda module, gi, go: seen.append(([*map(numbers, gi)], [*map(numbers, go)])))
    y, z = m(x, b)
    (y.sum() * 2 + z.sum()).backward()
    assert seen.pop() == ([[21.0], [12.0]], [[2.0], [1.0]])
    m(x, b)[0].sum().backward()
    assert seen.pop() == ([[10.0], [6.0]], [[1.0], None])
    m(x, b.detach())[0].sum().backward()
    assert seen.pop() == ([[10.0], None], [[1.0], None])
    m(x.detach())[0].sum().backward()  # no input requires grad: as soon as those of the outputs are there
    assert seen.pop() == ([None], [[1.0], None])
    with tg.no_grad():
        m(x)
    grad(m(x)[0].sum(), m.w)  # the gradient does not come to the inputs
    assert seen == []


def test_backward_hooks_replace_gradients():
    m, x = Scale(), leaf(3.0)
    m.register_full_backward_hook(lambda module, gi, go: (gi[0] * 100,))
    m.register_full_backward_pre_hook(lambda module, go: (go[0] * 10, None))
    m.register_full_backward_pre_hook(lambda module, go: (go[0] + 1, go[1]), prepend=True)
    y, z = m(x)
    (y + z).sum().backward()  # 1 comes to either; 20 and None go on
    assert numbers(m.w.grad) == [3.0 * 20]
    assert numbers(x.grad) == [2.0 * 20 * 100]


def test_backward_hooks_of_a_single_tensor():
    m, x = One(), leaf(3.0)
    m.register_full_backward_pre_hook(lambda module, go: go[0] * 10)
    m.register_full_backward_hook(lambda module, gi, go: gi[0] + go[0])
    m(x).sum().backward()
    assert numbers(x.grad) == [30.0]
    assert numbers(m.w.grad) == [30.0]


@pytest.mark.parametrize(
    ("register", "hook", "message"),
    [
        ("register_full_backward_hook", lambda m, gi, go: (gi[0], gi[0]), "returned 2 gradients; the module has 1 in"),
        ("register_full_backward_pre_hook", lambda m, go: (go[0],), "returned 1 gradients; the module has 2 out"),
    ],
)
def test_a_wrong_number_of_gradients(register, hook, message):
    m = Scale()
    getattr(m, register)(hook)
    with pytest.raises(RuntimeError, match=message):
        m(leaf(1.0))[0].sum().backward()


def test_errors_of_backward_hooks():
    m = One()
    m.register_full_backward_hook(lambda module, gi, go: (go[0],))
    with pytest.raises(RuntimeError, match="no input requires grad"):
        m(leaf(1.0).detach()).sum().backward()

    class Dict(nn.Module):
        def forward(self, a):
            return {"y": a}

    d = Dict()
    d.register_full_backward_hook(print)
    with pytest.raises(TypeError, match="Dict returned dict"):
        d(leaf(1.0))
    m = One()
    m.register_full_backward_hook(lambda module, gi, go: ("x",))
    with pytest.raises(TypeError, match="returned 'x'"):
        m(leaf(1.0)).sum().backward()
    m = One()
    m.register_full_backward_hook(lambda module, gi, go: (tg.ones(3, dtype=np.float64),))
    with pytest.raises(RuntimeError, match=r"shape \(3,\)"):
        m(leaf(1.0)).sum().backward()


def test_backward_hooks_at_second_order():
    m, x, seen = One(), leaf(3.0), []
    m.register_full_backward_hook(lambda module, gi, go: seen.append((numbers(gi[0]), numbers(go[0]))))
    (g,) = grad(m(x).square().sum(), x, create_graph=True)  # 2 w**2 x
    assert seen == [([24.0], [12.0])]
    (gg,) = grad(g.sum(), x)
    assert numbers(gg) == [8.0]
    assert seen[1:] == [([8.0], [4.0])]


def test_hooks_of_nested_modules_in_a_checkpoint():
    def run(through):
        generator = tg.Generator(0)
        net = nn.Sequential(nn.Linear(2, 3, generator=generator), nn.Tanh(), nn.Linear(3, 1, generator=generator))
        seen = []
        for module in net:
            module.register_full_backward_hook(
                lambda module, gi, go, seen=seen: seen.append((type(module).__name__, numbers(gi[0]), numbers(go[0])))
            )
        x = tg.tensor(np.ones((2, 2), np.float32), requires_grad=True)
        through(net, x).sum().backward()
        return seen, numbers(x.grad)

    plain = run(lambda net, x: net(x))
    assert [name for name, _, _ in plain[0]] == ["Linear", "Tanh", "Linear"]
    assert run(checkpoint) == plain


def test_modules_without_hooks_keep_nothing_and_hooks_can_be_copied():
    m = One()
    assert "_hooks" not in m.__dict__
    m.register_forward_hook(_double)
    other = copy.deepcopy(m)
    assert numbers(other(leaf(3.0))) == [12.0]
    other.register_forward_hook(_double)
    assert numbers(other(leaf(3.0))) == [24.0]
    assert numbers(m(leaf(3.0))) == [12.0]
    assert list(m.state_dict()) == ["w"]


def _double(module, inputs, output):
    return output * 2


def test_module_hooks_leave_no_cycles():
    gc.collect()
    gc.disable()
    try:
        for use in ("backward", "second order", "parameters only", "nothing"):
            m, x = One(), leaf(3.0)
            m.register_full_backward_hook(lambda module, gi, go: None)
            m.register_full_backward_pre_hook(lambda module, go: None)
            y = m(x).square().sum()
            if use == "backward":
                y.backward()
            elif use == "second order":
                grad(grad(y, x, create_graph=True)[0].sum(), x)
            elif use == "parameters only":
                grad(y, m.w, create_graph=True)
            del m, x, y
            assert gc.collect() == 0, use
    finally:
        gc.enable()


def test_a_hook_may_be_registered_on_a_parameter():
    layer = nn.Linear(2, 2)
    layer.weight.register_hook(lambda g: g.clip(-0.5, 0.5))
    layer(tg.ones(3, 2)).sum().backward()
    assert numbers(layer.weight.grad) == [[0.5, 0.5]] * 2
    assert isinstance(layer.weight, Tensor)
