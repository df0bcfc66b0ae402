"""The checker itself: what is right passes, and every kind of wrong gradient is found, with a message that helps."""

import argparse

import numpy as np
import pytest

import tinygen as tg
from tinygen.autograd import Function
from tinygen.cli import gradcheck as command
from tinygen.testing import GradcheckError, assert_close, gradcheck, gradgradcheck
from tinygen.testing.records import RECORDS, find


def leaf(shape=(3, 4), seed=0):
    return tg.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def function(forward, backward):
    """An op from two functions on (ctx, x) and (ctx, x, gy)."""

    class Made(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save(x)
            return forward(x)

        @staticmethod
        def backward(ctx, gy):
            return backward(ctx.saved[0], gy)

    return Made.apply


def test_right_gradients_pass():
    assert gradcheck(lambda x: x * x, leaf()) is True
    assert gradgradcheck(lambda x: x * x * x, leaf()) is True
    assert gradcheck(lambda x, y: (x @ y, (x * 2).sum()), [leaf((3, 4)), leaf((4, 2), 1)], full=True)
    assert gradcheck(tg.exp, leaf(()), full=True)
    assert gradcheck(lambda x: x.sum(), leaf((0, 3)), full=True)
    assert gradcheck(lambda x: x.reshape(-1)[::2], leaf(), full=True)
    assert gradcheck(lambda x: (x, x.argmax()), leaf())  # integers are ignored


WRONG = {
    "a factor": function(lambda x: x * x, lambda x, gy: gy * x),
    "a sign": function(lambda x: x * x, lambda x, gy: -2 * x * gy),
    "one element": function(
        lambda x: x * 1, lambda x, gy: gy * tg.tensor([[1.0] * 4, [1, 1, 1.001, 1], [1.0] * 4])
    ),
    "permuted": function(lambda x: x * 1, lambda x, gy: gy.flip(1)),
    "zero": function(lambda x: x * 1, lambda x, gy: gy * 0),
    "nan": function(lambda x: x * 1, lambda x, gy: gy * float("nan")),
    "ones for a cotangent": function(lambda x: x * 1, lambda x, gy: tg.ones_like(gy)),
    "a softmax that forgets the sum": function(
        lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
        lambda x, gy: tg.softmax(x, -1) * gy - tg.softmax(x, -1) * gy.mean(-1, keepdim=True),
    ),
}


@pytest.mark.parametrize("op", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("full", [False, True])
def test_wrong_gradients_are_found(op, full):
    with pytest.raises(GradcheckError, match="backward gives"):
        gradcheck(op, leaf(), full=full)


def test_the_message_says_where():
    with pytest.raises(GradcheckError) as caught:
        gradcheck(WRONG["one element"], leaf(), name="mine")
    text = str(caught.value)
    assert text.startswith("mine: gradient of input 0 of shape (3, 4) is wrong")
    assert "furthest at [1, 2]" in text
    assert "against" in text
    with pytest.raises(GradcheckError, match=r"d\(output 0\)/d\(input 0\) at \[1, 2\], \[1, 2\]"):
        gradcheck(WRONG["one element"], leaf(), full=True, directions=0)
    with pytest.raises(GradcheckError, match="gradient of input 1"):
        gradcheck(lambda x, y: x + WRONG["a sign"](y), [leaf(), leaf(seed=1)])


def test_wrong_second_derivatives_are_found():
    constant = function(
        lambda x: x**3, lambda x, gy: gy * (3 * x.detach() * x.detach())
    )  # forgets that x matters
    assert gradcheck(constant, leaf())
    with pytest.raises(GradcheckError, match="gradient of input 0: gradient of input 0"):
        gradgradcheck(constant, leaf())
    hidden = function(lambda x: x * 2, lambda x, gy: gy.detach() * 2)  # forgets that gy matters
    assert gradcheck(hidden, leaf())
    with pytest.raises(GradcheckError, match="gradient of input 0: gradient of input 1"):
        gradgradcheck(hidden, leaf())


def test_a_recorded_gradient_that_differs_is_found():
    differs = function(lambda x: x * 2, lambda x, gy: gy * (3 if tg.is_grad_enabled() else 2))
    assert gradcheck(differs, leaf())
    with pytest.raises(GradcheckError, match="changes when it is recorded"):
        gradgradcheck(differs, leaf())


def test_changed_inputs_are_found():
    def writes(x):
        x._data[0, 0] += 1e-3
        return x * 1

    with pytest.raises(GradcheckError, match="input 0 was changed"):
        gradcheck(writes, leaf())


def test_memory_with_gaps_is_tried():
    def reads_memory(x):
        """As a kernel would that ignores strides."""
        flat = x._data.base if x._data.base is not None and x._data.base.size > x._data.size else x._data
        return x * float(flat.reshape(-1)[1])

    with pytest.raises(GradcheckError, match="if memory has gaps"):
        gradcheck(
            reads_memory, tg.tensor(np.arange(12.0).reshape(3, 4) / 7, requires_grad=True), directions=0
        )


def test_what_cannot_be_checked():
    with pytest.raises(TypeError, match=r"`inputs\[0\]` is float32"):
        gradcheck(tg.exp, tg.ones(2, requires_grad=True))
    with pytest.raises(TypeError, match="none has requires_grad"):
        gradcheck(tg.exp, tg.ones(2))
    with pytest.raises(TypeError, match=r"`inputs\[0\]` is ndarray"):
        gradcheck(tg.exp, [np.ones(2)])
    with pytest.raises(TypeError, match="`function` returned float"):
        gradcheck(lambda x: 1.0, leaf())
    with pytest.raises(GradcheckError, match="output 0 is float32 though the inputs are float64"):
        gradcheck(lambda x: x.float(), leaf())


def test_the_result_is_the_same_every_time():
    messages = set()
    for _ in range(3):
        with pytest.raises(GradcheckError) as caught:
            gradcheck(WRONG["a factor"], leaf())
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_assert_close():
    assert_close(tg.ones(2), np.ones(2, np.float32))
    assert_close(np.float32(1), np.float32(1))
    assert_close(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]))
    assert_close(np.ones(0), np.ones(0))
    assert_close(np.array([1, 2]), np.array([1, 2]))
    assert_close(np.array([1.0 + 5e-6], np.float32), np.array([1.0], np.float32))
    cases = [
        (np.ones(2), np.ones(3), r"shape \(2,\), expected float64 of shape \(3,\)"),
        (np.ones(2), np.ones(2, np.float32), "got float64"),
        (np.array([1.0, 2.0, 9.0]), np.array([1.0, 2.0, 3.0]), r"1 of 3 elements differ; worst at \[2\]"),
        (np.array([np.nan]), np.array([1.0]), "differ"),
        (np.array([1.0]), np.array([np.inf]), "differ"),
        (np.array([-np.inf]), np.array([np.inf]), "differ"),
        (np.array([1, 2]), np.array([1, 3]), "differ"),
        (np.array([True]), np.array([False]), "differ"),
        (np.array(1.0 + 1e-6), np.array(1.0), r"worst at \[\]"),
    ]
    for actual, expected, message in cases:
        with pytest.raises(AssertionError, match=message):
            assert_close(actual, expected)
    with pytest.raises(AssertionError, match="here: "):
        assert_close(np.ones(1), np.zeros(1), message="here")
    assert_close(np.ones(1), np.zeros(1), atol=1.0)


# The command ------------------------------------------------------------------------------------------------


def run(*words):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return command.run(parser.parse_args(["gradcheck", *words]))


def test_command(capsys):
    assert run("tanh", "matmul") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["tanh", "matmul"]
    assert "order 1" in lines[0]
    assert "order 2" in lines[0]
    assert "tolerance" in lines[0]
    assert run("softmax", "--order", "1") == 0
    assert run("transpose", "expand") == 0
    assert "broadcast_to" in capsys.readouterr().out


def test_command_with_an_unknown_op():
    with pytest.raises(ValueError, match=r"`op` is 'sofmax'; no op has that name, close ones are softmax"):
        run("sofmax")
    with pytest.raises(ValueError, match=r"`op` is 'qqqq'.*there are "):
        run("qqqq")


@pytest.mark.parametrize("order", ["3", "0", "x", ""])
def test_command_with_an_unknown_order(order):
    with pytest.raises(ValueError, match="`--order` is"):
        run("tanh", "--order", order)


def test_command_fails_where_a_gradient_is_wrong(monkeypatch, capsys):
    wrong = RECORDS["tanh"].__class__(
        **{**RECORDS["square"].__dict__, "name": "wrong", "function": WRONG["a factor"]}
    )
    monkeypatch.setitem(RECORDS, "wrong", wrong)
    assert run("wrong", "tanh") == 1
    out = capsys.readouterr().out
    assert "FAILED" in out
    assert "wrong, sample" in out


def test_find():
    assert [r.name for r in find(["exp", "expand", "broadcast_to"])] == ["exp", "broadcast_to"]
    assert len(find([])) == len(RECORDS)
