"""Programs that tests need of the system are found, named, and installed only where that is allowed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import system_libraries

SCRIPT = Path(system_libraries.__file__)
BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'
TRIXIE = 'VERSION_ID="13"\nID=debian\n'
SID = "ID=debian\n"
UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'


class Commands:
    """Takes the commands of an installation, and fails at the one whose word is given."""

    def __init__(self, fails_at=None, error=None):
        self.seen, self.fails_at, self.error = [], fails_at, error

    def __call__(self, command, seconds):
        self.seen.append(command)
        assert seconds > 0
        if self.fails_at in command:
            raise self.error


@pytest.fixture
def release(tmp_path):
    def write(text):
        path = tmp_path / "os-release"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def anywhere(name):
    return f"/usr/bin/{name}"


def nowhere(name):
    return None


def no_browser(name):
    return None if name in system_libraries.BROWSERS else anywhere(name)


def test_nothing_is_missing_where_all_is_found():
    assert system_libraries.missing(bool, anywhere, "linux") == []


def test_programs_are_missing_by_their_own_names(tmp_path):
    found = system_libraries.missing(bool, lambda name: None if name == "storescu" else name, "linux", tmp_path)
    assert found == ["storescu"]


def test_programs_that_are_in_no_path_are_found_where_debian_puts_them(tmp_path):
    for version in ("14", "15"):
        place = tmp_path / "usr/lib/postgresql" / version / "bin"
        place.mkdir(parents=True)
        (place / "initdb").touch()
    assert system_libraries.program("initdb", nowhere, tmp_path) == place / "initdb"
    assert system_libraries.program("Orthanc", nowhere, tmp_path) is None


def test_a_program_that_pip_installed_under_the_same_name_is_not_taken(monkeypatch, tmp_path):
    for folder in (own := tmp_path / "own", tmp_path / "system"):
        folder.mkdir()
        (folder / "storescu").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(own / "python"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(own), str(tmp_path / "system")]))
    assert system_libraries.program("storescu") == tmp_path / "system" / "storescu"


def test_a_skipped_test_names_what_it_needs_and_the_line(monkeypatch):
    monkeypatch.setattr(system_libraries, "program", lambda name: None if name == "storescu" else Path(name))
    assert system_libraries.reason("Orthanc", "dciodvfy") == ""
    assert system_libraries.reason("Orthanc", "storescu").startswith("needs storescu: ")
    assert "dcmtk" in system_libraries.reason("storescu") or system_libraries.system()[0] != "debian"


def test_a_missing_library_and_a_missing_browser_are_named():
    found = system_libraries.missing(lambda name: name != "libEGL.so.1", no_browser, "linux")
    assert found == ["libEGL.so.1", "chromium"]


def test_any_of_the_known_browsers_will_do():
    assert system_libraries.browser(lambda name: "/opt/chrome" if name == "google-chrome" else None) == "/opt/chrome"


def test_nothing_is_looked_for_on_other_systems():
    assert system_libraries.missing(lambda _: False, nowhere, "darwin") == []


def test_the_linker_itself_is_asked():
    assert not system_libraries.has_library("libthereisnosuchlibrary.so.1")
    if sys.platform == "linux":
        assert system_libraries.has_library("libc.so.6")


@pytest.mark.parametrize(
    ("text", "package"), [(BOOKWORM, "libglib2.0-0"), (TRIXIE, "libglib2.0-0t64"), (SID, "libglib2.0-0t64")]
)
def test_packages_have_the_names_of_their_debian(release, text, package):
    line = system_libraries.advice(["libglib-2.0.so.0", "libgthread-2.0.so.0", "chromium"], release(text))
    assert line == f"apt-get install --no-install-recommends chromium {package}"


def test_other_distributions_are_told_the_libraries(release):
    assert system_libraries.advice(["libEGL.so.1"], release(UBUNTU)).endswith("package manager: libEGL.so.1")
    assert system_libraries.advice(["libEGL.so.1"], Path("/there/is/none")).endswith(": libEGL.so.1")


def test_there_is_no_advice_where_nothing_is_missing(release):
    assert system_libraries.advice([], release(BOOKWORM)) == ""


def test_nothing_is_run_or_said_where_nothing_is_missing(release, capsys):
    commands = Commands()
    system_libraries.main(names=[], release=release(BOOKWORM), root=True, which=anywhere, runner=commands)
    assert (commands.seen, capsys.readouterr().out) == ([], "")


def test_root_on_debian_installs_without_questions_and_says_so_first(release, tmp_path, capsys):
    commands = Commands()
    system_libraries.main(
        names=["libEGL.so.1", "chromium"],
        release=release(BOOKWORM),
        root=True,
        which=anywhere,
        runner=commands,
        policy=tmp_path / "policy",
    )
    update, install = commands.seen
    assert (update[0], update[-1]) == ("apt-get", "update")
    assert install[-5:] == ["install", "-y", "--no-install-recommends", "chromium", "libegl1"]
    assert capsys.readouterr().out == "Installing with apt-get, for the tests: chromium libegl1\n"


def test_no_service_is_started_while_packages_are_installed_nor_with_the_machine(tmp_path):
    policy, commands, answers = tmp_path / "policy-rc.d", Commands(), []

    def runner(command, seconds):
        commands(command, seconds)
        answers.append(subprocess.call([policy]) if policy.exists() else 0)

    assert system_libraries.install(["Orthanc", "storescu"], 12, runner, policy)
    assert [command[-1] for command in commands.seen] == ["update", "orthanc", "disable"]
    assert commands.seen[-1] == ["update-rc.d", "orthanc", "disable"]
    assert answers == [0, 101, 0]
    assert not policy.exists()


def test_the_machines_own_policy_for_services_is_kept(tmp_path):
    policy = tmp_path / "policy-rc.d"
    policy.write_text("own")
    assert system_libraries.install(["storescu"], 12, Commands(), policy)
    assert policy.read_text() == "own"


def test_the_policy_goes_when_the_installation_fails(tmp_path):
    policy = tmp_path / "policy-rc.d"
    failing = Commands("install", subprocess.CalledProcessError(100, "apt-get"))
    assert not system_libraries.install(["storescu"], 12, failing, policy)
    assert not policy.exists()


@pytest.mark.parametrize(
    ("text", "root", "which"), [(BOOKWORM, False, anywhere), (UBUNTU, True, anywhere), (BOOKWORM, True, nowhere)]
)
def test_everybody_else_is_told_the_line_and_nothing_is_run(release, capsys, text, root, which):
    commands = Commands()
    system_libraries.main(names=["libEGL.so.1"], release=release(text), root=root, which=which, runner=commands)
    assert commands.seen == []
    assert system_libraries.advice(["libEGL.so.1"], release(text)) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fails_at", "error", "said"),
    [
        ("update", subprocess.CalledProcessError(100, "apt-get", stderr=b"W: one\nE: no network\n"), "E: no network"),
        ("install", subprocess.TimeoutExpired("apt-get", 5), "timed out after 5 seconds"),
        ("install", FileNotFoundError("apt-get"), "apt-get"),
    ],
)
def test_a_failing_installation_is_one_sentence_and_no_error(release, tmp_path, capsys, fails_at, error, said):
    system_libraries.main(
        names=["chromium"],
        release=release(BOOKWORM),
        root=True,
        which=anywhere,
        runner=Commands(fails_at, error),
        policy=tmp_path / "policy",
    )
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Installing")
    assert said in second
    assert "need chromium are skipped" in second


def test_a_real_command_that_fails_keeps_its_last_words():
    with pytest.raises(subprocess.CalledProcessError) as raised:
        system_libraries.run([sys.executable, "-c", "import sys; sys.exit('E: why')"], 60)
    assert system_libraries.last_line(raised.value) == "E: why"


@pytest.mark.skipif(system_libraries.missing() != [], reason=system_libraries.advice())
def test_a_complete_system_costs_no_time():
    """The best of three runs, as other tests may keep both cores busy."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, SCRIPT], check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.3
