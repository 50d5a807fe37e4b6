"""Test the deployed HTTP proxy with valid and invalid requests that schemathesis makes from the OpenAPI document."""

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
# The probability that an id is one that the local ArcGIS knows. Other ids are random.
OFTEN = 0.7


class Signature(AuthBase):
    """Signs requests with Signature Version 4 as the local root."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add a signature to the request."""
        assert request.url
        signed = AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body or b"")
        SigV4Auth(ROOT, "execute-api", REGION).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


@dataclass(frozen=True)
class Bearer(AuthBase):
    """Adds an ArcGIS token to requests, in a header."""

    token: str

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header with the token."""
        request.headers["X-Esri-Authorization"] = f"Bearer {self.token}"
        return request


@dataclass
class Found:
    """The number of responses by operation and status, and the faults that schemathesis found."""

    answers: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    faults: list[str] = field(default_factory=list)

    @property
    def examples(self) -> int:
        """The number of responses."""
        return sum(counted.total() for counted in self.answers.values())


def configuration(system: LocalSystem, examples: int) -> dict[str, Any]:
    """Return schemathesis's configuration, with all checks but two that API Gateway cannot pass.

    `unsupported_method` expects 405 for a method that a resource does not have, but API Gateway returns 403.
    With ApiAuth=IAM, `missing_required_header` expects 401 for an unsigned request, but API Gateway returns 403.
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
        # The document contains no links between operations, which this phase needs.
        "phases": {"stateful": {"enabled": False}},
    }


def described(mode: str) -> dict[str, Any]:
    """Return the OpenAPI document for one value of ApiAuth and for callers that sign in with a header.

    The form has no token then, because the proxy refuses two different tokens. The document has no body for status 403,
    because the local API Gateway does not use the template's text for it.
    """
    document: dict[str, Any] = json.loads(PATH.read_text())
    scheme = "sigv4" if mode == "IAM" else "arcgisHeader"
    methods = ("get", "post")
    for operation in (path[method] for path in document["paths"].values() for method in methods if method in path):
        alternatives = operation.get("security", document["security"])
        operation["security"] = [each for each in alternatives if scheme in each]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            del content["schema"]["properties"]["token"]
        if mode == "IAM":
            operation["responses"]["403"].pop("content")
    return document


def fuzz(system: LocalSystem, examples: int, auth: AuthBase) -> Found:
    """Send requests at the limits in the document and, for each operation, `examples` random requests."""
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


def test_responses_to_token_callers_match_the_document(open_system: LocalSystem) -> None:
    found = fuzz(open_system, 15, Bearer(open_system.arcgis.enterprise.token("ana")))
    assert found.faults == []
    assert_all_served(found)


@pytest.mark.soak
def test_many_responses_to_token_callers_match_the_document(open_system: LocalSystem) -> None:
    found = fuzz(open_system, 40, Bearer(open_system.arcgis.enterprise.token("ana")))
    assert found.faults == []
    assert found.examples >= 500
    assert_all_served(found)


def test_responses_to_signed_requests_match_the_document(system: LocalSystem) -> None:
    found = fuzz(system, 20, Signature())
    assert found.faults == []
    assert_all_served(found)


def assert_all_served(found: Found) -> None:
    """Check that every operation served and refused several requests, and that downloads found some ids missing."""
    assert len(found.answers) == 9
    for operation, answers in found.answers.items():
        assert answers[200] >= 3, operation
        assert answers[400] >= 5, operation
        assert answers[0] == 0, operation
    assert found.answers["POST /admin/notebooks/snapshots/download"][404] >= 3
