"""Layers without memory: names and shapes of parameters, train and eval, the shown line, options that are refused."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.testing.gradcheck import assert_close

LINES = {
    "ReLU()": nn.ReLU(),
    "LeakyReLU(negative_slope=0.2)": nn.LeakyReLU(0.2),
    "ELU(alpha=1.0)": nn.ELU(),
    "SiLU()": nn.SiLU(),
    "GELU(approximate='tanh')": nn.GELU("tanh"),
    "Softplus(beta=1.0, threshold=20.0)": nn.Softplus(),
    "Tanh()": nn.Tanh(),
    "Sigmoid()": nn.Sigmoid(),
    "Softmax(dim=1)": nn.Softmax(1),
    "LogSoftmax(dim=-1)": nn.LogSoftmax(-1),
    "Identity()": nn.Identity(3, name="x"),
    "Flatten(start_dim=1, end_dim=-1)": nn.Flatten(),
    "Unflatten(dim=1, unflattened_size=(2, 3))": nn.Unflatten(1, [2, 3]),
    "Dropout(p=0.5, inplace=False)": nn.Dropout(),
    "Linear(in_features=3, out_features=4, bias=False)": nn.Linear(3, 4, bias=False),
    "Embedding(5, 3, padding_idx=4)": nn.Embedding(5, 3, padding_idx=-1),
}


def test_lines():
    for line, layer in LINES.items():
        assert repr(layer) == line


def test_layers_are_their_functions():
    x = tg.randn(4, 6, generator=tg.Generator(0))
    functions = {
        nn.ReLU(): nn.functional.relu,
        nn.LeakyReLU(0.3): lambda x: nn.functional.leaky_relu(x, 0.3),
        nn.ELU(0.3): lambda x: nn.functional.elu(x, 0.3),
        nn.SiLU(): nn.functional.silu,
        nn.GELU(): nn.functional.gelu,
        nn.GELU("tanh"): lambda x: nn.functional.gelu(x, "tanh"),
        nn.Softplus(2.0, 1.0): lambda x: nn.functional.softplus(x, 2.0, 1.0),
        nn.Tanh(): tg.tanh,
        nn.Sigmoid(): tg.sigmoid,
        nn.Softmax(0): lambda x: tg.softmax(x, 0),
        nn.LogSoftmax(1): lambda x: tg.log_softmax(x, 1),
        nn.Identity(): lambda x: x,
        nn.Flatten(0): lambda x: x.reshape(24),
        nn.Unflatten(1, (2, -1)): lambda x: x.reshape(4, 2, 3),
    }
    for layer, function in functions.items():
        assert list(layer.state_dict()) == []
        assert_close(layer(x), function(x), rtol=0, atol=0)
    assert not isinstance(nn.LogSoftmax(1), nn.Softmax)


def test_linear():
    layer = nn.Linear(3, 4, generator=tg.Generator(0))
    assert {k: v.shape for k, v in layer.state_dict().items()} == {"weight": (4, 3), "bias": (4,)}
    assert abs(layer.weight.data).max() <= 3**-0.5
    assert list(nn.Linear(3, 4, bias=False).state_dict()) == ["weight"]
    x = tg.randn(2, 5, 3)
    expected = x.numpy() @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
    assert_close(layer(x), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(TypeError, match="operands of float64 and float32"):
        layer(x.double())


def test_embedding():
    table = nn.Embedding(5, 3, padding_idx=-1, generator=tg.Generator(0))
    assert table.padding_idx == 4
    assert table.weight.data[4].tolist() == [0, 0, 0]
    table(tg.tensor([[0, 4, 4], [0, 1, 4]])).sum().backward()
    assert table.weight.grad[:, 0].tolist() == [2, 1, 0, 0, 0]
    state = tg.random.default_generator.state()
    given = tg.randn(4, 2)
    tg.random.default_generator.set_state(state)
    frozen = nn.Embedding.from_pretrained(given)
    assert_close(tg.randn(4, 2), given, rtol=0, atol=0)  # the global generator was not drawn from
    assert not frozen.weight.requires_grad
    assert np.shares_memory(frozen.weight.data, given.data)
    assert nn.Embedding.from_pretrained(given, freeze=False).weight.requires_grad


def test_dropout_in_training_and_evaluation():
    layer, x = nn.Dropout(0.25, generator=tg.Generator(0)), tg.ones(100, 100)
    assert set(np.unique(layer(x).numpy())) == {np.float32(0), np.float32(1 / 0.75)}
    assert layer.eval()(x) is x
    assert nn.functional.dropout(x, 1.0).numpy().any() == np.False_


@pytest.mark.parametrize(
    ("make", "exception", "message"),
    [
        (lambda: nn.ReLU(inplace=True), ValueError, "`inplace` is True"),
        (lambda: nn.LeakyReLU(0.1, True), ValueError, "`inplace` is True"),
        (lambda: nn.ELU(inplace=True), ValueError, "`inplace` is True"),
        (lambda: nn.SiLU(True), ValueError, "`inplace` is True"),
        (lambda: nn.Dropout(0.5, True), ValueError, "`inplace` is True"),
        (lambda: nn.Dropout(1.5), ValueError, "`p` is 1.5"),
        (lambda: nn.Linear(0, 3), ValueError, "`in_features` is 0"),
        (lambda: nn.Embedding(5, 3, padding_idx=5), ValueError, "`padding_idx` is 5; valid are -5 to 4"),
        (lambda: nn.Embedding(5, 3, max_norm=1.0), ValueError, "`max_norm` is 1.0"),
        (lambda: nn.Embedding(5, 3, sparse=True), ValueError, "`sparse` is True"),
        (lambda: nn.Unflatten(1, 6), TypeError, "`unflattened_size` is 6"),
        (lambda: nn.Softmax()(tg.ones(2)), ValueError, "`dim` is None"),
        (lambda: nn.GELU("erf")(tg.ones(2)), ValueError, "`approximate` is 'erf'"),
    ],
)
def test_refused(make, exception, message):
    with pytest.raises(exception, match=message):
        make()
