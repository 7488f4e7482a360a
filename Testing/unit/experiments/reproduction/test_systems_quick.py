import pytest
from support.reproduction_cases import recipe

pytest.importorskip("lightning", reason="needs lightning: pip install 'livertumorseg[train]'")
from LiverTumorSegLib.experiments.reproduction.systems import QUICK_NOTE, load, make_quick
from LiverTumorSegLib.preprocessing import Resize, named


def test_the_chain_stays_but_for_its_size():
    small = recipe("kulkarni", "U-Net", small=True)
    *steps, last = small.preprocessing.root
    assert steps == [step for step in named("kulkarni").root if not isinstance(step, Resize)]
    assert (last.height, last.width) == (96, 96)


def test_a_network_without_padding_sees_more_than_a_slice_so_that_all_of_it_is_learnt():
    assert recipe("li", "U-Net", small=True).crop - 2 * 92 >= 96


def test_volumes_are_coarse_for_the_chain_and_the_patches_alike():
    small = recipe("ahmad", "U-Net", small=True)
    assert small.preprocessing.spacing_mm == small.patches.spacing_mm[0] == 5.0


def test_a_network_that_gets_weights_keeps_its_width():
    known = load("elmenabawy")
    whole = known.recipe | known.rows[2].recipe
    assert "options" not in make_quick(whole, narrow=False)["network"]
    assert make_quick(whole, narrow=True)["network"]["options"] == {"fc_channels": 256}


def test_nobody_can_take_quick_figures_for_a_reproduction():
    assert "reproduce nothing" in QUICK_NOTE
