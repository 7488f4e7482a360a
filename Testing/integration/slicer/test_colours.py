import pytest
from support.module_case import add_ct, harness, widget  # noqa: F401

THEMES = {
    "light": (239, 239, 239),
    "white": (255, 255, 255),
    "dark": (50, 50, 50),
    "black": (0, 0, 0),
    "grey": (120, 120, 120),
}


def painted(label):
    import qt

    palette = label.palette
    return [
        (c.red() / 255, c.green() / 255, c.blue() / 255)
        for c in map(palette.color, (qt.QPalette.WindowText, qt.QPalette.Window))
    ]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", ["showAsWarning", "showAsError"])
def test_words_can_be_read_in_every_theme(widget, theme, kind):  # noqa: F811
    import qt
    from LiverTumorSegPanel import colours

    label = widget.ui.errorLabel
    palette = qt.QPalette(label.palette)
    palette.setColor(qt.QPalette.Window, qt.QColor(*THEMES[theme]))
    label.setPalette(palette)
    getattr(colours, kind)(label)
    words, background = painted(label)
    assert colours.contrast(words, background) >= 4.4  # colours have 8 bits a part
    assert words != background


def test_contrast_is_that_of_wcag(widget):  # noqa: F811
    from LiverTumorSegPanel.colours import contrast

    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert contrast((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)) == 1


def test_no_style_sheet_fixes_a_colour(widget, small_phantom):  # noqa: F811
    labels = [name for name, each in vars(widget.ui).items() if "color" in getattr(each, "styleSheet", "")]
    assert labels == []
