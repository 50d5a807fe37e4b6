"""Test the lists of notebooks and versions, and the names by which people call them."""

from datetime import UTC, date, datetime

import pytest

from notebook_archive_cli.reading.catalog import find_end_of_day
from tests.cli.archived import Archived, code, make_id, make_notebook
from tests.cli.conftest import MotoStack, Run, columns_of, set_zone

# 1 January 2025, 10:00 UTC, in epoch milliseconds.
TEN = 1_735_725_600_000
HOUR = 3_600_000
RIVERS = make_id("Rivers")


@pytest.fixture
def archived(stack: MotoStack) -> Archived:
    return Archived(stack)


@pytest.fixture
def rivers(archived: Archived) -> Archived:
    """A notebook with a copy, two snapshots that are newer, and properties."""
    archived.add_item("Rivers")
    archived.add_copy("Rivers", TEN)
    archived.add_snapshot("Rivers", "one", created="2025-01-02T10:00:00.000Z")
    archived.add_snapshot("Rivers", "two", created="2025-01-03T10:00:00.000Z")
    return archived


# ---------------------------------------------------------------------- list


def test_list_shows_states_of_the_last_run(run: Run, rivers: Archived) -> None:
    rivers.add_snapshot("Lakes", "old", owner="ben")
    rivers.note_deletion("Lakes")
    rivers.add_snapshot("Glaciers", "new", owner="chi")
    rivers.add_run(["Rivers", "Secret"], Secret="unprotected")
    found = {each["title"]: each for each in run("list", "--json").document}
    assert {title: each["state"] for title, each in found.items()} == {
        "Glaciers": "unknown", "Lakes": "deleted", "Rivers": "protected", "Secret": "unprotected",
    }  # fmt: skip
    assert [found[name]["versions"] for name in ("Rivers", "Lakes", "Secret")] == [3, 1, 0]
    assert found["Lakes"]["owner"] == "ben"
    assert found["Rivers"]["archivedAt"]
    assert [found[name]["stateAt"] for name in ("Rivers", "Lakes")] == ["2025-01-03T02:01:00.000Z", ""]
    assert found["Secret"]["archivedAt"] == ""


def test_list_says_that_a_version_is_newer_than_the_state(run: Run, archived: Archived) -> None:
    archived.add_snapshot("Rivers", "one")
    archived.add_run(["Rivers", "Secret"], Rivers="unprotected", Secret="unprotected")
    text = run("list", "--utc").stdout
    assert "The states are as of 2025-01-03 02:01 UTC" in text
    assert "1 notebook got a version since then." in text
    assert columns_of(text) <= 80
    assert "since then" not in run("list", "--title", "Secret").stdout


def test_list_reads_no_item_that_the_run_named(run: Run, archived: Archived) -> None:
    for number in range(3):
        archived.add_item(number, title="In item.json")
    archived.add_run([0, 1])
    titles = [each["title"] for each in run("list", "--json").document]
    assert titles == ["0", "1", "In item.json"]


def test_list_can_be_limited(run: Run, rivers: Archived) -> None:
    rivers.add_snapshot("Lakes", "old", owner="ben")
    rivers.note_deletion("Lakes")
    cases = {
        "--owner Ana": ["Rivers"],
        "--title LAKE": ["Lakes"],
        "--deleted": ["Lakes"],
        "--state Unknown": ["Rivers"],
    }
    for options, titles in cases.items():
        assert [each["title"] for each in run("list", *options.split(), "--json").document] == titles


@pytest.mark.usefixtures("rivers")
def test_list_suggests_owners(run: Run) -> None:
    result = run("list", "--owner", "anna")
    assert result.status == 0
    assert "has the owner 'anna'. Did you mean 'ana'?" in result.stderr
    assert run("list", "--owner", "ANA", "--title", "nothing").stderr == ""


def test_list_fits_a_narrow_terminal(run: Run, archived: Archived) -> None:
    archived.add_item("a", title="水位の記録 " * 20 + "\x1b[2J\u202e", owner="an owner with a long name")
    archived.add_snapshot("a", "one")
    result = run("list")
    assert columns_of(result.stdout) <= 80
    assert make_id("a") in result.stdout
    assert "…" in result.stdout
    assert "\x1b" not in result.stdout


def test_piped_list_cuts_nothing(run: Run, archived: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    archived.add_item("a", title="water " * 40 + "end")
    monkeypatch.delenv("COLUMNS")
    assert "water " * 40 + "end" in run("list").stdout


# ---------------------------------------------------------------------- versions


@pytest.mark.usefixtures("rivers")
def test_versions_come_newest_content_first(run: Run) -> None:
    versions = run("versions", RIVERS, "--json").document
    assert [each["name"] for each in versions] == ["two", "one", ""]
    assert [each["kind"] for each in versions] == ["snapshot", "snapshot", "copy"]
    assert versions[2]["contentAt"] == "2025-01-01T10:00:00.000Z"
    assert "(saved content)" in run("versions", RIVERS).stdout
    assert versions[0]["runtime"] == "ArcGIS Notebook Python 3 Standard 9.0"


def test_versions_show_proof_and_findings(run: Run, archived: Archived) -> None:
    body = make_notebook(code("x"))
    key = archived.add_snapshot("Rivers", "one", body)
    archived.record(key, body, level=3, proved_at=TEN, findings=("0123456789ab",), finding_at=TEN + 1)
    [version] = run("versions", "Rivers", "--json").document
    assert (version["level"], version["findings"]) == (3, ["0123456789ab"])
    assert version["provedAt"] == "2025-01-01T10:00:00.000Z"
    text = run("versions", "Rivers").stdout
    assert "finding  " in text
    assert "notebook-archive findings" in text


@pytest.mark.usefixtures("rivers", "in_berlin")
def test_times_are_local_unless_utc_is_asked_for(run: Run) -> None:
    assert "2025-01-03 11:00 CET" in run("versions", RIVERS).stdout
    assert "2025-01-03 10:00 UTC" in run("versions", RIVERS, "--utc").stdout


@pytest.mark.usefixtures("rivers")
def test_shortened_keys_name_versions(run: Run) -> None:
    result = run("versions", RIVERS)
    assert columns_of(result.stdout) <= 80
    keys = [line.split()[-1] for line in result.stdout.splitlines()[1:4]]
    names = [run("show", f"{RIVERS}@{key}", "--json").document["name"] for key in keys]
    assert names == ["two", "one", ""]


# ---------------------------------------------------------------------- ITEM


@pytest.mark.usefixtures("rivers")
def test_item_is_found_by_id_and_title(run: Run) -> None:
    for text in (RIVERS, RIVERS[:4], RIVERS.upper(), "rivers"):
        assert len(run("versions", text, "--json").document) == 3


def test_exact_title_comes_before_another_case(run: Run, rivers: Archived) -> None:
    rivers.add_snapshot("RIVERS", "one")
    assert len(run("versions", "RIVERS", "--json").document) == 1


def test_ambiguous_item_lists_candidates(run: Run, rivers: Archived) -> None:
    rivers.add_item("other", title="Rivers", owner="ben")
    result = run("versions", "Rivers")
    assert result.status == 2
    assert f"  {make_id('other')}  ben  Rivers" in result.stderr
    assert "notebook-archive versions " in result.stderr
    assert run("versions", "Rivers", "--json").error["reason"] == "ambiguous-item"


def test_ambiguous_item_names_the_deleted_one(run: Run, rivers: Archived) -> None:
    rivers.add_item("other", title="Rivers")
    rivers.note_deletion("other")
    error = run("versions", "Rivers", "--json").error
    assert f"{make_id('other')}  ana  Rivers (deleted, 0 versions)" in error["message"]
    assert error["command"] == f"notebook-archive versions {RIVERS}"


@pytest.mark.usefixtures("rivers")
def test_unknown_item_suggests_titles(run: Run) -> None:
    for text in ("Rivres", "rive"):
        error = run("versions", text, "--json").error
        assert (error["reason"], error["command"]) == ("item-not-found", "notebook-archive list")
        assert "Did you mean 'Rivers'?" in error["message"]


@pytest.mark.usefixtures("rivers")
def test_unknown_id_is_not_found(run: Run) -> None:
    result = run("versions", make_id("nothing"), "--json")
    assert (result.status, result.error["reason"]) == (5, "item-not-found")


# ---------------------------------------------------------------------- VERSION


@pytest.mark.usefixtures("rivers")
def test_version_is_found_by_place_and_day(run: Run) -> None:
    for version, name in {"latest": "two", "-0": "two", "-1": "one", "2025-01-02": "one"}.items():
        assert run("show", f"{RIVERS}@{version}", "--utc", "--json").document["name"] == name


@pytest.mark.usefixtures("rivers")
def test_missing_version_names_the_next_command(run: Run) -> None:
    reasons = {"2024-12-31": "version-missing", "-3": "version-missing", "snapshot-x": "version-missing"}
    for version, reason in (reasons | {"2025-13-41": "not-a-version", "": "not-a-version"}).items():
        error = run("show", f"{RIVERS}@{version}", "--json").error
        assert (error["reason"], error["command"]) == (reason, f"notebook-archive versions {RIVERS}")


@pytest.mark.usefixtures("rivers")
def test_version_is_found_by_its_key(run: Run) -> None:
    each = run("versions", RIVERS, "--json").document[2]
    for key in (each["resourceKey"], each["resourceKey"][:-6]):
        assert run("show", f"{RIVERS}@{key}", "--json").document["key"] == each["key"]


def test_title_is_not_taken_for_another_id(run: Run, rivers: Archived) -> None:
    rivers.add_snapshot("Lakes", "one")
    assert run("versions", RIVERS[:4]).status == 0
    rivers.add_run(["Rivers", RIVERS[:4].upper()])
    result = run("versions", RIVERS[:4], "--json")
    assert (result.status, result.error["reason"]) == (2, "ambiguous-item")
    assert RIVERS in result.error["message"]
    assert run("versions", RIVERS[:8]).status == 0


@pytest.mark.parametrize("text", ["", " "])
def test_empty_item_is_refused(run: Run, archived: Archived, text: str) -> None:
    archived.add_snapshot("Rivers", "one")
    for arguments in (["versions", text], ["run", text], ["verify", text], ["restore", "--item", text]):
        assert (run(*arguments).status, arguments[0]) == (2, arguments[0])


ODD_VERSIONS = [
    "@", "@@", "@latest", f"{RIVERS}@", f"{RIVERS}@@", f"{RIVERS}@-", f"{RIVERS}@-9999", f"{RIVERS}@-9999999",
    f"{RIVERS}@0000-00-00", f"{RIVERS}@0001-01-01", f"{RIVERS}@1969-12-31", f"{RIVERS}@1970-01-01",
    f"{RIVERS}@2026-02-30", f"{RIVERS}@9999-12-31", f"{RIVERS}@../../x", f"{RIVERS}@\N{ARABIC-INDIC DIGIT TWO}",
    f"{RIVERS}@\udcff", "\udcff@latest", "\x1b[2J@latest", f"{'x' * 10_000}@latest", f"{RIVERS}@{'x' * 10_000}",
]  # fmt: skip


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.usefixtures("rivers")
def test_odd_versions_are_no_defects(run: Run, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    for _ in set_zone(zone, monkeypatch):
        for text in ODD_VERSIONS:
            result = run("show", text, "--json")
            assert (text, result.status) in {(text, 2), (text, 5)} or text.endswith(("9999-12-31", "-0"))
            assert result.status != 1
            assert result.stderr.isascii()


@pytest.mark.usefixtures("rivers")
def test_ambiguous_key_lists_candidates(run: Run) -> None:
    error = run("show", f"{RIVERS}@snapshot-", "--json").error
    assert error["reason"] == "ambiguous-version"
    assert all(f"snapshot-{make_id(('Rivers', name))}.json" in error["message"] for name in ("one", "two"))


@pytest.mark.usefixtures("rivers")
def test_version_needs_an_at_sign(run: Run) -> None:
    error = run("restore", "Rivers", "--as", "new", "--json").error
    command = "notebook-archive restore Rivers@latest --as new --json"
    assert (error["reason"], error["command"]) == ("not-a-version", command)


@pytest.mark.usefixtures("rivers")
def test_item_alone_is_shown_in_its_latest_version(run: Run) -> None:
    assert run("show", "Rivers", "--json").document["name"] == "two"


@pytest.mark.usefixtures("rivers", "in_berlin")
def test_version_is_found_by_its_time(run: Run) -> None:
    times = {"T10:59": "one", "T11:00": "two", "T10:00Z": "two", "T10:30+01:00": "one"}
    for time_, name in times.items():
        assert run("show", f"{RIVERS}@2025-01-03{time_}", "--json").document["name"] == name
    assert run("show", f"{RIVERS}@2025-01-03T10:00", "--utc", "--json").document["name"] == "two"
    assert run("show", f"{RIVERS}@2025-01-03T99:00", "--json").error["reason"] == "not-a-version"


@pytest.mark.usefixtures("in_berlin")
def test_day_ends_in_the_local_zone(run: Run, archived: Archived) -> None:
    archived.add_copy("Rivers", TEN + 12 * HOUR)  # 23:00 in Berlin
    archived.add_copy("Rivers", TEN + 13 * HOUR + HOUR // 2)  # 00:30 in Berlin, 23:30 UTC
    assert run("show", f"{RIVERS}@2025-01-01", "--json").document["contentAt"] == "2025-01-01T22:00:00.000Z"
    assert run("show", f"{RIVERS}@2025-01-01", "--utc", "--json").document["contentAt"] == "2025-01-01T23:30:00.000Z"


@pytest.mark.parametrize(
    ("zone", "day", "end"),
    [
        ("Europe/Berlin", "2025-03-30", "2025-03-30T22:00:00Z"),  # 23 hours long
        ("Europe/Berlin", "2025-10-26", "2025-10-26T23:00:00Z"),  # 25 hours long
        ("America/Santiago", "2025-09-06", "2025-09-07T04:00:00Z"),  # midnight does not exist
        ("America/Havana", "2025-11-01", "2025-11-02T04:00:00Z"),  # midnight exists twice
        ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00:00Z"),  # the next day does not exist
    ],
)
def test_day_ends_right_when_clocks_change(zone: str, day: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in set_zone(zone, monkeypatch):
        found = find_end_of_day(date.fromisoformat(day), utc=False)
    assert datetime.fromtimestamp((found + 1) / 1000, UTC) == datetime.fromisoformat(end)
