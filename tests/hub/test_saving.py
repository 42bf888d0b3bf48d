"""The folder of a model: whole or refused, on this machine and on the hub."""

import copy
import errno
import json
import os
import pickle
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi, ModelCard, RepoUrl
from huggingface_hub.errors import EntryNotFoundError
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hsokv.exceptions import ConfigurationError, DataError, HsokvError, ModelError
from hsokv.hub import HSOKVForSequenceClassification, make_model, saving
from hsokv.hub.configuration import FORMAT
from hsokv.hub.saving import SIDE, write_side
from hsokv.hub.tokenizer import word_tokenizer

from .conftest import answers, build, linear


@pytest.fixture
def saved(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def load(folder, **given):
    return HSOKVForSequenceClassification.from_pretrained(folder, **given)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_transformers_own_classes_load_it(model, saved):
    loaded = AutoModelForSequenceClassification.from_pretrained(saved)
    assert type(loaded) is HSOKVForSequenceClassification
    assert answers(loaded) == answers(model)
    ids = AutoTokenizer.from_pretrained(saved)(["w0 w2"], return_tensors="pt")["input_ids"]
    said = loaded(input_ids=ids).logits.exp()[0].tolist()
    assert [p for _, p in answers(model)[0]] == pytest.approx(said)


def test_a_folder_is_the_same_to_the_byte_and_holds_no_code_and_a_card_that_claims_no_score(model, saved, tmp_path):
    model.save_pretrained(tmp_path / "other")
    assert files(saved) == files(tmp_path / "other")
    assert {path.suffix for path in saved.iterdir()} == {".json", ".safetensors", ".md"}
    assert "no score is known" in (card := (saved / "README.md").read_text())
    assert "license" not in card
    assert "hsokv.json" in card


def test_a_model_that_an_earlier_commit_saved_loads_or_says_why_not():
    """tests/hub/saved is made anew only together with another format."""
    folder = Path(__file__).with_name("saved")
    if json.loads((folder / "config.json").read_text())["format"] != FORMAT:
        with pytest.raises(ConfigurationError, match="format"):
            load(folder)
        return
    model = load(folder)
    expected = torch.tensor([[0.9862591, 0.0137409], [0.3751675, 0.6248325], [0.0136572, 0.9863428]])
    torch.testing.assert_close(model(features=torch.eye(3)).logits.exp(), expected, rtol=0, atol=1e-5)
    assert [entry["text"] for entry in model.entries.values()] == ["one", "two", "three"]


# --- what is no model


def edited(folder, change=lambda config: None):
    """Change the configuration of a folder and give it the checksums that its files have now."""
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    side = json.loads((folder / SIDE).read_text())
    write_side(folder, side["entries"], side["run"])


def flip(path):
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def only_pickles(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def a_tensor_less(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["predictor.gate"]
    save_file(tensors, folder / "model.safetensors")
    edited(folder)


def another_tokenizer(folder):
    word_tokenizer([f"v{i}" for i in range(50)]).save(str(folder / "tokenizer.json"))
    edited(folder)


BAD = {
    "has no config.json, model.safetensors": lambda folder: [path.unlink() for path in folder.iterdir()],
    "model.safetensors: SHA-256 .*cut short or changed": lambda folder: flip(folder / "model.safetensors"),
    r"pickles \(pytorch_model.bin\).*weights_only=True": only_pickles,
    "format 99.*newer": lambda folder: edited(folder, lambda config: config.update(format=99)),
    "format 1,.*older": lambda folder: edited(folder, lambda config: config.update(format=1)),
    "does not fit config.json.*predictor.gate": a_tensor_less,
    "has 51 tokens.*knows 13": another_tokenizer,
    r"not whole.*checksums of \[\]": lambda folder: (folder / SIDE).write_text('{"entries":{},"run":{},"sha256":{}}'),
    "not whole": lambda folder: (folder / SIDE).write_text("{"),
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_no_whole_model_is_refused(saved, message):
    BAD[message](saved)
    with pytest.raises((ModelError, ConfigurationError), match=message):
        load(saved)


def test_a_path_that_is_no_folder_is_refused(model, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for path, message in ((tmp_path / "absent", "does not exist"), (tmp_path / "file", "it is a file")):
        with pytest.raises(ModelError, match=message):
            load(path)
    monkeypatch.chdir(tmp_path)
    for path in (None, "", b"model", "a\0b"):
        for call in (model.save_pretrained, load):
            with pytest.raises(ConfigurationError):
                call(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_classes_can_be_called_otherwise_but_not_be_others(saved):
    classes = ({0: "a"}, {0: "a", 1: "a"}, {0: "a", 2: "b"})
    for given in ({"num_labels": 3}, {"capacity": 0}, *({"id2label": names} for names in classes)):
        with pytest.raises((ConfigurationError, DataError)):
            load(saved, **given)
    loaded = load(saved, id2label={"0": "x", "1": "y"})
    loaded.remember(["w5"], ["y"])
    assert (loaded.labels, loaded.config.label2id) == (["x", "y"], {"x": 0, "y": 1})
    assert loaded.recall("w5")[0].label == "y"


# --- the hub


@pytest.fixture
def hub(monkeypatch):
    """The hub, which only notes what it is asked for: what is created, and what is uploaded."""
    calls = []

    def create_repo(self, repo_id, **given):
        calls.append((repo_id, given))
        return RepoUrl(f"https://huggingface.co/someone/{repo_id.rpartition('/')[2]}")

    def create_commit(self, repo_id, operations, **given):
        uploaded = {one.path_in_repo: Path(one.path_or_fileobj).read_bytes() for one in operations}
        calls.append((repo_id, given | {"files": uploaded}))

    def card(*_, **__):
        raise EntryNotFoundError.__new__(EntryNotFoundError)

    monkeypatch.setattr(HfApi, "create_repo", create_repo)
    monkeypatch.setattr(HfApi, "create_commit", create_commit)
    monkeypatch.setattr(HfApi, "create_branch", lambda self, **_: None)
    monkeypatch.setattr(ModelCard, "load", card)
    return calls


@pytest.mark.parametrize("how", ["save_pretrained", "push_to_hub"])
def test_what_is_said_of_an_upload_reaches_the_hub(model, tmp_path, hub, how):
    given = {"private": True, "token": "t", "commit_message": "m", "create_pr": True, "revision": "r"}
    if how == "save_pretrained":
        model.save_pretrained(tmp_path / "model", push_to_hub=True, repo_id="someone/own", **given)
        assert load(tmp_path / "model").entries == model.entries
    else:
        model.push_to_hub("someone/own", **given)
    (name, created), (_, committed) = hub
    assert (name, created["private"], created["token"]) == ("someone/own", True, "t")
    assert committed.items() >= {"token": "t", "commit_message": "m", "create_pr": True, "revision": "r"}.items()
    uploaded = committed["files"]
    assert {"config.json", "model.safetensors", "tokenizer.json", SIDE, "README.md"} <= uploaded.keys()
    assert b"pip install" in uploaded["README.md"]


def test_the_name_of_a_repository_is_that_of_the_folder(model, tmp_path, hub, monkeypatch):
    (tmp_path / "tickets").mkdir()
    monkeypatch.chdir(tmp_path / "tickets")
    model.save_pretrained(".", push_to_hub=True)
    assert hub[0][0] == "tickets"


def test_a_name_on_the_hub_is_loaded_from_what_is_downloaded(model, saved, monkeypatch):
    given = {}

    def snapshot_download(name, **source):
        given.update(source, name=name)
        return str(saved.parent)

    monkeypatch.setattr(saving, "snapshot_download", snapshot_download)
    source = {"revision": "r", "token": "t", "cache_dir": "c"}
    assert answers(load("someone/model", subfolder=saved.name, **source)) == answers(model)
    assert given.items() >= (source | {"name": "someone/model"}).items()


@pytest.mark.parametrize(("host", "revision"), [("127.0.0.1:9", None), ("nowhere.invalid", "0" * 40)])
def test_a_name_that_cannot_be_looked_up_is_refused_at_the_first_failure(monkeypatch, host, revision, tmp_path):
    """A refused connection, a name without an address; the hub's client would wait and try again."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://{host}")
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waited {seconds} s"))
    with pytest.raises(ModelError, match="someone/model: no folder here, and no model that the hub gives out now"):
        load("someone/model", revision=revision, cache_dir=tmp_path)


UNSAVED = [
    {"variant": "fp16"}, {"distributed_checkpoint": True}, {"max_shard_size": "10 elephants"}, {"state_dict": {}},
    {"push_to_hub": True, "privat": True}, {"safe_serialization": False}, {"state_dict": [1]},
    {"state_dict": build(capacity=4).state_dict() | {"predictor.gate": torch.zeros(3)}},
]  # fmt: skip


def test_what_cannot_be_saved_like_this_is_refused_and_changes_nothing(model, saved, hub):
    before = files(saved)
    model.remember(["w3"], ["a"])
    for given in UNSAVED:
        with pytest.raises((ValueError, TypeError)):
            model.save_pretrained(saved, **given)
        assert files(saved) == before
    for folder in (saved, saved / "other"):
        model.save_pretrained(folder, is_main_process=False)
    assert files(saved) == before
    assert hub == []
    assert not (saved / "other").exists()


# --- what a save does to a folder


@pytest.fixture
def nobody():
    """Not root, who may write anywhere, for as long as the test lasts."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


def test_a_place_that_cannot_be_written_is_refused_and_left_as_it_was(model, tmp_path, request):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(HsokvError, match=r"cannot write .*file"):
        model.save_pretrained(tmp_path / "file" / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    request.getfixturevalue("nobody")
    with pytest.raises(HsokvError, match=r"(?i)cannot write .*permission denied"):
        model.save_pretrained(Path("/model"))


def test_a_folder_in_a_parent_that_cannot_be_written_is_enough(model, request):
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "model"
        folder.mkdir()
        folder.chmod(0o777)
        Path(parent).chmod(0o555)
        request.getfixturevalue("nobody")
        with pytest.raises(OSError, match="denied"):
            (Path(parent) / "other").mkdir()
        model.save_pretrained(folder)
        assert answers(load(folder)) == answers(model)
        os.seteuid(os.getuid())


@pytest.mark.parametrize("where", [".", "link", "sub/", Path("sub")])
def test_a_model_is_saved_to_where_one_stands_and_through_links_to_other_disks(model, tmp_path, monkeypatch, where):
    monkeypatch.chdir(tmp_path)
    disk = "/dev/shm" if Path("/dev/shm").is_dir() else None  # another one, on Linux
    with tempfile.TemporaryDirectory(dir=disk) as far:
        Path("link").symlink_to(far)
        model.save_pretrained(where)
        assert answers(load(where)) == answers(model)
        assert Path("link").is_symlink()
        assert not list(Path(where).glob(".*")), "nothing is left over"


def failing(folder, error, at):
    """os.replace that fails at the file that takes its place in a folder as the number `at`."""
    count = iter(range(99))

    def replace(source, target, replace=os.replace):
        if Path(target).parent == folder and next(count) == at:
            raise error
        replace(source, target)

    return replace


@pytest.mark.parametrize(("before", "at"), [("other files", 5), *(("a model", at) for at in range(6))])
def test_a_save_that_fails_halfway_leaves_all_as_it_was(model, tmp_path, monkeypatch, at, before):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    if before == "a model":
        model.save_pretrained(folder)
    held = files(folder)
    model.remember(["w3"], ["a"])
    monkeypatch.setattr(os, "replace", failing(folder, OSError(errno.ENOSPC, "full"), at))
    with pytest.raises(HsokvError, match="full"):
        model.save_pretrained(folder)
    assert files(folder) == held


def test_a_save_that_was_cut_off_is_told_can_be_ended_by_hand_and_leaves_no_text(model, saved):
    stage = saved / f".{'0' * 32}.tmp"
    stage.mkdir()
    (saved / SIDE).replace(stage / SIDE)
    with pytest.raises(ModelError, match=stage.name):
        load(saved)
    (saved / SIDE).write_bytes((stage / SIDE).read_bytes())
    assert answers(load(saved)) == answers(model)
    model.save_pretrained(saved)
    assert not stage.exists()


def test_a_readme_of_ones_own_stays_and_a_tokenizer_of_another_goes(model, tmp_path):
    for name in ("README.md", "added_tokens.json", "notes.txt"):
        (tmp_path / name).write_text("mine")
    for _ in range(2):
        model.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "added_tokens.json").exists()
    make_model(linear(3), ["a", "b"]).save_pretrained(tmp_path)
    assert not (tmp_path / "tokenizer.json").exists()


def test_what_is_forgotten_is_in_no_file_nor_in_any_copy(model, tmp_path):
    secret = "w7 w8 w9"
    model.remember([secret], ["a"])
    model.save_pretrained(tmp_path, max_shard_size="2KB")
    other = copy.copy(model)  # shares the memory, so it shares the texts
    other.forget([secret])
    assert len(model) == len(model.entries) == len(other.entries) == 3
    for size in ("2KB", "50GB"):
        model.save_pretrained(tmp_path, max_shard_size=size)
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    for held in (pickle.dumps(model), model.get_extra_state().numpy().tobytes(), repr(model).encode()):
        assert secret.encode() not in held


def test_weights_in_several_files_come_back_and_are_replaced_by_one(model, tmp_path):
    for size, several in (("50GB", False), ("2KB", True), ("50GB", False), ("2KB", True)):
        model.save_pretrained(tmp_path, max_shard_size=size)
        assert answers(load(tmp_path)) == answers(model)
        weights = sorted(path.name for path in tmp_path.glob("model*"))
        assert (len(weights) > 2) is several is ("model.safetensors" not in weights)
    flip(next(tmp_path.glob("model-00001*")))
    with pytest.raises(ModelError, match="model-00001"):
        load(tmp_path)


def test_the_state_dict_that_is_given_is_what_is_saved(model, tmp_path):
    model.save_pretrained(tmp_path, state_dict=model.state_dict() | {"predictor.gate": torch.tensor(0.25)})
    assert load(tmp_path).gate == 0.25


def test_what_is_saved_while_threads_write_is_of_one_moment(tmp_path):
    model = build(capacity=500)

    def write(thread):
        for i in range(15):
            model.remember([f"w{thread} w{i % 12}"], ["a"])
            model.add_classes([f"{thread}.{i}"])
            model.predict(["w0"])

    def look(_):
        for _ in range(8):
            model.save_pretrained(tmp_path)
            other = build()
            other.load_state_dict(model.state_dict())
            for each in (load(tmp_path), other):
                numbers = each.predictor.memory.state.number
                assert set(each.entries) == set(map(str, numbers[numbers >= 0].tolist()))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda call: call[0](call[1]), [(write, 3), (write, 4), (look, 0)]))
    assert (len(model), len(model.labels)) == (33, 32)
