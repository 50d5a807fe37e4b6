"""The varied set: few notebooks, each with something that a careless client stumbles over."""

import functools

from local.arcgis.organisation import RUNTIME, Item, Resource, Snapshot
from local.arcgis.sample_notebooks import (
    R_KERNEL,
    as_compact,
    as_documented,
    as_jupyter,
    code,
    image,
    markdown,
    notebook,
    printed,
)

ADVANCED = ("ArcGIS Notebook Python 3 Advanced", "11.0")
R_RUNTIME = ("ArcGIS Notebook R", "4.2")

LONG_TITLE = "Comparison of the water levels of all rivers, " * 24 + "end"


def varied_items() -> list[Item]:
    """The items, decoys included, in order of creation.

    Only dora can read her notebook, and two notebooks have no content.
    """
    return [
        _flood_model(),
        _rivers(),
        _five_versions(),
        _markdown_only(),
        _lists_of_lines(),
        _one_megabyte(),
        _long_title(),
        _control_character(),
        _without_snapshots(),
        _invalid_token(),
        _without_cells(),
        _unreadable(),
        _shared(),
        Item("ana", "Snippets", type="Notebook Code Snippet Library", content=b'{"snippets":[]}'),
        *_without_content(),
        Item("ben", "Notebook locations", type="Web Map", content=b'{"operationalLayers":[]}', access="public"),
    ]


def _item(owner: str, title: str, *contents: bytes, runtime: tuple[str, str] = RUNTIME, **fields: object) -> Item:
    """A notebook whose saved content is that of its last snapshot."""
    snapshots = [
        Snapshot(f"{title[:80]} {number}", content, runtime=runtime) for number, content in enumerate(contents, 1)
    ]
    return Item(owner, title, contents[-1], snapshots=snapshots, runtime=runtime, **fields)  # type: ignore[arg-type]


def _flood_model() -> Item:
    """nbformat_minor 2, plain strings, output that disagrees with the source, as the documentation shows it."""
    versions = [
        notebook(
            markdown("# Flood model"),
            code(f"level = {number}\nprint(level)", printed(f"{number - 1}\n"), count=number, tags=["parameters"]),
            runtime=RUNTIME,
        )
        for number in (1, 2)
    ]
    item = _item(
        "ana", "Flood model", *map(as_documented, versions), tags=["hydro"], access="shared", groups=("Hydrology",)
    )
    item.resources.append(Resource("notebook_preview.json", b'{"html":"<h1>Flood model</h1>"}'))
    return item


def _rivers() -> Item:
    """nbformat_minor 5 with cell ids, an image, a Cyrillic title."""
    content = notebook(code("plot()", image(64, 48, 1), count=1), runtime=ADVANCED, minor=5)
    return _item("ana", "Карта рек", as_jupyter(content), runtime=ADVANCED)


def _five_versions() -> Item:
    """As many snapshots as a notebook may have."""
    versions = [
        as_compact(notebook(code(f"version = {number}", count=number), runtime=RUNTIME)) for number in range(1, 6)
    ]
    return _item("ana", "Évolution du littoral", *versions, folder="coast")


def _markdown_only() -> Item:
    content = notebook(markdown("# 水位\n\n説明だけの文書。"), markdown("おわり"), runtime=RUNTIME)
    return _item("ben", "水位の記録", as_compact(content))


def _lists_of_lines() -> Item:
    """Strings as lists of lines, R, a right-to-left title."""
    content = notebook(
        markdown(["# عنوان\n", "نص من اليمين إلى اليسار"]),
        code(["x <- 1\n", "print(x)"], printed(["[1] 1\n", "\n"]), count=1),
        kernel=R_KERNEL,
        runtime=R_RUNTIME,
        minor=4,
    )
    return _item("ben", "خريطة الأنهار — מפה", as_jupyter(content), runtime=R_RUNTIME)


def _one_megabyte() -> Item:
    """Larger than the rest, by its images; emoji beyond the basic plane, one of several code points."""
    return _item("ben", "🗺️ Atlas 👩🏽‍🔬 🌍", _atlas(), runtime=ADVANCED)


@functools.cache
def _atlas() -> bytes:
    """Made once: its images take longer than all the rest."""
    outputs = [image(300, 200, seed) for seed in range(4)]
    cells = [code("draw('🌍')", output, count=count) for count, output in enumerate(outputs, 1)]
    return as_jupyter(notebook(*cells, runtime=ADVANCED, minor=5))


def _long_title() -> Item:
    content = notebook(code("# never run"), runtime=RUNTIME)
    return _item("chi", LONG_TITLE, as_compact(content))


def _control_character() -> Item:
    content = notebook(code("bell = '\\x07'", printed("\x07\x1b[31mred\x1b[0m\n"), count=1), runtime=RUNTIME)
    return _item("chi", "Tab\tand bell\x07, \u202ereversed", as_compact(content))


def _without_snapshots() -> Item:
    item = _item("chi", "Never snapshotted", as_compact(notebook(code("1 + 1"), runtime=RUNTIME)))
    item.snapshots.clear()
    return item


def _invalid_token() -> Item:
    """Its text holds the phrase for which some clients search every answer."""
    content = notebook(
        code("raise RuntimeError('Invalid token.')", printed('{"error":{"code":498,"message":"Invalid token."}}')),
        runtime=RUNTIME,
    )
    return _item("ana", "Why does it say Invalid token?", as_compact(content))


def _without_cells() -> Item:
    return _item("chi", "Empty", as_compact(notebook(runtime=RUNTIME)))


def _unreadable() -> Item:
    """No secret is kept for dora, and the portal refuses the resources even to the administrator."""
    content = notebook(code("secret = 'kept'"), runtime=RUNTIME)
    return _item("dora", "Restricted survey", as_compact(content), resources_refused=True, content_refused=True)


def _without_content() -> list[Item]:
    """An item that was created but never saved."""
    return [Item("ana", "New notebook", b""), Item("chi", "Untitled", b"")]


def _shared() -> Item:
    """Shared with the organisation, one snapshot private and one not."""
    versions = [as_compact(notebook(markdown(f"Shared {number}"), runtime=RUNTIME, minor=5)) for number in (1, 2)]
    item = _item("ben", "Shared methods", *versions, access="org")
    item.snapshots[1].private = False
    return item
