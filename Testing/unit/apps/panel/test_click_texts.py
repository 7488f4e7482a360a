import numpy as np

from LiverTumorSegLib.apps.panel.click_texts import click_answer, click_hint
from LiverTumorSegLib.apps.panel.clicks import ClickedLesion


def test_the_hint_says_what_a_click_does_and_which_keys_there_are():
    assert "Esc ends" in click_hint("ADD", outside=False, placing=True)
    assert "Alt+X: outside" in click_hint("IMPROVE", outside=False, placing=True)
    assert "Alt+X: inside" in click_hint("IMPROVE", outside=True, placing=True)
    assert "Drag a mark" in click_hint("IMPROVE", outside=False, placing=False)
    assert click_hint("OFF", outside=False, placing=False) == ""


def test_an_answer_is_said_with_its_size_its_chance_and_its_doubts():
    box = (slice(0, 1), slice(0, 1), slice(0, 1))
    answer = ClickedLesion((), box, np.ones((1, 1, 1), bool), 1.234, 0.354, ("There may be none.",))
    assert click_answer(answer) == "Clicked lesion: 1.23 ml, 35 % by the model. There may be none."
