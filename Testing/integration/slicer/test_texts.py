import pytest
from support.module_case import harness, widget  # noqa: F401


@pytest.mark.parametrize("words", ["<img src='//evil/x.png'>", "a <b>b</b> & c", "<script>x</script>", "plain"])
def test_plain_words_stay_words(widget, words):  # noqa: F811
    from LiverTumorSegPanel import texts
    from PySide6.QtGui import QTextDocumentFragment

    assert texts.plain(words).startswith("<qt>")  # else Qt guesses
    assert QTextDocumentFragment.fromHtml(texts.plain(words)).toPlainText() == words
    assert texts.plain("") == ""


def test_every_label_that_shows_words_of_others_says_how_it_reads_them(widget):  # noqa: F811
    from PySide6.QtCore import Qt

    automatic = {
        name for name, label in vars(widget.ui).items() if getattr(label, "textFormat", None) == Qt.TextFormat.AutoText
    }
    assert not {name for name in automatic if not name.startswith(("reportLabel",)) and "FormLabel" not in name}
