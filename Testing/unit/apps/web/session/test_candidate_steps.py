import asyncio
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from support.web_scene import labels_in
from support.web_session import built, segmented, session, settle, web_page, with_ct  # noqa: F401

SMALL, NEW = np.s_[11:13, 20:24, 20:26], np.s_[4:6, 22:26, 34:40]
"""A lesion that few candidates leave out, and one that many add, ``[k, j, i]``."""


@pytest.fixture(params=["one segment", "a segment a lesion"])
def corrected(request, with_ct, monkeypatch):  # noqa: F811
    """A section of corrections whose panel knows few, some and many candidates."""
    from LiverTumorSegLib.apps.web.session.sections import corrections

    with_ct.choices.one_each = request.param != "one segment"
    section, measure_now = built(corrections.CorrectionSection, with_ct), with_ct.panel.measure

    def measure(result, labels, done, *, sensitivity=None, **chosen):
        if sensitivity is not None:
            labels = labels.copy()
            labels[SMALL] = np.where(labels[SMALL] == 2, 1, labels[SMALL]) if sensitivity < 1 else labels[SMALL]
            labels[NEW] = 2 if sensitivity > 1 else labels[NEW]
            result = replace(result, run=result.run | run(sensitivity))
        measure_now(result, labels, done, **chosen)

    segmented(with_ct)
    monkeypatch.setattr(with_ct.panel, "measure", measure)
    monkeypatch.setattr(corrections, "_PAUSE_SECONDS", 0.0)
    return SimpleNamespace(session=with_ct, section=section, steps=section.corrections)


def run(sensitivity):
    return {"options": {"postprocessing": {"sensitivity": sensitivity}}}


def choose(corrected, sensitivity):
    settle(lambda: corrected.section.choose(corrected.session.nodes, sensitivity))


def known(corrected):
    """What the table and the slider say, and what the views show."""
    nodes = corrected.session.nodes
    facts = nodes.facts
    sensitivity = facts["run"]["options"]["postprocessing"]["sensitivity"]
    return facts["lesion_count"], sensitivity, len(nodes.marks), labels_in(nodes).tobytes()


@pytest.mark.parametrize(("sensitivity", "count"), [(0.5, 1), (4.0, 3)])
def test_other_candidates_are_a_step_that_can_be_undone_and_redone(corrected, sensitivity, count):
    before = known(corrected)
    choose(corrected, sensitivity)
    after = known(corrected)
    assert after[:2] == (count, sensitivity)
    assert corrected.session.panel.error == ""
    assert corrected.session.state.can_undo
    assert not corrected.session.corrected
    for _ in range(2):
        settle(corrected.steps.undo)
        assert known(corrected) == before
        settle(corrected.steps.redo)
        assert known(corrected) == after


def test_what_was_removed_before_the_slider_was_moved_can_still_be_undone(corrected):
    states = [known(corrected)]
    settle(lambda: corrected.steps.remove(0))
    states.append(known(corrected))
    for sensitivity in (0.5, 4.0):
        choose(corrected, sensitivity)
        states.append(known(corrected))
    assert [state[0] for state in states] == [2, 1, 0, 1]
    assert corrected.session.corrected
    for state in reversed(states[:-1]):
        settle(corrected.steps.undo)
        assert known(corrected) == state
    assert not corrected.session.state.can_undo


def test_each_new_lesion_has_a_segment_of_its_own_where_each_has_one(corrected):
    choose(corrected, 4.0)
    rows = corrected.session.nodes.facts["rows"]
    assert len(set(rows)) == (3 if corrected.session.choices.one_each else 1)


def test_segments_that_were_changed_meanwhile_are_left_as_they_are(corrected, monkeypatch):
    nodes, held = corrected.session.nodes, []
    measure = corrected.session.panel.measure

    def later(*given, sensitivity=None, **chosen):
        held.append(lambda: measure(*given, sensitivity=sensitivity, **chosen))

    monkeypatch.setattr(corrected.session.panel, "measure", later)
    corrected.section.choose(nodes, 0.5)
    settle(lambda: corrected.steps.remove(0))
    before = known(corrected)
    corrected.session.panel.attempt(held.pop())
    assert "changed meanwhile" in corrected.session.panel.error
    assert known(corrected) == before


def test_a_measurement_that_ran_meanwhile_brings_nothing_back(corrected):
    choose(corrected, 0.5)
    after = known(corrected)
    nodes, segments = corrected.session.nodes, corrected.steps.segments

    def undo_while_it_is_measured():
        task = asyncio.ensure_future(corrected.section._live.bring_up_to_date(nodes, segments))
        task.get_loop().call_soon(corrected.steps.undo)

    settle(corrected.steps.undo)
    before = known(corrected)
    settle(corrected.steps.redo)
    assert known(corrected) == after
    settle(undo_while_it_is_measured)
    assert known(corrected) == before
