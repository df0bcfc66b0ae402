"""The text generator: its model, loss, samples, schedule, and a continuation in the middle of an epoch."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen.data.tokens import divided
from tinygen.generators import text
from tinygen.modes import no_grad

CORPUS = "the quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs. " * 12


def small(**changes):
    options = {"units": 16, "window": 12, "stride": 3, "batch_size": 16, "epochs": 2, "log_every": 3, "save_every": 4}
    return text.Settings(**{**options, "val_fraction": 0.1, **changes})


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(CORPUS)
    return str(path)


def book(**changes):
    return text.settings_for("book", units=16, window=12, batch_size=16, **changes)


def test_the_book_preset_is_the_chapter():
    s = text.settings_for("book")
    assert (s.layers, s.units, s.window, s.stride, s.batch_size, s.epochs) == (1, 128, 60, 3, 128, 60)
    assert (s.optimizer, s.lr, s.clip_norm, s.clip_probability, s.targets) == ("rmsprop", 0.01, 0, 1e-7, "last")
    optimizer = text.make_optimizer(s, [tg.nn.Parameter(np.zeros(1, np.float32))])
    assert optimizer.param_groups[0]["alpha"] == 0.9
    assert optimizer.param_groups[0]["eps"] == 1e-7
    assert text.PRESETS["book-python"] == text.PRESETS["book"]


def test_weights_start_as_keras_does():
    model = text.CharLSTM(9, 16, generator=tg.Generator(0))
    recurrent = model.lstm.weight_hh_l0.detach().numpy()  # (4H, H): the transpose of Keras' kernel
    np.testing.assert_allclose(recurrent.T @ recurrent, np.eye(16), atol=1e-5)
    assert abs(model.lstm.weight_ih_l0.detach().numpy()).max() <= math.sqrt(6 / (9 + 64))
    assert model.lstm.bias_ih_l0.detach().tolist() == [0] * 16 + [1] * 16 + [0] * 32
    assert not model.lstm.bias_hh_l0.requires_grad
    assert len(model.trained()) == 5


def test_loss_at_step_0_is_near_ln_of_the_vocabulary():
    trainer = text.Trainer(book(), CORPUS)
    x, y = trainer.windows.batch(np.arange(64))
    expected = math.log(len(trainer.vocabulary))
    assert text.loss_of(trainer.model, x, y).item() == pytest.approx(expected, abs=0.15)


def test_loss_at_every_place_ends_in_the_books_loss():
    trainer = text.Trainer(small(), CORPUS)
    x, y = trainer.windows.batch(np.arange(20))
    every, last = text.loss_at_every_place(trainer.model, x, y)
    assert last.item() == pytest.approx(text.loss_of(trainer.model, x, y).item(), rel=1e-6)
    shorter = [text.loss_of(trainer.model, x[:t], x[t]).item() for t in range(1, 12)]
    assert every.item() == pytest.approx(np.mean([*shorter, last.item()]), rel=1e-5)


def test_clipped_probability_caps_the_loss_and_stops_the_gradient():
    model = text.CharLSTM(5, 16, generator=tg.Generator(0))
    with no_grad():
        model.dense.bias[0] = 100.0  # sure of character 0
    x, wrong = tg.zeros(3, 2, dtype=np.int32), tg.tensor(np.array([1, 2], np.int32))
    assert text.loss_of(model, x, wrong).item() > 90
    clipped = text.loss_of(model, x, wrong, 1e-7)
    assert clipped.item() == pytest.approx(-math.log(1e-7), rel=1e-6)
    clipped.backward()
    assert not model.dense.bias.grad.numpy().any()


def test_learning_rate_rises_then_falls():
    s = text.Settings(lr=1.0)
    rates = [text.learning_rate(s, step, 5000) for step in range(5000)]
    assert rates[0] == 1 / 200
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (199, 200)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    assert all(a > b for a, b in itertools.pairwise(rates[200:]))
    assert text.learning_rate(text.settings_for("book"), 4000, 5000) == 0.01


def test_temperature_by_hand_and_at_its_limits():
    p = np.array([0.5, 0.3, 0.2, 0.0])
    half = p**2 / (p**2).sum()
    np.testing.assert_allclose(text.at_temperature(p, 0.5), half)
    np.testing.assert_allclose(text.at_temperature(p, 1.0), p)
    assert text.at_temperature(p, 1e-3)[0] == 1.0
    np.testing.assert_allclose(text.at_temperature(p, 1e6), [1 / 3, 1 / 3, 1 / 3, 0], rtol=1e-5)
    with pytest.raises(ValueError, match="`temperature` is 0"):
        text.at_temperature(p, 0)


@pytest.mark.parametrize("layers", [1, 2])
def test_sampling_with_carried_state_equals_running_the_window_again(layers):
    model = text.CharLSTM(9, 16, layers, generator=tg.Generator(3)).eval()
    prompt = np.array([1, 2, 3, 4], np.int32)
    greedy = model.sample(prompt, 12, tg.Generator(0), greedy=True)
    written = list(prompt)
    for _ in range(12):
        written.append(int(text.next_distribution(model, np.array(written, np.int32)).argmax()))
    assert written[4:] == greedy.tolist()


def test_samples_follow_the_distribution():
    model = text.CharLSTM(6, 16, generator=tg.Generator(3)).eval()
    prompt = np.array([1, 2], np.int32)
    p = text.at_temperature(text.next_distribution(model, prompt), 0.7)
    generator = tg.Generator(1)
    draws = [int(model.sample(prompt, 1, generator, 0.7)[0]) for _ in range(2000)]
    found = np.bincount(draws, minlength=6)
    chi_square = ((found - 2000 * p) ** 2 / (2000 * p)).sum()
    assert chi_square < 20.5  # 0.1 % of right samplers exceed it with 5 degrees of freedom


def test_the_same_seed_writes_the_same_text_and_one_token_prompts_work():
    model = text.CharLSTM(6, 16, generator=tg.Generator(3)).eval()
    one = np.array([5], np.int32)
    a, b = (model.sample(one, 20, tg.Generator(7), 1.2).tolist() for _ in range(2))
    assert a == b
    assert model.sample(one, 0, tg.Generator(7)).tolist() == []


def test_verdicts():
    s = text.settings_for("book")
    assert text.verdict(s, 1, 1.95) == "published 1.9895, this is 0.0395 lower"
    assert text.verdict(s, 7, 1.4) == "published 1.4682 at epoch 5 and 1.3947 at epoch 10"
    assert "ended at epoch 59" in text.verdict(s, 60, 1.4)
    assert text.verdict(text.Settings(data="x.txt"), 1, 1.4) == "no published run for this text"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "`layers` is 0"),
        ({"val_fraction": 1.0}, "`val_fraction` is 1.0"),
        ({"lr": 0.0}, "`lr` is 0.0"),
        ({"optimizer": "sgd"}, "`optimizer` is 'sgd'; valid are rmsprop, adam"),
        ({"tokens": "byte"}, "`tokens` is 'byte'; valid are char, word, voice"),
        ({"model": "rnn"}, "`model` is 'rnn'; valid are lstm, gru, conv"),
        ({"seed": -1}, "`seed` is -1"),
        ({"output_dropout": 1.0}, "`output_dropout` is 1.0; it must be from 0 to below 1"),
        ({"kernel": 1}, "`kernel` is 1; it must be at least 2"),
        ({"vocabulary_size": 1}, "`vocabulary_size` is 1; it must be at least 2"),
        ({"stateful": True, "targets": "last"}, "`targets` is 'last'; a stateful run learns from every place"),
        ({"softmax": "sampled"}, "`softmax` is 'sampled', which needs a stateful run"),
        ({"model": "gru", "gate": "hard_sigmoid"}, "`gate` is 'hard_sigmoid', which only the model lstm has"),
        ({"model": "conv", "embedding": 4}, "`embedding` is 4; the model conv has one of its own width"),
        ({"model": "conv", "layers": 6}, "`window` is 60, less than the receptive field of 64 tokens"),
    ],
)
def test_settings_are_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        text.Settings(**changes)


def test_presets_and_what_other_tokens_and_models_bring():
    large = text.settings_for("large")
    assert (large.layers, large.units, large.stateful, large.schedule) == (2, 256, True, "cosine")
    assert large.dropout > 0 < large.output_dropout
    word = text.settings_for("tuned", tokens="word")
    assert word.stateful
    assert word.embedding
    assert text.settings_for("large", tokens="word", units=99).units == 99
    assert text.settings_for("large", tokens="word").lr == large.lr  # the preset counts for more
    conv = text.settings_for("tuned", model="conv", tokens="word")
    assert (conv.embedding, conv.receptive_field) == (0, 256)
    conv = text.settings_for("large", model="conv")
    assert (conv.stateful, conv.layers, conv.receptive_field) == (True, 9, 141)
    assert not text.settings_for("book", tokens="word").stateful
    with pytest.raises(ValueError, match="`window` is 60, less than the receptive field of 256 tokens"):
        text.settings_for("book", model="conv")
    assert text.settings_for("book", model="conv", window=256).optimizer == "rmsprop"
    assert text.settings_for("tuned", data="jsb-chorales").tokens == "voice"
    assert text.settings_for("tuned", data="nottingham").keep_case
    assert not text.settings_for("tuned").stateful


def test_held_out_text_must_be_longer_than_a_window():
    with pytest.raises(ValueError, match=r"`val_fraction` 0\.01 holds out 10 characters"):
        text.Trainer(small(val_fraction=0.01), CORPUS)
    with pytest.raises(ValueError, match="1 distinct character"):
        text.Trainer(small(), "a" * 500)


STATEFUL = {"stateful": True, "batch_size": 5}
CONV = {"model": "conv", "layers": 3, "dropout": 0.2}
RUNS = {
    "lstm": {},
    "lstm, dropout": {"layers": 2, "dropout": 0.3},
    "lstm, rmsprop": {"optimizer": "rmsprop", "targets": "last"},
    "lstm, stateful": {**STATEFUL, "layers": 2, "dropout": 0.3, "output_dropout": 0.2, "schedule": "linear"},
    "gru": {"model": "gru", "targets": "last"},
    "gru, stateful": {"model": "gru", **STATEFUL, "output_dropout": 0.2},
    "conv": CONV,
    "conv, stateful": {**CONV, **STATEFUL},
    "words": {"tokens": "word", "embedding": 6},
    "words, stateful": {"tokens": "word", "vocabulary_size": 12, **STATEFUL, "batch_size": 3},
    "words, sampled": {"tokens": "word", "softmax": "sampled", "candidates": 4, **STATEFUL, "batch_size": 3},
    "words, conv": {"tokens": "word", **CONV, **STATEFUL, "batch_size": 3},
    "notes": {"tokens": "voice"},
    "notes, stateful": {"tokens": "voice", "model": "gru", **STATEFUL},
}


def chorales(pieces=12, steps=20):
    """Four voices that run up and down, as text."""
    lines = []
    for piece in range(pieces):
        for t in range(steps):
            lines.append(f"{72 + (t * (piece + 1)) % 5} {65 + t % 3} {'-' if t % 7 == 6 else 60} {48 + piece % 2}")
        lines.append("")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("kind", RUNS)
def test_stopped_at_any_place_and_resumed_ends_with_the_same_bytes(tmp_path, corpus, kind, monkeypatch):
    monkeypatch.setattr(text, "SAMPLE_LENGTH", 30)
    changes = RUNS[kind]
    if changes.get("tokens") == "voice":
        Path(corpus).write_text(chorales())
    files = ["last.safetensors", "best.safetensors", "state.safetensors", "metrics.jsonl"]
    settings = small(data=corpus, **changes)
    assert text.train(settings, tmp_path / "whole", quiet=True) == 0
    steps = json.loads((tmp_path / "whole/metrics.jsonl").read_text().splitlines()[-1])["step"]
    for stop in (1, steps // 2 - 1, steps // 2, steps // 2 + 1) if kind.startswith("lstm") else (2, steps // 2 + 1):
        out = tmp_path / f"at-{stop}"
        part = small(data=corpus, **changes, max_steps=stop)
        assert text.train(part, out, quiet=True) == 0
        assert text.train(settings, out, resume=True, quiet=True) == 0
        for name in files:
            assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), (stop, name)
        assert {p.name: p.read_bytes() for p in (out / "samples").iterdir()} == {
            p.name: p.read_bytes() for p in (tmp_path / "whole/samples").iterdir()
        }


def config_without(path, *names):
    """Take settings out of a run's config.json, as if they had not been there when it began."""
    config = json.loads((path / "config.json").read_text())
    for name in names:
        del config["settings"][name]
    (path / "config.json").write_text(json.dumps(config))


def test_a_run_of_before_these_settings_goes_on_and_writes(tmp_path, corpus):
    young = ("stateful", "softmax", "candidates", "embedding", "kernel", "cycle", "vocabulary_size", "output_dropout")
    text.train(small(data=corpus), tmp_path / "whole", quiet=True)
    text.train(small(data=corpus, max_steps=5), tmp_path / "run", quiet=True)
    config_without(tmp_path / "run", *young)
    assert text.load_model(tmp_path / "run")[2] == small(data=corpus, max_steps=5)
    assert text.train(small(data=corpus), tmp_path / "run", resume=True, quiet=True) == 0
    for name in ("last.safetensors", "state.safetensors", "metrics.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    config_without(tmp_path / "run", *young)
    with pytest.raises(ValueError, match=r"`output_dropout` was not set and is 0\.5 now"):
        text.train(small(data=corpus, output_dropout=0.5, epochs=3), tmp_path / "run", resume=True, quiet=True)


def rows_of(path):
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def test_a_stateful_run_sees_every_token_once_in_an_epoch_and_carries_its_state(tmp_path):
    trainer = text.Trainer(small(stateful=True, batch_size=5), CORPUS)
    steps, ends = [], 0
    for end in trainer.steps():
        assert [s.requires_grad for s in trainer.carried] == [False, False]
        steps.append(trainer.carried[0].numpy())
        if end:
            ends += 1
            assert trainer.seen == 5 * ((len(trainer.train_tokens) - 1) // 5)
            trainer.end_epoch()
            assert trainer.carried is None
    assert ends == 2
    assert abs(steps[0] - steps[1]).max() > 1e-3


def test_carrying_the_state_is_reading_on(tmp_path):
    """With a rate of 0 the second step's loss is that of its stretch behind the first, in one go."""
    trainer = text.Trainer(small(stateful=True, batch_size=5, lr=1e-30), CORPUS)
    first, second = (trainer.windows[i] for i in range(2))
    steps = trainer.steps()
    next(steps)
    before = trainer.sum.item()
    next(steps)
    found = (trainer.sum.item() - before) / second[1].numel()
    with no_grad():
        scores = trainer.model(tg.tensor(np.concatenate([first[0].numpy(), second[0].numpy()])), every=True)[12:]
        expected = tg.nn.functional.cross_entropy(scores.flatten(0, 1), second[1].flatten()).item()
    assert found == pytest.approx(expected, rel=1e-5)


def test_words_are_charged_for_all_characters_of_the_held_out_text(tmp_path):
    corpus = CORPUS.replace("dozen", "zebra", 1).replace("liquor jugs. ", "liquor jugs.\n") + "the unicorn sleeps. "
    trainer = text.Trainer(small(tokens="word", stateful=True, batch_size=3, window=6), corpus)
    held_out = corpus[len(corpus) - round(0.1 * len(corpus)) :]
    found = trainer.validate()
    tokens = trainer.vocabulary.encode(held_out)
    assert trainer.vocabulary.unknown_words(held_out)[-3:] == [" unicorn", " sleeps", " "]
    with no_grad():
        read = np.concatenate([trainer.train_tokens[-1:], tokens])
        scores = trainer.model(tg.tensor(read[:-1, None]), every=True)[:, 0]
        token_nats = tg.nn.functional.cross_entropy(scores, tg.tensor(read[1:]), reduction="sum").item()
    spelling = sum(map(trainer.speller.cost, trainer.vocabulary.unknown_words(held_out)))
    assert spelling > 15 * math.log(2)  # these fifteen characters are not guessed for little
    assert found["val_loss"] == pytest.approx((token_nats + spelling) / len(held_out), rel=1e-5)
    assert found["val_perplexity_char"] == pytest.approx(math.exp(found["val_loss"]))
    assert found["val_perplexity_word"] == pytest.approx(math.exp((token_nats + spelling) / len(tokens)), rel=1e-4)
    assert found["val_loss_word"] == pytest.approx(token_nats / len(tokens), rel=1e-5)
    assert found["val_unknown"] == pytest.approx((tokens == 0).mean())


def test_words_and_characters_hold_out_the_same_text():
    for fraction in (0.05, 0.1, 0.33):
        parts = [divided(CORPUS, kind, fraction)[1:] for kind in ("char", "word")]
        assert parts[0] == parts[1]
        assert "".join(parts[0]) == CORPUS


def test_a_run_of_words_writes_words_and_their_perplexity(tmp_path, corpus):
    settings = small(data=corpus, tokens="word", vocabulary_size=12, stateful=True, batch_size=3, epochs=3)
    text.train(settings, tmp_path / "run", quiet=True)
    ends = [row for row in rows_of(tmp_path / "run") if row.get("epoch_end")]
    assert ends[-1]["val_loss"] < ends[0]["val_loss"]
    assert ends[-1]["val_perplexity_word"] > math.exp(ends[-1]["val_loss_word"])
    assert ends[0]["val_unknown"] > 0.1
    model, vocabulary, _, prompt = text.load_model(tmp_path / "run")
    assert len(vocabulary) == 12
    assert prompt.startswith(" <unknown> <unknown> brown fox")  # " the" is known, "the" occurs once
    for sample in (tmp_path / "run/samples").iterdir():
        assert "<unknown>" not in sample.read_text().split("--- temperature", 1)[1]  # read, never written
    image = text.temperature_figure(model, vocabulary, "the")
    assert image.width == 1200


def test_a_run_of_notes_writes_whole_steps(tmp_path):
    (tmp_path / "c.txt").write_text(chorales())
    settings = small(data=str(tmp_path / "c.txt"), tokens="voice", window=16, stateful=True, batch_size=4)
    text.train(settings, tmp_path / "run", quiet=True)
    model, vocabulary, _, prompt = text.load_model(tmp_path / "run")
    assert prompt == chorales()[: len(prompt)]
    assert prompt.count("\n") == 4
    written = vocabulary.decode(model.sample(vocabulary.encode_prompt(prompt), 200, tg.Generator(0)))
    assert vocabulary.decode(vocabulary.encode(written)) == written != ""
    trained, held_out = divided(chorales(), "voice", 0.1)[1:]
    assert trained.endswith("\n\n")
    assert held_out.startswith("72 65 60 ")


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_schedules_end_low(schedule):
    s = text.Settings(lr=1.0, schedule=schedule)
    rates = [text.learning_rate(s, step, 5000) for step in range(5000)]
    assert rates.index(max(rates)) in (199, 200)
    assert rates[-1] == pytest.approx(0.01, abs=1e-3)
    middle = rates[2600]
    assert middle == pytest.approx(0.505, abs=1e-3)
    quarter = {"cosine": 0.01 + 0.99 * (1 + math.cos(math.pi / 4)) / 2, "linear": 0.7525}[schedule]
    assert rates[1400] == pytest.approx(quarter, abs=1e-3)


def test_metrics_hold_no_times_and_the_epochs_mean(tmp_path, corpus):
    text.train(small(data=corpus), tmp_path / "run", quiet=True)
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert all(set(row) <= {"step", "epoch", "loss", "val_loss", "epoch_end"} for row in rows)
    ends = [row for row in rows if row.get("epoch_end")]
    assert [row["epoch"] for row in ends] == [1, 2]
    assert ends[1]["loss"] < ends[0]["loss"]


def test_a_loss_that_is_not_finite_stops_and_saves_nothing_bad(tmp_path, corpus):
    settings = text.settings_for("book", data=corpus, units=16, window=12, batch_size=16, lr=1e30, clip_probability=0.0,
                                 epochs=2, log_every=1)
    with pytest.raises(text.Diverged, match=r"the loss became (nan|inf) at step"):
        text.train(settings, tmp_path / "run", quiet=True)
    weights = tmp_path / "run/last.safetensors"
    assert not weights.exists() or all(np.isfinite(a).all() for a in tg.load(weights).values())


def test_init_from_takes_the_weights_only(tmp_path, corpus):
    text.train(small(data=corpus), tmp_path / "a", quiet=True)
    weights = tmp_path / "a/last.safetensors"
    text.train(small(data=corpus, max_steps=1, lr=1e-12), tmp_path / "b", init_from=weights, quiet=True)
    before, after = tg.load(weights), tg.load(tmp_path / "b/last.safetensors")
    for name in before:
        np.testing.assert_allclose(before[name], after[name], atol=1e-9)
    with pytest.raises(ValueError, match=r"`init_from` is .* other weights"):
        text.train(small(data=corpus, layers=2), tmp_path / "c", init_from=weights, quiet=True)
    assert not (tmp_path / "c").exists()


def test_load_model_takes_the_best_where_there_is_one(tmp_path, corpus):
    text.train(small(data=corpus), tmp_path / "run", quiet=True)
    model, vocabulary, settings, prompt = text.load_model(tmp_path / "run")
    best = tg.load(tmp_path / "run/best.safetensors")
    np.testing.assert_array_equal(model.dense.weight.detach().numpy(), best["dense.weight"])
    assert prompt == CORPUS[:12]
    assert vocabulary.characters == "".join(sorted(set(CORPUS)))
    assert settings.units == 16


def test_damaged_last_weights_are_said_and_the_ones_before_taken(tmp_path, corpus):
    text.train(small(data=corpus), tmp_path / "run", quiet=True)
    last = tmp_path / "run/last.safetensors"
    last.write_bytes(last.read_bytes()[:-100])
    said = []
    model, *_ = text.load_model(tmp_path / "run", "last", said.append)
    assert len(said) == 1
    assert "last.safetensors" in said[0]
    before = tg.load(tmp_path / "run/last.previous.safetensors")
    np.testing.assert_array_equal(model.dense.weight.detach().numpy(), before["dense.weight"])


def test_fewer_steps_than_are_done_is_finished_already(tmp_path, corpus):
    text.train(small(data=corpus, max_steps=9), tmp_path / "run", quiet=True)
    said = []
    shorter = small(data=corpus, max_steps=5)
    assert text.train(shorter, tmp_path / "run", resume=True, say=said.append) == 0
    assert said[-1].endswith("finished already, at step 9")
