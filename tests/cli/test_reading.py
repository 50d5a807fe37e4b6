"""Test what `show`, `diff` and `get` print and write, whatever an archived notebook contains."""

import hashlib
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from notebook_archive.clock import format_moment
from notebook_archive_cli.reading.manifest import Manifest
from tests.cli.archived import Archived, code, make_id, make_notebook, markdown, stream
from tests.cli.conftest import MotoStack, Run, columns_of

RIVERS = make_id("Rivers")
LATEST = f"{RIVERS}@latest"
HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202ereversed\r\x08"
IMAGE = b64encode(bytes(12_000)).decode()


@pytest.fixture
def archived(stack: MotoStack) -> Archived:
    return Archived(stack)


def add(archived: Archived, *cells: object) -> str:
    return archived.add_snapshot("Rivers", "one", make_notebook(*cells))


def image(data: str = IMAGE) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"image/png": data, "text/plain": "<Figure>"}, "metadata": {}}


def is_printable(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


# ---------------------------------------------------------------------- show


def test_show_prints_cells_and_outputs(run: Run, archived: Archived) -> None:
    add(archived, markdown("# Water\nSome *text*"), code("level = 1\nprint(level)", stream("1\n"), image(), count=7))
    shown = run("show", LATEST, "--utc").stdout
    assert "2025-01-01 10:00 UTC" in shown
    assert "Some text" in shown
    assert "level = 1\nprint(level)\n" in shown
    assert "[2] code, run 7" in shown
    assert "(image/png, 12 kB)" in shown
    assert columns_of(shown) <= 80


def test_show_cuts_outputs_unless_asked(run: Run, archived: Archived) -> None:
    add(archived, code("x", stream("".join(f"line {number}\n" for number in range(1000)))))
    assert "988 more lines: show --outputs" in run("show", LATEST).stdout
    assert "line 999" not in run("show", LATEST).stdout
    assert "line 999" in run("show", LATEST, "--outputs").stdout


def test_show_prints_no_control_characters(run: Run, archived: Archived) -> None:
    error = {"output_type": "error", "ename": HOSTILE, "evalue": HOSTILE, "traceback": [HOSTILE]}
    other = {"output_type": "display_data", "data": {HOSTILE: "x"}, "metadata": {}}
    raw = {"cell_type": "raw", "metadata": {}, "source": HOSTILE}
    hidden = markdown(f"{HOSTILE} &#8238; &#27;[2J [link](javascript:x)\n```c\n{HOSTILE}\n```")
    add(archived, code(HOSTILE, stream(HOSTILE), error, other), raw, hidden, markdown(f"<b>{HOSTILE}"))
    assert is_printable(run("show", LATEST, "--outputs").stdout)


def test_show_survives_odd_notebooks(run: Run, archived: Archived) -> None:
    """Each of these is in a real notebook, or would be a way to stop the command."""
    add(
        archived,
        *[None, 1, "text", [], {}],
        {"cell_type": "code", "source": 5, "outputs": {"a": 1}, "execution_count": "x"},
        {"cell_type": "code", "source": ["a\n", None, "b"], "outputs": [None, {}, {"output_type": 3}]},
        {"cell_type": ["code"], "source": "\ud800"},
        {"cell_type": "heading", "level": "9", "source": "x"},
        code("x", {"output_type": "display_data", "data": {"image/png": 7, "text/plain": {}}}),
        code("x", {"output_type": "execute_result", "data": {"application/json": {"a": [1]}}}),
        code("x", stream("z" * 1_000_000), stream("\r".join(map(str, range(10_000))))),
        *[markdown("> " * 2000 + "x"), markdown("[" * 5000), markdown("*a" * 2000), markdown("|a|\n|-|\n" * 500)],
        *[code("(" * 10_000), code("'" * 15_999), code("\n" * 100_000)],
    )
    shown = run("show", LATEST)
    assert shown.status == 0
    assert shown.stdout.count("This is not a cell.") == 5
    assert len(run("show", LATEST, "--json").document["cells"]) == 19


def test_empty_notebook_is_shown(run: Run, archived: Archived) -> None:
    add(archived)
    assert "The notebook has no cells." in run("show", LATEST).stdout


# ---------------------------------------------------------------------- diff


def test_diff_shows_each_kind_of_change(run: Run, archived: Archived) -> None:
    stable = [code(f"step_{number} = {number}") for number in range(12)]
    plot = code("draw()", image(b64encode(bytes(12_000)).decode()))
    later_plot = code("draw(2)", image(b64encode(bytes(14_000)).decode()), stream("drawn\n"))
    archived.add_copy("Rivers", 1, make_notebook(plot, *stable, code("old()"), code("print(1)", stream("1"))))
    archived.add_copy("Rivers", 2, make_notebook(later_plot, *stable, code("print(1)", stream("2")), markdown("New")))
    result = run("diff", RIVERS)
    assert result.status == 0
    for text in (
        "~ [1] code changed\n    - draw()\n    + draw(2)\n    image/png changed (12 kB → 14 kB)".replace("/png", ""),
        "… 12 cells unchanged",
        "- [14] code removed\n    - old()",
        "+ [15] markdown added\n    + New",
        "Cells: 1 added, 1 removed, 1 changed, 13 unchanged.",
        "Hidden: what only a rerun changed, in 1 cell. --all shows it.",
    ):
        assert text in result.stdout
    assert "stdout changed (1 byte → 1 byte)" in run("diff", RIVERS, "--all").stdout
    assert "draw" not in run("diff", RIVERS, "--stat").stdout
    document = run("diff", RIVERS, "--json").document
    assert document["counts"]["rerun"] == 1
    assert document["before"]["contentAt"] == format_moment(1)


def test_diff_folds_long_sources(run: Run, archived: Archived) -> None:
    lines = [f"line_{number}" for number in range(100)]
    archived.add_copy("Rivers", 1, make_notebook(code("\n".join(lines))))
    archived.add_copy("Rivers", 2, make_notebook(code("\n".join([*lines[:50], "new", *lines[50:]]))))
    shown = run("diff", RIVERS).stdout
    assert "… 47 lines unchanged" in shown
    assert "    + new\n      line_50" in shown


def test_equal_versions_are_said_to_be_equal(run: Run, archived: Archived) -> None:
    add(archived, code("x"))
    assert "The versions are equal (1 cell)." in run("diff", LATEST).stdout


def test_diff_prints_no_control_characters(run: Run, archived: Archived) -> None:
    attached = markdown("x") | {"attachments": {HOSTILE: {"image/png": IMAGE}}, "metadata": {HOSTILE: HOSTILE}}
    archived.add_copy("Rivers", 1, make_notebook(markdown("x"), code(HOSTILE)))
    archived.add_copy("Rivers", 2, make_notebook(attached, code(f"{HOSTILE} 2", stream(HOSTILE))))
    shown = run("diff", RIVERS, "--all").stdout
    assert is_printable(shown)
    assert "2 changed" in shown


# ---------------------------------------------------------------------- get


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_get_writes_the_bytes_under_a_good_name(run: Run, archived: Archived, folder: Path) -> None:
    body = make_notebook(code("x"))
    archived.add_snapshot("item", "one", body, title="Ana's map: 1/2?.")
    document = run("get", f"{make_id('item')}@latest", "--json").document
    assert document["path"] == "Ana's map_ 1_2_ 2025-01-01T100001Z.ipynb"
    assert (folder / document["path"]).read_bytes() == body
    assert document["sha256"] == hashlib.sha256(body).hexdigest()
    assert len([*folder.iterdir()]) == 1


def test_versions_of_one_second_get_two_names(run: Run, archived: Archived, folder: Path) -> None:
    add(archived, code("x"))
    archived.add_snapshot("Rivers", "two")
    paths = [run("get", f"Rivers@-{number}", "--json").document["path"] for number in range(2)]
    assert len(set(paths)) == len([*folder.iterdir()]) == 2
    assert paths[1].startswith(paths[0].removesuffix(".ipynb"))
    assert run("get", "Rivers@-0").status == 2


def test_get_overwrites_only_with_force(run: Run, archived: Archived, folder: Path) -> None:
    add(archived, code("x"))
    target = folder / "mine.ipynb"
    target.write_text("mine")
    result = run("get", LATEST, "-o", "mine.ipynb")
    assert (result.status, target.read_text()) == (2, "mine")
    assert f"notebook-archive get {LATEST} -o mine.ipynb --force" in result.stderr
    assert run("get", LATEST, "-o", "mine.ipynb", "--force").status == 0
    assert json.loads(target.read_text())["nbformat"] == 4


def test_damaged_version_is_not_written(run: Run, archived: Archived, folder: Path) -> None:
    archived.damage(add(archived, code("x" * 100)))
    result = run("get", LATEST, "--json")
    assert (result.status, result.error["reason"], [*folder.iterdir()]) == (3, "archive-damaged", [])
    assert result.error["command"] == f"notebook-archive verify {RIVERS}"
    result = run("get", LATEST, "-o", "-")
    assert (result.status, result.stdout) == (3, "")
    assert run("show", LATEST).status == 3


def test_replaced_version_names_the_good_one(run: Run, archived: Archived, folder: Path) -> None:
    body = make_notebook(code("right"))
    key = archived.add_snapshot("Rivers", "one", body)
    archived.record(key, body, findings=("0123456789ab",), finding_at=1)
    older = archived.replace(key, make_notebook(code("wrong")))
    error = run("get", LATEST, "--json").error
    assert "Finding 0123456789ab is open." in error["remedy"]
    command = error["command"].split()
    assert command[-2:] == ["--version-id", older]
    assert run(*command[1:], "-o", "good.ipynb").status == 0
    assert (folder / "good.ipynb").read_bytes() == body


# ---------------------------------------------------------------------- get --all


def read_copy(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each version that the manifest names, by key."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    return {line["key"]: (folder / line["path"]).read_bytes() for line in lines}


def test_get_all_is_complete_and_repeatable(run: Run, archived: Archived, folder: Path) -> None:
    titles = ["CON", "a/b\\c:*?", "Ends with a dot.", "RIVERS", "rivers", "水位" * 90, "\x1b[2J\u202e", " ", "nul.txt"]
    for number, title in enumerate(titles):
        archived.add_item(number, title=title, owner="Aux")
        archived.add_snapshot(number, title[:80].strip(), title=title)
        archived.add_copy(number, 1_735_725_600_000)
    first = run("get", "--all", "copy", "--json").document
    assert (first["downloaded"], first["skipped"], first["failed"]) == (18, 0, [])
    found = read_copy(folder / "copy")
    assert len(found) == 18
    assert all(archived.held(key).value == body for key, body in found.items())
    again = run("get", "--all", "copy", "--json").document
    assert (again["downloaded"], again["skipped"]) == (0, 18)
    paths = [str(path.relative_to(folder / "copy")) for path in (folder / "copy").rglob("*.ipynb")]
    assert len({path.casefold() for path in paths}) == 18
    assert max(map(len, paths)) <= 200
    parts = {part for path in paths for part in path.split("/")}
    assert not [part for part in parts if part.endswith((".", " ")) or set(part) & set('<>:"\\|?*') or part[:1] == "."]
    assert all(part.isprintable() and part.partition(".")[0].upper() not in ("CON", "AUX", "NUL") for part in parts)


def test_get_all_repairs_what_was_interrupted(run: Run, archived: Archived, folder: Path) -> None:
    key = add(archived, code("x"))
    archived.add_copy("Rivers", 1_735_725_600_000)
    archived.add_item("Rivers", title="First title")
    run("get", "--all", "copy")
    manifest = folder / "copy" / "manifest.jsonl"
    lines = manifest.read_text().splitlines()
    [changed] = [folder / "copy" / json.loads(line)["path"] for line in lines if json.loads(line)["key"] == key]
    changed.write_text("my edits")
    manifest.write_text("\n".join(lines)[:-5])  # as after a crash
    archived.add_item("Rivers", title="Second title")
    document = run("get", "--all", "copy", "--json").document
    assert document["failed"] == []
    assert len(read_copy(folder / "copy")) == 2
    assert [path.read_text() for path in (folder / "copy").rglob("*.changed")] == ["my edits"]
    assert len({path.parent for path in (folder / "copy").rglob("*.ipynb")}) == 1


def test_one_damaged_version_does_not_stop_the_others(run: Run, archived: Archived, folder: Path) -> None:
    damaged = archived.add_snapshot("Lakes", "one", make_notebook(code("x" * 100)))
    archived.damage(damaged)
    add(archived, code("x"))
    result = run("get", "--all", "copy")
    assert result.status == 3
    assert f"Failed: {damaged}" in result.stdout
    assert [*read_copy(folder / "copy")] != [damaged]
    assert not (folder / "copy" / ".partial").exists()


def test_get_all_can_be_limited_to_an_owner(run: Run, archived: Archived, folder: Path) -> None:
    key = archived.add_snapshot("Lakes", "one", owner="ben")
    add(archived, code("x"))
    run("get", "--all", "copy", "--owner", "ben")
    assert [*read_copy(folder / "copy")] == [key]


def test_get_all_refuses_an_unknown_owner(run: Run, archived: Archived, folder: Path) -> None:
    add(archived, code("x"))
    result = run("get", "--all", "copy", "--owner", "anna", "--json")
    assert (result.status, result.error["reason"]) == (5, "owner-not-found")
    assert "Did you mean 'ana'?" in result.error["message"]
    assert [*folder.iterdir()] == []


def test_get_needs_a_version_or_all(run: Run) -> None:
    for arguments in (
        ["get"],
        ["get", LATEST, "--all", "copy"],
        ["get", LATEST, "--owner", "ana"],
        ["get", "--all", "x", "--force"],
        ["get", "--all", "--local"],
    ):
        assert run(*arguments).status == 2


TAMPERED = [
    {"path": "."}, {"path": "manifest.jsonl"}, {"path": "../x.ipynb"}, {"path": "/tmp/x.ipynb"}, {"path": "a"},
    {"path": "C:x.ipynb"}, {"path": "a\0.ipynb"}, {"path": "\ud800.ipynb"}, {"path": "x" * 5000 + ".ipynb"},
    {"path": 5}, {"bytes": "1e999"}, {"bytes": None}, {"sha256": []}, {"key": "../x"},
]  # fmt: skip


def test_tampered_manifest_leads_nowhere(run: Run, archived: Archived, folder: Path) -> None:
    key = add(archived, code("x"))
    run("get", "--all", "copy")
    manifest = folder / "copy" / "manifest.jsonl"
    saved = json.loads(manifest.read_text())
    for change in TAMPERED:
        line = json.dumps(saved | change).replace('"1e999"', "1e999")
        manifest.write_text(f"{'[' * 20_000}\nnull\n[]\n{line}\n")
        document = run("get", "--all", "copy", "--json").document
        assert [*folder.iterdir()] == [folder / "copy"]
        assert (change, len(document["failed"])) == (change, int(len(str(change)) > 5000))
        [path] = (folder / "copy").rglob("*.ipynb")
        assert path.read_bytes() == archived.held(key).value
        assert not [*(folder / "copy").rglob("*.changed")]


def test_links_in_a_copy_do_not_lead_out(run: Run, archived: Archived, folder: Path) -> None:
    key = add(archived, code("x"))
    run("get", "--all", "copy")
    [path] = (folder / "copy").rglob("*.ipynb")
    (folder / "precious").write_text("precious")
    path.unlink()
    path.symlink_to(folder / "precious")
    (folder / "copy" / ".partial").mkdir()
    partial = folder / "copy" / ".partial" / f"{RIVERS}-{key.rpartition('/')[2]}"
    partial.symlink_to(folder / "precious")
    assert run("get", "--all", "copy").status == 0
    assert not path.is_symlink()
    assert path.read_bytes() == archived.held(key).value
    owner = path.parent.parent
    path.parent.rename(folder / "elsewhere")
    path.parent.symlink_to(folder / "elsewhere")
    (folder / "elsewhere" / path.name).write_text("other")
    result = run("get", "--all", "copy")
    assert (result.status, owner.is_dir()) == (6, True)
    assert (folder / "elsewhere" / path.name).read_text() == "other"
    assert "symbolic link leads out" in result.stdout
    assert (folder / "precious").read_text() == "precious"


def test_only_one_process_copies_to_a_folder(run: Run, archived: Archived, folder: Path) -> None:
    add(archived, code("x"))
    (folder / "copy").mkdir()
    first = Manifest(folder / "copy")
    result = run("get", "--all", "copy", "--json")
    assert (result.status, result.error["reason"]) == (6, "folder-in-use")
    first.close()
    assert run("get", "--all", "copy").status == 0
