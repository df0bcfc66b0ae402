import numpy as np
import pytest

from tinygen_ops import adam, global_norm, rmsprop, sgd

SIZES = [(57, 64), (3, 5, 7), (7,), (16,), (), (0,), (8192,), (8201,), (3, 8192)]
COMMON = [{}, {"weight_decay": 0.1}, {"clip_value": 0.3}, {"grad_scale": 0.25, "clip_value": 0.1, "weight_decay": 0.2}]


@pytest.fixture
def lists(normal):
    """lists(3): parameters, gradients and so many lists of states, the states positive."""

    def draw(states):
        groups = [[normal(*size) for size in SIZES] for _ in range(2)]
        return *groups, *([np.asarray(np.abs(normal(*size)) + 0.5) for size in SIZES] for _ in range(states))

    return draw


def prepared(p, g, weight_decay=0.0, clip_value=np.inf, grad_scale=1.0):
    return np.clip(grad_scale * g, -clip_value, clip_value) + weight_decay * p


def check(update, formula, arrays, **settings):
    """Run `update` in place on copies and compare with `formula` in float64; gradients stay as they are."""
    wanted = [formula(*(array.astype(np.float64) for array in group)) for group in zip(*arrays, strict=True)]
    params, grads, *states = ([array.copy() for array in group] for group in arrays)
    assert update(params, grads, *states, **settings) is None
    for k, (p, *rest) in enumerate(wanted):
        np.testing.assert_allclose(params[k], p, rtol=2e-6, atol=2e-6)
        for state, expected in zip(states, rest, strict=True):
            np.testing.assert_allclose(state[k], expected, rtol=2e-6, atol=2e-6)
        np.testing.assert_array_equal(grads[k], arrays[1][k])


@pytest.mark.parametrize("common", COMMON, ids=str)
@pytest.mark.parametrize(
    "settings",
    [
        None,
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.9, "dampening": 0.3},
        {"momentum": 0.9, "dampening": 0.3, "first_step": True},
    ],
    ids=str,
)
def test_sgd(form, lists, settings, common):
    def formula(p, g, b=None):
        g = prepared(p, g, **common)
        if settings is None:
            return (p - 0.1 * g,)
        mu = settings["momentum"]
        b = g if settings.get("first_step") else mu * b + (1 - settings.get("dampening", 0)) * g
        return p - 0.1 * (g + mu * b if settings.get("nesterov") else b), b

    check(sgd, formula, lists(settings is not None), lr=0.1, **(settings or {}), **common)


@pytest.mark.parametrize("common", COMMON, ids=str)
@pytest.mark.parametrize(("centred", "momentum"), [(False, 0), (True, 0), (False, 0.8), (True, 0.8)])
def test_rmsprop(form, lists, centred, momentum, common):
    alpha, eps, lr = 0.9, 1e-3, 0.01

    def formula(p, g, v, a, b):
        g = prepared(p, g, **common)
        v = alpha * v + (1 - alpha) * g * g
        a = alpha * a + (1 - alpha) * g
        d = g / (np.sqrt(v - a * a if centred else v) + eps)
        b = momentum * b + d
        return p - lr * (b if momentum else d), v, *([a] if centred else []), *([b] if momentum else [])

    params, grads, v, a, b = lists(3)
    v, a = (
        [np.asarray(4 + x) for x in v],
        [np.asarray(x / 4) for x in a],
    )  # a variance of at least 1, so that nothing cancels
    wanted = [formula(*(np.float64(x) for x in group)) for group in zip(params, grads, v, a, b, strict=True)]
    kept = [g.copy() for g in grads]
    states = {"grad_avg": a if centred else None, "momentum_buffer": b if momentum else None}
    rmsprop(params, grads, v, **states, lr=lr, alpha=alpha, eps=eps, momentum=momentum, **common)
    changed = [group for group in (params, v, states["grad_avg"], states["momentum_buffer"]) if group is not None]
    for k, expected in enumerate(wanted):
        for group, value in zip(changed, expected, strict=True):
            np.testing.assert_allclose(group[k], value, rtol=2e-6, atol=2e-6)
        np.testing.assert_array_equal(grads[k], kept[k])


@pytest.mark.parametrize("common", COMMON, ids=str)
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("step", [1, 10])
def test_adam(form, lists, step, decoupled, common):
    beta1, beta2, eps, lr = 0.8, 0.95, 1e-4, 0.01

    def formula(p, g, m, v):
        decay = common.get("weight_decay", 0.0)
        g = prepared(p, g, **{**common, "weight_decay": 0.0 if decoupled else decay})
        p = p * (1 - lr * decay) if decoupled else p
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        return p - lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps), m, v

    settings = {"beta1": beta1, "beta2": beta2, "eps": eps, "lr": lr, "step": step, "decoupled": decoupled}
    check(adam, formula, lists(2), **settings, **common)


def test_gradients_may_be_views_read_only_and_shared(form, normal):
    params = [normal(40, 30) for _ in range(3)]
    flat = normal(30, 40)
    shared = np.broadcast_to(np.float32(0.5), (40, 30))
    grads = [flat.T, shared, shared]
    flat.setflags(write=False)
    wanted = [p - 0.1 * g for p, g in zip(params, grads, strict=True)]
    sgd(params, grads, lr=0.1)
    for p, expected in zip(params, wanted, strict=True):
        np.testing.assert_allclose(p, expected, rtol=1e-6, atol=1e-7)


def test_parameters_that_are_views_or_float64_are_updated_too(form, normal):
    base, wide = normal(20, 20), normal(4).astype(np.float64)
    before = base.copy()
    sgd([base[::2], wide], [np.ones((10, 20), np.float32), np.ones(4)], lr=1.0)
    np.testing.assert_allclose(base[::2], before[::2] - 1)
    np.testing.assert_array_equal(base[1::2], before[1::2])


def test_nothing_is_written_beside_the_arrays(form, rng):
    """Parameter, gradient and states lie between canaries in one buffer, for every rest of a vector."""
    for size in [*range(1, 34), 8191, 8193]:
        buffer = np.full(4 * (size + 8) + 8, 77, np.float32)
        views = [buffer[8 + k * (size + 8) :][:size] for k in range(4)]
        inside = np.zeros(len(buffer), bool)
        for k, view in enumerate(views):
            view[:] = rng.random(size)
            inside[8 + k * (size + 8) :][:size] = True
        p, g, m, v = ([view] for view in views)
        adam(p, g, m, v, step=1, lr=0.1)
        rmsprop(p, g, v, None, m, lr=0.1, momentum=0.5)
        sgd(p, g, m, lr=0.1, momentum=0.5)
        assert (buffer[~inside] == 77).all()


def test_not_a_number_is_not_clipped_away(form):
    p, g = [np.ones(40, np.float32)], [np.full(40, np.nan, np.float32)]
    sgd(p, g, lr=0.1, clip_value=1.0)
    assert np.isnan(p[0]).all()


def test_no_parameters_are_fine(form):
    sgd([], [], lr=0.1)
    rmsprop([], [], [], lr=0.1)
    adam([], [], [], [], step=1, lr=0.1)
    assert global_norm([]) == 0


def test_any_number_of_threads_gives_the_same_bits(thread_counts, lists):
    params, grads, m, v = lists(2)

    def run():
        groups = [[array.copy() for array in group] for group in (params, m, v)]
        adam(groups[0], grads, *groups[1:], step=3, lr=0.1)
        return [array for group in groups for array in group]

    for one, many in zip(*thread_counts(run), strict=True):
        np.testing.assert_array_equal(one, many)


def test_global_norm(form, normal):
    grads = [normal(40, 3), normal(7), normal()]
    exact = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads))
    np.testing.assert_allclose(global_norm(grads), exact, rtol=1e-6)
    assert global_norm([np.full(3, 1e30, np.float32)]) == pytest.approx(3**0.5 * 1e30, rel=1e-6)


def test_errors_name_the_argument(form, normal):
    p, g = [normal(3), normal(2)], [normal(3), normal(2)]
    with pytest.raises(ValueError, match="`grads` has 1 arrays"):
        sgd(p, g[:1], lr=0.1)
    with pytest.raises(ValueError, match=r"`square_avg\[1\]` has shape \(3,\)"):
        rmsprop(p, g, [normal(3), normal(3)], lr=0.1)
    with pytest.raises(ValueError, match="`exp_avg_sq` has 0"):
        adam(p, g, p, [], lr=0.1, step=1)
    with pytest.raises(ValueError, match="`step` is 0"):
        adam(p, g, p, g, lr=0.1, step=0)


@pytest.mark.torch
def test_against_torch(form, normal):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    start, grads = normal(50, 3), [normal(50, 3) for _ in range(4)]
    optim = torch.optim
    cases = [
        (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.1}),
        (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        (optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-7, "weight_decay": 0.1}),
        (optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "centered": True, "eps": 1e-3}),
        (optim.Adam, {"lr": 0.01, "weight_decay": 0.1}),
        (optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
    ]
    for kind, settings in cases:
        leaf = torch.from_numpy(start.copy()).requires_grad_()
        torch_optimizer, p = kind([leaf], **settings), [start.copy()]
        s1, s2, s3 = ([np.zeros_like(start)] for _ in range(3))
        for step, g in enumerate(grads, 1):
            leaf.grad = torch.from_numpy(g.copy())
            torch_optimizer.step()
            ours = {k: v for k, v in settings.items() if k != "centered"}
            if kind is optim.SGD:
                sgd(p, [g], s1, first_step=step == 1, **ours)
            elif kind is optim.RMSprop:
                centred = settings.get("centered")
                rmsprop(p, [g], s1, s2 if centred else None, s3 if settings.get("momentum") else None, **ours)
            else:
                adam(p, [g], s1, s2, step=step, decoupled=kind is optim.AdamW, **ours)
        np.testing.assert_allclose(p[0], leaf.detach().numpy(), rtol=1e-5, atol=1e-5, err_msg=str((kind, settings)))
