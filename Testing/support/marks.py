"""Marks of tests, by the folder that they lie in: which parts of the system they need, and whether they take long."""

from support.repository import TESTING

MARKS = {
    "integration": ("slow",),
    "integration/browser": ("browser",),
    "integration/browser/test_access.py": ("nightly",),
    "integration/browser/test_archives.py": ("nightly",),
    "integration/browser/test_evaluation_page.py": ("nightly",),
    "integration/browser/test_pacs_page.py": ("nightly",),
    "integration/browser/test_sessions.py": ("nightly",),
    "integration/browser/test_uploads.py": ("nightly",),
    "integration/pacs": ("pacs",),
    "integration/pacs/test_identifiers.py": ("nightly",),
    "integration/pacs/test_shared_work.py": ("nightly",),
    "integration/slicer": ("slicer",),
    "integration/slicer/test_slicer_check.py": ("nightly",),
    "integration/test_container.py": ("nightly",),
    "integration/test_documented_trial.py": ("nightly",),
    "robustness": ("slow",),
    "robustness/test_canary.py": ("nightly",),
    "robustness/test_determinism.py": ("nightly",),
    "robustness/test_disk_full.py": ("nightly",),
    "robustness/test_killed_cohort.py": ("nightly",),
    "robustness/test_killed_training.py": ("nightly",),
    "robustness/test_odd_dicom.py": ("nightly",),
    "robustness/test_odd_volumes.py": ("nightly",),
    "robustness/test_planted_mistakes.py": ("nightly",),
    "robustness/test_stress_batches.py": ("nightly",),
    "robustness/test_stress_determinism.py": ("nightly",),
    "robustness/test_stress_fuzzing.py": ("nightly",),
    "robustness/test_stress_kills_cohort.py": ("nightly",),
    "robustness/test_stress_kills_evaluate.py": ("nightly",),
    "robustness/test_stress_kills_segment.py": ("nightly",),
    "robustness/test_stress_kills_train.py": ("nightly",),
    "robustness/test_stress_load.py": ("nightly",),
    "robustness/test_stress_odd_commands.py": ("nightly",),
    "robustness/test_stress_odd_volumes.py": ("nightly",),
    "robustness/test_stress_pacs_kills.py": ("nightly",),
    "robustness/test_stress_sandbox.py": ("nightly",),
    "robustness/test_stress_tally.py": ("nightly",),
    "robustness/test_stress_untrusted_models.py": ("nightly",),
    "robustness/test_stress_worker_faults.py": ("nightly",),
    "unit/apps/cli/test_calibrate.py": ("slow",),
    "unit/apps/cli/test_compare_reproducing.py": ("nightly",),
    "unit/apps/cli/test_follow_up.py": ("slow", "nightly"),
    "unit/apps/cli/test_models_architectures.py": ("slow", "nightly"),
    "unit/apps/cli/test_web.py": ("slow", "nightly"),
    "unit/apps/cohort": ("slow",),
    "unit/apps/cohort/test_fresh_processes.py": ("nightly",),
    "unit/apps/pacs": ("pacs", "slow"),
    "unit/apps/panel": ("slow",),
    "unit/apps/web": ("slow",),
    "unit/apps/worker": ("slow",),
    "unit/experiments": ("slow",),
    "unit/experiments/reproduction": ("nightly",),
    "unit/export": ("slow", "nightly"),
    "unit/training": ("slow",),
    "unit/training/test_distributed.py": ("nightly",),
    "unit/training/test_fit_encoder.py": ("nightly",),
}
"""Marks by the beginning of a test's path in ``Testing``; pyproject.toml says what each means."""


def marks_of(path):
    """The marks of a test file: those of its own and of every folder around it."""
    inside = path.relative_to(TESTING)
    places = [place.as_posix() for place in (inside, *inside.parents)]
    return {mark for place in places for mark in MARKS.get(place, ())}


def mark_and_sort(items):
    """Mark tests, and have long files begin first, so that no process is left with one of them at the end."""
    for item in items:
        for mark in sorted(marks_of(item.path)):
            item.add_marker(mark)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
