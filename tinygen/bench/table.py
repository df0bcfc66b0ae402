"""The report as a table: to read in a terminal, and in Markdown."""

from __future__ import annotations

from typing import Any

HEAD = ("", "tinygen ms", "torch ms", "ratio", "GFLOP/s", "of peak", "peak MB")
WIDTHS = (34, 10, 10, 7, 8, 8, 8)


def cells(row: dict[str, Any]) -> list[str]:
    """Return a row's columns as text, empty where there is nothing to say."""

    def text(value: float | None, form: str = "") -> str:
        if value is None:
            return ""
        return format(value, form or (".4f" if value < 0.1 else ".2f" if value < 100 else ".0f"))

    return [
        row["name"], text(row["tinygen_ms"]), text(row["torch_ms"]), text(row["ratio"], ".2f"),
        text(row["gflops"], ".0f"), text(row["of_peak"], ".0%"), text(row["peak_mb"], ".0f"),
    ]


def remark(row: dict[str, Any]) -> str:
    """Return what else is to be known of a row."""
    parts = []
    if "torch_form" in row:
        parts.append(f"torch: {row['torch_form']}, the quickest of {len(row['torch_forms_ms'])}")
    if "ratio_lowest" in row:
        parts.append(f"ratio by round {row['ratio_lowest']:.2f} to {row['ratio_highest']:.2f}")
    if row.get("torch_peak_mb"):
        parts.append(f"torch {row['torch_peak_mb']:.0f} MB")
    if "reference_ms" in row:
        reference = cells(row | {"tinygen_ms": row["reference_ms"]})[1]
        parts.append(f"plain reference {reference} ms, {row['reference_ratio']:.1f} times as long")
    if "characters_per_second" in row:
        parts.append(f"{row['characters_per_second']:,.0f} characters/s")
    if "note" in row:
        parts.append(row["note"])
    if row.get("disturbed"):
        parts.append(f"other processes disturbed {row['disturbed']} of {row['rounds']} rounds")
    return "; ".join(parts)


def line(columns: list[str] | tuple[str, ...] = HEAD) -> str:
    """Return one line of the table in a terminal."""
    aligned = [format(c, f"{'>' if i else '<'}{w}") for i, (c, w) in enumerate(zip(columns, WIDTHS, strict=True))]
    return " ".join(aligned).rstrip()


def about(machine: dict[str, Any]) -> str:
    """Return a line about the machine."""
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "numpy", "numba", "torch") if machine[name])
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads on each side; "
        f"{machine['system']}; {versions}; tinygen {machine['tinygen']}; {machine['date']}; "
        f"peak {machine['peak_gflops']:.0f} GFLOP/s: {machine['peak_how']}"
    )


def markdown(report: dict[str, Any], title: str) -> str:
    """Return the whole report as a Markdown page."""
    lines = [
        f"# {title}", "", about(report["machine"]), "",
        "Medians; ratio = tinygen / PyTorch in its quickest form, below 1 is quicker than PyTorch. GFLOP/s counts the",
        "dense products of the step (the one-hot product too, which tinygen looks up instead).", "",
        f"| row | {' | '.join(HEAD[1:])} | remarks |", f"|---|{'---:|' * (len(HEAD) - 1)}---|",
    ]
    lines += [f"| {' | '.join([*cells(row), remark(row)])} |" for row in report["rows"]]
    forms = [(row["name"], row["torch_forms_ms"]) for row in report["rows"] if len(row.get("torch_forms_ms", {})) > 1]
    if forms:
        lines += ["", "## PyTorch's forms, ms", "", "| row | form | ms |", "|---|---|---:|"]
        lines += [f"| {name} | {form} | {ms:.2f} |" for name, found in forms for form, ms in found.items()]
    return "\n".join(lines) + "\n"
