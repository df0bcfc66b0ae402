"""SGD, RMSprop, Adam, AdamW and the schedules against PyTorch, option by option, ten steps each."""

import inspect
import itertools

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim

pytestmark = pytest.mark.torch

STEPS = 10
TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}
SHAPES = ((3, 5), (7,), ())


def every(**options):
    """All combinations of the options' values."""
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


SWEEP = [
    *(("SGD", {"lr": 0.1, **o}) for o in every(weight_decay=(0, 0.1), maximize=(False, True))),
    *(
        ("SGD", {"lr": 0.1, "momentum": 0.9, **o})
        for o in every(dampening=(0, 0.3), weight_decay=(0, 0.1), maximize=(False, True))
    ),
    *(
        ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, **o})
        for o in every(weight_decay=(0, 0.1), maximize=(False, True))
    ),
    *(
        ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-4, **o})
        for o in every(centered=(False, True), momentum=(0, 0.5), weight_decay=(0, 0.1), maximize=(False, True))
    ),
    *(
        (rule, {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-6, **o})
        for rule in ("Adam", "AdamW")
        for o in every(amsgrad=(False, True), weight_decay=(0, 0.1), maximize=(False, True))
    ),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    *((rule, {}) for rule in ("SGD", "RMSprop", "Adam", "AdamW")),  # the defaults
    *((rule, {"foreach": True}) for rule in ("SGD", "RMSprop", "Adam", "AdamW")),  # taken, without effect
    *((rule, {"fused": True}) for rule in ("SGD", "Adam", "AdamW")),
]


def arrays(seed, dtype):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


class Sides:
    """The same parameters, with us and with PyTorch."""

    def __init__(self, torch, dtype):
        self.torch, self.dtype = torch, dtype
        self.ours = [nn.Parameter(a) for a in arrays(0, dtype)]
        self.theirs = [torch.nn.Parameter(torch.from_numpy(a)) for a in arrays(0, dtype)]

    def gradients(self, seed, skip=()):
        for i, (p, q, g) in enumerate(zip(self.ours, self.theirs, arrays(seed, self.dtype), strict=True)):
            p.grad = None if i in skip else tg.tensor(g)
            q.grad = None if i in skip else self.torch.from_numpy(g.copy())

    def agree(self):
        for p, q in zip(self.ours, self.theirs, strict=True):
            found, expected = p.detach().numpy(), q.detach().numpy()
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=TOLERANCE[self.dtype], atol=TOLERANCE[self.dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("rule", "options"), SWEEP, ids=[f"{r} {' '.join(f'{k}={v}' for k, v in o.items())}" for r, o in SWEEP]
)
def test_ten_steps(torch, rule, options, dtype):
    sides = Sides(torch, dtype)
    mine, peer = getattr(optim, rule)(sides.ours, **options), getattr(torch.optim, rule)(sides.theirs, **options)
    for step in range(STEPS):
        # one parameter without a gradient now and then: it stays, and does not count the step
        sides.gradients(step + 1, skip=(1,) if step in (0, 4) else ())
        mine.step()
        peer.step()
    sides.agree()


@pytest.mark.parametrize("rule", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_zero_gradients_and_a_closure(torch, rule):
    options = {"lr": 0.1, "weight_decay": 0.1, **({"momentum": 0.9} if rule in ("SGD", "RMSprop") else {})}
    sides = Sides(torch, np.float64)
    mine, peer = getattr(optim, rule)(sides.ours, **options), getattr(torch.optim, rule)(sides.theirs, **options)

    def ours():
        mine.zero_grad()
        loss = sum((p * p * p).sum() for p in sides.ours)
        loss.backward()
        return loss

    def theirs():
        peer.zero_grad()
        loss = sum((p * p * p).sum() for p in sides.theirs)
        loss.backward()
        return loss

    for _ in range(3):
        with tg.no_grad():  # a closure records nevertheless
            found = mine.step(ours).item()
        assert found == pytest.approx(peer.step(theirs).item(), rel=1e-12)
        mine.zero_grad(set_to_none=False)
        peer.zero_grad(set_to_none=False)
        mine.step()
        peer.step()
    sides.agree()


def test_groups_one_of_them_later_and_settings_changed_on_the_way(torch):
    sides = Sides(torch, np.float64)
    both = []
    for rule, (a, b, c) in ((optim.SGD, sides.ours), (torch.optim.SGD, sides.theirs)):
        both.append((rule([{"params": [a], "lr": 0.5}, {"params": b, "momentum": 0.9}], lr=0.1, weight_decay=0.01), c))
    for step in range(STEPS):
        sides.gradients(step + 1)
        for optimizer, c in both:
            if step == 3:
                optimizer.add_param_group({"params": c, "lr": 0.2, "momentum": 0.5})
            if step == 5:
                optimizer.param_groups[0]["lr"] = 0.3
                optimizer.param_groups[0]["momentum"] = 0.8  # buffers that were not there before
                optimizer.param_groups[1]["weight_decay"] = 0.2
            optimizer.step()
    sides.agree()


@pytest.mark.parametrize(("rule", "options"), [SWEEP[6], SWEEP[20], ("Adam", {"amsgrad": True}), ("AdamW", {})])
def test_a_continued_run_agrees_too(torch, rule, options):
    sides = Sides(torch, np.float64)
    peer = getattr(torch.optim, rule)(sides.theirs, **options)
    mine = getattr(optim, rule)(sides.ours, **options)
    for step in range(STEPS):
        if step == 5:  # a fresh optimiser with other settings takes over all of it
            state = mine.state_dict()
            mine = getattr(optim, rule)(sides.ours, lr=123.0)
            mine.load_state_dict(state)
        sides.gradients(step + 1)
        mine.step()
        peer.step()
    sides.agree()


@pytest.mark.parametrize("rule", ["SGD", "RMSprop", "Adam", "AdamW", "LBFGS"])
def test_arguments_come_in_the_same_order(torch, rule):
    ours = inspect.signature(getattr(optim, rule)).parameters
    theirs = inspect.signature(getattr(torch.optim, rule)).parameters
    positional = [[n for n, p in s.items() if p.kind is p.POSITIONAL_OR_KEYWORD] for s in (ours, theirs)]
    assert positional[0] == positional[1]
    assert set(theirs) <= set(ours)
    for name, parameter in theirs.items():
        if (rule, name) != ("LBFGS", "line_search_fn"):  # on by default here
            assert ours[name].default == parameter.default


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("SGD", {"lr": -1}),
        ("SGD", {"momentum": -0.1}),
        ("SGD", {"weight_decay": -0.1}),
        ("SGD", {"nesterov": True}),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}),
        ("RMSprop", {"lr": -1}),
        ("RMSprop", {"eps": -1}),
        ("RMSprop", {"alpha": -1}),
        ("RMSprop", {"momentum": -1}),
        ("RMSprop", {"weight_decay": -1}),
        ("Adam", {"betas": (1.0, 0.9)}),
        ("Adam", {"betas": (0.9, -0.1)}),
        ("Adam", {"eps": -1}),
        ("AdamW", {"weight_decay": -1}),
        ("LBFGS", {"lr": -1}),
    ],
)
def test_what_pytorch_refuses_is_refused(torch, rule, options):
    for library, p in ((optim, nn.Parameter(np.ones(2))), (torch.optim, torch.nn.Parameter(torch.ones(2)))):
        with pytest.raises(ValueError):
            getattr(library, rule)([p], **options)


def two_groups(torch):
    """For us and for PyTorch: the library, and an optimiser with learning rates 2 and 0.3."""
    for library, make in ((optim, lambda: nn.Parameter(np.ones(2))), (torch.optim, lambda: torch.ones(2))):
        yield library, library.SGD([{"params": [make()]}, {"params": [make()], "lr": 0.3}], lr=2.0)


def factor_a(epoch):
    return 1 / (1 + epoch)


def factor_b(epoch):
    return 0.9**epoch


@pytest.mark.parametrize(
    ("schedule", "arguments", "steps"),
    [
        ("StepLR", {"step_size": 3, "gamma": 0.5}, 12),
        ("ExponentialLR", {"gamma": 0.8}, 12),
        ("LambdaLR", {"lr_lambda": factor_a}, 12),
        ("LambdaLR", {"lr_lambda": [factor_a, factor_b]}, 12),
        ("CosineAnnealingLR", {"T_max": 12, "eta_min": 0.05}, 12),  # after T_max PyTorch's rate rises again
    ],
)
def test_schedules(torch, schedule, arguments, steps):
    rates = []
    for library, optimizer in two_groups(torch):
        scheduler = getattr(library.lr_scheduler, schedule)(optimizer, **arguments)
        found = [scheduler.get_last_lr()]
        for _ in range(steps):
            optimizer.step()
            scheduler.step()
            found.append(scheduler.get_last_lr())
        rates.append(found)
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"patience": 1, "factor": 0.5, "cooldown": 2},
        {"mode": "max", "patience": 0, "factor": 0.3, "min_lr": 0.2},
        {"threshold_mode": "abs", "threshold": 0.2, "patience": 1, "min_lr": [0.5, 0.01]},
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 2, "eps": 0.2},
    ],
)
def test_plateau(torch, arguments):
    values = np.random.default_rng(0).standard_normal(40).cumsum() * 0.3
    rates = []
    for library, optimizer in two_groups(torch):
        scheduler = library.lr_scheduler.ReduceLROnPlateau(optimizer, **arguments)
        found = []
        for value in values:
            scheduler.step(value)
            found.append([group["lr"] for group in optimizer.param_groups])
        rates.append(found)
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-12)
