"""Test that the documents describe the proxy as it is."""

import json
import re

from openapi_spec_validator import validate

from local import openapi
from local.documents import named_errors
from notebook_archive.errors import NotebookArchiveError
from notebook_archive.http.error_table import find_failure
from tests.docs.documents import PROXY, code_in

# Pairs of status and code that API Gateway returns without calling a function.
GATEWAY = {("429", "429")}


def test_every_status_of_the_proxy_is_documented() -> None:
    failures = {find_failure(cls("")) for cls in named_errors(NotebookArchiveError)}
    of_code = {(str(int(each.status)), str(each.code)) for each in failures} | GATEWAY
    assert {(status, code) for status, code, _ in PROXY.table("status")} == of_code


def test_parameters_of_the_download_are_documented() -> None:
    form = openapi.document()["paths"]["/admin/notebooks/snapshots/download"]["post"]["requestBody"]["content"]
    assert set(form["application/x-www-form-urlencoded"]["schema"]["properties"]) <= {
        name.split("=")[0] for code in PROXY.code for name in code_in(f"`{code}`")
    }


def test_openapi_document_is_valid() -> None:
    validate(json.loads(openapi.text()))


def test_renamed_www_authenticate_header_is_documented() -> None:
    """API Gateway renames the header `WWW-Authenticate`, so the new name is not in the code."""
    renamed = "x-amzn-Remapped-WWW-Authenticate"
    operations = [
        item[method] for item in openapi.document()["paths"].values() for method in item.keys() - {"parameters"}
    ]
    refused = [operation["responses"]["401"]["headers"] for operation in operations if "401" in operation["responses"]]
    assert refused
    assert all(renamed in headers for headers in refused)
    assert renamed in PROXY.text


def test_openapi_document_has_the_pattern_of_item_ids() -> None:
    text = openapi.text()
    assert re.search(r'"pattern": "\^\[0-9a-f\]\{32\}\$"', text)
