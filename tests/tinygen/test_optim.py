"""Optimisers against a textbook loop and PyTorch; states that continue bit for bit; schedules."""

import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim
from tinygen.optim import lr_scheduler

RULES = {
    "sgd": (optim.SGD, "SGD", {"lr": 0.1}),
    "sgd momentum": (optim.SGD, "SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    "sgd nesterov": (optim.SGD, "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "rmsprop": (optim.RMSprop, "RMSprop", {"lr": 0.01}),
    "rmsprop all": (
        optim.RMSprop,
        "RMSprop",
        {"lr": 0.01, "alpha": 0.9, "eps": 1e-7, "centered": True, "momentum": 0.5, "weight_decay": 0.1},
    ),
    "adam": (optim.Adam, "Adam", {"lr": 0.01}),
    "adam decay": (optim.Adam, "Adam", {"lr": 0.01, "betas": (0.8, 0.99), "weight_decay": 0.1}),
    "adam amsgrad": (optim.Adam, "Adam", {"lr": 0.01, "amsgrad": True}),
    "adamw": (optim.AdamW, "AdamW", {"lr": 0.01, "weight_decay": 0.1}),
}
SHAPES = ((3, 5), (7,), ())


def arrays(seed, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def run(rule, settings, steps, dtype=np.float32, state=None, start=0, params=None):
    params = params or [nn.Parameter(a) for a in arrays(0, dtype)]
    optimizer = rule(params, **settings)
    if state is not None:
        optimizer.load_state_dict(state)
    for step in range(start, start + steps):
        for p, g in zip(params, arrays(step + 1, dtype), strict=True):
            p.grad = tg.tensor(g)
        optimizer.step()
    return params, optimizer


@pytest.mark.torch
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_agrees_with_torch(name, dtype):
    torch = pytest.importorskip("torch")
    rule, theirs, settings = RULES[name]
    params, _ = run(rule, settings, 5, dtype)
    peers = [torch.nn.Parameter(torch.from_numpy(a)) for a in arrays(0, dtype)]
    peer = getattr(torch.optim, theirs)(peers, **settings)
    for step in range(5):
        for p, g in zip(peers, arrays(step + 1, dtype), strict=True):
            p.grad = torch.from_numpy(g)
        peer.step()
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    for p, q in zip(params, peers, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance)


def test_rmsprop_in_keras_form_by_hand():
    settings = {"lr": 0.1, "alpha": 0.9, "eps": 1e-7, "clip_value": 0.5, "decay": 0.2}
    params, _ = run(optim.RMSprop, settings, 4, np.float64)
    for i, p in enumerate(arrays(0, np.float64)):
        v = np.zeros_like(p)
        for t in range(4):
            g = np.clip(arrays(t + 1, np.float64)[i], -0.5, 0.5)  # clipped before it is squared
            v = 0.9 * v + 0.1 * g * g
            p = p - 0.1 / (1 + 0.2 * t) * g / (np.sqrt(v) + 1e-7)
        np.testing.assert_allclose(params[i].detach().numpy(), p, rtol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_state_continues_bit_for_bit(name, tmp_path):
    rule, _, settings = RULES[name]
    whole, _ = run(rule, settings, 6)
    half, optimizer = run(rule, settings, 3)
    state = optimizer.state_dict()
    copies = [nn.Parameter(p.detach().numpy().copy()) for p in half]
    resumed, _ = run(rule, settings, 3, state=state, start=3, params=copies)
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    # loading copies: the first optimiser's arrays are not shared
    untouched = rule([nn.Parameter(a) for a in arrays(0)], **settings)
    untouched.load_state_dict(state)
    assert all(
        mine is not theirs
        for i, group in untouched.state.items()
        for mine, theirs in zip(group.values(), state["state"][str(i)].values(), strict=True)
    )


def test_parameters_without_gradient_stay_and_count_their_own_steps():
    a, b = (nn.Parameter(np.ones(3, np.float64)) for _ in range(2))
    optimizer = optim.Adam([a, b], lr=0.1)
    a.grad = tg.ones(3).double()
    optimizer.step()
    assert b.detach().tolist() == [1, 1, 1]
    b.grad = tg.ones(3).double()
    optimizer.step()
    # for b it is the first step: Adam's corrected first step is lr exactly (up to eps)
    np.testing.assert_allclose(b.detach().numpy(), 0.9, rtol=1e-7)


def test_groups_have_settings_of_their_own():
    a, b = (nn.Parameter(np.ones(2, np.float32)) for _ in range(2))
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": b}], lr=0.5)
    a.grad = b.grad = tg.ones(2)
    optimizer.step()
    assert a.detach().tolist() == [0, 0]
    assert b.detach().tolist() == [0.5, 0.5]


def test_closure_and_zero_grad():
    a = nn.Parameter(np.full(2, 2.0, np.float32))
    optimizer = optim.SGD([a], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (a * a).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 8
    assert a.detach().tolist() == [1, 1]
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert a.grad is None


def test_a_step_between_forward_and_backward_is_noticed():
    a = nn.Parameter(np.ones(2, np.float32))
    optimizer = optim.SGD([a], lr=0.5)
    loss = (a * a).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match="written to after"):
        loss.backward()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD([]), "`params` is empty"),
        (lambda: optim.Adam([nn.Parameter(np.ones(1, np.float32))], lr=-1), "`lr` is -1"),
        (lambda: optim.Adam([nn.Parameter(np.ones(1, np.float32))], betas=(1.0, 0.9)), r"`betas\[0\]` is 1.0"),
        (lambda: optim.RMSprop([nn.Parameter(np.ones(1, np.float32))], alpha=2), "`alpha` is 2"),
        (lambda: optim.SGD([nn.Parameter(np.ones(1, np.float32))], nesterov=True), "`nesterov` is True"),
        (lambda: optim.SGD([{"params": nn.Parameter(np.ones(1, np.float32)), "beta": 1}]), "unknown settings"),
        (lambda: optim.SGD([{"lr": 1.0}]), "`params` must be there"),
        (
            lambda: optim.SGD([nn.Parameter(np.ones(1))], momentum=0.9, nesterov=True, dampening=0.1),
            "`dampening` is 0.1; it needs 0",
        ),
        (lambda: optim.SGD([nn.Parameter(np.ones(1))], differentiable=True), "`differentiable` is True"),
        (lambda: optim.Adam([nn.Parameter(np.ones(1))], capturable=True), "`capturable` is True"),
        (lambda: optim.RMSprop([nn.Parameter(np.ones(1))], capturable=True), "`capturable` is True"),
        (lambda: optim.SGD([nn.Parameter(np.ones(1))], lr=math.nan), "`lr` is nan"),
        (lambda: lr_scheduler.ReduceLROnPlateau(one(), mode="up"), "`mode` is 'up'"),
        (lambda: lr_scheduler.ReduceLROnPlateau(one(), threshold_mode="x"), "`threshold_mode` is 'x'"),
        (lambda: lr_scheduler.ReduceLROnPlateau(one(), min_lr=[0.1, 0.2]), "`min_lr` has 2 values"),
        (lambda: lr_scheduler.LambdaLR(one(), [abs, abs]), "`lr_lambda` has 2 functions"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_duplicates_and_other_things_are_refused():
    a = nn.Parameter(np.ones(1, np.float32))
    with pytest.raises(ValueError, match="twice"):
        optim.SGD([a, a])
    with pytest.raises(TypeError, match="leaf"):
        optim.SGD([a * 2])
    with pytest.raises(TypeError, match="one Tensor"):
        optim.SGD(a)
    with pytest.raises(TypeError, match="`lr` is tensor"):
        optim.SGD([a], lr=tg.tensor(0.1))
    optimizer = optim.SGD([a])
    with pytest.raises(ValueError, match="twice"):
        optimizer.add_param_group({"params": a})


@pytest.mark.parametrize("name", RULES)
def test_same_on_a_device_and_the_state_comes_along(name, fake):
    rule, _, settings = RULES[name]
    expected, _ = run(rule, settings, 4)

    def part(params, start, state=None):
        optimizer = rule(params, **settings)
        if state is not None:
            optimizer.load_state_dict(state)
        for step in (start, start + 1):
            for p, g in zip(params, arrays(step + 1), strict=True):
                p.grad = tg.tensor(g, device="fake")
            fake.waits.clear()
            optimizer.step()
            assert not fake.waits
        return optimizer.state_dict()

    params = [nn.Parameter(tg.tensor(a, device="fake").data) for a in arrays(0)]
    part(params, 2, state=part(params, 0))
    for p, q in zip(params, expected, strict=True):
        assert p.device == "fake:0"
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=2e-6, atol=1e-7)


def one():
    return optim.SGD([nn.Parameter(np.ones(1, np.float32))], lr=2.0)


def rates(scheduler_of, steps):
    optimizer = optim.SGD([nn.Parameter(np.ones(1, np.float32))], lr=2.0)
    scheduler = scheduler_of(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return found


def test_schedules():
    assert rates(lambda o: lr_scheduler.StepLR(o, 2, 0.5), 5) == [2, 2, 1, 1, 0.5]
    assert rates(lambda o: lr_scheduler.ExponentialLR(o, 0.5), 3) == [2, 1, 0.5]
    assert rates(lambda o: lr_scheduler.LambdaLR(o, lambda e: e + 1), 3) == [2, 4, 6]
    cosine = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 4, eta_min=0.2), 6)
    expected = [0.2 + 1.8 * (1 + math.cos(math.pi * min(t / 4, 1))) / 2 for t in range(6)]
    assert cosine == pytest.approx(expected)
    warm = rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 6, warmup=2), 3)
    assert warm == pytest.approx([2 / 3, 4 / 3, 2.0])


def test_plateau_lowers_after_patience():
    optimizer = optim.SGD([nn.Parameter(np.ones(1, np.float32))], lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    seen = []
    for value in (3, 2, 2, 2, 2, 1):
        scheduler.step(value)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5]


def test_the_lowest_rate_is_that_of_every_group():
    a, b = (nn.Parameter(np.ones(1, np.float32)) for _ in range(2))
    optimizer = optim.SGD([{"params": a, "lr": 2.0}, {"params": b, "lr": 0.5}])
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 2, eta_min=0.1)
    for _ in range(3):
        scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.1, 0.1])


def test_a_group_that_joins_later_is_scheduled_too():
    optimizer = one()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    scheduler.step()
    optimizer.add_param_group({"params": nn.Parameter(np.ones(1, np.float32)), "lr": 8.0})
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5, 2.0]


def test_schedule_state_round_trip():
    optimizer = optim.SGD([nn.Parameter(np.ones(1, np.float32))], lr=1.0)
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    scheduler.step()
    other = lr_scheduler.StepLR(optim.SGD([nn.Parameter(np.ones(1, np.float32))], lr=1.0), 1, 0.5)
    other.load_state_dict(scheduler.state_dict())
    assert other.get_last_lr() == [0.5]
