"""What the book's own runs had: the yardstick of a report.

Source: the recorded outputs of the companion notebooks of F. Chollet, *Deep Learning with Python*, chapter 8 (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from tinygen.generators import dream, gan, style, text, vae
from tinygen.report.record import Record

GAN_RANGE = (0.51, 1.14)  # of the generator's loss
STYLE = {1: 7.41e9, 2: 3.07e9, 3: 2.17e9, 4: 1.61e9, 5: 1.31e9, 10: 7.47e8, 19: 5.00e8}  # by iteration
STYLE_LAYERS = [f"block{k}_conv1" for k in range(1, 6)]
STYLE_SETTINGS = {  # without which the loss is on another scale
    "preset": ("book", "book-python"), "network": ("vgg19",), "size": (400,), "content_layer": ("", "block5_conv2"),
    "style_layers": ([], STYLE_LAYERS),
}
DREAM = {1: (0.672, 9.94, 20), 2: (2.18, 9.61, 10), 3: (2.31, 9.99, 7)}  # octave -> first and last loss, steps


@dataclass(frozen=True)
class Published:
    """Published figures that a metric may be held against.

    Attributes:
        metric: its name.
        points: (epoch or step, value).
        band: (lowest, highest) over the whole run; None for none.
        over: what the points count, ``"epoch"`` or ``"step"``.
    """

    metric: str
    points: tuple[tuple[float, float], ...] = ()
    band: tuple[float, float] | None = None
    over: str = "epoch"


def published_for(record: Record) -> list[Published]:
    """Return the published figures that a run may be held against: same data, same loss; none for other runs."""
    command, run = record.run.command, record.run
    if command == text.COMMAND:
        settings = text.settings_of(run)
        if settings.data == "nietzsche" and settings.tokens == "char" and not settings.stateful:
            return [Published("loss", tuple(sorted(text.PUBLISHED.items())))]
    elif command == vae.COMMAND:
        if vae.verdict(vae.settings_of(run), 1, 0.0):
            return [Published("val_loss", tuple(enumerate(vae.PUBLISHED, 1)))]
    elif command == gan.COMMAND:
        settings = gan.settings_of(run)
        if settings.data == "cifar10-frogs" and settings.loss == "bce":
            ends = (record.rows[0]["step"], record.rows[-1]["step"])
            level = {name: tuple((x, value) for x in ends) for name, value in gan.PUBLISHED.items()}
            return [
                Published("d_loss", level["d_loss"], over="step"),
                Published("g_loss", level["g_loss"], GAN_RANGE, "step"),
            ]
    elif command == style.COMMAND:
        if all(run.settings.get(name) in valid for name, valid in STYLE_SETTINGS.items()):
            return [Published("loss", tuple(sorted(STYLE.items())), over="step")]
    return []


def standing(record: Record) -> list[str]:
    """Return sentences that say where a run stands beside the published one."""
    command, run = record.run.command, record.run
    if command == text.COMMAND:
        return _of_text(record)
    if command == vae.COMMAND:
        return _of_vae(record)
    if command == gan.COMMAND:
        return _of_gan(record)
    if command == style.COMMAND:
        return _of_style(record)
    if command == dream.COMMAND:
        return _of_dream(record)
    return [f"The book has no run of {run.command}; there is nothing to hold it against."]


def _of_text(record: Record) -> list[str]:
    settings, lowest = text.settings_of(record.run), min(text.PUBLISHED.values())
    if settings.data != "nietzsche":
        return ["The book's run read Nietzsche; this one read something else."]
    ends = [row for row in record.rows if row.get("epoch_end") and row.get("loss") is not None]
    lines = []
    if not published_for(record):
        lines.append("The book's run read shuffled windows of characters. This one reads otherwise, so that its epochs "
                     "do not compare.")
    elif not ends:
        lines.append(f"No epoch has ended yet; the published run had {text.PUBLISHED[1]:.4f} after the first.")
    else:
        last, best = ends[-1], min(row["loss"] for row in ends)
        lines.append(f"Loss of epoch {last['epoch']}: {last['loss']:.4f} nats per character; "
                     f"{text.verdict(settings, last['epoch'], last['loss'])}.")
        lines.append(f"Its lowest: {best:.4f}. The published run's lowest was {lowest:.4f}, in epoch 54 of 60; it then "
                     "went off course.")
    held_out = record.best("val_loss")
    if held_out:
        lines.append(f"On text that was held out, at its lowest: {held_out[0]:.4f} nats per character. The published "
                     f"run held nothing out; {lowest:.4f} was its loss in training.")
    return lines


def _of_vae(record: Record) -> list[str]:
    ends = [row for row in record.rows if row.get("epoch_end") and row.get("val_loss") is not None]
    if not published_for(record):
        return ["Only runs of the presets book and book-python on MNIST have the published run's loss, a number for "
                "each pixel; this run's is another."]
    if not ends:
        return [f"No epoch has ended yet; the published run had {vae.PUBLISHED[0]:.4f} after the first."]
    row = ends[-1]
    beside = vae.verdict(vae.settings_of(record.run), row["epoch"], row["val_loss"]).lstrip("; ")
    return [f"Validation loss of epoch {row['epoch']}: {row['val_loss']:.4f}" + (f"; {beside}." if beside else ".")]


def _of_gan(record: Record) -> list[str]:
    if not published_for(record):
        return ["The published run painted frogs, with the binary cross-entropy; this run's losses mean another thing."]
    lines = []
    for name, there in gan.PUBLISHED.items():
        values = [row[name] for row in record.rows if row.get(name) is not None]
        if values:
            lines.append(f"Median of {name} over {record.rows[-1]['step']:,} steps: {median(values):.4f}; published "
                         f"{there} over 10,000.")
    low, high = GAN_RANGE
    values = [row["g_loss"] for row in record.rows if row.get("g_loss") is not None]
    if values:
        inside = sum(low <= value <= high for value in values) / len(values)
        lines.append(f"{inside:.0%} of the values of g_loss lie from {low} to {high}, where the published ones lay.")
    return lines


def _of_style(record: Record) -> list[str]:
    if not published_for(record):
        return ["Only the presets book and book-python, with the chapter's layers of VGG19 and a height of 400, have "
                "the published run's loss; this run's is on another scale."]
    rows = {row["step"]: row["loss"] for row in record.rows if row.get("loss") is not None}
    both = [step for step in STYLE if step in rows]
    if not both:
        return ["No iteration of which there is a published loss has been done."]
    beside = "; ".join(f"iteration {step}: {rows[step]:.3g} (published {STYLE[step]:.3g})" for step in both)
    return [f"{beside}. The published pictures were others: what compares is how the loss falls."]


def _of_dream(record: Record) -> list[str]:
    if record.run.settings.get("preset") != "book-python" or record.run.settings.get("layers"):
        return ["Only the preset book-python has the published run's loss and octaves."]
    lines = []
    for octave, (first, last, steps) in DREAM.items():
        losses = [row["loss"] for row in record.rows if row.get("octave") == octave and row.get("loss") is not None]
        if losses:
            lines.append(f"Octave {octave}: from {losses[0]:.3g} to {losses[-1]:.3g} in {len(losses)} steps; published "
                         f"{first} to {last} in {steps}.")
    return [*lines, "The published photograph was another one."]
