"""Is a GAN's training healthy? What can go wrong, noticed from the numbers and said in words.

Source of the advice: F. Chollet and J. J. Allaire, *Deep Learning with R*, chapter 8.5. Neither network's loss says how
good the pictures are, so what is watched is the balance of the two, and how much the pictures differ.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

DOMINANCE, COLLAPSE, ALIKE, NOT_FINITE = "dominance", "collapse", "alike", "not finite"
ADVICE = {
    DOMINANCE: "the discriminator tells nearly all pictures apart while the generator's loss has climbed: lower the "
    "discriminator's learning rate (--d-lr) or raise its dropout (--dropout)",
    COLLAPSE: "the generated pictures have become nearly one and the same (mode collapse): lower the discriminator's "
    "learning rate (--d-lr) or raise its dropout (--dropout)",
    ALIKE: "the generated pictures are still nearly one and the same: if the discriminator's loss is near 0, lower its "
    "learning rate (--d-lr) or raise its dropout (--dropout)",
    NOT_FINITE: "the losses or the weights are no longer finite: lower the learning rates (--d-lr, --g-lr)",
}
RUINED = (COLLAPSE, NOT_FINITE)  # what training does not recover from

WINDOW = 500  # steps over which the discriminator has to dominate
LOW, BACK = 0.2, 0.5  # of the loss at chance: dominance lies below the one, and is over above the other
VARIED, POOR = 0.4, 0.15  # of the variety of real pictures: once above the one, it must not stay below the other
PATIENCE = 3  # looks in a row
SLOW = 20  # looks after which pictures should begin to differ


def spread(images: np.ndarray) -> float:
    """Return the root mean square distance of two different pictures, in values of a pixel.

    For N pictures it is sqrt(2 v), v the variance (divided by N - 1) of each pixel's values, averaged over the pixels.

    Args:
        images: uint8 (N, C, H, W), N at least 2.
    """
    return math.sqrt(2 * images.reshape(len(images), -1).astype(np.float64).var(0, ddof=1).mean())


class Monitor:
    """Watches the losses and the variety of one run.

    * dominance: over ``WINDOW`` steps the discriminator's mean loss is below ``LOW`` of what it is where it cannot
      tell, and the generator's has climbed since the two were last in balance. Told again only after the
      discriminator's mean loss was back above ``BACK`` of that level.
    * collapse: the variety was once above ``VARIED`` and is below ``POOR`` in ``PATIENCE`` looks in a row.
    * alike: it was never above ``VARIED``, and is below ``POOR`` after ``SLOW`` looks; told once.
    * not finite: a loss is NaN or infinite.

    Args:
        balance: (the discriminator's loss where it cannot tell, how far the generator's climbs where it always can);
            None where the losses have no such level: then dominance is not looked for.
    """

    def __init__(self, balance: tuple[float, float] | None) -> None:
        self.balance = balance
        self.rows: list[list[float]] = []  # step, d_loss, g_loss; as many as reach over the window
        self.balanced_g: float | None = None  # the generator's loss when the two were last in balance
        self.told = False  # of the dominance that lasts
        self.varied = False  # whether pictures have ever differed
        self.looks = self.poor = 0  # at the variety; those in a row that found little

    def see(self, step: int, d_loss: float, g_loss: float, variety: float | None = None) -> str | None:
        """Take in what was measured, and return what is wrong now, for the first time.

        Args:
            step: steps done; may jump back, after :meth:`load_state` only.
            d_loss: the discriminator's mean loss since the last call.
            g_loss: the generator's.
            variety: spread of the generated pictures over that of real ones; None: not looked at this time.

        Returns:
            A key of ``ADVICE``, or None.
        """
        if not (math.isfinite(d_loss) and math.isfinite(g_loss)):
            return NOT_FINITE
        return self._variety(variety) or self._balance(step, d_loss, g_loss)

    @property
    def doubtful(self) -> bool:
        """Whether the last look found too little variety: not a state to come back to."""
        return self.poor > 0

    def _variety(self, variety: float | None) -> str | None:
        if variety is None:
            return None
        self.looks += 1
        self.varied = self.varied or variety > VARIED
        # before pictures have ever differed, little variety is how every run begins
        self.poor = self.poor + 1 if self.varied and variety < POOR else 0
        if self.poor == PATIENCE:
            return COLLAPSE
        return ALIKE if self.looks == SLOW and not self.varied and variety < POOR else None

    def _balance(self, step: int, d_loss: float, g_loss: float) -> str | None:
        if self.balance is None:
            return None
        level, climb = self.balance
        if self.balanced_g is None:
            self.balanced_g = g_loss
        self.rows.append([step, d_loss, g_loss])
        if self.rows[0][0] > step - WINDOW:
            return None  # the run is too young
        while self.rows[1][0] <= step - WINDOW:
            self.rows.pop(0)
        window = self.rows[1:]  # the first row tells where it begins
        mean_d, mean_g = (sum(row[i] for row in window) / len(window) for i in (1, 2))
        if mean_d >= BACK * level:
            self.balanced_g, self.told = mean_g, False
        if self.told or mean_d >= LOW * level or mean_g < self.balanced_g + climb:
            return None
        self.told = True
        return DOMINANCE

    def state(self) -> dict[str, Any]:
        """Return all that it remembers."""
        return {name: value for name, value in vars(self).items() if name != "balance"}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from where :meth:`state` was called."""
        vars(self).update(state)
