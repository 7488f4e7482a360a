from typing import Annotated

import pytest
from pydantic import BaseModel, TypeAdapter

from LiverTumorSegLib.core.schema import NAME_OR_OPTIONS


class Thing(BaseModel):
    name: str
    size: int = 3


@pytest.mark.parametrize("entry", ["this", {"name": "this"}, {"name": "this", "size": 3}, Thing(name="this")])
def test_a_name_stands_for_itself_without_options(entry):
    assert TypeAdapter(Annotated[Thing, NAME_OR_OPTIONS]).validate_python(entry) == Thing(name="this", size=3)
