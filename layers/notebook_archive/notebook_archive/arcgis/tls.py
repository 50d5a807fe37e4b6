"""TLS to ArcGIS: verified against one explicit set of authorities, and no receive outlasts the call's deadline."""

import ssl
import threading
from typing import Any

import certifi
from requests.adapters import HTTPAdapter

from notebook_archive.clock import Deadline
from notebook_archive.errors import CertificateUntrusted

READ_SECONDS = 60.0
"""The longest silence; the deadline may be nearer."""

# Maximum bytes received beside a body (headers and chunk sizes), together with a quarter of the body's limit.
FRAMING_BYTES = 1_000_000

_now = threading.local()


def keep_to(deadline: Deadline, limit: int) -> None:
    """Stop this thread's receives at the deadline, and after about ``limit`` bytes in all, until this is called again.

    The limit covers bytes that never become a body: urllib3 reads a chunk of size -1 to the end of the connection.
    """
    _now.deadline, _now.left = deadline, limit + limit // 4 + FRAMING_BYTES


class _BoundedSocket(ssl.SSLSocket):
    """Every receive waits no longer than the call's deadline, and a call receives no more than its limit.

    The timeouts of requests are per receive, so a server that drips a byte a second would outlast any of them.
    """

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:  # noqa: ANN401 - any buffer
        deadline: Deadline | None = getattr(_now, "deadline", None)
        if deadline is not None:
            left = deadline.remaining()
            if left <= 0:
                raise TimeoutError
            self.settimeout(min(READ_SECONDS, left))
            if _now.left <= 0:
                raise ConnectionAbortedError
        received = super().recv_into(buffer, nbytes, flags)
        if deadline is not None:
            _now.left -= received
        return received


class TLSAdapter(HTTPAdapter):
    """Verifies against one explicit SSLContext, whatever the environment says."""

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        self._context = context
        super().__init__(pool_connections=8, pool_maxsize=pool_size, max_retries=0, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Give the context to every connection."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Leave verification to the context."""


def tls_context(ca_pem: str | None, *, strict: bool) -> ssl.SSLContext:
    """Return a context that verifies the server against the private CA, or against the public ones for None.

    ``strict`` keeps VERIFY_X509_STRICT, on by default since Python 3.13; private CAs that leave out the authority key
    identifier need it off.  The chain and the host name are verified either way.  Raises CertificateUntrusted for a
    PEM that holds no certificate.
    """
    if ca_pem is None:
        context = ssl.create_default_context(cafile=certifi.where())
    else:
        # Bundles have comments in any script, and ssl takes ASCII alone.  An empty text would mean the system's CAs.
        text = ca_pem.encode("ascii", "replace").decode() + "\n"
        try:
            context = ssl.create_default_context(cadata=text)
        except ssl.SSLError:
            raise CertificateUntrusted("The secret that CaBundleSecret names holds no PEM certificate.") from None
    if not strict:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.hostname_checks_common_name = False  # RFC 9525: a host's name must be among the alternative names
    context.sslsocket_class = _BoundedSocket
    return context
