"""What all training runs share: settings that are checked, weights from files, the story from beginning to end."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim
from tinygen.data import DataLoader, TensorDataset
from tinygen.generators import training
from tinygen.generators.settings import check, image_shape, origin, preset_values, stored_settings
from tinygen.generators.weights import start_from, with_weights_of
from tinygen.progress import EXIT_INTERRUPTED, Interruption
from tinygen.run import Run


@dataclass(frozen=True)
class Settings:
    """A few settings of all kinds."""

    data: str
    units: int = 4
    lr: float = 0.1
    decay: float = 0.0
    optimizer: str = "adam"
    layers: list[str] = field(default_factory=list)
    steps: int = 6
    seed: int = 0
    log_every: int = 1
    save_every: int = 4
    max_steps: int = 0


class Trainer:
    """Learns to give zero."""

    def __init__(self, settings):
        self.settings, self.step = settings, 0
        self.last_step = min(settings.steps, settings.max_steps or settings.steps)
        self.generators = {name: tg.Generator((settings.seed << 8) + i) for i, name in enumerate(("init", "order"))}
        self.model = nn.Linear(3, 1, generator=self.generators["init"])
        self.optimizer = training.make_optimizer(settings, list(self.model.parameters()))
        data = TensorDataset(tg.tensor(np.arange(30, dtype=np.float32).reshape(10, 3)))
        self.loader = DataLoader(data, 2, shuffle=True, generator=self.generators["order"])

    def state(self):
        return training.states(self.optimizer, self.generators, self.loader) | {"step": self.step}

    def load_state(self, weights, state):
        self.model.load_state_dict(weights)
        training.load_states(state, self.optimizer, self.generators, self.loader)
        self.step = state["step"]

    def steps(self):
        while self.step < self.last_step:
            for (x,) in self.loader:
                self.optimizer.zero_grad()
                self.model(x).square().mean().backward()
                self.optimizer.step()
                self.step += 1
                yield self.step % len(self.loader) == 0
                if self.step == self.last_step:
                    return


def begin(settings, device, say):
    say(f"begins on {device}")
    return Trainer(settings), {"data_crc32": training.checksum(np.arange(3))}


def loop(trainer, run, quiet, say):
    with Interruption() as interruption:
        for epoch_ended in training.steps(trainer, run, interruption):
            run.log(step=trainer.step, epoch_ended=epoch_ended)
            if trainer.settings.data == "stops" and trainer.step == 2:
                interruption.request()  # comes after the step has been looked at: the next one is the last
    return training.ended(trainer, run, say)


def train(settings, out, **options):
    return training.train(
        begin, loop, settings, out, command="test train", may_change=("steps", "max_steps"), device="cpu", **options
    )


def contents(path):
    names = ("metrics.jsonl", "last.safetensors", "state.safetensors")
    return [(path / name).read_bytes() for name in names]


def test_a_run_from_its_beginning_to_its_end(tmp_path):
    said = []
    assert train(Settings("d"), tmp_path / "run", say=said.append) == 0
    assert said == ["begins on cpu", f"finished: {tmp_path / 'run'}"]
    run = Run.open(tmp_path / "run", "test train")
    assert [row["epoch_ended"] for row in run.metrics()] == [False] * 4 + [True, False]
    assert run.settings["data_crc32"] == training.checksum(np.arange(3))
    assert run.settings["init_from"] is None


def test_in_two_parts_it_ends_with_the_same_bytes(tmp_path):
    said = []
    train(Settings("d"), tmp_path / "whole", quiet=True, say=said.append)
    assert train(Settings("d", max_steps=2), tmp_path / "cut", quiet=True, say=said.append) == 0
    assert said == []
    assert train(Settings("d"), tmp_path / "cut", resume=True, say=said.append) == 0
    assert said[1] == f"{tmp_path / 'cut'}: going on from step 2 of 6"
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert train(Settings("d"), tmp_path / "cut", resume=True, say=said.append) == 0
    assert said[-1] == f"{tmp_path / 'cut'}: finished already, at step 6"


def test_an_interruption_saves_and_says_how_to_go_on(tmp_path):
    said = []
    assert train(Settings("stops"), tmp_path / "run", say=said.append) == EXIT_INTERRUPTED
    assert said[-1] == "stopped at step 3 of 6; the same command with --resume goes on from here"
    assert train(Settings("stops"), tmp_path / "run", resume=True, say=said.append) == 0
    assert "going on from step 3 of 6" in said[-2]


def test_a_step_is_saved_after_the_caller_has_seen_it_and_only_when_it_is_time(tmp_path):
    trainer, saved = Trainer(Settings("d", steps=7)), []
    with Run.create(tmp_path / "run", "test train", {}) as run:
        checkpoint = run.checkpoint
        run.checkpoint = lambda *a, **k: (saved.append(k["step"]), checkpoint(*a, **k))
        for _ in training.steps(trainer, run, Interruption()):
            assert trainer.step not in saved
    assert saved == [4, 5, 7]  # every fourth, the end of an epoch, the end


def test_weights_to_start_from_are_read_before_the_run_is_made_and_not_again(tmp_path):
    weights = {"weight": np.full((1, 3), 2, np.float32), "bias": np.zeros(1, np.float32)}
    tg.save(tmp_path / "good", weights)
    tg.save(tmp_path / "other", {"weight": np.zeros((2, 3), np.float32)})
    with pytest.raises(ValueError, match=r"`init_from` is '.*other', which holds other weights"):
        train(Settings("d"), tmp_path / "run", init_from=tmp_path / "other", quiet=True)
    with pytest.raises(ValueError, match="which holds other weights"):
        train(Settings("d"), tmp_path / "run", init_from=tmp_path / "other", resume=True, quiet=True)
    assert not (tmp_path / "run").exists()
    assert train(Settings("d", lr=1e-9, max_steps=1), tmp_path / "run", init_from=tmp_path / "good", quiet=True) == 0
    np.testing.assert_allclose(Run.open(tmp_path / "run").weights()["weight"], 2, atol=1e-6)
    (tmp_path / "good").unlink()  # a run that goes on has its own
    settings = Settings("d", lr=1e-9)
    assert train(settings, tmp_path / "run", init_from=tmp_path / "good", resume=True, quiet=True) == 0
    model = nn.Linear(3, 1)
    assert with_weights_of(Run.open(tmp_path / "run"), model, "auto") is model
    assert not model.training
    np.testing.assert_allclose(model.weight.detach().numpy(), 2, atol=1e-6)
    with pytest.raises(ValueError, match="run` has weights of another model than its settings"):
        with_weights_of(Run.open(tmp_path / "run"), nn.Linear(4, 1))
    with pytest.raises(FileNotFoundError, match="does not exist"):
        start_from(model, tmp_path / "good")


def test_the_pace_counts_from_the_last_time(monkeypatch):
    now = iter([10.0, 12.0, 12.0, 20.0, 24.0, 24.0])
    monkeypatch.setattr(training.time, "monotonic", lambda: next(now))
    pace = training.Pace(5, 8)
    assert pace.at(7) == (2.0, 8.0)
    pace.begin(0)
    assert pace.at(1) == (4.0, 2.0)


def test_a_checksum_of_several_arrays_is_that_of_their_bytes_in_a_row():
    a, b = np.arange(6, dtype=np.uint8).reshape(2, 3), np.arange(4, dtype=np.uint8)
    assert training.checksum(a, b) == training.checksum(np.concatenate([a.ravel(), b])) != training.checksum(b, a)
    assert training.checksum(a.T) == training.checksum(a.T.copy()) != training.checksum(a)


def test_the_optimiser_of_the_settings():
    parameters = [nn.Parameter(np.zeros(2, np.float32))]
    assert isinstance(training.make_optimizer(Settings("d"), parameters), optim.Adam)
    assert isinstance(training.make_optimizer(Settings("d", optimizer="rmsprop"), parameters), optim.RMSprop)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 0}, "`units` is 0; it must be at least 1"),
        ({"units": math.inf}, "`units` is inf; it must be at least 1"),
        ({"log_every": 0}, "`log_every` is 0; it must be at least 1"),
        ({"max_steps": -1}, "`max_steps` is -1; it must be at least 0"),
        ({"seed": -1}, "`seed` is -1; it must be at least 0"),
        ({"seed": 2**56}, "`seed` is 72057594037927936; it must be below 2**56"),
        ({"lr": 0.0}, "`lr` is 0.0; it must be above 0"),
        ({"lr": math.nan}, "`lr` is nan; it must be above 0"),
        ({"decay": 1.0}, "`decay` is 1.0; it must be from 0 to below 1"),
        ({"optimizer": "sgd"}, "`optimizer` is 'sgd'; valid are adam, rmsprop"),
    ],
)
def test_settings_out_of_range(changes, message):
    with pytest.raises(ValueError) as caught:
        check(Settings("d", **changes), {"units": 1}, ["lr"], ["decay"], {"optimizer": ("adam", "rmsprop")})
    assert str(caught.value) == message


def test_settings_in_range():
    check(Settings("d", seed=2**56 - 1), {"units": 4}, ["lr"], ["decay"], {"optimizer": ("adam",)})


def test_presets():
    presets = {"book": {"lr": 0.5}, "tuned": {}}
    assert preset_values(presets, "book") == {"lr": 0.5, "preset": "book"}
    with pytest.raises(ValueError, match="`preset` is 'x'; valid are book, tuned"):
        preset_values(presets, "x")


def test_settings_of_a_run(tmp_path):
    def run_of(name, **settings):
        with Run.create(tmp_path / name, "test train", settings):
            return Run.open(tmp_path / name)

    run = run_of("a", data="d", units=3, lr=1, layers=["x"], image_shape=[1, 2, 3])
    assert stored_settings(run, Settings, steps=9) == Settings("d", 3, 1, layers=["x"], steps=9)
    assert image_shape(run) == (1, 2, 3)
    for name, settings, problem in (
        ("b", {"data": "d", "units": 1.5, "layers": []}, "its `units` is 1.5"),
        ("c", {"data": "d", "lr": "fast", "layers": []}, "its `lr` is 'fast'"),
        ("d", {"data": "d", "layers": "x"}, "its `layers` is 'x'"),
        ("e", {"layers": []}, "its `data` is None"),  # a setting that has no default
    ):
        with pytest.raises(ValueError, match=rf"config\.json` is damaged: {problem}"):
            stored_settings(run_of(name, **settings), Settings)
    for i, shape in enumerate((None, 3, [1, 2], [1, 2, 0], [1, 2, 3.5])):
        with pytest.raises(ValueError, match=r"config\.json` is damaged: its `image_shape` is"):
            image_shape(run_of(f"shape{i}", image_shape=shape))


def test_a_picture_tells_its_settings_but_not_those_that_may_change():
    told = origin(Settings("d"), ("steps", "layers"), Step=3)
    assert told == origin(Settings("d", steps=2), ("steps", "layers"), Step="3")
    assert '"units": 4' in told["Settings"]
    assert "steps\": 6" not in told["Settings"]
    assert list(told) == ["Software", "Settings", "Step"]
    assert "under" in origin(Settings("d"), (), under="under")
