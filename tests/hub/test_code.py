"""A folder carries the code that loads it."""

import base64
import csv
import hashlib
import io
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import torch

from hsokv.hub.code import NEEDS, WHEEL, wheel
from hsokv.hub.folder import SIDE

LOAD = """
import json, sys
sys.path[:0] = [sys.argv[1]]
import hsokv, torch
from hsokv.hub import HSOKVForSequenceClassification
model = HSOKVForSequenceClassification.from_pretrained(sys.argv[2])
said = model(input_ids=torch.tensor(json.loads(sys.argv[3]))).logits
model.save_pretrained(sys.argv[4])
print(json.dumps([hsokv.__file__, said.tolist()]))
"""


def test_a_folder_is_loaded_by_its_own_code_where_there_is_no_other(model, tmp_path):
    folder, again = tmp_path / "model", tmp_path / "again"
    model.save_pretrained(folder)
    ids = [[1, 3], [10, 12], [6, 6]]
    # -S: no site, so that no file of site-packages points to this checkout.
    code = LOAD.replace("[sys.argv[1]]", f"[sys.argv[1], *{[path for path in sys.path if 'site-packages' in path]}]")
    arguments = [str(folder / WHEEL), str(folder), json.dumps(ids), str(again)]
    command = [sys.executable, "-I", "-S", "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    place, said = json.loads(done.stdout)
    assert place.startswith(str(folder / WHEEL))
    with torch.no_grad():
        assert torch.equal(torch.tensor(said), model(input_ids=torch.tensor(ids)).logits)
    with zipfile.ZipFile(folder / WHEEL) as one, zipfile.ZipFile(again / WHEEL) as two:
        modules = [name for name in one.namelist() if name.endswith(".py")]
        assert modules == [name for name in two.namelist() if name.endswith(".py")], "code in a wheel is carried on"
        assert all(one.read(name) == two.read(name) for name in modules)


def test_the_wheel_is_whole_and_says_what_it_needs():
    made = wheel()
    assert made == wheel()
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        names = archive.namelist()
        record = next(name for name in names if name.endswith("/RECORD"))
        told = next(archive.read(name).decode() for name in names if name.endswith("/METADATA"))
        for name, digest, size in csv.reader(io.StringIO(archive.read(record).decode())):
            content = archive.read(name)
            if name != record:
                found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={found}", str(len(content))), name
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert [*project["dependencies"], *project["optional-dependencies"]["hub"]] == list(NEEDS)
    assert all(f"Requires-Dist: {need}\n" in told for need in NEEDS)


def test_the_folder_says_how_to_install_its_code_and_keeps_one_version(model, tmp_path):
    (tmp_path / "hsokv-0.0.1-py3-none-any.whl").write_text("")
    model.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.glob("*.whl")] == [WHEEL]
    assert f"pip install ./{WHEEL}" in (tmp_path / "README.md").read_text()
    told = json.loads((tmp_path / SIDE).read_text())["code"]
    assert told == {"file": WHEEL, "sha256": hashlib.sha256((tmp_path / WHEEL).read_bytes()).hexdigest()}
