"""Chorales and tunes as text."""

import hashlib
import json

import pytest

from tinygen.data import DATASETS, abc_text, cache_dir, chorales, chorales_text, download, music
from tinygen.data.download import cached


def put(tmp_path, monkeypatch, name, files):
    """A cache that holds ``files`` (path -> bytes) as data set ``name``."""
    monkeypatch.setenv("TINYGEN_HOME", str(tmp_path))
    remotes = []
    for path, data in files.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        remotes.append(download.Remote(path, "", hashlib.sha256(data).hexdigest(), len(data), "a test"))
    monkeypatch.setitem(download.DATASETS, name, tuple(remotes))


def test_chorales(tmp_path, monkeypatch):
    two = [[[67, 60, 55, 36], [67, 60, 55, -1]], [[72, 64, 55, 48]]]
    parts = {"test": [[[60, 55, 52, 48]]], "train": two, "valid": []}
    put(tmp_path, monkeypatch, "jsb-chorales", {"music/x.json": json.dumps(parts).encode()})
    train = "67 60 55 36\n67 60 55 -\n\n72 64 55 48\n\n"
    assert chorales_text("train") == train
    assert chorales_text("valid") == ""
    assert chorales_text() == train + "60 55 52 48\n\n"
    assert chorales("test") == [[[60, 55, 52, 48]]]
    with pytest.raises(ValueError, match="`split` is 'validation'; valid are train, valid, test and None"):
        chorales_text("validation")


def test_tunes_are_mixed_and_numbered_and_what_nobody_hears_is_left_out(tmp_path, monkeypatch):
    first = b"\nX: 1\nT:One\n% a comment\nS:a book\n%%MIDI x\nK:C\nCDE |\\  % more\nF|  \n\n\nX: 2\nT:Two\nK:G\nG|\n"
    second = b"X:7\nT:Three\nN:note\n\nK:D\nD|\n"
    put(tmp_path, monkeypatch, "nottingham", {"a.abc": first, "b.abc": second})
    assert abc_text() == (
        "X:1\nT:One\nK:C\nCDE |\\\nF|\n\n" "X:2\nT:Three\nK:D\nD|\n\n" "X:3\nT:Two\nK:G\nG|\n"
    )


def test_addresses_name_a_commit():
    remotes = DATASETS["jsb-chorales"] + DATASETS["nottingham"]
    assert len(remotes) == 15
    assert len({remote.path for remote in remotes}) == 15
    for remote in remotes:
        assert remote.url.startswith("https://raw.githubusercontent.com/")
        assert len(remote.url.split("/")[5]) == 40
        assert remote.url.endswith(remote.path.rpartition("/")[2])


def test_the_real_ones():
    if not all(cached(music.CHORALES) + cached(music.TUNES)):
        pytest.skip(f"{cache_dir()} does not hold the music data sets")
    lines = chorales_text().split("\n")
    assert sum(map(bool, lines)) == 92_536
    assert len(chorales()) == 382 == chorales_text().count("\n\n")
    assert all(len(line.split(" ")) == 4 for line in lines if line)
    text = abc_text()
    assert text.count("X:") == 1037 == text.count("\n\n") + 1
    assert "%" not in text
    assert "\nS:" not in text
    assert "\r" not in text
