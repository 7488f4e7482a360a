"""The images of a series come in one by one, and none is asked for in vain."""

import pydicom
import pytest
from support.pacs_cases import images, make_service
from support.pacs_watching import QUIET, begun, look_twice, new, states, watching

from LiverTumorSegLib.apps.pacs.queue_reader import SeriesState

__all__ = ["make_service", "watching"]


def test_an_encoding_is_kept(archive, watching, tmp_path):
    files = new(tmp_path / "sent")
    for file in files:
        one = pydicom.dcmread(file)
        one.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
        one.save_as(file)
    archive.store(*files)
    service, watcher, clock = watching(archive.web)
    look_twice(watcher, clock)
    assert {pydicom.dcmread(file).file_meta.TransferSyntaxUID for file in images(service)} == {pydicom.uid.RLELossless}


def test_images_that_come_late_are_asked_for_alone(archive, watching, tmp_path, monkeypatch):
    files = new(tmp_path / "sent", count=4)
    archive.store(*files[:3])
    service, watcher, clock = watching(archive.web)
    look_twice(watcher, clock)
    asked, image = [], watcher._source._archive.image
    monkeypatch.setattr(watcher._source._archive, "image", lambda *names: asked.append(names[-1]) or image(*names))
    archive.store(files[3])
    look_twice(watcher, clock)
    assert asked == ["1.2.3.4"]
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 4)}


def test_an_interrupted_download_goes_on_where_it_was(archive, watching, tmp_path, monkeypatch):
    archive.store(*new(tmp_path / "sent", count=4))
    service, watcher, clock = watching(archive.web)
    asked, image = [], watcher._source._archive.image

    def interrupted(*names):
        asked.append(names[-1])
        if len(asked) == 3:
            raise KeyboardInterrupt
        return image(*names)

    monkeypatch.setattr(watcher._source._archive, "image", interrupted)
    with pytest.raises(KeyboardInterrupt):
        look_twice(watcher, clock)
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 2)}
    assert service.queue.quiet() == []
    _, watcher, clock = begun(service)
    image = watcher._source._archive.image
    monkeypatch.setattr(watcher._source._archive, "image", lambda *names: asked.append(names[-1]) or image(*names))
    look_twice(watcher, clock)
    assert len(asked) == 5
    assert len(set(asked)) == 4
    assert [one.images for one in service.queue.quiet()] == [4]


def test_a_damaged_or_oversized_image_does_not_keep_the_others_away_and_is_asked_for_once(
    archive, watching, tmp_path, caplog
):
    files = new(tmp_path / "sent", count=4)
    damaged, large = pydicom.dcmread(files[0]), pydicom.dcmread(files[1])
    damaged.PixelData = damaged.PixelData[:100]
    damaged.save_as(files[0])
    large.PixelData = bytes(100_000)
    large.save_as(files[1])
    archive.store(*files)
    service, watcher, clock = watching(archive.web, limits={"image_mb": 0.05})
    for _ in range(3):
        look_twice(watcher, clock)
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 2)}
    assert len(service.queue.quiet()) == 1
    assert caplog.text.count("was refused: it is damaged") == 1
    assert caplog.text.count("was refused: it is larger than [limits] image_mb") == 1


def test_what_has_no_room_now_comes_later(archive, watching, tmp_path, caplog):
    archive.store(*new(tmp_path / "sent"))
    service, watcher, clock = watching(archive.web, limits={"free_gb": 1e9})
    look_twice(watcher, clock)
    assert states(service) == {}
    assert "no room" in caplog.text
    service.inbox._limits = service.config.limits.model_copy(update={"free_gb": 0})
    clock.seconds += 3600
    watcher.look()
    assert states(service) == {"1.2.3": (SeriesState.RECEIVING, 3)}


def test_a_stopped_watcher_gets_no_further_image_and_says_nothing(archive, watching, tmp_path, caplog):
    archive.store(*new(tmp_path / "sent"))
    service, watcher, clock = watching(archive.web)
    watcher.look()
    watcher.stop()
    clock.seconds += QUIET
    watcher.look()
    assert states(service) == {}
    assert caplog.text == ""
