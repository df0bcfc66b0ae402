"""The search for a picture: its pixels, the optimiser that moves them, rounds that can be left at any step.

The parameters are the picture's red, green and blue from 0 to 255, in ``tuned`` divided by sqrt(3 H W): L-BFGS begins
with a step of length 1, which is then one grey level for every pixel, and in the chapter a grey level for all together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen import nn, optim
from tinygen.backend import to_device
from tinygen.generators.style_loss import Objective
from tinygen.generators.style_pictures import keep_colors
from tinygen.modes import no_grad
from tinygen.pictures import to_uint8
from tinygen.tensor import Tensor
from tinygen.writes import mark_of, now, unchanged


class Transfer:
    """A picture on its way: the pixels, their optimiser, and where it stands.

    L-BFGS is called for one step at a time, so that a run can stop after any of them and still go on exactly. It begins
    a call by asking for the loss where it stands, and what it has computed there is not computed again.

    Args:
        settings: what to do, of :class:`tinygen.generators.style.Settings`.
        objective: what a picture costs.
        start: float32 (3, H, W), where to begin.
        device: where to compute.

    Attributes:
        step: rounds done.
        evaluations: of the loss and its gradient, in all rounds that are done.
        spent: evaluations in the round that is under way.
        moves: steps of the optimiser in that round.
        status: why the last round of L-BFGS ended, see :class:`tinygen.optim.LBFGS`.
    """

    def __init__(self, settings: Any, objective: Objective, start: np.ndarray, device: str = "cpu") -> None:
        self.settings, self.objective = settings, objective
        # With these the first step of L-BFGS, which is 1 long where the gradient is not smaller than that, moves
        # every pixel by about one grey level.
        self.unit, self.scale = (math.sqrt(start.size), start.size) if settings.relative else (1.0, 1.0)
        self.pixels = nn.Parameter(Tensor(to_device(start[None] / np.float32(self.unit), device)))
        self.most_moves = settings.inner_iterations or settings.evaluations
        self.most_evaluations = settings.evaluations or 25 * settings.inner_iterations
        self.optimizer = self._make_optimizer()
        self.step = self.evaluations = self.spent = self.moves = 0
        self.status = ""
        self._known: tuple[Tensor, int | None, int] | None = None  # the last loss, and what tells if it still holds

    def _make_optimizer(self) -> optim.Optimizer:
        if self.settings.optimizer == "adam":
            return optim.Adam([self.pixels], self.settings.lr / self.unit)
        return optim.LBFGS([self.pixels], max_iter=1, max_eval=self.most_evaluations, tolerance_grad=0,
                           tolerance_change=0, history_size=self.settings.history_size)

    def picture(self) -> Tensor:
        """The picture, (1, 3, H, W), red, green, blue from 0 to 255 or somewhat beyond."""
        return self.pixels * self.unit

    def loss(self) -> Tensor:
        """Evaluate once: set the gradient, return the loss as the optimiser is to see it."""
        self.optimizer.zero_grad()
        loss = self.objective(self.picture()).sum() * self.scale
        loss.backward()
        return loss

    def round(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Optimise for one round, or for what is left of it.

        Args:
            stop: asked after each step of the optimiser whether to leave it there.

        Returns:
            Whether the round is over.
        """
        adam = self.settings.optimizer == "adam"
        over = False
        while not over:
            over = self._move_by_adam() if adam else self._move_by_lbfgs()
            if not over and stop():
                return False
        self.evaluations += self.spent
        self.spent = self.moves = 0
        self.step += 1
        return True

    def _move_by_adam(self) -> bool:
        """Take a step; return whether it was the round's last."""
        self.loss()
        self.optimizer.step()
        self.spent += 1
        return self.spent == self.settings.evaluations

    def _move_by_lbfgs(self) -> bool:
        """Take a step; return whether it was the round's last."""
        begun = self.spent > 0
        if not begun and self.settings.restart:
            self.optimizer = self._make_optimizer()
        here = begun  # whether the next loss is that of the last step's end: it counts once

        def closure() -> Tensor:
            nonlocal here
            if not here:
                self.spent += 1
            if not here or self._known is None or not unchanged(self.pixels._data, *self._known[1:]):
                self._known = self.loss(), mark_of(self.pixels._data), now()
            here = False
            return self._known[0]

        self.optimizer.param_groups[0]["max_eval"] = self.most_evaluations - self.spent + begun
        self.optimizer.step(closure)
        self.status = self.optimizer.status or ""
        if self.status != "max_iter":
            return True
        self.moves += 1
        if self.moves < self.most_moves and self.spent >= self.most_evaluations:
            self.status = "max_eval"
        return self.status == "max_eval" or self.moves == self.most_moves

    def parts(self) -> dict[str, float]:
        """Return loss, content, style and tv of the picture as it stands.

        Raises:
            ValueError: if one is not finite.
        """
        with no_grad():
            content, style, tv = self.objective(self.picture()).to("cpu").double().tolist()
        found = {"loss": content + style + tv, "content": content, "style": style, "tv": tv}
        if not all(map(math.isfinite, found.values())):
            raise ValueError(f"the loss became {found['loss']} in round {self.step}; the last checkpoint stands. "
                             "Smaller weights or a smaller --lr may prevent it")
        return found

    def image(self, content: np.ndarray) -> np.ndarray:
        """Return the picture as uint8 (3, H, W), with the colours of ``content`` where they are to be kept."""
        image = np.clip(self.raw(), 0, 255)
        return to_uint8(keep_colors(image, content) if self.settings.original_colors else image, 0, 255)

    def raw(self) -> np.ndarray:
        """Return the picture as it is, float32 (3, H, W)."""
        return self.picture().detach().to("cpu").numpy()[0]

    def state(self) -> dict[str, Any]:
        """Everything but the picture that a continuation needs."""
        return {"optimizer": self.optimizer.state_dict(), "step": self.step, "evaluations": self.evaluations,
                "spent": self.spent, "moves": self.moves, "status": self.status}

    def load_state(self, weights: dict[str, Any], state: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.pixels.data = to_device(weights["picture"], self.pixels.device)
        self.optimizer.load_state_dict(state["optimizer"])
        for name in ("step", "evaluations", "spent", "moves", "status"):
            setattr(self, name, state[name])
