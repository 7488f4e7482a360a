import pytest
from support.reproduction_cases import reproduced, row_result

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")

DONE = reproduced("li", [row_result("U-Net", (0.822, None), 0.5, 0.25)])


def test_rows_stand_in_the_papers_order_whatever_their_names_add(tmp_path):
    rows = [
        row_result(name, (0.822, None), 0.5, 0.5) for name in ("DALU-Net", "AU-Net, from random weights", "another")
    ]
    told = DONE.protocols["published"].model_copy(update={"rows": tuple(rows)})
    found = DONE.with_protocol("published", told, ["U-Net", "AU-Net", "DALU-Net"]).protocols["published"].rows
    assert [row.name for row in found] == ["U-Net", "AU-Net, from random weights", "DALU-Net", "another"]


def test_rows_of_before_stay_beside_those_that_were_done_anew():
    again = row_result("AU-Net", (0.852, None), 0.6, 0.3)
    told = DONE.protocols["published"].model_copy(update={"rows": (again,)})
    found = DONE.with_protocol("published", told, ["U-Net", "AU-Net"]).protocols["published"].rows
    assert [row.name for row in found] == ["U-Net", "AU-Net"]
