"""L-BFGS: standard problems, what it says at the end, state, what is not finite, and how often it waits."""

import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim
from tinygen.optim.line_search import C1, C2, Trial, cubic_minimum, strong_wolfe


def rosenbrock(x):
    return (100 * (x[1::2] - x[::2] ** 2) ** 2 + (1 - x[::2]) ** 2).sum()


def powell(x):
    return (
        (x[0] + 10 * x[1]) ** 2 + 5 * (x[2] - x[3]) ** 2 + (x[1] - 2 * x[2]) ** 4 + 10 * (x[0] - x[3]) ** 4
    )  # fmt: skip


def wood(x):
    return (
        100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + 90 * (x[3] - x[2] ** 2) ** 2 + (1 - x[2]) ** 2
        + 10 * (x[1] + x[3] - 2) ** 2 + (x[1] - x[3]) ** 2 / 10
    )  # fmt: skip


def beale(x):
    return (
        (1.5 - x[0] * (1 - x[1])) ** 2 + (2.25 - x[0] * (1 - x[1] ** 2)) ** 2 + (2.625 - x[0] * (1 - x[1] ** 3)) ** 2
    )  # fmt: skip


def brown(x):
    return (x[0] - 1e6) ** 2 + (x[1] - 2e-6) ** 2 + (x[0] * x[1] - 2) ** 2


# Moré, Garbow and Hillstrom (1981): where to start, and a minimum (all have the value 0)
PROBLEMS = {
    "rosenbrock": (rosenbrock, [-1.2, 1.0], [1.0, 1.0]),
    "rosenbrock 100": (rosenbrock, [-1.2, 1.0] * 50, [1.0, 1.0] * 50),
    "powell": (powell, [3.0, -1.0, 0.0, 1.0], [0.0] * 4),
    "wood": (wood, [-3.0, -1.0, -3.0, -1.0], [1.0] * 4),
    "beale": (beale, [1.0, 1.0], [3.0, 0.5]),
    "brown": (brown, [1.0, 1.0], [1e6, 2e-6]),
}
SETTINGS = {"max_iter": 500, "tolerance_grad": 1e-7, "tolerance_change": 0, "history_size": 10}


def closure_of(optimizer, p, loss):
    def closure():
        optimizer.zero_grad()
        value = loss(p)
        value.backward()
        return value

    return closure


def minimised(loss, start, **settings):
    p = nn.Parameter(np.array(start))
    optimizer = optim.LBFGS([p], **{**SETTINGS, **settings})
    optimizer.step(closure_of(optimizer, p, loss))
    return p, optimizer


@pytest.mark.parametrize("name", PROBLEMS)
def test_finds_the_minimum(name):
    loss, start, minimum = PROBLEMS[name]
    p, optimizer = minimised(loss, start)
    assert optimizer.status == "gradient"
    assert float(loss(p)) == optimizer.loss < 1e-10
    # Powell's function is flat to fourth order at its minimum
    np.testing.assert_allclose(p.detach().numpy(), minimum, rtol=1e-5, atol=0.01 if name == "powell" else 1e-6)


@pytest.mark.parametrize("name", PROBLEMS)
def test_as_many_evaluations_as_scipy(name):
    """Within a third and 5, from the same start to the same gradient."""
    scipy = pytest.importorskip("scipy.optimize", reason="SciPy is not installed")
    loss, start, _ = PROBLEMS[name]
    counted = []

    def function(x):
        p = nn.Parameter(x.copy())
        value = loss(p)
        value.backward()
        if not counted or counted[-1] > SETTINGS["tolerance_grad"]:
            counted.append(float(abs(p.grad).max()))
        return float(value), p.grad.numpy()

    scipy.fmin_l_bfgs_b(function, np.array(start), m=10, factr=0, pgtol=SETTINGS["tolerance_grad"])
    _, optimizer = minimised(loss, start)
    assert abs(optimizer.evaluations - len(counted)) <= len(counted) / 3 + 5


@pytest.mark.torch
@pytest.mark.parametrize("name", ["rosenbrock", "wood", "beale", "brown"])
def test_the_same_minimum_as_pytorch(name, torch):
    """Powell's function is left out: PyTorch refuses its pairs (s.y below 1e-10) and stalls there."""
    loss, start, _ = PROBLEMS[name]
    p = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    peer = torch.optim.LBFGS(
        [p], max_iter=500, max_eval=700, tolerance_grad=1e-7, tolerance_change=0, history_size=10,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    peer.step(closure_of(peer, p, loss))
    ours, optimizer = minimised(loss, start)
    np.testing.assert_allclose(ours.detach().numpy(), p.detach().numpy(), rtol=1e-5)
    assert optimizer.evaluations <= 1.2 * peer.state[p]["func_evals"] + 5


@pytest.mark.torch
def test_fixed_steps_are_those_of_pytorch(torch):
    loss, start, _ = PROBLEMS["rosenbrock"]
    paths = []
    for p, make in (
        (nn.Parameter(np.array(start)), optim.LBFGS),
        (torch.tensor(start, dtype=torch.float64, requires_grad=True), torch.optim.LBFGS),
    ):
        optimizer = make([p], lr=0.1, max_iter=4, tolerance_change=0, history_size=5, line_search_fn=None)
        path = []
        for _ in range(3):
            optimizer.step(closure_of(optimizer, p, loss))
            path.append(p.detach().numpy().copy())
        paths.append(path)
    np.testing.assert_allclose(*paths, rtol=1e-9)


def test_large_quadratic():
    """100,000 unknowns, curvatures from 1 to 10,000."""
    h = tg.tensor(np.logspace(0, 4, 100_000))
    p, optimizer = minimised(lambda x: (h * x * x).sum() / 2, np.ones(100_000), max_iter=2000, tolerance_grad=1e-4)
    assert optimizer.status == "gradient"
    assert optimizer.loss < 1e-7
    assert abs(p.detach().numpy()).max() < 1e-4
    assert optimizer.evaluations < 1000  # 804 when this was written


def test_several_parameters_of_any_shape_move_as_one():
    start = np.array([-1.2, 1.0] * 6)
    whole, one = minimised(rosenbrock, start, max_iter=12)
    parts = [nn.Parameter(a.copy()) for a in (start[:1].reshape(()), start[1:5].reshape(2, 2), start[5:])]
    many = optim.LBFGS(parts, **{**SETTINGS, "max_iter": 12})

    def closure():
        many.zero_grad()
        value = rosenbrock(tg.cat([q.reshape(-1) for q in parts]))
        value.backward()
        return value

    many.step(closure)
    assert many.evaluations == one.evaluations
    joined = np.concatenate([q.detach().numpy().reshape(-1) for q in parts])
    np.testing.assert_array_equal(joined, whole.detach().numpy())


@pytest.mark.parametrize("fn", ["strong_wolfe", None])
def test_continues_bit_for_bit(fn):
    """Three calls, and one, a new optimiser with its state, two: the same bytes."""
    loss, start, _ = PROBLEMS["wood"]
    settings = {"max_iter": 4, "history_size": 3, "line_search_fn": fn, "lr": 1.0 if fn else 1e-3}

    def calls(p, optimizer, count):
        for _ in range(count):
            optimizer.step(closure_of(optimizer, p, loss))

    p = nn.Parameter(np.array(start))
    through = optim.LBFGS([p], **settings)
    calls(p, through, 3)
    q = nn.Parameter(np.array(start))
    first = optim.LBFGS([q], **settings)
    calls(q, first, 1)
    second = optim.LBFGS([q], **settings)
    second.load_state_dict(first.state_dict())
    calls(q, second, 2)
    assert q.detach().numpy().tobytes() == p.detach().numpy().tobytes()
    assert (second.evaluations, second.iterations, second.loss, second.status) == (
        through.evaluations, through.iterations, through.loss, through.status,
    )  # fmt: skip


def test_state_of_other_parameters_is_refused():
    _, optimizer = minimised(rosenbrock, [-1.2, 1.0], max_iter=3)
    other = optim.LBFGS([nn.Parameter(np.zeros(3))])
    with pytest.raises(ValueError, match="other parameters"):
        other.load_state_dict(optimizer.state_dict())


@pytest.mark.parametrize(("settings", "status"), [
    ({}, "gradient"), ({"max_iter": 2, "max_eval": 99}, "max_iter"), ({"max_eval": 3}, "max_eval"),
    ({"tolerance_change": 0.01}, "change"),
])  # fmt: skip
def test_status(settings, status):
    assert minimised(rosenbrock, [-1.2, 1.0], **settings)[1].status == status


def test_status_of_a_loss_that_belies_its_gradient():
    p = nn.Parameter(np.ones(2))
    optimizer = optim.LBFGS([p], max_eval=200)

    def closure():
        p.grad = -tg.ones(2, dtype=np.float64)  # says: upwards is down
        return (p.detach() * p.detach()).sum()

    optimizer.step(closure)
    assert optimizer.status == "line_search"
    np.testing.assert_array_equal(p.detach().numpy(), 1)


@pytest.mark.parametrize("fn", ["strong_wolfe", None])
def test_nan_at_the_start_changes_nothing(fn):
    p, optimizer = minimised(lambda x: (x * math.nan).sum(), [1.0, 2.0], line_search_fn=fn)
    assert optimizer.status == "non_finite"
    np.testing.assert_array_equal(p.detach().numpy(), [1, 2])


def test_steps_into_nan_are_taken_back():
    """-log x + x has its minimum at 1; a first step of 100 leads to negative x, where the log is NaN."""
    with np.errstate(invalid="ignore"):
        p, optimizer = minimised(lambda x: (x - x.log()).sum(), [5.0, 0.2], lr=100.0)
    assert optimizer.status == "gradient"
    np.testing.assert_allclose(p.detach().numpy(), 1, rtol=1e-6)


def test_a_fixed_step_into_nan_is_taken_back():
    with np.errstate(invalid="ignore"):
        p, optimizer = minimised(lambda x: (x - x.log()).sum(), [5.0], lr=100.0, line_search_fn=None)
    assert optimizer.status == "non_finite"
    np.testing.assert_array_equal(p.detach().numpy(), 5)


def test_nan_now_and_then_never_stays():
    rng = np.random.default_rng(0)

    def loss(x):
        value = rosenbrock(x)
        return value * math.nan if rng.random() < 0.3 else value

    p = nn.Parameter(np.array([-1.2, 1.0] * 3))
    optimizer = optim.LBFGS([p], max_iter=5)
    for _ in range(40):
        optimizer.step(closure_of(optimizer, p, loss))
        assert np.isfinite(p.detach().numpy()).all()
    assert float(rosenbrock(p)) < 1e-3


def test_a_closure_that_raises_leaves_the_best_point():
    p = nn.Parameter(np.array([-1.2, 1.0]))
    optimizer = optim.LBFGS([p], **SETTINGS)
    good, losses = closure_of(optimizer, p, rosenbrock), []

    def closure():
        if len(losses) == 8:
            raise KeyboardInterrupt
        value = good()
        losses.append(float(value))
        return value

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert float(rosenbrock(p)) == optimizer.loss == min(losses)
    losses.clear()
    closure_again = closure_of(optimizer, p, rosenbrock)
    optimizer.step(closure_again)
    assert optimizer.status == "gradient"


def test_stays_on_the_device(fake):
    """The same path as on the host, and the waits that the module's text states."""
    start = np.array([-1.2, 1.0] * 4, np.float32)
    ours, on_host = minimised(rosenbrock, start, max_iter=10)
    p = nn.Parameter(tg.tensor(start, device="fake"))
    optimizer = optim.LBFGS([p], **{**SETTINGS, "max_iter": 10})
    fake.waits.clear()
    optimizer.step(closure_of(optimizer, p, rosenbrock))
    waits = len(fake.waits)
    assert p.device == "fake:0"
    assert optimizer.iterations == on_host.iterations == 10
    # the evaluations, and for each iteration the products with the history and the slope; the first products
    assert waits == optimizer.evaluations + 2 * optimizer.iterations + 1
    np.testing.assert_allclose(p.detach().to("cpu").numpy(), ours.detach().numpy(), rtol=1e-3)


@pytest.mark.parametrize(("settings", "message"), [
    ({"lr": -1.0}, "`lr`"), ({"max_iter": 0}, "`max_iter`"), ({"max_eval": 0}, "`max_eval`"),
    ({"history_size": 0}, "`history_size`"), ({"line_search_fn": "armijo"}, "'strong_wolfe' and None"),
    ({"tolerance_grad": math.nan}, "`tolerance_grad`"),
])  # fmt: skip
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        optim.LBFGS([nn.Parameter(np.ones(2))], **settings)


def test_what_it_refuses():
    a, b = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    with pytest.raises(ValueError, match="more than one group"):
        optim.LBFGS([{"params": [a]}, {"params": [b]}])
    with pytest.raises(ValueError, match="no elements"):
        optim.LBFGS([nn.Parameter(np.ones(0))])
    with pytest.raises(TypeError, match="`closure`"):
        optim.LBFGS([a]).step(None)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        optim.LBFGS([a]).step(lambda: a * 2)


# The line search ---------------------------------------------------------------------------------------------

CURVES = {
    "quadratic": lambda t: ((t - 3) ** 2, 2 * (t - 3)),
    "far minimum": lambda t: ((t - 3000) ** 2, 2 * (t - 3000)),
    "near minimum": lambda t: ((t - 1e-3) ** 2 * 1e4, 2e4 * (t - 1e-3)),
    "quartic": lambda t: ((t - 2) ** 4, 4 * (t - 2) ** 3),
    "a wall of NaN": lambda t: (t - math.log(t / 5), 1 - 1 / t) if 0 < t < 1.5 else (math.nan, math.nan),
    "waves": lambda t: (math.sin(5 * t) / 5 - t / 2 + t * t / 100, math.cos(5 * t) - 0.5 + t / 50),
}


@pytest.mark.parametrize("name", CURVES)
def test_line_search_meets_both_conditions(name):
    f = CURVES[name]
    origin = 0.01 if "wall" in name else 0.3 if name == "waves" else 0.0
    loss, slope = f(origin)
    assert slope < 0
    found, met = strong_wolfe(lambda t: Trial(t, *f(origin + t), largest=1.0), Trial(0.0, loss, slope, 1.0), 1.0)
    assert met
    assert found.loss <= loss + C1 * found.t * slope
    assert abs(found.slope) <= C2 * abs(slope)
    assert (found.loss, found.slope) == f(origin + found.t)


def test_line_search_without_an_end_returns_the_best():
    start, tried = Trial(0.0, 0.0, -1.0, 1.0), []

    def falling(t):
        tried.append(t)
        return Trial(t, -t, -1.0, 1.0)

    found, met = strong_wolfe(falling, start, 1.0, max_evaluations=6)
    assert not met
    assert len(tried) == 6
    assert found.t == max(tried)


def test_cubic_minimum():
    def cubic(t):  # minimum at 2, maximum at 0
        return Trial(t, t**3 - 3 * t * t, 3 * t * t - 6 * t)

    assert cubic_minimum(cubic(0.5), cubic(3.0)) == pytest.approx(2)
    assert cubic_minimum(cubic(3.0), cubic(0.5)) == pytest.approx(2)
    assert cubic_minimum(Trial(0.0, 0.0, -1.0), Trial(1.0, -1.0, -1.0)) is None  # a straight line
