"""Test that a run stores and reports nothing false if any ArcGIS call fails, and that a clean run archives the rest."""

import itertools

import pytest

from tests.conftest import FAULTY_RUNS
from tests.runs.arcgis_sweep import FAULTS, WAYS, Sweep, five_notebooks
from tests.runs.conftest import MakeSite, Record

CORE_WAYS = ("enterprise, owners", "enterprise, portal", "kubernetes, owners")


@pytest.mark.parametrize("way", CORE_WAYS)
def test_a_fault_at_any_arcgis_call_loses_nothing(make_site: MakeSite, way: str, record_property: Record) -> None:
    kind, route = WAYS[way]
    sweep = Sweep.of(make_site(five_notebooks(), kind, route=route, archive_current=True))
    # `make soak` tests every kind of fault at every call. This test uses one kind at each call, a new one each time.
    kinds = itertools.cycle([*FAULTS][1:])
    for number in range(sweep.calls):
        fault = next(kinds)
        assert sweep.strike(number, fault, None if number % 2 else 1)
        record_property(FAULTY_RUNS, [fault, way, 1])


def test_a_time_out_during_a_batch_loses_nothing(make_site: MakeSite, record_property: Record) -> None:
    way = "enterprise, owners"
    kind, route = WAYS[way]
    sweep = Sweep.of(make_site(five_notebooks(), kind, route=route, archive_current=True))
    assert sweep.strike(sweep.calls // 2, "time-out", None)
    record_property(FAULTY_RUNS, ["time-out", way, 1])


@pytest.mark.soak
@pytest.mark.parametrize("times", [None, 1], ids=["lasts", "once"])
@pytest.mark.parametrize("current", [True, False], ids=["current", "snapshots"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", WAYS)
def test_each_fault_at_each_arcgis_call_loses_nothing(
    make_site: MakeSite, way: str, fault: str, current: bool, times: int | None, record_property: Record
) -> None:
    kind, route = WAYS[way]
    sweep = Sweep.of(make_site(five_notebooks(), kind, route=route, archive_current=current))
    met = [sweep.strike(number, fault, times) for number in range(sweep.calls + 1)]
    assert not met.pop(), "a run makes no more calls than that"
    if fault != "time-out":  # on a busy machine, the time may be over before the call
        assert all(met)
    record_property(FAULTY_RUNS, [fault, way, met.count(True)])
    record_property(FAULTY_RUNS, [f"{fault}, not met and not counted as faulty", way, met.count(False)])
