import subprocess
import sys

import pytest

SLICER = """
import sys, types
slicer, i18n = types.ModuleType("slicer"), types.ModuleType("slicer.i18n")
slicer.__path__ = []
i18n.tr = lambda text: {"Done.": "Fertig."}.get(text, text)
sys.modules |= {"slicer": slicer, "slicer.i18n": i18n}
"""
WITHOUT_TRANSLATIONS = SLICER + "del sys.modules['slicer.i18n']\n"
PANEL = """
from LiverTumorSegLib.apps.panel import texts
from LiverTumorSegLib.apps.panel.job_runner import PanelState
class Panel:
    busy, state = False, PanelState.DONE
print(texts.state(Panel()))
"""


def output(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(("before", "said"), [(SLICER, "Fertig."), (WITHOUT_TRANSLATIONS, "Done."), ("", "Done.")])
def test_the_panel_speaks_slicers_language_where_there_is_a_slicer(before, said):
    assert output(before + PANEL) == [said]


def test_the_words_bring_neither_slicer_nor_vtk_along():
    assert output(PANEL + "import sys\nprint(*{'slicer', 'vtk', 'torch'} & set(sys.modules))") == ["Done."]
