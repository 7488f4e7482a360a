from pathlib import Path

import pytest

from LiverTumorSegLib.apps.cohort.cases import CohortCase, refuse_clashes
from LiverTumorSegLib.core.errors import UserError


def cases(*names):
    return [CohortCase(name, Path(f"{number}.nii"), 1) for number, name in enumerate(names)]


def test_names_of_their_own_are_no_clash():
    refuse_clashes(cases("a", "b", "a.b", "12 (old)"))


@pytest.mark.parametrize("other", ["Patient", "patient"])
def test_names_that_some_file_systems_hold_for_one_are_refused(other):
    with pytest.raises(UserError, match=r"0\.nii and 1\.nii would both be the case"):
        refuse_clashes(cases("Patient", other))


@pytest.mark.parametrize("name", ["", "../above", "a/b", "a\\b", ".hidden", "C:", "line\nbreak"])
def test_names_that_no_file_can_have_are_refused(name):
    with pytest.raises(UserError, match="cannot be the name of a file"):
        refuse_clashes(cases(name))
