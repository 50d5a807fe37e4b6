"""Check the portal: its URL, its certificate, its clock, and the address of the notebook server."""

import http.client
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

from notebook_archive.arcgis.tls import make_tls_context
from notebook_archive.arcgis.transport import SHARING_API
from notebook_archive.errors import CertificateUntrusted, NotebookArchiveError
from notebook_archive.settings import HTTPS_URL
from notebook_archive_cli.doctor.arcgis import request
from notebook_archive_cli.doctor.aws import describe_skew, measure_skew
from notebook_archive_cli.doctor.checks import Check, bad, good, unknown
from notebook_archive_cli.doctor.target import Target
from notebook_archive_cli.terminal.output import format_count

# A certificate that ends sooner is bad.
MIN_CERTIFICATE_DAYS = 14
DAY_SECONDS = 86_400
# The names that Esri's web adaptors usually have. They are tried if the portal's URL is wrong.
USUAL_CONTEXTS = ("/portal", "", "/arcgis")


def check_ca_bundle(target: Target) -> Check:
    """Check that the secret with the private authority's certificates can be used."""
    name, arcgis = "ca bundle", target.arcgis
    if not arcgis.ca_bundle_secret:
        return good(name, "no CaBundleSecret is set, so the public authorities are trusted")
    fix, command = "Store the PEM certificates of your authority in the secret.", _store_ca(target)
    try:
        context = make_tls_context(arcgis.ca_bundle, strict=arcgis.is_strict)
    except CertificateUntrusted:
        return bad(name, f"secret {arcgis.ca_bundle_secret!r} contains no PEM certificate", fix, command)
    authorities = context.get_ca_certs()
    ended = [each for each in authorities if ssl.cert_time_to_seconds(str(each["notAfter"])) < time.time()]
    if ended:
        subject = _name_subject(ended[0], "subject")
        return bad(
            name, f"in secret {arcgis.ca_bundle_secret!r}, the certificate of {subject} has expired", fix, command
        )
    return good(name, f"secret {arcgis.ca_bundle_secret!r} has {format_count(len(authorities), 'certificate')}")


def _store_ca(target: Target) -> str:
    words = ("put-secret-value", "--secret-id", target.arcgis.ca_bundle_secret, "--secret-string", "file://ca.pem")
    return target.aws("secretsmanager", *words)


def check_url(target: Target) -> Check:
    """Check the form of the portal's URL, and that its host name can be resolved from this machine."""
    name, url = "portal url", target.arcgis.url
    if not HTTPS_URL.fullmatch(url):
        return bad(
            name, f"PortalUrl {url!r} is not an https URL", *target.deploy_with("PortalUrl", "https://HOST/portal")
        )
    host = urlsplit(url).hostname or ""
    if host == "www.arcgis.com":
        return bad(
            name,
            "PortalUrl is that of ArcGIS Online as a whole, not that of your organization",
            *target.deploy_with("PortalUrl", "https://ORGANIZATION.maps.arcgis.com"),
        )
    try:
        socket.getaddrinfo(host, urlsplit(url).port or 443)
    except OSError:
        if target.is_in_vpc:
            return _unreachable_from_here(name, f"this machine cannot resolve {host}")
        return bad(
            name,
            f"the host name {host!r} cannot be resolved",
            *target.deploy_with("PortalUrl", "https://RIGHT-HOST/portal"),
        )
    return good(name, url)


def _unreachable_from_here(name: str, what: str) -> Check:
    return unknown(
        name,
        f"{what}; the functions are in a VPC and may reach the portal",
        "Run this command on a machine in the functions' network.",
    )


def check_certificate(target: Target) -> Check:
    """Check that a connection to the portal is possible and trusted, and when the certificate ends."""
    name, arcgis = "certificate", target.arcgis
    host = urlsplit(arcgis.url).netloc
    try:
        response = request(_make_info_url(arcgis.url), make_tls_context(arcgis.ca_bundle, strict=arcgis.is_strict))
    except ssl.SSLCertVerificationError as error:
        return _describe_distrust(target, host, error)
    except ssl.SSLError as error:
        return bad(
            name,
            f"the server at {host} does not speak TLS as expected ({error.reason or type(error).__name__})",
            *target.deploy_with("PortalUrl", "https://HOST:PORT/portal"),
        )
    except (OSError, http.client.HTTPException) as error:
        if target.is_in_vpc:
            return _unreachable_from_here(name, f"this machine cannot connect to {host}")
        return bad(
            name,
            f"no connection to {host} ({type(error).__name__})",
            "Check that the portal is up, that the internet can reach it, and that PortalUrl names its host and port.",
        )
    days = (ssl.cert_time_to_seconds(str(response.certificate["notAfter"])) - time.time()) / DAY_SECONDS
    issuer = _name_subject(response.certificate, "issuer")
    if days < MIN_CERTIFICATE_DAYS:
        return bad(
            name,
            f"the certificate of {host} ends in {format_count(int(days), 'day')}",
            "Renew the certificate of the portal's web server.",
        )
    return good(name, f"{host} is trusted; the certificate from {issuer} is valid for {format_count(int(days), 'day')}")


def _describe_distrust(target: Target, host: str, error: ssl.SSLCertVerificationError) -> Check:
    name, arcgis, reason = "certificate", target.arcgis, error.verify_message
    message = f"the certificate of {host} is not trusted ({reason})"
    if "expired" in reason:
        return bad(name, message, "Renew the certificate of the portal's web server.")
    if "mismatch" in reason.lower():
        return bad(name, message, *target.deploy_with("PortalUrl", "https://NAME-IN-THE-CERTIFICATE/portal"))
    if arcgis.is_strict and _is_trusted_without_strictness(target):
        return bad(name, message, *target.deploy_with("TlsStrict", "false"))
    if arcgis.ca_bundle_secret:
        return bad(
            name,
            message,
            "Save the root certificate of the authority that signed it as ca.pem, and store it in the secret.",
            _store_ca(target),
        )
    secret = f"{arcgis.secret_prefix}/ca-bundle"
    fix, _ = target.deploy_with("CaBundleSecret", secret)
    return bad(
        name,
        message,
        f"Save the root certificate of the authority that signed it as ca.pem, and create the secret. {fix}",
        target.aws("secretsmanager", "create-secret", "--name", secret, "--secret-string", "file://ca.pem"),
    )


def _is_trusted_without_strictness(target: Target) -> bool:
    try:
        request(_make_info_url(target.arcgis.url), make_tls_context(target.arcgis.ca_bundle, strict=False))
    except ssl.SSLError:
        return False
    except (OSError, http.client.HTTPException):
        pass
    return True


def _name_subject(certificate: Any, field: str) -> str:  # noqa: ANN401 - the dictionary that `getpeercert` returns
    """Return the common name, or the organization, in the subject or the issuer of a certificate."""
    names = dict(pair for group in certificate.get(field, ()) for pair in group)
    return repr(names.get("commonName") or names.get("organizationName") or "an unnamed authority")


def _make_info_url(portal_url: str) -> str:
    return f"{portal_url}{SHARING_API}/info?f=json"


def check_portal(target: Target) -> Check:
    """Check that a portal responds at the URL. It needs no credential."""
    name, arcgis = "portal", target.arcgis
    context = make_tls_context(arcgis.ca_bundle, strict=arcgis.is_strict)
    response = request(_make_info_url(arcgis.url), context)
    if "authInfo" in response.body:
        return good(name, f"an ArcGIS portal responds at {arcgis.url}")
    origin = f"https://{urlsplit(arcgis.url).netloc}"
    first = "/" + urlsplit(arcgis.url).path.strip("/").partition("/")[0]
    for url in dict.fromkeys(f"{origin}{path}".rstrip("/") for path in (first, *USUAL_CONTEXTS)):
        if url != arcgis.url and "authInfo" in request(_make_info_url(url), context).body:
            return bad(
                name,
                f"no portal responds at {arcgis.url} (HTTP {response.status}), but one does at {url}",
                *target.deploy_with("PortalUrl", url),
            )
    if 300 <= response.status < 400:
        host = urlsplit(response.location).netloc or "another page"
        message = f"{arcgis.url} redirects to {host}, for example to a sign-in page"
    elif response.status >= 500:
        return unknown(name, f"the portal at {arcgis.url} returns HTTP {response.status}; check again later")
    else:
        message = f"no portal responds at {arcgis.url} (HTTP {response.status})"
    return bad(name, message, *target.deploy_with("PortalUrl", f"{origin}/CONTEXT"))


def check_clock(target: Target) -> Check:
    """Compare the portal's clock with that of this machine, which `check_clock` of `aws` compares with AWS."""
    arcgis = target.arcgis
    response = request(_make_info_url(arcgis.url), make_tls_context(arcgis.ca_bundle, strict=arcgis.is_strict))
    skew = measure_skew(response.date, time.time())
    return describe_portal_skew(-skew if skew is not None else None)


def describe_portal_skew(skew: float | None) -> Check:
    """Return the check of the portal's clock. `skew` is by how many seconds it is ahead of this machine, or None."""
    fix = "If the line 'aws clock' is good, set the clock of the portal's server. Otherwise correct that line first."
    return describe_skew("portal clock", "the portal's clock", "this machine", skew, fix)


def check_discovery(target: Target) -> Check:
    """Check that the functions can find the notebook server, and that it responds."""
    name, arcgis = "notebook server", target.arcgis
    given = target.parameter("NotebookAdminUrl")
    if not given:
        organization = arcgis.portal(arcgis.admin_secret).get_organization()
        try:
            urls = arcgis.portal(arcgis.admin_secret).find_notebook_admin_urls(organization)
        except NotebookArchiveError as error:
            fix, command = target.deploy_with("NotebookAdminUrl", "https://HOST:11443/arcgis/admin")
            return bad(
                name,
                f"the portal does not give the notebook server's address. {error}",
                f"Federate a notebook server, or give the address yourself. {fix}",
                command,
            )
    server = arcgis.find_notebook_server(arcgis.admin_secret)
    url = given or server.admin_url
    try:
        answers = server.is_answering()
    except NotebookArchiveError:
        answers = False
    if answers:
        return good(name, f"{url} responds" + ("" if given else ", as the portal says"))
    if target.is_in_vpc:
        return _unreachable_from_here(name, f"{url} does not respond to this machine")
    if distrust := _find_distrust(target, url):
        return bad(
            name,
            f"the certificate of {urlsplit(url).netloc} is not trusted ({distrust})",
            "Add the root certificate of the authority that signed it to ca.pem, and store that in the secret.",
            _store_ca(target) if arcgis.ca_bundle_secret else "",
        )
    fix, command = target.deploy_with("NotebookAdminUrl", "https://HOST:11443/arcgis/admin")
    hint = "" if given or len(urls) < 2 else f" The portal also lists {', '.join(urls[1:])}."
    return bad(
        name,
        f"no notebook server responds at {url}.{hint}",
        f"Check that it is up. If it has another address, set that. {fix}",
        command,
    )


def _find_distrust(target: Target, url: str) -> str:
    """Return why the server's certificate is not trusted, or an empty string if it is, or cannot be read."""
    try:
        request(f"{url}/notebooks?f=json", make_tls_context(target.arcgis.ca_bundle, strict=target.arcgis.is_strict))
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, http.client.HTTPException):
        pass
    return ""
