"""Modules, layers, initialisation and clipping; weights shared with PyTorch both ways."""

import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


def make(layers=1, units=16, **options):
    return nn.LSTM(7, units, layers, generator=tg.Generator(1), **options)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4, generator=tg.Generator(0))
        self.rest = nn.ModuleList([nn.Linear(4, 4, generator=tg.Generator(1)), nn.Dropout(0.5)])
        self.register_buffer("count", tg.zeros(2))
        self.shared = self.first.weight

    def forward(self, x):
        return self.rest[0](self.first(x))


def test_names_of_parameters_and_buffers_in_order_of_assignment():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["shared", "first.bias", "rest.0.weight", "rest.0.bias"]
    assert list(net.state_dict()) == ["shared", "count", "first.weight", "first.bias", "rest.0.weight", "rest.0.bias"]
    assert len(list(net.parameters())) == 4  # the shared one once


def test_state_dict_is_the_modules_own_memory_and_loads_into_another():
    a, b = Net(), Net()
    a.first.bias.data[:] = 3
    a.count.data[:] = 5
    b.load_state_dict({name: array.copy() for name, array in a.state_dict().items()})
    assert (b.first.bias.data == 3).all()
    assert (b.count.data == 5).all()


def test_load_state_dict_refuses_what_does_not_fit_and_changes_nothing():
    net = Net()
    before = {name: array.copy() for name, array in net.state_dict().items()}
    state = {name: array + 1 for name, array in before.items()}
    with pytest.raises(KeyError, match=r"missing \['count'\], unknown \['other'\]"):
        net.load_state_dict({k: v for k, v in state.items() if k != "count"} | {"other": np.zeros(2)})
    with pytest.raises(ValueError, match=r"`rest.0.bias` has shape \(5,\) in the state dict, \(4,\) here"):
        net.load_state_dict(state | {"rest.0.bias": np.zeros(5)})
    for name, array in net.state_dict().items():
        assert (array == before[name]).all()


def test_loading_between_forward_and_backward_is_noticed():
    layer = nn.Linear(3, 2, generator=tg.Generator(0))
    x = tg.ones(1, 3, requires_grad=True)
    loss = (layer(x) ** 2).sum()
    layer.load_state_dict({name: array * 2 for name, array in layer.state_dict().items()})
    with pytest.raises(RuntimeError, match="written to after"):
        loss.backward()


def test_train_eval_reach_every_module_and_dropout_obeys():
    net = Net().eval()
    assert not any(module.training for module in net.modules())
    x = tg.ones(4, 5)
    drop = nn.Dropout(0.5, generator=tg.Generator(0))
    assert drop.eval()(x) is x
    dropped = drop.train()(tg.ones(100, 100)).numpy()
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert abs(dropped.mean() - 1) < 0.05


def test_to_changes_the_dtype_in_place_and_returns_the_module():
    net = Net()
    weight = net.first.weight
    assert net.to(np.float64) is net
    assert net.first.weight is weight
    assert weight.dtype == np.float64
    assert net.count.dtype == np.float64


def test_forward_missing_says_so():
    with pytest.raises(TypeError, match="Module does not define forward"):
        nn.Module()(1)


def test_repr_shows_the_tree():
    assert "(first): Linear(in_features=3, out_features=4, bias=True)" in repr(Net())


@pytest.mark.parametrize("bad", [{"input_size": 0}, {"hidden_size": -1}, {"num_layers": 1.5}])
def test_sizes_are_checked(bad):
    name = next(iter(bad))
    with pytest.raises(ValueError, match=f"`{name}` is"):
        nn.LSTM(**{"input_size": 3, "hidden_size": 4, **bad})


def test_lstm_refuses_unknown_options():
    with pytest.raises(ValueError, match="`gate` is 'soft'"):
        make(gate="soft")
    with pytest.raises(ValueError, match="`proj_size` is 3"):
        make(proj_size=3)
    with pytest.raises(ValueError, match=r"the starting c has shape \(1, 2, 9\); it must be \(1, 2, 16\)"):
        make()(tg.zeros(3, 2, 7), (tg.zeros(1, 2, 16), tg.zeros(1, 2, 9)))


def test_tokens_are_one_hot_vectors():
    lstm = make(2)
    tokens = tg.randint(7, size=(5, 3), generator=tg.Generator(2))
    one_hot = nn.functional.one_hot(tokens, 7).float()
    output, (h, c) = lstm(tokens)
    expected, (eh, ec) = lstm(one_hot)
    for a, b in ((output, expected), (h, eh), (c, ec)):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-6)


def test_state_carried_over_equals_one_long_run():
    lstm = make(2)
    x = tg.randint(7, size=(9, 4), generator=tg.Generator(3))
    whole, last = lstm(x)
    first, state = lstm(x[:5])
    second, end = lstm(x[5:], state)
    np.testing.assert_allclose(tg.cat([first, second]).detach().numpy(), whole.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(end[1].detach().numpy(), last[1].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_batch_first_swaps_the_first_two_axes():
    a, b = make(), make(batch_first=True)
    x = tg.randn(5, 3, 7, generator=tg.Generator(4))
    np.testing.assert_array_equal(a(x)[0].transpose(0, 1).detach().numpy(), b(x.transpose(0, 1))[0].detach().numpy())


def test_cell_is_one_step_of_the_layer():
    lstm, cell = make(), nn.LSTMCell(7, 16)
    cell.load_state_dict({name.removesuffix("_l0"): array for name, array in lstm.state_dict().items()})
    x = tg.randn(2, 4, 7, generator=tg.Generator(5))
    h, c = cell(x[1], cell(x[0]))
    _, (eh, ec) = lstm(x)
    np.testing.assert_allclose(h.detach().numpy(), eh[0].detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(c.detach().numpy(), ec[0].detach().numpy(), rtol=1e-5, atol=1e-6)


def test_dropout_between_layers_is_reproducible_and_off_in_eval():
    def run(lstm):
        return lstm(tg.ones(4, 2, 7))[0].detach().numpy()

    lstm = make(2, dropout=0.5)
    state = lstm.generator.state()
    first, second = run(lstm), run(lstm)
    assert not np.array_equal(first, second)
    lstm.generator.set_state(state)
    np.testing.assert_array_equal(run(lstm), first)
    np.testing.assert_array_equal(run(lstm.eval()), run(lstm))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (5, 5)])
def test_orthogonal_rows_or_columns(shape):
    weight = nn.init.orthogonal_(tg.zeros(*shape, dtype=np.float64), gain=2, generator=tg.Generator(0)).numpy()
    product = weight @ weight.T if shape[0] <= shape[1] else weight.T @ weight
    np.testing.assert_allclose(product, 4 * np.eye(min(shape)), atol=1e-12)


def test_glorot_and_he_bounds():
    weight = nn.init.xavier_uniform_(tg.zeros(300, 100), generator=tg.Generator(0)).numpy()
    bound = math.sqrt(6 / 400)
    assert abs(weight).max() <= bound
    assert abs(weight.std() - bound / math.sqrt(3)) < 0.01 * bound
    normal = nn.init.kaiming_normal_(tg.zeros(200, 50, 2, 2), generator=tg.Generator(0)).numpy()
    assert abs(normal.std() - math.sqrt(2 / 200)) < 0.002


def test_clip_grad_norm_scales_without_writing_into_shared_arrays():
    a, b = nn.Parameter(np.zeros(3, np.float32)), nn.Parameter(np.zeros(3, np.float32))
    shared = tg.tensor([3.0, 0.0, 4.0])
    a.grad = b.grad = shared
    norm = nn.utils.clip_grad_norm_([a, b], 1.0)
    assert norm.item() == pytest.approx(math.sqrt(50))
    assert shared.tolist() == [3.0, 0.0, 4.0]
    total = (a.grad**2).sum() + (b.grad**2).sum()
    assert total.item() == pytest.approx(1.0, rel=1e-5)
    small = nn.utils.clip_grad_norm_([a], 100.0)
    assert small.item() == pytest.approx(math.sqrt(0.5), rel=1e-5)
    a.grad = tg.tensor([float("nan"), 0.0, 0.0])
    with pytest.raises(RuntimeError, match="norm is nan"):
        nn.utils.clip_grad_norm_([a], 1.0, error_if_nonfinite=True)
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_clip_grad_value():
    a = nn.Parameter(np.zeros(3, np.float32))
    a.grad = tg.tensor([-5.0, 0.25, 5.0])
    nn.utils.clip_grad_value_([a], 0.5)
    assert a.grad.tolist() == [-0.5, 0.25, 0.5]


@pytest.mark.torch
@pytest.mark.parametrize("layers", [1, 2])
def test_safetensors_of_a_torch_lstm_load_here_and_ours_there(tmp_path, layers):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    torch.manual_seed(0)
    theirs = torch.nn.LSTM(7, 16, layers)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours = make(layers)
    ours.load_state_dict(tg.load(tmp_path / "theirs.safetensors"))
    x = np.random.default_rng(0).standard_normal((6, 3, 7)).astype(np.float32)
    expected, (eh, ec) = theirs(torch.from_numpy(x))
    output, (h, c) = ours(tg.tensor(x))
    for a, b in ((output, expected), (h, eh), (c, ec)):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)
    output.sum().backward()
    expected.sum().backward()
    for name, parameter in ours.named_parameters():
        np.testing.assert_allclose(
            parameter.grad.numpy(), getattr(theirs, name).grad.numpy(), rtol=1e-4, atol=1e-5, err_msg=name
        )
    fresh = make(layers)
    tg.save(tmp_path / "ours.safetensors", fresh.state_dict())
    theirs.load_state_dict(load_file(tmp_path / "ours.safetensors"))
    np.testing.assert_array_equal(theirs.weight_hh_l0.detach().numpy(), fresh.weight_hh_l0.detach().numpy())
