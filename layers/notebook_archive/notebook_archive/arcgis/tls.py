"""TLS to ArcGIS: servers are verified against one explicit set of CAs, and no call outlasts its deadline."""

import ssl
import threading
from typing import Any

import certifi
from requests.adapters import HTTPAdapter

from notebook_archive.clock import Deadline
from notebook_archive.errors import CertificateUntrusted

# Maximum seconds without a byte. The deadline may come earlier.
READ_SECONDS = 60.0

# Maximum bytes that are received besides a body (headers and chunk sizes), in addition to a quarter of its limit.
FRAMING_BYTES = 1_000_000

# Maximum bytes of a TLS record (RFC 8446 section 5.1). A receive returns at most one record.
MAX_RECORD_BYTES = 16_384

# The deadline of this thread's call, and the bytes that it may still receive.
_call = threading.local()


def limit_receives(deadline: Deadline, limit: int) -> None:
    """Stop what this thread receives at the deadline, and after about `limit` bytes, until this is called again.

    The limit also covers bytes that never become a body: urllib3 reads a chunk of size -1 to the end of the connection.
    """
    _call.deadline, _call.bytes_left = deadline, limit + limit // 4 + FRAMING_BYTES


class _BoundedSocket(ssl.SSLSocket):
    """A socket that waits no longer than the call's deadline, and receives no more than its limit.

    The timeouts of requests are per receive, so a server that sends a byte a second would never meet any of them.
    """

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:  # noqa: ANN401 - ssl's own signature
        deadline: Deadline | None = getattr(_call, "deadline", None)
        if deadline is None:
            return super().recv_into(buffer, nbytes, flags)
        seconds_left = deadline.remaining()
        if seconds_left <= 0:
            raise TimeoutError
        if _call.bytes_left <= 0:
            raise ConnectionAbortedError
        self.settimeout(min(READ_SECONDS, seconds_left))
        received = super().recv_into(buffer, nbytes, flags)
        rest = memoryview(buffer)[received:nbytes]
        # http.client asks for more than a record only within a body, so nothing behind the answer is received here.
        if received and len(rest) >= MAX_RECORD_BYTES:
            received += self._receive_without_waiting(rest)
        _call.bytes_left -= received
        return received

    def _receive_without_waiting(self, rest: memoryview) -> int:
        """Receive the records that have arrived already. Otherwise each of them would cost a call of its own."""
        room = len(rest)
        timeout = self.gettimeout()
        self.settimeout(0)
        try:
            while rest and (received := super().recv_into(rest)):
                rest = rest[received:]
        except ssl.SSLWantReadError:
            pass
        finally:
            self.settimeout(timeout)
        return room - len(rest)


class TLSAdapter(HTTPAdapter):
    """Verifies servers against one explicit SSLContext, whatever the environment says."""

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        self._context = context
        super().__init__(pool_connections=8, pool_maxsize=pool_size, max_retries=0, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Give the context to every connection."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Leave verification to the context."""


def make_tls_context(ca_pem: str | None, *, strict: bool) -> ssl.SSLContext:
    """Return a context that verifies servers against a private CA, or against the public ones if it is None.

    `strict` keeps VERIFY_X509_STRICT, which is on by default since Python 3.13. Certificates of private CAs without an
    authority key identifier need it off. The chain and the host name are verified either way. Raises
    CertificateUntrusted if the PEM holds no certificate.
    """
    if ca_pem is None:
        context = ssl.create_default_context(cafile=certifi.where())
    else:
        # Bundles have comments in any script, and ssl accepts only ASCII. An empty text would mean the system's CAs.
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
