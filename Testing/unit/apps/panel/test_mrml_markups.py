import numpy as np
import pytest
from support.mrml_cases import transform, under
from support.slicer_harness import available

mrml = available.load("fixtures").mrml

LINES = [[(1, 2, 3), (4, 2, 3)], [(2, 1, 3), (2, 4, 3)]]


@pytest.fixture
def result(mrml):
    """A CT with a spacing of its own, and the table of its result."""
    import slicer

    volume = slicer.util.addVolumeFromArray(np.zeros((6, 8, 10), np.int16), name="CT")
    volume.SetSpacing(2, 3, 4)
    return volume, slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")


def drawn(kind):
    import slicer

    return list(slicer.util.getNodesByClass(kind))


def ends(node):
    return [tuple(node.GetNthControlPointPositionWorld(n)) for n in range(node.GetNumberOfControlPoints())]


def test_both_diameters_are_lines_in_the_patient_and_those_of_another_lesion_take_their_place(result):
    from LiverTumorSegLib.apps.panel.mrml_markups import show_diameters

    volume, table = result
    show_diameters(table, volume, LINES)
    longest, across = drawn("vtkMRMLMarkupsLineNode")
    assert ends(longest) == [(2, 6, 12), (8, 6, 12)]
    assert ends(across) == [(4, 3, 12), (4, 12, 12)]
    assert longest.GetLocked()
    show_diameters(table, volume, LINES[::-1])
    assert drawn("vtkMRMLMarkupsLineNode") == [longest, across]
    assert ends(longest) == [(4, 3, 12), (4, 12, 12)]
    show_diameters(table, volume, [])
    assert not drawn("vtkMRMLMarkupsLineNode")


def test_numbers_stand_at_their_lesions_and_move_with_the_ct(result):
    from LiverTumorSegLib.apps.panel.mrml_markups import remove_markups, show_numbers

    volume, table = result
    under(volume, transform("scaled"))
    show_numbers(table, volume, [(0, 0, 0), (1, 1, 1)], [1, 4])
    (node,) = drawn("vtkMRMLMarkupsFiducialNode")
    assert [node.GetNthControlPointLabel(n) for n in range(2)] == ["1", "4"]
    assert node.GetTransformNodeID() == volume.GetTransformNodeID()
    show_numbers(table, volume, [(1, 1, 1)], [4])
    assert node.GetNumberOfControlPoints() == 1
    remove_markups(table)
    assert not drawn("vtkMRMLMarkupsFiducialNode")


def test_markups_of_another_result_stay(result):
    import slicer

    from LiverTumorSegLib.apps.panel.mrml_markups import remove_markups, show_diameters

    volume, table = result
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")
    show_diameters(table, volume, LINES)
    show_diameters(other, volume, LINES)
    assert len(drawn("vtkMRMLMarkupsLineNode")) == 4
    remove_markups(table)
    assert len(drawn("vtkMRMLMarkupsLineNode")) == 2


def test_what_is_drawn_takes_no_click_that_was_meant_for_other_points(result):
    import slicer

    from LiverTumorSegLib.apps.panel import mrml_markups

    volume, table = result
    logic = slicer.modules.markups.logic()
    for placed in (slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "theirs"), None):
        mrml_markups.remove_markups(table)
        logic.SetActiveList(placed)
        mrml_markups.show_numbers(table, volume, [(1, 2, 3)], [1])
        assert logic.GetActiveListID() == (placed.GetID() if placed else "")
