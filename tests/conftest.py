"""Prepare the environment of every test, keep tests without the marker `servers` off the network, and start a browser.

No test uses a real AWS account or a CA bundle of this machine.
"""

import functools
import os
import shutil
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import botocore.session
import moto.s3.urls
import pytest
from hypothesis import settings
from moto.s3.models import S3Backend
from playwright.sync_api import Browser, sync_playwright

# Powertools reads these variables when its objects are made, which happens when a function's module is imported.
os.environ["POWERTOOLS_SERVICE_NAME"] = "notebook-archive"
os.environ["POWERTOOLS_METRICS_NAMESPACE"] = "NotebookArchive"
os.environ["POWERTOOLS_LOG_LEVEL"] = "DEBUG"

os.environ["AWS_ACCESS_KEY_ID"] = "testing"
os.environ["AWS_SECRET_ACCESS_KEY"] = "testing"
os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
    os.environ.pop(name, None)

# A busy machine may take long for one example, and no test is about a time.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Hundreds of tests make their own boto3 session. Without this cache, each session would parse the models of its
# services again.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
# moto loads this module again twice for each call, because an environment variable could have changed its addresses.
S3Backend._url_module = moto.s3.urls  # type: ignore[assignment, method-assign]

if TYPE_CHECKING:
    from tests.spreading import Spreading

# Fixtures that start servers or a browser, or return what `sam build` made.
SERVERS = frozenset(
    {"aws", "asked", "browser", "bucket", "built", "capturing", "open_system", "present", "running", "serve", "system"}
)

# Tests record their runs with faults under this name, as a list: kind of fault, way to ArcGIS, count.
FAULTY_RUNS = "faulty runs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "Spreading":
    from tests.spreading import Spreading

    return Spreading(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make quick` leaves out."""
    for item in items:
        assert isinstance(item, pytest.Function)
        if SERVERS.intersection(item.fixturenames) or any(map(item.get_closest_marker, ("local", "esri"))):
            item.add_marker("servers")


class SocketUsedError(AssertionError):
    """A test without the marker `servers` used a socket."""


@pytest.fixture(autouse=True)
def guarded_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test connect or listen only if it has the marker `servers`, so that `make quick` needs no network."""
    if request.node.get_closest_marker("servers"):
        return
    of_earlier_tests = set(threading.enumerate()) - {threading.current_thread()}

    def guard(allowed: Callable[..., None]) -> Callable[..., None]:
        def use(*arguments: Any) -> None:
            if threading.current_thread() not in of_earlier_tests:
                raise SocketUsedError("Give this test the marker `servers`, or let it use no socket.")
            allowed(*arguments)

        return use

    for name in ("bind", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guard(getattr(socket.socket, name)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many runs with faults the sweeps made, by kind of fault and way to ArcGIS."""
    runs: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == FAULTY_RUNS:
                fault, way, count = value
                if count:
                    runs[fault, way] += count
    if runs:
        terminalreporter.section(f"{runs.total()} faulty runs")
        for (fault, way), count in sorted(runs.items()):
            terminalreporter.line(f"{count:6} {fault}: {way}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield an installed Chromium. If there is none, skip the test, or fail it if BROWSER_REQUIRED is set."""
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    if installed is None:
        reason = f"none of {', '.join(BROWSERS)} is installed"
        assert "BROWSER_REQUIRED" not in os.environ, reason
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=[*QUIET])
        yield browser
        browser.close()
