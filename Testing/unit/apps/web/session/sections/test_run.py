import gc

import pytest
from support.web_session import built, choose, session, web_page, with_ct  # noqa: F401


@pytest.fixture
def run(with_ct):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.run import SegmentSection

    return built(SegmentSection, with_ct)


@pytest.fixture
def question(with_ct):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.run import QuestionSection

    section = built(QuestionSection, with_ct)
    with_ct.ask = section.ask
    return section


def there(kind):
    import slicer

    return slicer.mrmlScene.GetNumberOfNodesByClass(kind)


def test_without_a_ct_the_button_waits(session):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.run import SegmentSection

    section = built(SegmentSection, session)
    assert not session.state.can_run
    section._on_button()
    assert session.nodes is None
    assert session.state.error == ""


def test_the_button_gives_a_result(with_ct, run):  # noqa: F811
    assert with_ct.state.can_run
    run._on_button()
    assert with_ct.nodes.volume is with_ct.volume


def test_a_result_without_corrections_is_replaced_without_a_question(with_ct, run, question):  # noqa: F811
    run._on_button()
    first = with_ct.nodes
    run._on_button()
    assert not with_ct.state.asking
    assert with_ct.nodes is not first


def test_corrections_are_not_replaced_without_a_question(with_ct, run, question):  # noqa: F811
    run._on_button()
    first, with_ct.corrected = with_ct.nodes, True
    run._on_button()
    assert with_ct.state.asking
    assert with_ct.nodes is first
    question._on_yes()
    assert not with_ct.state.asking
    assert with_ct.nodes is not first
    assert not with_ct.corrected


def test_corrections_are_kept_where_the_answer_is_no(with_ct, run, question):  # noqa: F811
    run._on_button()
    first, with_ct.corrected = with_ct.nodes, True
    run._on_button()
    choose(with_ct, asking=False)
    assert with_ct.nodes is first
    assert with_ct.corrected


def test_an_earlier_result_does_not_stay_in_the_scene(with_ct, run):  # noqa: F811
    import slicer

    run._on_button()
    count = slicer.mrmlScene.GetNumberOfNodes()
    for _ in range(3):
        run._on_button()
    assert there("vtkMRMLSegmentationNode") == there("vtkMRMLTableNode") == 1
    assert slicer.mrmlScene.GetNumberOfNodes() == count


def test_an_earlier_result_does_not_stay_in_memory(with_ct, run):  # noqa: F811
    from LiverTumorSegLib.apps.web.session.sections.corrections import CorrectionSection
    from LiverTumorSegLib.apps.web.session.sections.display import AppearanceSection
    from LiverTumorSegLib.apps.web.session.sections.results import ResultSection

    built(lambda made: ResultSection(made, lambda *_: None), with_ct)
    for kind in (AppearanceSection, CorrectionSection):
        built(kind, with_ct)
    deleted = []
    run._on_button()
    with_ct.nodes.segmentation.GetSegmentation().AddObserver("DeleteEvent", lambda *_: deleted.append("segments"))
    with_ct.nodes.table.GetTable().AddObserver("DeleteEvent", lambda *_: deleted.append("table"))
    run._on_button()
    gc.collect()
    assert sorted(deleted) == ["segments", "table"]


def test_an_error_is_said_with_details_for_a_report(with_ct, run):  # noqa: F811
    with_ct.panel.complain("“ct” holds no image: load the CT again.", "Traceback")
    assert with_ct.state.error == "“ct” holds no image: load the CT again."
    assert "in a browser" in with_ct.state.details
    assert "Traceback" in with_ct.state.details
    run._on_button()
    assert with_ct.nodes is not None
