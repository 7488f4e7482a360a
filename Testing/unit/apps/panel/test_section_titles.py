from LiverTumorSegLib.apps.panel import section_titles

JOINT = {"name": "a", "labels": ["background", "liver", "lesion"], "research_only": True}


def test_a_model_is_said_in_a_clinicians_words():
    assert section_titles.model([JOINT], "a") == "Model: Liver and lesions, research weights"
    lesions = {"name": "b", "labels": ["background", "lesion"], "research_only": False}
    assert section_titles.model([JOINT, lesions], "b") == "Model: Lesions"


def test_a_model_that_is_unknown_or_broken_is_said_by_its_name():
    assert section_titles.model([], "mine") == "Model: mine"
    assert section_titles.model([{"name": "mine", "error": "It is broken."}], "mine") == "Model: mine"


def test_the_device_is_said_with_a_precision_that_was_chosen():
    cpu = {"name": "cpu", "title": "CPU", "free_bytes": None}
    assert section_titles.device([], "auto", "auto") == "Device: Automatic"
    assert section_titles.device([cpu], "auto", "auto") == "Device: Automatic: CPU"
    assert section_titles.device([cpu], "cpu", "float32") == "Device: CPU, float32"
    assert section_titles.device([cpu], "cuda:7", "auto") == "Device: cuda:7"


def test_where_the_segments_go_is_said():
    said = section_titles.output
    assert said(None, replace=True, one_each=False) == "Output: new segmentation, one segment for lesions"
    assert said(None, replace=False, one_each=True) == "Output: new segmentation, a segment a lesion"
    assert said("mine", replace=True, one_each=True) == "Output: replaces in “mine”"
    assert said("a name of too many words", replace=False, one_each=True) == "Output: adds to “a name of too many …”"


def test_the_region_is_said_and_that_every_slice_is_looked_at():
    assert section_titles.advanced(None, coarse_pass=True) == "Advanced: whole CT"
    assert section_titles.advanced("R", coarse_pass=False) == "Advanced: “R”, every slice"
