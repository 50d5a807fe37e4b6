"""Connect to ArcGIS with TLS. Servers are verified with one explicit set of CAs, and calls end at their deadlines."""

import ssl
import threading
from typing import Any

import certifi
from requests.adapters import HTTPAdapter

from notebook_archive.clock import Deadline
from notebook_archive.errors import CertificateUntrusted

# Maximum time without receiving or sending bytes. The deadline may be earlier.
READ_SECONDS = 60.0

# A call may receive more bytes than a body's limit, for headers and chunk sizes: a quarter of the limit, and this
# number.
FRAMING_BYTES = 1_000_000

# Maximum number of bytes that are sent within one READ_SECONDS.
MAX_SEND_BYTES = 262_144

# Maximum number of bytes in a TLS record (RFC 8446, section 5.1). A receive returns at most one record.
MAX_RECORD_BYTES = 16_384

# The deadline of this thread's call, and the number of bytes that the call may still receive.
_call = threading.local()


def limit_receives(deadline: Deadline, limit: int) -> None:
    """Limit what this thread receives: until the deadline, and about `limit` bytes. Sends end at the deadline too.

    The limits apply until the next call of this function. The byte limit is also needed for bytes that never become
    part of a body: urllib3 reads a chunk of size -1 until the connection ends.
    """
    _call.deadline, _call.bytes_left = deadline, limit + limit // 4 + FRAMING_BYTES


class _BoundedSocket(ssl.SSLSocket):
    """A socket that stops at the call's deadline and at its byte limit.

    The timeouts of `requests` apply to each receive and to each send. A server that sends or accepts one byte a second
    would never exceed them.
    """

    def send(self, data: Any, flags: int = 0) -> int:  # noqa: ANN401 - ssl's own signature
        """Send up to MAX_SEND_BYTES. `sendall` calls this until everything is sent.

        Otherwise the timeout would apply to the whole body, and it would be the timeout of the connection.
        """
        deadline: Deadline | None = getattr(_call, "deadline", None)
        if deadline is not None:
            seconds_left = deadline.remaining()
            if seconds_left <= 0:
                raise TimeoutError
            self.settimeout(min(READ_SECONDS, seconds_left))
        return super().send(memoryview(data)[:MAX_SEND_BYTES], flags)

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
    """Verifies servers with one explicit SSLContext, and ignores CA settings from the environment."""

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        self._context = context
        super().__init__(pool_connections=8, pool_maxsize=pool_size, max_retries=0, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Use the context for every connection."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def cert_verify(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - requests' own signature
        """Do nothing, because the context verifies the server."""


def make_tls_context(ca_pem: str | None, *, strict: bool) -> ssl.SSLContext:
    """Return a context that verifies servers with a private CA, or with the public CAs if `ca_pem` is None.

    With `strict`, VERIFY_X509_STRICT stays on, as is the default since Python 3.13. It must be off for a private CA
    with certificates that have no authority key identifier. The chain and the host name are always verified. Raises
    CertificateUntrusted if the PEM text contains no certificate.
    """
    if ca_pem is None:
        context = ssl.create_default_context(cafile=certifi.where())
    else:
        # Comments in a bundle may contain any characters, but `ssl` accepts only ASCII. The line break is added because
        # `ssl` would use the system's CAs for an empty string.
        text = ca_pem.encode("ascii", "replace").decode() + "\n"
        try:
            context = ssl.create_default_context(cadata=text)
        except ssl.SSLError:
            raise CertificateUntrusted("The secret that CaBundleSecret names contains no PEM certificate.") from None
    if not strict:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.hostname_checks_common_name = False  # RFC 9525: the host name must be a subject alternative name
    context.sslsocket_class = _BoundedSocket
    return context
