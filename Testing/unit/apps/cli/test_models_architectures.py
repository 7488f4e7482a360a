from LiverTumorSegLib import networks


def test_every_network_is_listed_with_its_cost_and_source(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, printed, _ = run("networks", "--size", "128")
    assert code == 0
    for name in networks.names():
        costs, source = (line for line in printed.splitlines() if line.startswith(f"│ {name} "))
        cells = [cell.strip() for cell in costs.strip("│").split("│")]
        assert float(cells[2]) > 1
        assert float(cells[3]) > 1
        assert float(cells[4]) > 1
        assert " 20" in source
    assert "vgg16_bn" in printed


def test_channels_are_those_of_a_slice_also_in_a_stack_of_slices(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    _, printed, _ = run("networks", "--size", "64", "--channels", "2", "--classes", "1")
    assert "10x64x64" in printed
    assert "2x64x64" in printed


def test_of_one_network_what_was_chosen_and_its_options_are_said(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, printed, _ = run("networks", "resnet18", "--size", "64")
    assert code == 0
    assert "│ resnet18 " in printed
    assert "│ unet " not in printed
    assert "Neither says more, so these choices are ours" in printed
    assert "    width: channels of the first stage" in printed


def test_a_network_that_nobody_has_is_refused(run):
    code, _, complained = run("networks", "vnet")
    assert code == 3
    assert "There is no network called “vnet”" in complained
