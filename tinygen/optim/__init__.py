"""Optimisers: they change parameters so that a loss falls."""

from tinygen.optim import lr_scheduler
from tinygen.optim.lbfgs import LBFGS
from tinygen.optim.optimizer import Optimizer
from tinygen.optim.rules import SGD, Adam, AdamW, RMSprop

__all__ = ["LBFGS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
