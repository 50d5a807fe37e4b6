"""Sample items: a few notebooks. Each one has a property that a careless client handles wrong."""

import functools

from local.arcgis.organisation import RUNTIME, Item, Resource, Snapshot
from local.arcgis.sample_notebooks import (
    R_KERNEL,
    as_compact,
    as_documented,
    as_jupyter,
    code,
    image_output,
    markdown,
    notebook,
    stream_output,
)

ADVANCED = ("ArcGIS Notebook Python 3 Advanced", "11.0")
R_RUNTIME = ("ArcGIS Notebook R", "4.2")

LONG_TITLE = "Comparison of the water levels of all rivers, " * 24 + "end"


def make_sample_items() -> list[Item]:
    """Return the items in order of creation. Some of them are not notebooks.

    Only dora can read her notebook. Two notebooks have no content.
    """
    return [
        _make_flood_model(),
        _make_rivers(),
        _make_five_versions(),
        _make_markdown_only(),
        _make_lists_of_lines(),
        _make_one_megabyte(),
        _make_long_title(),
        _make_control_character(),
        _make_without_snapshots(),
        _make_invalid_token(),
        _make_without_cells(),
        _make_unreadable(),
        _make_shared(),
        Item("ana", "Snippets", type="Notebook Code Snippet Library", content=b'{"snippets":[]}'),
        *_make_without_content(),
        Item("ben", "Notebook locations", type="Web Map", content=b'{"operationalLayers":[]}', access="public"),
    ]


def _make_item(owner: str, title: str, *contents: bytes, runtime: tuple[str, str] = RUNTIME, **fields: object) -> Item:
    """Return a notebook. Its saved content is equal to its last snapshot."""
    snapshots = [
        Snapshot(f"{title[:80]} {number}", content, runtime=runtime) for number, content in enumerate(contents, 1)
    ]
    return Item(owner, title, contents[-1], snapshots=snapshots, runtime=runtime, **fields)  # type: ignore[arg-type]


def _make_flood_model() -> Item:
    """Make a notebook like the sample in the documentation.

    It has nbformat_minor 2 and plain strings. Its output does not match its source.
    """
    versions = [
        notebook(
            markdown("# Flood model"),
            code(
                f"level = {number}\nprint(level)", stream_output(f"{number - 1}\n"), count=number, tags=["parameters"]
            ),
            runtime=RUNTIME,
        )
        for number in (1, 2)
    ]
    item = _make_item(
        "ana", "Flood model", *map(as_documented, versions), tags=["hydro"], access="shared", groups=("Hydrology",)
    )
    item.resources.append(Resource("notebook_preview.json", b'{"html":"<h1>Flood model</h1>"}'))
    return item


def _make_rivers() -> Item:
    """Make a notebook with nbformat_minor 5, cell ids, an image and a Cyrillic title."""
    content = notebook(code("plot()", image_output(64, 48, 1), count=1), runtime=ADVANCED, minor=5)
    return _make_item("ana", "Карта рек", as_jupyter(content), runtime=ADVANCED)


def _make_five_versions() -> Item:
    """Make a notebook with the maximum number of snapshots."""
    versions = [
        as_compact(notebook(code(f"version = {number}", count=number), runtime=RUNTIME)) for number in range(1, 6)
    ]
    return _make_item("ana", "Évolution du littoral", *versions, folder="coast")


def _make_markdown_only() -> Item:
    content = notebook(markdown("# 水位\n\n説明だけの文書。"), markdown("おわり"), runtime=RUNTIME)
    return _make_item("ben", "水位の記録", as_compact(content))


def _make_lists_of_lines() -> Item:
    """Make a notebook with strings as lists of lines, the R kernel and a right-to-left title."""
    content = notebook(
        markdown(["# عنوان\n", "نص من اليمين إلى اليسار"]),
        code(["x <- 1\n", "print(x)"], stream_output(["[1] 1\n", "\n"]), count=1),
        kernel=R_KERNEL,
        runtime=R_RUNTIME,
        minor=4,
    )
    return _make_item("ben", "خريطة الأنهار — מפה", as_jupyter(content), runtime=R_RUNTIME)


def _make_one_megabyte() -> Item:
    """Make the largest notebook, which contains images. One emoji in its title has several code points."""
    return _make_item("ben", "🗺️ Atlas 👩🏽‍🔬 🌍", _make_atlas(), runtime=ADVANCED)


@functools.cache
def _make_atlas() -> bytes:
    """Return the content. It is cached, because its images take longer than all other samples together."""
    outputs = [image_output(300, 200, seed) for seed in range(4)]
    cells = [code("draw('🌍')", output, count=count) for count, output in enumerate(outputs, 1)]
    return as_jupyter(notebook(*cells, runtime=ADVANCED, minor=5))


def _make_long_title() -> Item:
    content = notebook(code("# never run"), runtime=RUNTIME)
    return _make_item("chi", LONG_TITLE, as_compact(content))


def _make_control_character() -> Item:
    content = notebook(code("bell = '\\x07'", stream_output("\x07\x1b[31mred\x1b[0m\n"), count=1), runtime=RUNTIME)
    return _make_item("chi", "Tab\tand bell\x07, \u202ereversed", as_compact(content))


def _make_without_snapshots() -> Item:
    item = _make_item("chi", "Never snapshotted", as_compact(notebook(code("1 + 1"), runtime=RUNTIME)))
    item.snapshots.clear()
    return item


def _make_invalid_token() -> Item:
    """Make a notebook that contains the phrase by which some clients detect an invalid token."""
    content = notebook(
        code(
            "raise RuntimeError('Invalid token.')", stream_output('{"error":{"code":498,"message":"Invalid token."}}')
        ),
        runtime=RUNTIME,
    )
    return _make_item("ana", "Why does it say Invalid token?", as_compact(content))


def _make_without_cells() -> Item:
    return _make_item("chi", "Empty", as_compact(notebook(runtime=RUNTIME)))


def _make_unreadable() -> Item:
    """Make a notebook that no stored credential can read.

    Its owner dora has no secret, and the portal refuses resources and content even to the administrator.
    """
    content = notebook(code("secret = 'kept'"), runtime=RUNTIME)
    return _make_item("dora", "Restricted survey", as_compact(content), resources_refused=True, content_refused=True)


def _make_without_content() -> list[Item]:
    """Make two notebooks that were created but never saved."""
    return [Item("ana", "New notebook", b""), Item("chi", "Untitled", b"")]


def _make_shared() -> Item:
    """Make a notebook that is shared with the organisation. One of its two snapshots is private."""
    versions = [as_compact(notebook(markdown(f"Shared {number}"), runtime=RUNTIME, minor=5)) for number in (1, 2)]
    item = _make_item("ben", "Shared methods", *versions, access="org")
    item.snapshots[1].private = False
    return item
