"""Test which certificates are trusted."""

import socket
import ssl
import threading
import time
from pathlib import Path

import certifi
import pytest

from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.transport import Transport
from notebook_archive.errors import ArcGISUnavailable, CertificateUntrusted, DeadlineExceeded
from tests.arcgis_client.certificates import Authority
from tests.arcgis_client.client import Client, Pauses, soon, transport
from tests.arcgis_client.wire import Wire, WireRequest, answer

pytestmark = pytest.mark.servers


def script(_: WireRequest) -> list[bytes]:
    return [answer(b'{"right": true}')]


def ask(client: Transport, server: ssl.SSLContext) -> tuple[object, Wire]:
    with Wire(server, script) as wire:
        return client.call("POST", f"{wire.url}/x", "The test's call", soon(), fields={"password": "s3cret"}), wire


@pytest.mark.parametrize("strict", [True, False])
def test_a_private_ca_is_trusted_if_given(authority: Authority, *, strict: bool) -> None:
    got, wire = ask(transport(authority.pem, strict=strict), authority.server())
    assert got == {"right": True}
    assert wire.connections == 1


def test_the_private_ca_of_the_local_arcgis_is_trusted_if_given(client: Client) -> None:
    assert client.portal().get_organization().username == "gis_admin"


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"days_ago": 40}, "certificate has expired"),
        ({"days_ago": -3}, "certificate is not yet valid"),
        ({"name": "portal.example.com"}, "Hostname mismatch"),
        ({"alternative_name": False}, "Hostname mismatch"),
    ],
)
def test_a_bad_certificate_is_refused_before_any_request(
    authority: Authority, pauses: Pauses, bad: dict[str, int], why: str, *, strict: bool
) -> None:
    with Wire(authority.server(**bad), script) as wire:  # type: ignore[arg-type]
        client = transport(authority.pem, pauses, strict=strict)
        with pytest.raises(CertificateUntrusted, match=f"certificate of localhost:[0-9]+ is not trusted .{why}"):
            client.call("POST", f"{wire.url}/x", "The test's call", soon(), fields={"password": "s3cret"})
        assert (wire.requests, wire.connections, pauses) == ([], 1, [])


@pytest.mark.parametrize("strict", [True, False])
def test_another_ca_is_not_trusted(authority: Authority, tmp_path: Path, *, strict: bool) -> None:
    other = Authority.make(tmp_path)
    with pytest.raises(CertificateUntrusted):
        ask(transport(other.pem, strict=strict), authority.server())
    with pytest.raises(CertificateUntrusted):
        ask(transport(authority.pem, strict=strict), other.server())


def test_a_private_ca_is_not_trusted_unless_it_is_given(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with pytest.raises(CertificateUntrusted):
        ask(Transport(make_tls_context(None, strict=True)), authority.server())


def test_without_a_private_ca_the_public_ones_are_trusted() -> None:
    public = Path(certifi.where()).read_text().count("BEGIN CERTIFICATE")
    assert make_tls_context(None, strict=True).cert_store_stats()["x509_ca"] == public


def test_a_private_ca_replaces_the_public_ones(authority: Authority) -> None:
    assert make_tls_context(authority.pem, strict=True).cert_store_stats()["x509_ca"] == 1


def test_strict_refuses_a_leaf_without_authority_key_identifier(authority: Authority) -> None:
    server = authority.server(authority_key_identifier=False)
    with pytest.raises(CertificateUntrusted, match="Missing Authority Key Identifier"):
        ask(transport(authority.pem, strict=True), server)
    assert ask(transport(authority.pem, strict=False), server)[0] == {"right": True}


def test_chain_and_name_are_verified_also_when_not_strict(authority: Authority) -> None:
    context = make_tls_context(authority.pem, strict=False)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "not PEM",
        "zertifikat für später",
        '{"token": "x"}',
        "-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----\n",
    ],
)
def test_text_without_pem_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(CertificateUntrusted, match="CaBundleSecret") as caught:
        make_tls_context(text, strict=True)
    assert not text.strip() or text not in str(caught.value)


def test_a_bundle_may_have_many_certificates_and_comments(authority: Authority, tmp_path: Path) -> None:
    other = Authority.make(tmp_path)
    bundle = f"# Zertifizierungsstelle für Zürich, 東京\n{other.pem}\n# Issuer: Société\r\n{authority.pem}"
    assert ask(transport(bundle), authority.server())[0] == {"right": True}


def test_a_server_that_speaks_no_tls_is_unavailable(authority: Authority) -> None:
    def speak() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP")

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=speak)
    thread.start()
    url = f"https://localhost:{listener.getsockname()[1]}/x"
    with pytest.raises(ArcGISUnavailable, match="localhost"):
        transport(authority.pem).call("GET", url, "The test's call", soon())
    thread.join()


def test_a_handshake_that_stalls_is_left_at_the_deadline(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}/x"
        started = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            transport(authority.pem).call("GET", url, "The test's call", soon(0.4))
    assert time.monotonic() - started < 5.0
