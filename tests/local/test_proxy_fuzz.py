"""The deployed HTTP proxy under requests that schemathesis makes of the OpenAPI document, well-formed and not."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.engine import events, from_schema

from local.aws import REGION
from local.openapi import PATH
from local.system import LocalSystem
from tests.local.proxy import ROOT

SEED = 20261122
OFTEN = 0.7
"""How often an id is one that the local ArcGIS knows; the others are made up."""


class Signature(AuthBase):
    """Signature Version 4, by the local root."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign."""
        assert request.url
        signed = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body or b"")
        SigV4Auth(ROOT, "execute-api", REGION).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


@dataclass(frozen=True)
class Bearer(AuthBase):
    """An ArcGIS token in a header."""

    token: str

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        request.headers["X-Esri-Authorization"] = f"Bearer {self.token}"
        return request


@dataclass
class Found:
    """How often each operation answered each status, and what schemathesis says is wrong."""

    answers: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    faults: list[str] = field(default_factory=list)

    @property
    def examples(self) -> int:
        """How many requests were answered."""
        return sum(counted.total() for counted in self.answers.values())


def configuration(system: LocalSystem, examples: int) -> dict[str, Any]:
    """Everything that schemathesis checks, but for two checks that hold API Gateway to what is not in its power.

    `unsupported_method` wants 405 for a method that a resource lacks: API Gateway answers 403. With signatures,
    `missing_required_header` wants 401 where there is none: API Gateway answers 403 again.
    """
    organisation = system.arcgis.enterprise.organisation
    item = next(each for each in organisation.notebooks() if each.owner == "ana" and each.snapshots)
    known = {
        "itemId": [item.id],
        "resourceKey": [snapshot.resource_key for snapshot in item.snapshots],
        "notebookId": [session.id for session in organisation.sessions if session.username == "ana"],
    }
    return {
        "seed": SEED,
        "base-url": system.api_base_url,
        "tls-verify": str(system.aws.ca_bundle),
        "request-timeout": 60,
        "continue-on-failure": True,
        "dictionaries": {name: {"values": values} for name, values in known.items()},
        "parameters": {
            f"{place}.{name}": {"dictionary": name, "probability": OFTEN}
            for name in known
            for place in (("path",) if name == "notebookId" else ("query", "body"))
        },
        "generation": {"deterministic": True, "database": "none", "max-examples": examples},
        "checks": {
            "unsupported_method": {"enabled": False},
            "missing_required_header": {"enabled": system.api_auth == "ArcGIS"},
        },
        "phases": {"stateful": {"enabled": False}},  # the document has no links from one operation to the next
    }


def described(mode: str) -> dict[str, Any]:
    """The document as it holds in one mode, for callers who say in a header who they are: the form has no token then,
    since two that differ are refused.  The local API Gateway does not know the template's words for its 403."""
    document: dict[str, Any] = json.loads(PATH.read_text())
    scheme = "sigv4" if mode == "IAM" else "arcgisHeader"
    for operation in (path[method] for path in document["paths"].values() for method in ("get", "post")):
        alternatives = operation.get("security", document["security"])
        operation["security"] = [each for each in alternatives if scheme in each]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            del content["schema"]["properties"]["token"]
        if mode == "IAM":
            operation["responses"]["403"].pop("content")
    return document


def fuzz(system: LocalSystem, examples: int, auth: AuthBase) -> Found:
    """Send what the document's limits suggest, and for each operation that many random requests."""
    config = schemathesis.Config.from_dict(configuration(system, examples))
    schema = schemathesis.openapi.from_dict(described(system.api_auth), config=config)
    schema.auth.set_from_requests(auth)
    found = Found()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found.faults.append(repr(event))
        elif isinstance(event, events.ScenarioFinished):
            for interaction in event.recorder.interactions.values():
                status = interaction.response.status_code if interaction.response else 0
                found.answers[event.recorder.label][status] += 1
            checks = (check for checks in event.recorder.checks.values() for check in checks)
            found.faults += [f"{check.name}: {check.failure_info}" for check in checks if check.failure_info]
    return found


def test_callers_with_tokens(open_system: LocalSystem) -> None:
    found = fuzz(open_system, 15, Bearer(open_system.arcgis.enterprise.token("ana")))
    assert found.faults == []
    assert_all_served(found)


@pytest.mark.soak
def test_many_requests_of_callers_with_tokens(open_system: LocalSystem) -> None:
    found = fuzz(open_system, 40, Bearer(open_system.arcgis.enterprise.token("ana")))
    assert found.faults == []
    assert found.examples >= 500
    assert_all_served(found)


def test_callers_who_sign(system: LocalSystem) -> None:
    found = fuzz(system, 20, Signature())
    assert found.faults == []
    assert_all_served(found)


def assert_all_served(found: Found) -> None:
    """Every operation was reached in its depth: it served some, refused some, and found some missing."""
    assert len(found.answers) == 8
    for operation, answers in found.answers.items():
        assert answers[200] >= 3, operation
        assert answers[400] >= 5, operation
        assert answers[0] == 0, operation
    assert found.answers["POST /admin/notebooks/snapshots/download"][404] >= 3
