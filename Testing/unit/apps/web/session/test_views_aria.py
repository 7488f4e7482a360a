import pytest

pytest.importorskip("trame_slicer")

from LiverTumorSegLib.apps.web.session.aria import aria


def test_text_and_expressions_become_attributes():
    made = aria("status", live="polite", selected=("n === row",))
    assert made == ['role="status"', 'aria-live="polite"', ':aria-selected="n === row"']


def test_what_would_end_an_attribute_is_escaped():
    assert aria(label='a "b" <c>') == ['aria-label="a &quot;b&quot; &lt;c&gt;"']


def test_the_page_gets_them():
    from trame.app import get_server
    from trame.widgets import html

    made = html.Div(trame_server=get_server("aria", client_type="vue3"), raw_attrs=aria("status")).html
    assert made.startswith('<div role="status"')
