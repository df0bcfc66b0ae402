"""The demo's VAE part: digits drawn from a font become a plane in which every point is a digit."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinygen.data.images import load_images
from tinygen.demo import page
from tinygen.demo.part import Part, Stopped
from tinygen.demo.text import _between_rows
from tinygen.generators import vae
from tinygen.pictures import enlarge, write_file
from tinygen.run import EXIT_INTERRUPTED, Run

PICTURES = 6_000  # of the 10,000 of the test split, which is drawn in less time than the other


def run(folder: Path, say: Callable[[str], None], pictures: int = PICTURES, epochs: int = 4) -> Part:
    """Train (or go on training), draw the plane, and make the page's part of it.

    Args:
        folder: of the demo; the run goes to ``vae`` in it, its pictures to ``vae-digits.npz``.
        say: prints a line.
        pictures: how many digits to learn from.
        epochs: passes over them.

    Raises:
        Stopped: when it was interrupted.
    """
    begun, out, data = time.monotonic(), folder / "vae", folder / "vae-digits.npz"
    say("vae: training a variational autoencoder on digits drawn from a font")
    digits = load_images("font-digits", split="test").subset(slice(pictures))
    buffer = io.BytesIO()
    np.savez(buffer, images=digits.images, labels=digits.labels, names=digits.names)
    write_file(data, buffer.getvalue())
    # With its full weight the divergence would win so short a run: all points would give one blurred picture.
    settings = vae.settings_for(
        "tuned", data=str(data), batch_size=32, epochs=epochs, log_every=5, beta=0.2, anneal=0.0
    )
    if vae.train(settings, out, resume=True, say=say) == EXIT_INTERRUPTED:
        raise Stopped
    seconds = time.monotonic() - begun  # of this call: an earlier, interrupted one is not counted
    return Part("Pictures from a plane", _describe(out, seconds), time.monotonic() - begun)


def _describe(out: Path, seconds: float) -> str:
    """The part's HTML."""
    from PIL import Image

    model, _ = vae.load_model(out)
    run = Run.open(out)
    rows = run.metrics()
    ends = [row for row in rows if row.get("epoch_end")]
    plane = Image.fromarray(np.ascontiguousarray(enlarge(vae.manifold(model, 15), 2).transpose(1, 2, 0)))
    parts = [
        "<p>One network squeezed each picture of a digit into two numbers, another drew it again from them. The plane "
        "of those two numbers was kept so tidy that every point of it can be drawn.</p>",
        page.tiles({
            "steps of training": f"{rows[-1]['step']:,}",
            "reconstruction, nats per held-out picture": f"{ends[-1]['val_reconstruction']:.1f}",
            "Kullback-Leibler divergence, nats": f"{ends[-1]['val_kl']:.2f}",
            "training and validation": f"{seconds:.1f} s",
        }),
        page.picture(
            plane, "15 x 15 digits that turn into one another",
            "15 x 15 points of the plane, at the quantiles of the normal distribution from 5 % to 95 %.",
        ),
        "<h3>How the loss fell</h3>",
        page.chart(
            [page.Curve("training", _between_rows(rows)),
             page.Curve("held out", [(row["step"], row["val_loss"]) for row in ends], "orange", dots=True)],
            "step", "nats per picture", None,
            "Reconstruction plus a fifth of the divergence: in so short a run the whole of it would press all digits "
            "into one point. A longer run takes all of it, and the sum is then a bound of -ln p(picture).",
        ),
        page.details("Every setting", page.table(run.settings)),
        "<h3>Next: handwritten digits</h3>",
        page.shell(
            "tinygen vae train --data mnist --out digits\n"
            "tinygen vae grid digits --zoom 2\n"
            "tinygen vae morph digits 0 1\n"
            "tinygen vae concept digits --attribute 7"
        ),
    ]
    return "\n".join(parts)
