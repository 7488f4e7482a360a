import pytest
from pydantic import TypeAdapter

from LiverTumorSegLib.datasets.slices import SliceSource
from LiverTumorSegLib.datasets.sources import AnySource
from LiverTumorSegLib.datasets.volumes import VolumeSource

SOURCES = TypeAdapter(tuple[AnySource, ...])


def test_the_key_tells_slice_pictures_from_cts():
    found = SOURCES.validate_python([{"folder": "lits"}, {"volumes": "LITS", "every": 2}])
    assert found == (SliceSource(folder="lits"), VolumeSource(volumes="LITS", every=2))
    assert [source.folder for source in found] == ["lits", "LITS"]


@pytest.mark.parametrize("source", [SliceSource(folder="lits"), VolumeSource(volumes="LITS", lesions_apart=False)])
def test_a_source_survives_being_written_down(source):
    assert SOURCES.validate_json(SOURCES.dump_json((source,))) == (source,)
