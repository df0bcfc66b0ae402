"""What ``tinygen demo`` shows: one part for each generator, and the page that they make together."""

from __future__ import annotations

from tinygen.demo import dream, gan, style, text, vae
from tinygen.demo.part import Part, Stopped

# Each is a module with ``run(folder, say) -> Part``; they run, and stand on the page, in this order.
PARTS = (text, dream, style, vae, gan)

__all__ = ["PARTS", "Part", "Stopped"]
