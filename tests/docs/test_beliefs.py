"""Test that the page of beliefs about ArcGIS names every switch of the local server, and no others."""

import dataclasses
from collections import Counter

from local.arcgis.switches import Switches
from tests.docs.documents import BELIEFS, README, code_in

WITH, WITHOUT = "Beliefs with a fallback", "Beliefs without a fallback"


def switches(heading: str) -> list[str]:
    """Return the switches in the table below a heading."""
    return [code_in(row[0])[0] for row in BELIEFS.section(heading).table("switch")]


def test_each_switch_is_named_once() -> None:
    named = [*switches(WITH), *switches(WITHOUT), *BELIEFS.section("Not beliefs").code]
    assert Counter(named) == Counter(field.name for field in dataclasses.fields(Switches))


def test_page_states_the_number_of_beliefs() -> None:
    assert f"- {len(switches(WITH))} beliefs have a fallback" in BELIEFS.prose
    assert f"- {len(switches(WITHOUT))} beliefs have no fallback" in BELIEFS.prose


def test_each_belief_has_an_effect_and_a_way_to_check_it() -> None:
    for heading in (WITH, WITHOUT):
        for name, believed, otherwise, find_out in BELIEFS.section(heading).table("switch"):
            assert believed, name
            assert otherwise, name
            assert find_out.split("](#")[1].rstrip(")") in BELIEFS.anchors, name


def test_readme_links_to_the_page_of_beliefs() -> None:
    assert "docs/beliefs.md" in README.links
