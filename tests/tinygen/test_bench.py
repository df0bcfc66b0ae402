import importlib.util
import json
import math
import platform
import sys
import time

import numpy as np
import pytest

from tinygen.bench import machine, measure, network_workloads, picture_workloads, process, table, workloads
from tinygen.bench.process import Rounds, Slot, Worker, command_slot, environment, run_command, take_turns
from tinygen.cli import main

UNTIMED_BY_WORKERS = ("_text_start", "_import", "_text_memory")  # these rows run whole commands


def test_steps_of_the_picture_generators_start_again_where_they_started():
    """So that every slot of a comparison times the same steps; the GAN's step is too long for a test."""
    job = picture_workloads.VAETraining(picture_workloads.vae_arrays(4))
    losses = job.evidence()
    assert losses[0] == pytest.approx(math.log(2), abs=0.01)  # at the start every pixel has a probability near 1/2
    assert losses == sorted(losses, reverse=True)
    assert job.evidence() == losses


@pytest.fixture(scope="module")
def report():
    """A tiny run: a small op, and a kernel against its reference."""
    return measure.bench(["ops", "kernels rmsprop"], threads=1, rounds=1, seconds=0.01)


def arrays_in(folder, make):
    path = folder / "arrays.npz"
    np.savez(path, **make())
    return path


# ------------------------------------------------------------------------------------------------ rows and report


def test_report_has_the_promised_shape(report):
    assert set(report) == {"machine", "rows"}
    assert [row["name"] for row in report["rows"]] == ["ops add 10x10 forward+backward", "kernels rmsprop"]
    for row in report["rows"]:
        assert {"name", "tinygen_ms", "torch_ms", "ratio", "gflops", "of_peak", "peak_mb"} <= set(row)
        assert row["tinygen_ms"] > 0
        assert row["torch_ms"] is None
        assert row["ratio"] is None
    assert report["rows"][1]["reference_ratio"] == pytest.approx(
        report["rows"][1]["reference_ms"] / report["rows"][1]["tinygen_ms"]
    )
    assert json.loads(json.dumps(report)) == report


def test_machine_is_described_without_its_name(report):
    found = report["machine"]
    assert found["threads"] == 1
    assert found["cores"] == machine.physical_cores() >= 1
    assert found["peak_gflops"] > 0.1
    assert found["numpy"] == np.__version__
    assert (found["torch"] is None) == (importlib.util.find_spec("torch") is None)
    assert platform.node() not in found.values()


def test_machine_lists_a_missing_package_as_none(monkeypatch):
    monkeypatch.setattr(machine, "PACKAGES", ("numpy", "no-such-package"))
    assert machine.describe(1)["no-such-package"] is None


def test_every_row_has_a_workload_on_our_side():
    rows = [name for name, function in measure.ROWS.items() if function.__name__ not in UNTIMED_BY_WORKERS]
    assert set(rows) == set(workloads.WORKLOADS) - {"peak"}


def test_names_choose_rows_by_their_beginning():
    assert measure.chosen([]) == list(measure.ROWS)
    assert measure.chosen(["text"]) == [name for name in measure.ROWS if name.startswith("text ")]
    assert measure.chosen(["import", "text sample"]) == ["text sample", "import"]
    valid = "text, vae, gan, dream, style, import, ops, kernels, or a row: text train"
    with pytest.raises(ValueError, match=f"is 'tex'; valid are {valid}"):
        measure.chosen(["text", "tex"])


def test_dense_work_of_a_step_is_what_the_sizes_say():
    # recurrence 3 x, one-hot product 2 x, dense layer 3 x; a multiply-add counts two
    lstm = 60 * 128 * 512
    assert measure.training_gflop() == pytest.approx(2e-9 * (3 * lstm * 128 + 2 * lstm * 57 + 3 * 128 * 128 * 57))
    assert measure.training_gflop() == pytest.approx(3.92, abs=0.01)
    # the figures of the chapter's networks, added up layer by layer by somebody else
    assert picture_workloads.vae_gflop(16) == pytest.approx(2.2, abs=0.05)
    assert picture_workloads.vae_gflop(128) == pytest.approx(17.3, abs=0.05)
    assert picture_workloads.gan_gflop() == pytest.approx(640, abs=1)
    # VGG19 at 400 x 533 to block5_conv2 and back; Inception V3 at 350 x 350 to mixed5 and back
    assert network_workloads.network_gflop("vgg19", (400, 533)) == pytest.approx(314, abs=1)
    assert network_workloads.network_gflop("inception_v3", (350, 350)) == pytest.approx(19.8, abs=0.1)
    assert measure.sampling_gflop() == pytest.approx(2e-9 * (460 * 65536 + 400 * 7296))


# ------------------------------------------------------------------------------------------------------ error lines


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "`workload` is 'nonsense'; valid are text, vae, gan, dream, style, import, ops, kernels"),
        (["--against", "keras"], "`against` is 'keras'; valid is torch"),
        (["--threads", "0"], "`threads` is 0; it must be at least 1"),
        (["--rounds", "0"], "`rounds` is 0; it must be at least 1"),
        (["--json", "/no/such/folder/x.json"], "`--json` is '/no/such/folder/x.json', whose folder does not exist"),
        (["--json", "/"], "`--json` is '/', a folder"),
    ],
)
def test_wrong_arguments_are_one_line_and_status_2(arguments, words, capsys):
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_missing_torch_says_how_to_get_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find(name))
    with pytest.raises(ValueError, match=r"pip install torch==2\.13\.0"):
        measure.bench(["ops"], against="torch")


def test_sides_that_disagree_are_refused():
    measure.same_work("row", "form", [1.0, 2.0], [1.0, 2.00009])
    with pytest.raises(RuntimeError, match="different work"):
        measure.same_work("row", "form", [1.0, 2.0], [1.0, 2.0002])
    with pytest.raises(RuntimeError, match="different work"):
        measure.same_work("row", "form", [1.0], [math.nan])
    with pytest.raises(RuntimeError, match="different work"):
        measure.same_work("row", "form", [1.0, 2.0], [1.0])


# -------------------------------------------------------------------------------------------------------- processes


def test_worker_reports_errors_and_its_death(tmp_path):
    path = arrays_in(tmp_path, lambda: {"x": np.zeros(1)})
    with Worker(measure.OURS, "ops add 10x10 forward+backward", path, environment(1)) as worker:
        assert worker.ask("forms") == ["tinygen"]
        with pytest.raises(RuntimeError, match="KeyError: 'y"):  # the arrays lack y and g
            worker.ask("evidence", form="tinygen")
        assert worker.ask("peak_mb") > 10  # and it goes on
    with (
        Worker(measure.OURS, "no such row", path, environment(1)) as worker,
        pytest.raises(RuntimeError, match="KeyError: 'no such row'"),
    ):
        worker.ask("forms")


def test_failed_command_is_told_with_its_last_words():
    with pytest.raises(RuntimeError, match="status 3: no good"):
        run_command([sys.executable, "-c", "import sys; sys.stderr.write('no good'); sys.exit(3)"], environment(1))


def test_what_others_used_leaves_out_our_own_share(monkeypatch):
    monkeypatch.setattr(process, "_busy", lambda: 112.0)
    start = time.perf_counter() - 2
    assert process._others(100.0, start, own=9.0) == pytest.approx(1.5, rel=0.2)  # 12 used, 9 of them ours, in 2 s
    assert process._others(100.0, start, own=13.0) == 0  # the two clocks tick differently
    assert process._others(None, start, own=9.0) is None


def test_command_slot_counts_the_childs_cpu_as_ours(monkeypatch):
    monkeypatch.setattr(process, "_busy", iter([100.0, 100.4]).__next__)
    busy = "import time\nwhile time.process_time() < 0.5: pass"

    def measure():
        run_command([sys.executable, "-c", busy], environment(1))
        return 7.0

    slot = command_slot(measure)
    assert slot.ms == [7.0]
    assert slot.others == 0


class Scripted:
    """Stands in for a side: its slots come from a list of (ms, cores that others used)."""

    def __init__(self, *slots):
        self.slots = list(slots)

    def __call__(self):
        ms, others = self.slots.pop(0)
        return Slot([ms], others)


def test_disturbed_rounds_are_run_again():
    a, b = Scripted((9, 0.0), (1, 0.0), (2, 0.0)), Scripted((99, 1.0), (4, 0.0), (8, 0.1))
    result = take_turns({"a": a, "b": b}, 2)
    assert (result.median("a"), result.median("b"), result.disturbed) == (1.5, 6, 0)
    assert result.ratios("a", "b") == [0.25, 0.25]


def test_where_all_is_disturbed_the_least_disturbed_count_and_are_told():
    others = [0.9, 0.3, 0.5, 0.2, 0.8, 0.7]
    result = take_turns({"a": Scripted(*enumerate(others))}, 2)
    assert [r["a"].ms for r in result.rounds] == [[3], [1]]
    assert result.disturbed == 2


def test_where_the_system_does_not_say_all_rounds_count():
    result = take_turns({"a": Scripted((1, None), (3, None))}, 2)
    assert (result.median("a"), result.disturbed) == (2, 0)
    assert isinstance(result, Rounds)


# -------------------------------------------------------------------------------------------------------- workloads


def test_reset_brings_back_the_start():
    job = workloads.TextTraining(workloads.text_arrays(units=16, batch=4))
    first = job.evidence()
    assert all(np.isfinite(first))
    assert first[0] == pytest.approx(math.log(workloads.VOCABULARY), abs=0.5)
    assert job.evidence() == first
    assert len(set(first)) == 3


def test_sampling_evidence_is_repeatable_where_the_draws_are_not():
    job = workloads.TextSampling(workloads.text_arrays(units=16, batch=4))
    assert job.evidence() == job.evidence()
    assert len(job.step()) == workloads.LENGTH
    assert not np.array_equal(job.step(), job.step())


def test_small_add_has_the_gradient_of_a_sum():
    arrays = workloads.small_arrays()
    assert workloads.SmallAdd(arrays).evidence() == pytest.approx([arrays["g"].sum()] * 2, rel=1e-5)


@pytest.mark.parametrize("name", workloads.KERNELS)
def test_kernel_jobs_run(name):
    job = workloads.KERNELS[name](workloads.text_arrays(units=16, batch=4))
    job.step()
    assert np.isfinite(job.evidence()).all()


def test_without_numba_the_peak_is_numpys_product(tmp_path):
    path = arrays_in(tmp_path, dict)
    with Worker(measure.OURS, "peak", path, environment(1, NUMBA_DISABLE_JIT="1")) as worker:
        gflop, how = worker.ask("gflop", form="tinygen")
    assert how == workloads.SquareProduct.how
    assert gflop == pytest.approx(2e-9 * workloads.SquareProduct().a.shape[0] ** 3)


# ------------------------------------------------------------------------------------------------------------ table


def row(**changes):
    return {"name": "text sample", **dict.fromkeys(measure.COLUMNS), **changes}


def test_table_lines_up_and_leaves_out_what_is_not_known():
    lines = [table.line(), table.line(table.cells(row(tinygen_ms=1234.5, ratio=0.5)))]
    assert lines[1].split() == ["text", "sample", "1234", "0.50"]
    assert lines[0].index("ratio") + len("ratio") == len(lines[1])  # numbers end where their heading does
    assert table.cells(row(tinygen_ms=0.01234))[1] == "0.0123"


def test_markdown_has_every_row_and_form(report):
    extra = row(torch_form="b", torch_forms_ms={"a": 2.0, "b": 1.5}, tinygen_ms=1.0, torch_ms=1.5, ratio=2 / 3)
    page = table.markdown({**report, "rows": [*report["rows"], extra]}, "Title")
    assert page.startswith("# Title\n")
    for name in ("ops add 10x10 forward+backward", "kernels rmsprop", "text sample"):
        assert f"| {name} |" in page
    assert "| text sample | b | 1.50 |" in page
    assert report["machine"]["cpu"] in page


def test_command_prints_the_table_and_writes_json(tmp_path, capsys):
    target = tmp_path / "b.json"
    assert main(["bench", "ops", "--threads", "1", "--rounds", "1", "--json", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "ops add 10x10 forward+backward" in printed
    found = json.loads(target.read_text())
    assert found["rows"][0]["name"] == "ops add 10x10 forward+backward"
    assert list(tmp_path.iterdir()) == [target]


# -------------------------------------------------------------------------------------------------------- with torch


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("text train batch 128", lambda: workloads.text_arrays(units=16, batch=4)),
        ("text sample", lambda: workloads.text_arrays(units=16, batch=4)),
        ("ops add 10x10 forward+backward", workloads.small_arrays),
    ],
)
def test_all_of_pytorchs_forms_do_the_same_work(name, make, tmp_path, torch):
    arrays = make()
    ours = workloads.WORKLOADS[name]["tinygen"](arrays).evidence()
    with Worker(measure.TORCH, name, arrays_in(tmp_path, lambda: arrays), environment(1)) as worker:
        for form in worker.ask("forms"):
            measure.same_work(name, form, ours, worker.ask("evidence", form=form))
