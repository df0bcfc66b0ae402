"""Texts, vocabularies, windows, loaders and the download cache."""

import hashlib

import numpy as np
import pytest

import tinygen as tg
from tinygen.data import DataLoader, TensorDataset, Vocabulary, Windows, download, load_text


def test_vocabulary_round_trip_and_unknown_characters():
    vocabulary = Vocabulary.of("Hello, World", lower_case=True)
    assert vocabulary.characters == " ,dehlorw"
    assert vocabulary.decode(vocabulary.encode("Hello")) == "hello"
    assert vocabulary.encode("hello").dtype == np.int32
    with pytest.raises(ValueError, match=r"that this model has never seen: .x. .€.; it knows"):
        vocabulary.encode("x€", "--prompt")


def test_windows_are_the_books():
    tokens = np.arange(20, dtype=np.int32)
    windows = Windows(tokens, 6, 3)
    assert len(windows) == len(range(0, 20 - 6, 3))
    x, y = windows.batch(np.array([0, 4]))
    assert x.numpy().T.tolist() == [[0, 1, 2, 3, 4, 5], [12, 13, 14, 15, 16, 17]]
    assert y.tolist() == [6, 18]
    single, following = windows[4]
    assert single.tolist() == [12, 13, 14, 15, 16, 17]
    assert following.item() == 18


def test_number_of_nietzsche_windows_is_the_published_one():
    assert len(Windows(np.zeros(600_893, np.int32), 60, 3)) == 200_278


@pytest.mark.parametrize(
    ("options", "message"),
    [((30, 3), "`window` is 30, but the text has only 20"), ((0, 3), "`window` is 0"), ((5, 0), "`stride` is 0")],
)
def test_windows_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        Windows(np.zeros(20, np.int32), *options)


def loader(seed=0, **options):
    return DataLoader(TensorDataset(tg.arange(10)), 3, shuffle=True, generator=tg.Generator(seed), **options)


def test_loader_hands_out_everything_once_in_a_new_order_each_epoch():
    batches = loader()
    first, second = ([t.tolist() for (t,) in batches] for _ in range(2))
    for epoch in (first, second):
        assert [len(b) for b in epoch] == [3, 3, 3, 1]
        assert sorted(n for batch in epoch for n in batch) == list(range(10))
    assert first != second
    assert len(list(loader(drop_last=True))) == 3 == len(loader(drop_last=True))


@pytest.mark.parametrize("cut", range(9))
def test_loader_continues_from_any_place(cut):
    def stream(batches):
        while True:
            for (t,) in batches:
                yield t.tolist()

    whole, source = stream(loader()), loader()
    expected = [next(whole) for _ in range(12)]
    partial = stream(source)
    head = [next(partial) for _ in range(cut)]
    other = loader(seed=5)
    other.load_state_dict(source.state_dict())
    tail = stream(other)
    assert head + [next(tail) for _ in range(12 - cut)] == expected


def test_load_text(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffgrüße".encode())
    assert load_text(str(file)) == "grüße"
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="holds no text"):
        load_text(str(file))
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="not UTF-8"):
        load_text(str(file))
    with pytest.raises(ValueError, match="neither a file nor one of nietzsche, tinyshakespeare, python-docs"):
        load_text("nietzche")
    with pytest.raises(ValueError, match="a folder"):
        load_text(str(tmp_path))


def test_python_docs_come_with_python():
    text = load_text("python-docs")
    assert len(text) > 200_000
    assert text.isascii()
    assert "lambda" in text


@pytest.fixture
def remote(tmp_path, monkeypatch):
    data = b"some bytes"
    file = tmp_path / "source.txt"
    file.write_bytes(data)
    entry = download.Remote("text/x.txt", file.as_uri(), hashlib.sha256(data).hexdigest(), len(data), "a test")
    monkeypatch.setitem(download.DATASETS, "x", (entry,))
    monkeypatch.setenv("TINYGEN_HOME", str(tmp_path / "home"))
    return entry


def test_a_good_file_in_the_cache_is_never_fetched(remote, tmp_path, monkeypatch):
    place = tmp_path / "home" / remote.path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"some bytes")
    monkeypatch.setattr(download, "_download", lambda *a, **k: pytest.fail("downloaded"))
    assert download.find("x") == [place]


def test_a_damaged_file_in_the_cache_is_fetched_again(remote, tmp_path, monkeypatch):
    place = tmp_path / "home" / remote.path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"broken")
    assert download.cached("x") == [False]
    fetched = []
    monkeypatch.setattr(download, "_download", lambda remote, path, progress: fetched.append(path))
    said = []
    download.find("x", said.append)
    assert fetched == [place]
    assert "downloading" in said[0]


def test_download_over_http_checks_the_hash(remote, tmp_path, monkeypatch):
    import functools
    import http.server
    import threading

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/source.txt"
        good = download.Remote("text/x.txt", url, remote.sha256, remote.size, "")
        monkeypatch.setitem(download.DATASETS, "x", (good,))
        (path,) = download.find("x")
        assert path.read_bytes() == b"some bytes"
        bad = download.Remote("text/y.txt", url, "0" * 64, remote.size, "")
        monkeypatch.setitem(download.DATASETS, "x", (bad,))
        with pytest.raises(ValueError, match="hash"):
            download.find("x")
        gone = download.Remote("text/z.txt", url + "x", remote.sha256, remote.size, "")
        monkeypatch.setitem(download.DATASETS, "x", (gone,))
        with pytest.raises(RuntimeError, match=r"could not download .* put it at"):
            download.find("x")
    finally:
        server.shutdown()
        server.server_close()


def test_unknown_name():
    with pytest.raises(ValueError, match="`data` is 'y'; valid are"):
        download.find("y")
