"""Put the report's page together; it loads nothing."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from typing import Any

from tinygen.generators import gan, style, text, vae
from tinygen.report.chart import Band, Curve, chart
from tinygen.report.published import published_for, standing
from tinygen.report.record import Record
from tinygen.report.samples import samples_of
from tinygen.report.style import STYLE
from tinygen.report.writing import LENGTH, judge, judgement_html

# command -> charts: (title, metrics, unit); what they leave out is drawn below, folded away
CHARTS: dict[str, tuple[tuple[str, tuple[str, ...], str], ...]] = {
    text.COMMAND: (("Loss", ("loss", "val_loss"), "nats per character"),),
    vae.COMMAND: (("Loss", ("loss", "val_loss"), ""), ("Its parts", ("reconstruction", "kl"), "nats per picture")),
    gan.COMMAND: (
        ("Losses", ("d_loss", "g_loss"), "nats"),
        ("What the discriminator thinks of real and generated pictures", ("d_real", "d_fake"), "probability of real"),
    ),
}
USUAL = (("Loss", ("loss", "content", "style", "tv"), ""),)
# command -> the setting that says which loss it is
LOSSES = {vae.COMMAND: "per_pixel", gan.COMMAND: "loss", style.COMMAND: "relative"}
KNOWN = {"loss": "training", "val_loss": "held out"}
LONGEST = 160  # characters of a setting


def report_page(
    records: Sequence[Record], length: int = LENGTH, say: Callable[[str], None] | None = None
) -> str:
    """Return the page.

    Args:
        records: the runs, at least one.
        length: tokens that each model of text writes at each temperature, to be judged; 0 for none.
        say: called with a line before what takes a while.

    Returns:
        HTML that loads nothing.

    Raises:
        ValueError: without a run, or for a sample that is damaged.
    """
    if not records:
        raise ValueError("`records` is empty; a report needs at least one run")
    kinds = [_kind(record) for record in records]
    parts = []
    for kind in dict.fromkeys(kinds):
        group = [record for record, its in zip(records, kinds, strict=True) if its == kind]
        if len(set(kinds)) > 1:
            names = ", ".join(html.escape(record.name) for record in group)
            parts.append(f'<h2>{html.escape(kind)}</h2><p class="note">{names}</p>')
        parts.append(_charts(group))
        parts.append(_standing(group))
        parts.append(_settings(group))
    for record in records:
        parts.append(_run(record, len(records) > 1, length, say))
    body = "\n".join(parts)
    title = records[0].name if len(records) == 1 else f"{len(records)} runs"
    lead = _lead(records[0]) if len(records) == 1 else ", ".join(html.escape(record.name) for record in records)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'; '
        'img-src data:">\n<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{html.escape(title)}</h1>\n<p class="lead">{lead}</p>\n{body}\n</main>\n</body>\n</html>\n'
    )


def _kind(record: Record) -> str:
    """What a run is, as far as its losses mean the same thing as those of another."""
    if _of_notes(record):
        return f"{record.run.command}, notes"
    name = LOSSES.get(record.run.command)
    if name is None or name not in record.run.settings:
        return record.run.command
    return f"{record.run.command}, {name} {json.dumps(record.run.settings[name])}"


def _of_notes(record: Record) -> bool:
    """Whether a run of text reads notes: its losses are for a note, those of all others for a character."""
    return record.run.command == text.COMMAND and record.run.settings.get("tokens") == "voice"


def _lead(record: Record) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record.run.config["versions"].items())
    where = record.run.config.get("platform") or ""
    return f"A run of tinygen {html.escape(record.run.command)}. {html.escape(versions)}; {html.escape(str(where))}."


# --------------------------------------------------------------------------------------------------------- charts


def _charts(records: Sequence[Record]) -> str:
    command, several = records[0].run.command, len(records) > 1
    over = "epoch" if all(record.in_epochs for record in records) else "step"
    groups = list(CHARTS.get(command, USUAL))
    drawn = {name for _, names, _ in groups for name in names}
    rest = dict.fromkeys(name for record in records for name in record.metrics if name not in drawn)
    main = "".join(_chart(records, *group, over=over, several=several) for group in groups)
    others = "".join(_chart(records, name, (name,), "", over=over, several=several) for name in rest)
    return main + (f"<details><summary>All else that was measured</summary>{others}</details>" if others else "")


def _chart(
    records: Sequence[Record], title: str, names: Sequence[str], unit: str, *, over: str, several: bool
) -> str:
    curves, bands = [], []
    held_out = "val_loss" in names
    for i, record in enumerate(records):
        for k, name in enumerate(names):
            pieces = record.points(name, over)
            if pieces:
                called = KNOWN.get(name, name) if held_out else name
                label = f"{record.name}: {called}" if several else called
                curves.append(Curve(label, pieces, i if several else k, k if several else 0))
    if not curves:
        return ""
    if _of_notes(records[0]) and "loss" in names:
        unit = "nats per note"
    told: dict[str, Any] = {}
    for record in records:
        for figures in published_for(record):
            if figures.metric in names and figures.over == over:
                told[figures.metric] = figures
    for name, figures in told.items():
        called = KNOWN.get(name, name) if held_out else name
        curves.append(Curve(f"published, {called}", [figures.points], None))
        if figures.band:
            bands.append(Band(f"where the published {name} lay", *figures.band))
    return chart(title, curves, f"{over}s", unit, bands)


# --------------------------------------------------------------------------------------------------------- tables


def _standing(records: Sequence[Record]) -> str:
    several = len(records) > 1
    rows = []
    for record in records:
        words = "<br>".join(html.escape(line) for line in standing(record))
        rows.append(f"<tr><th>{html.escape(record.name)}</th><td>{words}</td></tr>" if several else f"<p>{words}</p>")
    body = f'<div class="wide"><table>{"".join(rows)}</table></div>' if several else "".join(rows)
    return f"<h3>Beside the published run</h3>{body}" + (_side_by_side(records) if several else _tiles(records[0]))


def _tiles(record: Record) -> str:
    cells = "".join(f"<div><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>"
                    for name, value in _figures(record).items())
    return f'<div class="tiles">{cells}</div>'


def _side_by_side(records: Sequence[Record]) -> str:
    figures = [_figures(record) for record in records]
    names = dict.fromkeys(name for found in figures for name in found)
    head = "".join(f"<th>{html.escape(record.name)}</th>" for record in records)
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>" + "".join(f"<td>{html.escape(f.get(name, ''))}</td>" for f in figures)
        + "</tr>" for name in names
    )
    return f'<div class="wide"><table><tr><th></th>{head}</tr>{rows}</table></div>'


def _figures(record: Record) -> dict[str, str]:
    """What there is to say of a run in a few figures."""
    last = record.rows[-1]
    found = {"steps": f"{last['step']:,}"}
    if last.get("epoch"):
        found["epoch"] = f"{last['epoch']:,}"
    for _, names, _ in CHARTS.get(record.run.command, USUAL):
        for name in names:
            value = record.last(name)
            if value is not None:
                found[f"{name}, last"] = f"{value:.5g}"
    best = record.best("val_loss")
    if best:
        found[f"val_loss, lowest, at step {best[1]:,}"] = f"{best[0]:.5g}"
    speeds = {name.replace("_", " "): value for name, value in record.speeds.items()}
    return found | {name: f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for name, value in speeds.items()}


def _settings(records: Sequence[Record]) -> str:
    """All settings; of several runs, those that differ first."""
    names = dict.fromkeys(name for record in records for name in record.run.settings)
    rows: dict[bool, list[str]] = {True: [], False: []}
    for name in names:
        values = [_shown(record.run.settings[name]) if name in record.run.settings else "" for record in records]
        differs = len(set(values)) > 1
        kind = ' class="differs"' if differs else ""
        cells = "".join(f"<td{kind}><code>{html.escape(value)}</code></td>" for value in values)
        rows[differs].append(f"<tr><th>{html.escape(name)}</th>{cells}</tr>")
    versions = [record.run.config["versions"] for record in records]
    for name in dict.fromkeys(name for found in versions for name in found):
        cells = "".join(f"<td><code>{html.escape(str(found.get(name, '')))}</code></td>" for found in versions)
        rows[False].append(f"<tr><th>version of {html.escape(name)}</th>{cells}</tr>")
    head = f"<tr><th></th>{''.join(f'<th>{html.escape(record.name)}</th>' for record in records)}</tr>"
    if len(records) == 1:
        return _folded("Settings and versions", rows[False])
    differing = f'<div class="wide"><table>{head}{"".join(rows[True])}</table></div>' if rows[True] else (
        '<p class="note">Their settings are the same.</p>')
    return f"<h3>What differs</h3>{differing}" + _folded("What is the same", [head, *rows[False]])


def _folded(summary: str, rows: Sequence[str]) -> str:
    return (f"<details><summary>{summary}</summary><div class=\"wide\"><table>{''.join(rows)}</table></div></details>")


def _shown(value: Any) -> str:
    told = value if isinstance(value, str) else json.dumps(value)
    return told if len(told) <= LONGEST else f"{told[:LONGEST]} [...]"


# ------------------------------------------------------------------------------------------------------- each run


def _run(record: Record, several: bool, length: int, say: Callable[[str], None] | None) -> str:
    title = f"<h2>{html.escape(record.name)}</h2>" if several else ""
    lead = f'<p class="note">{_lead(record)}</p>' if several else ""
    judged = ""
    if record.run.command == text.COMMAND and length:
        if say is not None:
            say(f"{record.name}: writing {length:,} tokens at each temperature, and counting")
        judged = "<h3>How good is it?</h3>" + _judged(record, length)
    return f"{title}{lead}{judged}<h3>Samples over time</h3>{samples_of(record)}"


def _judged(record: Record, length: int) -> str:
    """The tables; where they cannot be made, the reason: the rest of the report stands without them."""
    try:
        return judgement_html(judge(record, length))
    except (ValueError, FileNotFoundError) as error:
        return f'<p class="note">Not judged: {html.escape(str(error))}.</p>'
