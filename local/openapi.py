"""Make the OpenAPI document of the proxy from the proxy's code. `make docs` writes it to docs/openapi.json."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal, get_args, get_origin, get_type_hints

from local.aws import ROOT
from notebook_archive import errors
from notebook_archive.archive.keys import COPY_NAME
from notebook_archive.http.error_table import find_failure
from notebook_archive.http.landing import ApiDescription, ApiResource
from notebook_archive.http.request import (
    FORM_MEDIA_TYPE,
    FORMATS,
    MAX_SESSIONS,
    MAX_START,
    MAX_VALUE_LENGTH,
    TOKEN,
)
from notebook_archive.http.responses import MAX_INLINE_BYTES
from notebook_archive.models import ITEM_ID, RESOURCE_KEY
from notebook_archive.reading.read_sessions import NotebookResource, NotebookResources

PATH = ROOT / "docs" / "openapi.json"

_ITEM_ID = {"type": "string", "pattern": f"^{ITEM_ID.pattern}$", "example": "9a0b1c2d3e4f45668798a9babbccdd01"}
_KEY = {
    "type": "string",
    "pattern": f"^(?:{RESOURCE_KEY.pattern}|{COPY_NAME.pattern})$",
    "example": f"snapshot-{'0d1c2b3a' * 4}.json",
}
_FORMAT = {"type": "string", "pattern": f"^({'|'.join(FORMATS)})?$"}
_TOKEN = {
    "type": "string",
    "pattern": f"^({TOKEN.pattern})?$",
    "description": "An ArcGIS token, if ApiAuth is ArcGIS and no header contains one.",
}
_WITH_TOKEN_IN_FORM: list[dict[str, list[str]]] = [{"sigv4": []}, {"arcgisHeader": []}, {"bearer": []}, {}]
_REFERER = {
    "type": "string",
    "maxLength": MAX_VALUE_LENGTH,
    "pattern": "^[!-~]*$",
    "description": "The referer to which the token is bound, if it is bound to one",
}
_TYPES: Mapping[type, str] = {str: "string", int: "integer"}

_ALWAYS = (
    *(errors.NotAnId, errors.ParameterInvalid, errors.MediaTypeRefused, errors.CallerTokenMissing),
    *(errors.CallerTokenRejected, errors.PermissionDenied, errors.NotebookArchiveError, errors.ArcGISError),
    *(errors.ArcGISUnavailable, errors.DeadlineExceeded),
)
_OF_DOWNLOADS = (errors.NotebookNotFound, errors.SnapshotTooLarge, errors.ArchiveConflict)
# API Gateway itself may return these statuses. It then names the request only in the body, not in a header.
_GATEWAYS = ("403", "429")
_CHALLENGE = {
    "x-amzn-Remapped-WWW-Authenticate": {
        "description": "The header `WWW-Authenticate`. API Gateway renames it in the responses of REST APIs.",
        "schema": {"type": "string"},
    }
}
_UNSIGNED = "If ApiAuth is IAM: the request is not signed, or the signer has no permission to call this API."
_TOO_MANY = "There were more requests than ApiRateLimit and ApiBurstLimit allow."


def document() -> dict[str, Any]:
    """Return the document. Its ids, limits, fields and statuses are read from the code that enforces them."""
    list_operations = _operations("listNotebooks", "The notebooks that are open now", _sessions(), [], _paging())
    one = [
        {"name": "notebookId", "in": "path", "required": True, "schema": _ITEM_ID, "description": "The session's id"}
    ]
    notebook = _content("NotebookResource")
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Notebook Archive: the proxy",
            "version": "1",
            "description": "The notebook resource and Download Notebook Snapshot, as ArcGIS documents them. The proxy "
            "reads from ArcGIS and from the archive. Every parameter may be in the query or in the form body, except "
            "`token`, which is refused in the query.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/v1",
                "variables": {"api": {"default": "example"}, "region": {"default": "eu-central-1"}},
            }
        ],
        "security": [{"sigv4": []}, {"arcgisHeader": []}, {"bearer": []}],
        "paths": {
            "/": {"get": _landing()},
            "/admin/notebooks": list_operations,
            "/admin/notebooks/{notebookId}": _operations("getNotebook", "One open notebook", notebook, one, []),
            "/admin/notebook/{notebookId}": _operations("getNotebookSingular", "One open notebook", notebook, one, []),
            "/admin/notebooks/snapshots/download": {"get": _form(), "post": _download()},
        },
        "components": {
            "schemas": {
                "ApiDescription": _schema(ApiDescription),
                "ApiResource": _schema(ApiResource),
                "NotebookResource": _schema(NotebookResource),
                "NotebookResources": _schema(NotebookResources),
                "Notebook": {
                    "type": "object",
                    "required": ["nbformat", "cells"],
                    "properties": {"nbformat": {"type": "integer"}, "cells": {"type": "array", "items": {}}},
                },
                "Error": _error_schema(),
            },
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4 for the service execute-api, if ApiAuth is IAM.",
                },
                "arcgisHeader": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Esri-Authorization",
                    "description": "`Bearer` and an ArcGIS token, if ApiAuth is ArcGIS.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An ArcGIS token in the header Authorization, if ApiAuth is ArcGIS.",
                },
            },
        },
    }


def _landing() -> dict[str, Any]:
    content = _content("ApiDescription")
    answers = {"200": {"description": "What the API offers", "headers": _headers(), "content": content}}
    answers |= _failures(errors.ParameterInvalid, errors.MediaTypeRefused, errors.NotebookArchiveError)
    return {
        "operationId": "describeApi",
        "summary": "What the API offers, and how callers sign in",
        "security": [{"sigv4": []}, {}],
        "parameters": [{"name": "f", "in": "query", "schema": _FORMAT, "description": "The default is html."}],
        "responses": answers,
    }


def _operations(
    name: str, summary: str, content: Mapping[str, Any], path: list[dict[str, Any]], more: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return the operations GET and POST. The form body of POST may contain the token."""
    query = [{"name": "f", "in": "query", "schema": _FORMAT, "description": "The default is html."}, *more]
    not_found = () if not path else (errors.NotebookNotFound,)
    answers = {"200": {"description": "The requested data", "headers": _headers(), "content": content}}
    answers |= _failures(*_ALWAYS, *not_found)
    fields = {"f": _FORMAT, "token": _TOKEN, "referer": _REFERER, **{each["name"]: each["schema"] for each in more}}
    body = {"content": {FORM_MEDIA_TYPE: {"schema": {"type": "object", "properties": fields}}}}
    made: dict[str, Any] = {
        "get": {"operationId": name, "summary": summary, "parameters": query, "responses": answers},
        "post": {
            "operationId": f"{name}ByPost",
            "summary": summary,
            "security": _WITH_TOKEN_IN_FORM,
            "requestBody": body,
            "responses": answers,
        },
    }
    return {"parameters": path, **made} if path else made


def _paging() -> list[dict[str, Any]]:
    return [
        _number("start", 1, MAX_START, "Position of the first notebook to return, counted from 1"),
        _number("num", 10, MAX_SESSIONS, "Maximum number of notebooks to return"),
    ]


def _number(name: str, default: int, most: int, description: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _sessions() -> dict[str, Any]:
    return _content("NotebookResources")


def _content(schema: str) -> dict[str, Any]:
    page = {"schema": {"type": "string"}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}, "text/html": page}


def _form() -> dict[str, Any]:
    prefilled = {"type": "string", "maxLength": MAX_VALUE_LENGTH}
    query = [
        {"name": "itemId", "in": "query", "schema": prefilled},
        {"name": "resourceKey", "in": "query", "schema": prefilled},
        {
            "name": "f",
            "in": "query",
            "required": True,
            "schema": {"type": "string", "enum": ["html"]},
            "description": "A client that accepts text/html may omit this parameter.",
        },
    ]
    content = {"text/html": {"schema": {"type": "string"}}}
    answers = {"200": {"description": "A form for people", "headers": _headers(), "content": content}}
    answers |= _failures(errors.NotAnId, errors.MediaTypeRefused, errors.MethodRefused, errors.NotebookArchiveError)
    return {
        "operationId": "downloadSnapshotForm",
        "summary": "The form of Download Notebook Snapshot",
        "security": [{"sigv4": []}, {}],
        "parameters": query,
        "responses": answers,
    }


def _download() -> dict[str, Any]:
    fields = {
        "itemId": _ITEM_ID,
        "resourceKey": {
            **_KEY,
            "description": "The key of a snapshot, or the name of a copy as in reports. The "
            "name `resourceKeys` is accepted too.",
        },
        "f": {
            **_FORMAT,
            "description": "If it is absent, the response is the file, or a page if the client accepts text/html.",
        },
        "source": {
            "type": "string",
            "enum": ["archive", "arcgis"],
            "description": "archive (the default): from the archive, or from ArcGIS if it is not archived. "
            "arcgis: always from ArcGIS.",
        },
        "token": _TOKEN,
        "referer": _REFERER,
    }
    schema = {"type": "object", "required": ["itemId", "resourceKey"], "properties": fields}
    source = _header("archive or arcgis")
    digest = _header("The SHA-256 of the snapshot's bytes, as RFC 9530 defines this header")
    headers = _headers() | {"X-Notebook-Source": {**source, "required": True}, "Repr-Digest": digest}
    headers["Content-Disposition"] = _header("attachment, unless f is pjson or html")
    location = {**_header("The link. Send a GET request without credentials."), "required": True}
    answers = {
        "200": {"description": "The snapshot, byte for byte", "headers": headers, "content": _content("Notebook")},
        "303": {
            "description": f"A link to a snapshot that is larger than {MAX_INLINE_BYTES} bytes, valid for five minutes",
            "headers": {**headers, "Location": location},
        },
    }
    return {
        "operationId": "downloadSnapshot",
        "summary": "Download Notebook Snapshot",
        "security": _WITH_TOKEN_IN_FORM,
        "requestBody": {"required": True, "content": {FORM_MEDIA_TYPE: {"schema": schema}}},
        "responses": answers | _failures(*_ALWAYS, *_OF_DOWNLOADS),
    }


def _headers(*, required: bool = True) -> dict[str, Any]:
    return {"X-Correlation-Id": {**_header("The id of the request in the operator's log"), "required": required}}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _failures(*raised: type[errors.NotebookArchiveError]) -> dict[str, Any]:
    """Return a response for each status that the error table lists for these errors, and for API Gateway's 429."""
    texts: dict[HTTPStatus, list[str]] = {}
    for cls in raised:
        failure = find_failure(cls(""))
        texts.setdefault(failure.status, []).append(failure.text.strip() or (cls.__doc__ or "").splitlines()[0])
    described = {str(int(status)): " ".join(dict.fromkeys(sentences)) for status, sentences in sorted(texts.items())}
    described["403"] = " ".join(filter(None, (described.get("403"), _UNSIGNED)))
    described["429"] = _TOO_MANY
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}, "text/html": {}}
    return {
        status: {
            "description": text,
            "content": content,
            "headers": _headers(required=status not in _GATEWAYS) | (_CHALLENGE if status == "401" else {}),
        }
        for status, text in sorted(described.items())
    }


def _schema(described: type) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, hint in get_type_hints(described).items():
        match get_origin(hint), get_args(hint):
            case None, _:
                properties[name] = {"type": _TYPES[hint]}
            case origin, values if origin is Literal:
                properties[name] = {"type": "string", "enum": [*values]}
            case _, (item,):
                properties[name] = {"type": "array", "items": {"$ref": f"#/components/schemas/{item.__name__}"}}
    return {"type": "object", "required": list(properties), "properties": properties}


def _error_schema() -> dict[str, Any]:
    details = {"type": "array", "items": {"type": "string"}}
    error = {"code": {"type": "integer"}, "message": {"type": "string"}, "details": details}
    inner = {"type": "object", "required": list(error), "properties": error}
    return {"type": "object", "required": ["error"], "properties": {"error": inner}}


def text() -> str:
    """Return the text of the file docs/openapi.json."""
    return json.dumps(document(), indent=2) + "\n"
