"""Describe what the proxy's API offers, for its root resource."""

from typing import TypedDict

from notebook_archive.settings import ApiAuth


class ApiResource(TypedDict):
    """One resource of the API. `path` is relative to the root. `title` and `description` are for people."""

    path: str
    title: str
    description: str


class ApiDescription(TypedDict):
    """What the API offers, and how its callers sign in: the value of the parameter ApiAuth."""

    title: str
    apiAuth: ApiAuth
    resources: list[ApiResource]


_RESOURCES: tuple[ApiResource, ...] = (
    {
        "path": "admin/notebooks/snapshots/download",
        "title": "Open an archived notebook",
        "description": "Show or download one snapshot or copy of a notebook, from the archive or from ArcGIS. You need "
        "its item id and its resource key.",
    },
    {
        "path": "admin/notebooks",
        "title": "Open sessions",
        "description": "Show which notebooks somebody has open in ArcGIS at this moment.",
    },
)


def describe_api(api_auth: ApiAuth) -> ApiDescription:
    """Return the description of the API."""
    return {"title": "Notebook Archive", "apiAuth": api_auth, "resources": [*_RESOURCES]}
