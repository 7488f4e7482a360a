"""The library as pip installs it: a wheel of this tree, in a folder far from the checkout, finds all that it needs."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.repository import LIBRARY, ROOT

NOT_PACKAGED = {"LiverTumorSegLib/CMakeLists.txt"}
"""For Slicer's own build alone."""

PROGRAM = """
import json, sys
from pathlib import Path

from jinja2 import PackageLoader

from LiverTumorSegLib.apps import cli
from LiverTumorSegLib.apps.cli.train import load_recipe
from LiverTumorSegLib.experiments.reproduction import systems
from LiverTumorSegLib.models import store

PAGES = ("apps.pacs", "evaluation", "reporting")

def livertumorseg(*words):
    sys.argv = ["livertumorseg", *words]
    try:
        cli.main()
    except SystemExit as ended:
        assert not ended.code, (words, ended.code)

livertumorseg("models", "list")
livertumorseg("phantom", "ct.nii.gz", "--shape", "16", "64", "64", "--spacing", "12", "6", "6")
livertumorseg("segment", "ct.nii.gz", "-o", "labels.nii.gz", "--device", "cpu", "--report", "report")
from LiverTumorSegLib.apps.web.session import app as session
print(json.dumps({
    "models": list(store.available_models()),
    "recipes": [load_recipe(name, []).name for name in ("equal", "unet-lits", "unet3d")],
    "systems": [systems.load(name).title for name in systems.names()],
    "static": sorted(path.name for path in session._STATIC.iterdir()),
    "templates": {page: PackageLoader(f"LiverTumorSegLib.{page}").list_templates() for page in PAGES},
    "places": [module.__file__ for name, module in sys.modules.items() if name.startswith("LiverTumorSegLib")],
}))
"""


def sources():
    """Files that a clone of this tree would have, with what is not yet committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if not (ROOT / ".git").exists():
        pytest.skip("needs a clone: what git ignores must not be in the wheel")
    clean = tmp_path_factory.mktemp("clean")
    for name in sources():
        (clean / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, clean / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", clean / "wheels", clean)
    (made,) = (clean / "wheels").iterdir()
    return made


def pip(*words):
    command = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_a_wheel_holds_every_file_of_the_library_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as held:
        names = {name for name in held.namelist() if ".dist-info/" not in name}
    wanted = {name for name in sources() if name.startswith(f"{LIBRARY.name}/")}
    assert names == wanted - NOT_PACKAGED


def test_an_installed_wheel_segments_and_finds_models_recipes_and_pages(wheel, tmp_path):
    pytest.importorskip("trame_slicer", reason="needs the packages of the page: pip install livertumorseg[web]")
    installed, work = tmp_path / "installed", tmp_path / "work"
    work.mkdir()
    pip("install", "--no-deps", "--no-index", "--no-compile", "--target", installed, wheel)
    environment = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    environment["LIVERTUMORSEG_MODELS"] = str(tmp_path / "models")
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(Path(place).is_relative_to(installed) for place in found.pop("places"))
    assert found["models"] == ["unet-lits", "lesion-click"]
    assert found["recipes"] == ["equal", "unet-lits", "unet3d"]
    assert len(found["systems"]) == 5
    assert all(found["templates"].values())
    assert found["static"] == ["clicks.js", "keys.js", "looking.js", "page.css", "page.js", "pictures.js", "theme.js"]
    assert "unet-lits" in done.stdout
    assert (work / "labels.nii.gz").is_file()
    assert "not a medical device" in (work / "report" / "report.html").read_text(encoding="utf-8")
