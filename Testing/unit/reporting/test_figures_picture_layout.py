from PIL import Image

from LiverTumorSegLib.reporting import figures as layout

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def test_images_stand_below_each_other():
    image = layout.stack_below([Image.new("RGB", (4, 2), RED), Image.new("RGB", (6, 3), GREEN)], 5, BLUE)
    assert image.size == (6, 10)
    assert [image.getpixel(at) for at in ((3, 1), (4, 1), (0, 6), (5, 7))] == [RED, BLUE, BLUE, GREEN]


def test_images_stand_beside_each_other():
    image = layout.stack_beside([Image.new("RGB", (2, 4), RED), Image.new("RGB", (3, 6), GREEN)], 5, BLUE)
    assert image.size == (10, 6)
    assert [image.getpixel(at) for at in ((1, 3), (1, 4), (6, 0), (7, 5))] == [RED, BLUE, BLUE, GREEN]


def test_images_are_made_as_high_as_the_highest():
    low, high = layout.pad_to_one_height([Image.new("RGB", (2, 4), RED), Image.new("RGB", (3, 6), GREEN)], BLUE)
    assert (low.size, high.size) == ((2, 6), (3, 6))
    assert [low.getpixel(at) for at in ((1, 3), (1, 4))] == [RED, BLUE]


def written(image):
    """How far to the right, and in how many lines, there is ink."""
    dark = image.convert("L").point(lambda grey: 255 * (grey < 128))
    _, top, right, bottom = dark.getbbox()
    return right, round((bottom - top) / 20)


def test_words_are_broken_into_lines_that_fit():
    words = "level 60, width 200; clahe: tiles 8, clip limit 0.01, bins 256"
    right, lines = written(layout.draw_text(words, 14, 150))
    assert right <= 150
    assert lines == 3
    assert written(layout.draw_text(words, 14, 600))[1] == 1


def test_no_words_take_next_to_no_room():
    assert layout.draw_text("", 14, 100).size == (100, 1)


def test_images_stand_below_their_names():
    image = layout.stack_headed(
        {"one": Image.new("RGB", (40, 20), RED), "two": Image.new("RGB", (30, 20), GREEN)}, 14, 6
    )
    assert image.width == 40 + 6 + 30
    assert [image.getpixel((x, image.height - 1)) for x in (0, 39, 46, 75)] == [RED, RED, GREEN, GREEN]
    assert image.crop((0, 0, 40, image.height - 20)).getcolors() != [((255, 255, 255), 40)], "a name is written"
