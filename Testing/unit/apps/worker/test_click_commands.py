import numpy as np
import pytest
from support.click_cases import LESIONS, Darker, click_model, clicked_ct, ras, seen_while

from LiverTumorSegLib.apps.worker import arrays
from LiverTumorSegLib.apps.worker.click_commands import ClickCommands, write_automatic
from LiverTumorSegLib.apps.worker.commands import Commands
from LiverTumorSegLib.core.errors import UserError
from LiverTumorSegLib.core.progress import Cancelled, Job
from LiverTumorSegLib.inference.clicks.lesion import find_lesion
from LiverTumorSegLib.models.description import CLICK_CHANNELS
from LiverTumorSegLib.models.model_folder import load

POINT = ras(LESIONS["small"][0])


@pytest.fixture
def ct_file(tmp_path):
    return write(tmp_path / "ct.nrrd")


def write(path):
    ct = clicked_ct()
    arrays.write(path, ct.voxels, ct.affine)
    return path


@pytest.fixture
def commands():
    model = click_model()
    return ClickCommands(lambda _: model)


def click(commands, ct_file, *points, job=None, **chosen):
    lesion = ct_file.with_name("lesion.nrrd")
    asked = {"clicks": [[*point, True] for point in points], "model": "clicks", "device": "cpu"}
    answer = commands.click(job or Job(), volume=str(ct_file), lesion=str(lesion), **asked | chosen)
    return answer, arrays.read(lesion)[0]


def test_the_answer_is_the_lesion_in_its_box(commands, ct_file):
    answer, mask = click(commands, ct_file, POINT)
    found = find_lesion(clicked_ct(), click_model(), [POINT], device="cpu")
    k, j, i = (slice(at, at + n) for at, n in zip(answer["at"], mask.shape, strict=True))
    assert found.mask[k, j, i].sum() == found.mask.sum()
    np.testing.assert_array_equal(mask, found.mask[k, j, i])
    assert answer["probability"] == found.probability
    assert (answer["warnings"], answer["device"]) == ([], found.device)


def test_the_ct_is_read_once_and_again_when_its_file_is_another(commands, ct_file, monkeypatch):
    read = []
    monkeypatch.setattr(arrays, "read", lambda path, read_file=arrays.read: read.append(path) or read_file(path))
    click(commands, ct_file, POINT)
    click(commands, ct_file, POINT, POINT)
    assert read.count(ct_file) == 1
    click(commands, write(ct_file.with_name("other.nrrd")), POINT)
    click(commands, ct_file, POINT)
    assert read.count(ct_file) == 2


def test_a_click_that_was_answered_is_answered_without_a_look(commands, ct_file):
    click(commands, ct_file, POINT)
    Darker.seen.clear()
    click(commands, ct_file, POINT)
    assert Darker.seen == []


def test_the_base_is_a_box_too(commands, ct_file, tmp_path):
    base = np.ones((2, 3, 4), np.uint8)
    arrays.write(tmp_path / "base.nrrd", base, np.eye(4))
    answer, mask = click(commands, ct_file, POINT, base=str(tmp_path / "base.nrrd"), base_at=[5, 100, 110])
    assert answer["at"][0] == 5
    first = [at - start for at, start in zip((5, 100, 110), answer["at"], strict=True)]
    k, j, i = (slice(at, at + n) for at, n in zip(first, base.shape, strict=True))
    assert mask[k, j, i].all()


def test_the_network_sees_how_likely_lesion_is_by_the_model_that_segmented_the_ct(commands, ct_file, tmp_path):
    likely = np.zeros(clicked_ct().voxels.shape, np.uint8)
    likely[20:30, 40:60, 40:60] = 51
    answer = write_automatic(tmp_path / "automatic.nrrd", likely, clicked_ct())
    assert answer == {"automatic_at": [20, 40, 40]}
    click(commands, ct_file, POINT)
    known = {"automatic": str(tmp_path / "automatic.nrrd")} | answer
    seen = seen_while(lambda: click(commands, ct_file, POINT, **known)).float()
    by_name = dict(zip(CLICK_CHANNELS, seen[0], strict=True))
    assert by_name["automatic is known"].all()
    assert by_name["automatic"][16, 24, 24] == pytest.approx(0.2, abs=0.01)
    assert by_name["automatic"].min() == 0


def test_where_nothing_is_likely_that_is_known_too(commands, ct_file, tmp_path):
    ct = clicked_ct()
    answer = write_automatic(tmp_path / "automatic.nrrd", np.zeros(ct.voxels.shape, np.uint8), ct)
    known = {"automatic": str(tmp_path / "automatic.nrrd")} | answer
    seen = seen_while(lambda: click(commands, ct_file, POINT, **known))
    by_name = dict(zip(CLICK_CHANNELS, seen[0], strict=True))
    assert by_name["automatic is known"].all()
    assert not by_name["automatic"].any()


def test_preparing_reads_the_ct_and_runs_the_network_once(commands, ct_file):
    Darker.seen.clear()
    assert "cpu" in commands.prepare(Job(), volume=str(ct_file), model="clicks", device="cpu")["device"]
    assert len(Darker.seen) == 1


def test_a_model_for_whole_cts_is_refused_before_the_first_click(ct_file, thresholds):
    with pytest.raises(UserError, match="segments whole CTs"):
        ClickCommands(lambda _: thresholds).prepare(Job(), volume=str(ct_file), model="other", device="cpu")


def test_it_can_be_cancelled(commands, ct_file):
    job = Job()
    job.cancel.cancel()
    with pytest.raises(Cancelled):
        click(commands, ct_file, POINT, job=job)


def test_the_worker_knows_the_commands_and_says_what_models_are_for(ct_file, model_folder):
    commands = Commands(model_folder.parent)
    cards = commands.run("models", {}, Job())["models"]
    assert {card["name"]: card["clicks"] for card in cards}["unet-lits"] is False
    asked = {"volume": str(ct_file), "lesion": "lesion.nrrd", "clicks": [[*POINT, True]], "device": "cpu"}
    with pytest.raises(UserError, match="segments whole CTs"):
        commands.run("click", asked | {"model": "tiny"}, Job())
    assert load(model_folder).description.clicks is None
