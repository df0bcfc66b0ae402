"""``tinygen data``: what it lists, what it fetches, what it says of a name that is not there."""

import functools
import hashlib
import http.server
import threading

import pytest

from tinygen.cli import data, main
from tinygen.data import download
from tinygen.data.download import DATASETS, Remote
from tinygen.models import NETWORKS
from tinygen.models.weights import CARRIED, OFFICIAL

WEIGHTS = b"the weights of a network"


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("TINYGEN_HOME", str(folder))
    return folder


@pytest.fixture
def server(tmp_path):
    """The address of a folder that is served on this machine; the folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    folder = tmp_path / "publisher"
    folder.mkdir()
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}", folder
    serving.shutdown()
    serving.server_close()


def published(url, content=WEIGHTS, known=None):
    digest = known or hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Remote("vgg19_official.h5", f"{url}/vgg19_official.h5", "", len(content), "", md5=digest)


def listed(capsys):
    """name -> its line."""
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line for line in lines if line and line[0] != " "}


def test_the_list_names_everything_and_where_it_is_kept(home, capsys):
    found = listed(capsys)
    assert found["cache:"] == f"cache: {home}"
    assert set(found) >= {*DATASETS, *NETWORKS, "python-docs", "font-digits", "shapes"}
    for (name, include_top), remote in OFFICIAL.items():
        if not include_top:
            assert f"{remote.size / 1e6:.1f} MB  not here  {remote.url}" in found[name]
    for name in DATASETS:
        assert " not here " in found[name]
    assert set(CARRIED) == {"small"}
    assert " here      comes with tinygen" in found["small"]


def test_what_is_there_in_part_or_damaged_is_told(home, capsys, monkeypatch):
    (home / "vgg19_imagenet_block1-3_notop.h5").write_bytes(b"some of it")
    (home / "cifar-10-batches-bin").mkdir()
    (home / "cifar-10-batches-bin" / "data_batch_1.bin").write_bytes(b"")
    (home / "mnist").mkdir()
    (home / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"x")
    found = listed(capsys)
    assert " partial " in found["vgg19"]
    assert "vgg19_imagenet_block1-3_notop.h5; the whole: https://" in found["vgg19"]
    assert " partial " in found["cifar10"]
    assert " damaged " in found["mnist"]
    monkeypatch.setitem(data.NETWORKS, "vgg19", published("https://x"))
    (home / "vgg19_official.h5").write_bytes(WEIGHTS)
    assert " here  " in listed(capsys)["vgg19"]


def test_a_network_is_fetched_once_and_checked(home, server, capsys, monkeypatch):
    url, folder = server
    (folder / "vgg19_official.h5").write_bytes(WEIGHTS)
    (home / "vgg19_imagenet_part_notop.h5").write_bytes(b"the beginning is no reason not to fetch the whole")
    monkeypatch.setitem(data.NETWORKS, "vgg19", published(url))
    assert main(["data", "fetch", "vgg19"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [f"downloading {url}/vgg19_official.h5 (0.0 MB) to {home / 'vgg19_official.h5'}",
                   str(home / "vgg19_official.h5")]
    assert (home / "vgg19_official.h5").read_bytes() == WEIGHTS
    monkeypatch.setattr(download, "_download", lambda *a, **k: pytest.fail("downloaded again"))
    assert main(["data", "fetch", "vgg19"]) == 0
    assert capsys.readouterr().out == f"{home / 'vgg19_official.h5'}\n"


def test_a_wrong_file_and_a_server_that_is_gone(home, server, capsys, monkeypatch):
    url, folder = server
    (folder / "vgg19_official.h5").write_bytes(b"something else")
    monkeypatch.setitem(data.NETWORKS, "vgg19", published(url, known="0" * 32))
    assert main(["data", "fetch", "vgg19"]) == 2
    assert "hash" in capsys.readouterr().err
    assert not list(home.iterdir())
    monkeypatch.setitem(data.NETWORKS, "vgg19", published("http://127.0.0.1:9"))
    assert main(["data", "fetch", "vgg19"]) == 2
    err = capsys.readouterr().err
    assert "could not download http://127.0.0.1:9/vgg19_official.h5" in err
    assert err.endswith(f"put it at {home / 'vgg19_official.h5'}\n")


def test_a_cache_that_must_not_be_written_to(home, capsys, monkeypatch):
    monkeypatch.setattr(download, "writable", lambda: False)
    monkeypatch.setattr(download, "_download", lambda *a, **k: pytest.fail("downloaded"))
    assert main(["data", "fetch", "vgg19"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert f"{home} must not be written to; set TINYGEN_HOME, or put it there: https://" in err


def test_a_name_that_is_not_there(home, capsys):
    assert main(["data", "fetch", "vgg"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert err.startswith("tinygen: `name` is 'vgg'; valid are data sets: nietzsche, ")
    assert "networks: vgg16, vgg19, " in err


@pytest.mark.parametrize("name", ["small", "python-docs", "shapes"])
def test_what_comes_with_tinygen(home, name, capsys):
    assert main(["data", "fetch", name]) == 0
    assert capsys.readouterr().out == f"{name} comes with tinygen: there is nothing to fetch\n"
