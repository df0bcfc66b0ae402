"""Layers and models, under PyTorch's names and with PyTorch's weight layouts."""

from tinygen.nn import functional, init, utils
from tinygen.nn.layers import Dropout, Embedding, Flatten, LeakyReLU, Linear, ReLU, Sigmoid, Softmax, Tanh
from tinygen.nn.module import Module, ModuleList, Parameter, Sequential
from tinygen.nn.rnn import LSTM, LSTMCell

__all__ = [
    "LSTM",
    "Dropout",
    "Embedding",
    "Flatten",
    "LSTMCell",
    "LeakyReLU",
    "Linear",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "functional",
    "init",
    "utils",
]
