"""Losses: what the records do not show: stability, conventions, second order at special points, the layers."""

import functools

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F


def drawn(*shape, seed=0):
    return tg.tensor(np.random.default_rng(seed).uniform(0.1, 0.9, shape), requires_grad=True)


def second(function, x):
    """d2f/dx2 of a function of single numbers, element by element."""
    x = tg.tensor(np.asarray(x, np.float64), requires_grad=True)
    (first,) = tg.autograd.grad(function(x).sum(), x, create_graph=True)
    (result,) = tg.autograd.grad(first.sum(), x)
    return first.detach().numpy(), result.numpy()


def test_saturated_logits_in_float32():
    x = tg.tensor([-200.0, -30.0, 30.0, 200.0], requires_grad=True)
    losses = F.binary_cross_entropy_with_logits(x, tg.tensor([0.0, 0.0, 1.0, 1.0]), reduction="none")
    np.testing.assert_allclose(losses.detach().numpy(), 0, atol=1e-12)
    losses.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 0, atol=1e-12)
    wrong = F.binary_cross_entropy_with_logits(x.detach(), tg.tensor([1.0, 1.0, 0.0, 0.0]), reduction="none")
    np.testing.assert_allclose(wrong.numpy(), [200, 30, 30, 200], rtol=1e-6)


def test_logits_of_zero_have_their_curvature():
    """A network that begins with zeros: sigmoid' = 1/4. A form with |x| would give 0 here."""
    first, curvature = second(lambda x: F.binary_cross_entropy_with_logits(x, tg.full_like(x, 0.3)), [0.0])
    np.testing.assert_allclose((first, curvature), ([0.2], [0.25]))


def test_huber_at_no_error_has_its_curvature():
    zero = tg.zeros(2, dtype=np.float64)
    for name, options, curvature in (
        ("huber_loss", {"delta": 0.5}, 1),
        ("smooth_l1_loss", {"beta": 0.5}, 2),
        ("mse_loss", {}, 2),
    ):
        loss = functools.partial(getattr(F, name), target=zero, reduction="sum", **options)
        found = second(loss, [0.0, 3.0])
        np.testing.assert_allclose(found[1], [curvature, 2 if name == "mse_loss" else 0], err_msg=name)


def test_probabilities_of_zero_and_one():
    x = tg.tensor([0.0, 0.0, 1.0, 1.0], requires_grad=True)
    t = tg.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    losses = F.binary_cross_entropy(x, t, reduction="none")
    assert losses.tolist() == [0, 100, 100, 0]
    losses.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [0, -1e12, 1e12, 0], rtol=1e-6)
    np.testing.assert_allclose(t.grad.numpy(), [100, 100, -100, -100])
    # and the second order stays finite there
    x, t = (tg.tensor(a.detach().numpy().astype(np.float64), requires_grad=True) for a in (x, t))
    first = tg.autograd.grad(F.binary_cross_entropy(x, t), [x, t], create_graph=True)
    for g in tg.autograd.grad(first[0].sum() + first[1].sum(), [x, t]):
        assert np.isfinite(g.numpy()).all()


def test_binary_cross_entropy_is_that_of_two_classes():
    x, t = drawn(7), drawn(7, seed=1).detach()
    two = tg.stack([tg.log(1 - x), tg.log(x)], 1)
    expected = F.cross_entropy(two, tg.stack([1 - t, t], 1))
    np.testing.assert_allclose(F.binary_cross_entropy(x, t).item(), expected.item())
    np.testing.assert_allclose(F.binary_cross_entropy_with_logits(tg.log(x / (1 - x)), t).item(), expected.item())


def test_divergence_is_cross_entropy_less_entropy():
    logits, p = drawn(4, 5), F.softmax(drawn(4, 5, seed=1), 1).detach()
    logs = F.log_softmax(logits, 1)
    entropy = -(p * tg.log(p)).sum() / 4
    expected = F.cross_entropy(logits, p) - entropy
    np.testing.assert_allclose(F.kl_div(logs, p, "batchmean").item(), expected.item())
    np.testing.assert_allclose(F.kl_div(logs, tg.log(p), "batchmean", log_target=True).item(), expected.item())
    np.testing.assert_allclose(F.kl_div(tg.log(p), p, "sum").item(), 0, atol=1e-15)


def test_a_target_of_zero_probability_gives_numbers():
    x, t = drawn(3), tg.tensor(np.array([0.0, 0.5, 0.5]), requires_grad=True)
    F.kl_div(x, t, "sum").backward()
    np.testing.assert_allclose(t.grad.numpy(), [-x[0].item(), *(np.log(0.5) + 1 - x.detach().numpy()[1:])])


def test_all_rows_ignored():
    x, t = drawn(2, 3), tg.tensor([-100, -100])
    for loss in (F.cross_entropy, F.nll_loss):
        assert np.isnan(loss(x, t).item())
        total = loss(x, t, reduction="sum")
        total.backward()
        assert total.item() == 0
        assert not x.grad.numpy().any()
        x.grad = None


def test_an_ignored_row_may_hold_anything():
    x = tg.tensor([[0.0, np.nan], [1.0, 2.0]], requires_grad=True)
    t = tg.tensor([-100, 1])
    for options in ({}, {"label_smoothing": 0.1}, {"weight": tg.tensor([1.0, 2.0])}):
        loss = F.cross_entropy(x, t, **options)
        np.testing.assert_allclose(loss.item(), F.cross_entropy(x[1:], t[1:], **options).item(), rtol=1e-6)


def test_fused_and_composed_cross_entropy_agree():
    """Weights of one take the composed path, none the fused one."""
    x, t = drawn(6, 5), tg.tensor([0, 4, -100, 2, 1, 3])
    ones = tg.ones(5, dtype=np.float64)
    for reduction in ("mean", "sum", "none"):
        fused, composed = F.cross_entropy(x, t, reduction=reduction), F.cross_entropy(x, t, ones, reduction=reduction)
        np.testing.assert_allclose(fused.detach().numpy(), composed.detach().numpy(), rtol=1e-12)
    a, b = (tg.autograd.grad(F.cross_entropy(x, t, w), x)[0].numpy() for w in (None, ones))
    np.testing.assert_allclose(a, b, atol=1e-15)


def test_classes_on_a_device_are_not_waited_for(fake):
    x = drawn(4, 3).detach().to("fake")
    x.requires_grad = True
    t = tg.tensor([0, 2, -100, 1]).to("fake")
    fake.waits.clear()
    for options in ({}, {"label_smoothing": 0.1}, {"weight": tg.ones(3, dtype=np.float64).to("fake")}):
        F.cross_entropy(x, t, **options).backward()
    F.binary_cross_entropy(x, x.detach()).backward()  # its range is not looked at there
    assert fake.waits == []


def test_weights_need_no_gradient_within_no_grad():
    x, t, weight = drawn(2, 3), tg.tensor([0, 1]), drawn(3)
    with pytest.raises(RuntimeError, match=r"`weight` requires grad.*weight\.detach\(\)"):
        F.cross_entropy(x, t, weight)
    with tg.no_grad():
        F.cross_entropy(x, t, weight)
    F.cross_entropy(x, F.softmax(x, 1), weight).backward()  # with probabilities it gets one
    assert weight.grad.shape == (3,)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, t: F.mse_loss(x, t, None, None, "sum"),
        lambda x, t: F.l1_loss(x, t, True),
        lambda x, t: F.smooth_l1_loss(x, t, None, None, "sum"),
        lambda x, t: F.binary_cross_entropy(x, t, None, None, None, "sum"),
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, None, True),
        lambda x, t: F.kl_div(x, t, False),
        lambda x, t: F.cross_entropy(x, t, None, True),
        lambda x, t: F.cross_entropy(x, t, None, None, -100, None, "sum"),
        lambda x, t: F.mse_loss(x, t, size_average=True),
        lambda x, t: nn.MSELoss(True),
        lambda x, t: nn.CrossEntropyLoss(None, True),
        lambda x, t: nn.BCELoss(None, None, None, "sum"),
    ],
)
def test_the_old_size_average_and_reduce_are_refused(call):
    """PyTorch's old arguments stand before ``reduction``; a call that still gives them must not mean something else."""
    with pytest.raises((TypeError, ValueError)):
        call(drawn(2, 3).detach(), drawn(2, 3, seed=1).detach())


def test_layers_keep_their_weights_with_the_state():
    layer = nn.CrossEntropyLoss(tg.tensor([1.0, 2.0, 3.0]), label_smoothing=0.1)
    assert list(layer.state_dict()) == ["weight"]
    assert list(layer.parameters()) == []
    layer.load_state_dict({"weight": np.array([2.0, 2.0, 2.0])})
    x, t = tg.tensor(drawn(4, 3).detach().numpy().astype(np.float32)), tg.tensor([0, 1, 2, 0])
    expected = F.cross_entropy(x, t, tg.full((3,), 2.0), label_smoothing=0.1)
    assert layer(x, t).item() == expected.item()
    assert list(nn.BCEWithLogitsLoss(pos_weight=tg.ones(3)).state_dict()) == ["pos_weight"]
    assert list(nn.MSELoss().state_dict()) == []
    assert repr(nn.HuberLoss(delta=2.0)) == "HuberLoss()"
