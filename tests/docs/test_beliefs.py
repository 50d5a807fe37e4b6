"""The page of beliefs about ArcGIS names every switch of the local server, and no other."""

import dataclasses
from collections import Counter

from local.arcgis.switches import Switches
from tests.docs.documents import BELIEFS, README, code_in

WITH, WITHOUT = "Beliefs with a fallback", "Beliefs without a fallback"


def switches(heading: str) -> list[str]:
    """The switches of the table below a heading."""
    return [code_in(row[0])[0] for row in BELIEFS.section(heading).table("switch")]


def test_each_switch_is_named_once() -> None:
    named = [*switches(WITH), *switches(WITHOUT), *BELIEFS.section("Not beliefs").code]
    assert Counter(named) == Counter(field.name for field in dataclasses.fields(Switches))


def test_the_beliefs_are_counted() -> None:
    assert f"- {len(switches(WITH))} beliefs have a fallback" in BELIEFS.prose
    assert f"- {len(switches(WITHOUT))} beliefs have no fallback" in BELIEFS.prose


def test_each_belief_says_what_happens_and_how_to_find_out() -> None:
    for heading in (WITH, WITHOUT):
        for name, believed, otherwise, find_out in BELIEFS.section(heading).table("switch"):
            assert believed, name
            assert otherwise, name
            assert find_out.split("](#")[1].rstrip(")") in BELIEFS.anchors, name


def test_the_readme_links_to_the_page() -> None:
    assert "docs/beliefs.md" in README.links
