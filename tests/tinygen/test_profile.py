"""The profile: what it counts is what happened. (Never how long it took.)"""

import gc

import numpy as np
import pytest

import tinygen as tg
from tinygen.autograd import Function, checkpoint, grad, profile
from tinygen.modes import mode

N = 1000  # elements; 8 bytes each


def leaf(n=N):
    return tg.tensor(np.linspace(0.1, 1.0, n), requires_grad=True)


def counts(p):
    return {(row.op, row.phase): row.calls for row in p.rows}


def row(p, op, phase):
    (found,) = [r for r in p.rows if (r.op, r.phase) == (op, phase)]
    return found


def test_calls_by_phase():
    x = leaf()
    with profile() as p:
        y = (tg.tanh(x) * x).sum()
        y.backward()
    found = counts(p)
    assert found["Tanh", "forward"] == found["Tanh", "backward"] == 1
    assert found["Mul", "forward"] == found["Mul", "backward"] == 1
    assert found["Sum", "forward"] == found["Sum", "backward"] == 1
    assert found["Mul", "in backward"] >= 2
    assert found["Add", "in backward"] == 1  # x was used twice: the engine adds
    before = dict(found)
    tg.tanh(x).sum().backward()  # outside
    assert counts(p) == before
    with p:
        tg.tanh(x)
    assert counts(p)["Tanh", "forward"] == 2


def test_times_add_up():
    x = leaf()
    with profile() as p:
        for _ in range(5):
            tg.softmax(x.exp().reshape(10, 100), 1).square().sum().backward()
    assert p.other > 0
    assert sum(r.self for r in p.rows) + p.other == pytest.approx(p.wall)
    for r in p.rows:
        assert 0 < r.self <= r.total
        if r.phase != "backward":
            assert r.self == r.total
    inside = sum(r.total for r in p.rows if r.phase == "in backward")
    steps = sum(r.total - r.self for r in p.rows if r.phase == "backward")
    assert 0 < steps <= inside * (1 + 1e-9)  # the others are the engine's sums
    assert [r.self for r in p.rows] == sorted((r.self for r in p.rows), reverse=True)


def test_second_order():
    x = leaf()
    with profile() as p:
        (g,) = grad((x * x * x).sum(), x, create_graph=True)
        g.sum().backward()
    assert sum(r.self for r in p.rows) + p.other == pytest.approx(p.wall)
    assert counts(p)["Mul", "backward"] > counts(p)["Mul", "forward"]


def test_bytes():
    x, data = leaf(), tg.tensor(np.ones(N))
    with profile() as p:
        y = tg.exp(x)  # keeps its result
        z = y * data  # keeps both; y is counted already
        z.reshape(10, 100).sum().backward()
    assert (row(p, "Exp", "forward").made, row(p, "Exp", "forward").kept) == (8 * N, 8 * N)
    assert (row(p, "Mul", "forward").made, row(p, "Mul", "forward").kept) == (8 * N, 8 * N)
    assert row(p, "Reshape", "forward").made == 0  # a view
    assert row(p, "Sum", "forward").made == 8
    w = leaf()
    with profile() as p:
        (w.square() * w.reshape(N)).sum()
    assert row(p, "Square", "forward").kept == 0  # the parameter itself
    assert row(p, "Mul", "forward").kept == 8 * N  # the square; the view of w is w's memory


def test_fused_ops():
    logits, labels = tg.randn(8, 5, requires_grad=True), tg.tensor([0, 1, 2, 3, 4, 0, 1, 2])
    with profile() as p:
        tg.nn.functional.cross_entropy(logits, labels).backward()
    (fused,) = [r for r in p.rows if r.phase == "backward" and r.made and r.op != "Sum"]
    assert fused.made >= 8 * 5 * 4  # by its kernel
    with profile() as p:
        grad(tg.nn.functional.cross_entropy(logits, labels), logits, create_graph=True)
    assert counts(p)[fused.op, "backward"] == 1
    assert len([key for key in counts(p) if key[1] == "backward"]) > 2  # the reference is differentiated inside
    assert sum(r.self for r in p.rows) + p.other == pytest.approx(p.wall)


def test_recomputation():
    x = leaf()
    for kept, order in ((8 * N, lambda f, a: f(a)), (0, checkpoint)):
        with profile() as p:
            order(lambda a: tg.exp(a) * 2.0, x).sum().backward()
        assert row(p, "Exp", "forward").kept == kept
        assert (("Exp", "recomputed") in counts(p)) == (kept == 0)
        assert sum(r.self for r in p.rows) + p.other == pytest.approx(p.wall)
    assert counts(p)["Exp", "recomputed"] == 1
    assert row(p, "Exp", "recomputed").kept == 8 * N
    assert counts(p)["Exp", "backward"] == 1


def test_table():
    x = leaf()
    with profile() as p:
        for _ in range(3):
            (tg.tanh(x) + x).sum().backward()
    text = str(p)
    lines = text.splitlines()
    assert lines[0].split() == "op phase calls total ms self ms of wall made MB kept MB".split()
    assert len(lines) == len(p.rows) + 3
    assert lines[-2].startswith("other ")
    assert lines[-1].startswith("wall ")
    assert lines[-1].split()[1] == str(sum(r.calls for r in p.rows))
    assert "100.0%" in lines[-1]
    assert len({len(line) for line in lines if line != lines[-2]}) == 1  # aligned
    by_name = p.table("op").splitlines()[1:-2]
    assert [line.split()[0] for line in by_name] == sorted(r.op for r in p.rows)
    first = p.table("calls", limit=1).splitlines()
    assert int(first[1].replace("in backward", "in").split()[2]) == max(r.calls for r in p.rows)
    assert f"{len(p.rows) - 1} more" in first[2]
    assert len(first) == 5
    for name in ("self", "total", "made", "kept"):
        p.table(name)
    with pytest.raises(ValueError, match=r"`sort_by` is 'cuda'; valid are self, total"):
        p.table("cuda")
    with profile() as empty:
        pass
    assert empty.rows == []
    assert str(empty).splitlines()[1].startswith("other")


class Wrong(Function):
    """Raises in backward."""

    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, gy):
        tg.exp(gy)
        raise KeyError("wrong")


def test_errors_leave_it_whole():
    x = leaf()
    with profile() as p:
        with pytest.raises(KeyError):
            Wrong.apply(x).sum().backward()
        with pytest.raises(ValueError):
            x.reshape(3, 5)
        tg.exp(x).sum().backward()
        with pytest.raises(RuntimeError, match="under way"):
            p.__enter__()
    assert counts(p)["Exp", "in backward"] >= 1
    assert sum(r.self for r in p.rows) + p.other == pytest.approx(p.wall)
    assert mode.watchers == ()
    with pytest.raises(ZeroDivisionError), profile():
        1 / 0  # noqa: B018
    assert mode.watchers == ()


def test_profiles_in_profiles_and_with_anomaly_detection():
    x = leaf()
    with profile() as outer, tg.autograd.detect_anomaly():
        tg.exp(x)
        with profile() as inner:
            tg.exp(x).sum().backward()
    assert counts(outer)["Exp", "forward"] == 2
    assert counts(inner)["Exp", "forward"] == 1
    assert counts(inner)["Exp", "backward"] == counts(outer)["Exp", "backward"] == 1


def test_it_keeps_nothing_alive():
    gc.collect()
    gc.disable()
    try:
        with profile() as p:
            x = leaf()
            tg.exp(x).sum().backward()
            grad(tg.exp(x).sum(), x, create_graph=True)
        del x
        assert gc.collect() == 0
        assert p._known == {}
    finally:
        gc.enable()


def test_on_a_device(fake):
    x = tg.ones(3).to("fake")
    x.requires_grad = True
    fake.waits.clear()
    with profile() as p:
        tg.exp(x).sum().backward()
    assert "those of the launches" in str(p)
    assert "launches" not in str(profile(synchronize=True))
    assert row(p, "Exp", "forward").made == 12
    assert not fake.waits
