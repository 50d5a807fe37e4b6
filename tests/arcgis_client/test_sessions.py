"""Open notebooks, one and in pages, in the dialects of the three deployments."""

import pytest

from notebook_archive.errors import NotebookNotFound
from notebook_archive.models import SessionId
from tests.arcgis_client.client import Client, soon


@pytest.mark.parametrize(("start", "num"), [(1, 10), (1, 2), (2, 1), (3, 100), (4, 10), (1000, 10)])
def test_a_page_has_what_was_asked_for_and_says_how_many_there_are(client: Client, start: int, num: int) -> None:
    opened = client.deployment.organisation.sessions
    page = client.notebook_server.sessions(start, num, client.token(), soon())
    assert [session.session_id for session in page.sessions] == [
        session.id for session in opened[start - 1 : start - 1 + num]
    ]
    assert page.total == len(opened) == 3


def test_one_is_found_by_its_id_and_none_by_another(client: Client) -> None:
    session = client.deployment.organisation.sessions[1]
    found = client.notebook_server.session(SessionId.parse(session.id), client.token(), soon())
    assert (found.session_id, found.item_id, found.username) == (session.id, session.item_id, session.username)
    with pytest.raises(NotebookNotFound):
        client.notebook_server.session(SessionId.parse("0" * 32), client.token(), soon())
