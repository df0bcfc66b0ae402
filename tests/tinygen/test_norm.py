"""Normalisation: what the records do not show: running statistics, precision, the layers' states, second order."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import functional as F
from tinygen.ops.norm import Normalize
from tinygen.testing.gradcheck import gradcheck, gradgradcheck
from tinygen_ops import norm_forward


def drawn(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# The kernel and the op ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (1, 2), (0, 1, 2)])
def test_kernel_against_its_definition(axes):
    x, w, b = drawn(3, 4, 5), drawn(1, 4, 1, seed=1), drawn(1, 4, 1, seed=2)
    y, mean, inv_std = norm_forward(x, w, b, axes, 0.1)
    expected = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 0.1) * w + b
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mean, x.mean(axes, keepdims=True), atol=1e-14)
    np.testing.assert_allclose(inv_std, 1 / np.sqrt(x.var(axes, keepdims=True) + 0.1))


@pytest.mark.parametrize(
    ("shape", "axes"), [((64, 32, 14, 14), (0, 2, 3)), ((256, 512), (1,)), ((20000, 4), (0,)), ((4, 3, 100000), (2,))]
)
def test_a_mean_far_from_zero(shape, axes):
    """Mean 10000 and deviation 1 in float32: the spacing of the numbers is 0.001, the error stays a tenth of that."""
    x = drawn(*shape, dtype=np.float32) + np.float32(1e4)
    y, mean, inv_std = norm_forward(x, None, None, axes, 1e-5)
    wide = x.astype(np.float64)
    true_mean, true_std = wide.mean(axes, keepdims=True), np.sqrt(wide.var(axes, keepdims=True) + 1e-5)
    assert y.dtype == mean.dtype == inv_std.dtype == np.float32
    assert np.abs(y - (wide - true_mean) / true_std).max() < 1e-4
    np.testing.assert_allclose(mean, true_mean, rtol=2e-7)
    np.testing.assert_allclose(inv_std, 1 / true_std, rtol=1e-5)


def test_all_three_outputs_have_gradients():
    """The running statistics do not ask for those of the mean and of the inverse deviation; whoever does gets them."""
    x = tg.tensor(drawn(3, 4, 5), requires_grad=True)
    for axes in ((1,), (0, 2)):
        for kept in ((0,), (1,), (2,), (0, 1, 2)):

            def some(x, axes=axes, kept=kept):
                results = Normalize.apply(x, axes=axes, eps=0.1)
                return tuple(results[i] for i in kept)

            assert gradcheck(some, [x], full=True)
            assert gradgradcheck(some, [x])


def test_the_inverse_deviation_is_no_constant():
    """Second order by hand: two values +-a, so y = a / sqrt(a**2 + eps) and d2y/da2 = -3 a eps (a**2 + eps)**-2.5."""
    eps = 0.5
    a = tg.tensor(np.array(0.7), requires_grad=True)
    y = F.layer_norm(tg.stack([a, -a]), (2,), eps=eps)[0]
    (first,) = tg.autograd.grad(y, a, create_graph=True)
    (second,) = tg.autograd.grad(first, a)
    spread = 0.7**2 + eps
    assert first.item() == pytest.approx(eps * spread**-1.5)
    assert second.item() == pytest.approx(-3 * 0.7 * eps * spread**-2.5)


def test_constant_and_infinite_input_without_warnings():
    x = tg.ones(2, 3, requires_grad=True)
    y = F.layer_norm(x, (3,))
    y.sum().backward()
    assert (y.detach().numpy() == 0).all()
    assert (x.grad.numpy() == 0).all()
    assert np.isnan(F.layer_norm(x, (3,), eps=0.0).detach().numpy()).all()
    assert np.isnan(F.layer_norm(tg.tensor([1.0, np.inf, 0.0]), (3,)).numpy()).all()
    zero = tg.zeros(3)
    assert np.isinf(F.batch_norm(x.detach(), zero, zero, eps=0.0).numpy()).all()


def test_half_precision_is_computed_wide():
    """Squares of 300 overflow float16, a sum over 4096 numbers of 30 too."""
    x = (drawn(2, 4096) * 300).astype(np.float16)
    y = F.layer_norm(tg.tensor(x), (4096,))
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(1, keepdims=True)) / wide.std(1, keepdims=True)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.numpy(), expected, atol=2e-3)
    leaf = tg.tensor(x, requires_grad=True)
    F.layer_norm(leaf, (4096,)).sum().backward()
    assert leaf.grad.dtype == np.float16


# Running statistics -------------------------------------------------------------------------------------------------


def test_running_statistics_by_hand():
    mean, var = tg.tensor([1.0]), tg.tensor([4.0])
    x = tg.tensor([[1.0], [2.0], [6.0]])  # mean 3, variance 14 / 3, unbiased 7
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    assert mean.item() == pytest.approx(0.75 * 1 + 0.25 * 3)
    assert var.item() == pytest.approx(0.75 * 4 + 0.25 * 7)
    F.batch_norm(x, mean, var)
    assert mean.item() == pytest.approx(1.5)


def test_backward_and_second_backward_do_not_update_again():
    layer = nn.BatchNorm1d(3)
    x = tg.tensor(drawn(4, 3, dtype=np.float32), requires_grad=True)
    y = layer(x)
    after = {k: a.copy() for k, a in layer.state_dict().items()}
    (g,) = tg.autograd.grad((y**3).sum(), x, create_graph=True)
    (g * g).sum().backward()
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, after[name])


def test_a_later_batch_between_forward_and_backward_does_no_harm():
    """The updates are announced, and nothing that backward needs looks at the running arrays."""
    layer = nn.BatchNorm1d(3)
    x = tg.tensor(drawn(4, 3, dtype=np.float32), requires_grad=True)
    alone = nn.BatchNorm1d(3)
    alone(x).square().sum().backward()
    expected, x.grad = x.grad.numpy(), None
    loss = layer(x).square().sum()
    layer(x.detach() * 3 + 1)
    loss.backward()
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    layer.eval()
    loss = (layer(x) * x).sum()
    layer.train()(x.detach() - 5)
    loss.backward()


def test_a_running_array_that_another_op_saved_is_noticed():
    layer = nn.BatchNorm1d(3)
    x = tg.tensor(drawn(4, 3, dtype=np.float32), requires_grad=True)
    product = (x * layer.running_mean).sum()
    layer(x)
    with pytest.raises(RuntimeError, match="was written to"):
        product.backward()


def test_cumulative_average_is_the_mean_of_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = [drawn(5, 2, seed=i, dtype=np.float32) * (i + 1) + i for i in range(4)]
    for batch in batches:
        layer(tg.tensor(batch))
    state = layer.state_dict()
    np.testing.assert_allclose(state["running_mean"], np.mean([b.mean(0) for b in batches], 0), rtol=1e-5)
    np.testing.assert_allclose(state["running_var"], np.mean([b.var(0, ddof=1) for b in batches], 0), rtol=1e-5)
    assert state["num_batches_tracked"] == 4


def test_training_on_a_device_does_not_wait(fake):
    for momentum in (0.1, None):
        layer = nn.BatchNorm2d(3, momentum=momentum).to("fake")
        x = tg.tensor(drawn(2, 3, 4, 4, dtype=np.float32)).to("fake")
        x.requires_grad = True
        fake.waits.clear()
        layer(x).sum().backward()
        layer.eval()(x)
        assert fake.waits == []
        assert type(layer.running_mean.data) is fake.ndarray
        host = nn.BatchNorm2d(3, momentum=momentum)
        host(x.detach().to("cpu"))
        np.testing.assert_allclose(layer.running_var.to("cpu").numpy(), host.running_var.numpy(), rtol=1e-6)
        assert layer.num_batches_tracked.to("cpu").item() == 1


def test_statistics_of_another_device_are_refused(fake):
    x = tg.ones(2, 3).to("fake")
    with pytest.raises(TypeError, match=r"\.to\b"):
        F.batch_norm(x, tg.zeros(3), tg.ones(3))


# Layers -------------------------------------------------------------------------------------------------------------


def test_state_of_the_layers():
    state = nn.BatchNorm2d(3).state_dict()
    assert list(state) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert [a.shape for a in state.values()] == [(3,), (3,), (3,), (3,), ()]
    assert [a.dtype for a in state.values()] == [np.float32] * 4 + [np.int64]
    assert [float(a.sum()) for a in state.values()] == [3, 0, 0, 3, 0]
    assert list(nn.BatchNorm1d(3, affine=False, track_running_stats=False).state_dict()) == []
    assert list(nn.InstanceNorm1d(3).state_dict()) == list(nn.InstanceNorm2d(3).state_dict()) == []
    assert list(nn.LayerNorm((2, 3), bias=False).state_dict()) == ["weight"]
    assert nn.LayerNorm((2, 3)).weight.shape == (2, 3)
    assert list(nn.GroupNorm(2, 4).state_dict()) == ["weight", "bias"]
    assert [name for name, _ in nn.BatchNorm1d(3).named_parameters()] == ["weight", "bias"]


def test_state_survives_a_file(tmp_path):
    layer, other = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    layer(tg.tensor(drawn(4, 3, dtype=np.float32)))
    tg.save(tmp_path / "norm.safetensors", layer.state_dict())
    other.load_state_dict(tg.load(tmp_path / "norm.safetensors"))
    for a, b in zip(layer.state_dict().values(), other.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other.num_batches_tracked.item() == 1


def test_double_precision_leaves_the_counter_alone():
    layer = nn.BatchNorm1d(3).to(np.float64)
    assert [a.dtype for a in layer.state_dict().values()] == [np.float64] * 4 + [np.int64]
    y = layer(tg.tensor(drawn(4, 3)))
    assert y.dtype == np.float64
    assert layer.num_batches_tracked.item() == 1


def test_evaluation_uses_the_running_statistics_and_leaves_them():
    layer = nn.BatchNorm1d(3)
    x = tg.tensor(drawn(50, 3, dtype=np.float32) * 2 + 1)
    for _ in range(200):
        layer(x)
    before = {k: a.copy() for k, a in layer.state_dict().items()}
    layer.eval()
    wide = x.numpy().astype(np.float64)
    expected = (wide - wide.mean(0)) / wide.std(0, ddof=1)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-5)
    assert layer(x[:1]).shape == (1, 3)  # a single value per channel is fine here
    for name, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_instance_norm_does_not_count_batches():
    layer = nn.InstanceNorm1d(3, track_running_stats=True)
    layer(tg.tensor(drawn(2, 3, 4, dtype=np.float32)))
    assert layer.num_batches_tracked.item() == 0  # as PyTorch
    assert layer.running_mean.numpy().any()


def test_instance_norm_of_other_channels_warns_where_it_does_no_harm():
    with pytest.warns(UserWarning, match="axis 1 should have length 3"):
        assert nn.InstanceNorm1d(3)(tg.tensor(drawn(2, 5, 4))).shape == (2, 5, 4)
    with pytest.raises(ValueError, match="axis 1 should have length 3"):
        nn.InstanceNorm1d(3, affine=True)(tg.tensor(drawn(2, 5, 4, dtype=np.float32)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.BatchNorm1d(0), "`num_features` is 0"),
        (lambda: nn.InstanceNorm2d(2.5), "`num_features` is 2.5"),
        (lambda: nn.LayerNorm((3, 0)), "`normalized_shape` is 0"),
        (lambda: nn.GroupNorm(3, 4), "`num_groups` is 3"),
        (lambda: nn.BatchNorm1d(3)(tg.ones(2, 3, 4, 5)), "BatchNorm1d: `x` has 4 axes"),
        (lambda: nn.BatchNorm2d(3)(tg.ones(2, 3)), "BatchNorm2d: `x` has 2 axes"),
        (lambda: nn.BatchNorm1d(3)(tg.ones(2, 4)), "axis 1 must have length 3"),
        (lambda: nn.InstanceNorm2d(3)(tg.ones(2, 3)), "InstanceNorm2d: `x` has 2 axes"),
        (lambda: nn.GroupNorm(2, 4)(tg.ones(2, 6)), "`weight` has shape"),
        (lambda: nn.LayerNorm(3)(tg.ones(2, 4)), "`normalized_shape` is"),
    ],
)
def test_layers_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()
