"""The layers' functions, under the names that torch.nn.functional gives them."""

from tinygen.ops.activation import dropout, elu, leaky_relu, log_softmax, relu, silu, softmax
from tinygen.ops.elementwise import sigmoid, softplus, tanh
from tinygen.ops.indexing import embedding, one_hot
from tinygen.ops.loss import cross_entropy, mse_loss, nll_loss
from tinygen.ops.matmul import linear

__all__ = [
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "leaky_relu",
    "linear",
    "log_softmax",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
