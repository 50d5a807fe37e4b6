"""Create certificate authorities and server certificates, both valid and invalid."""

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)
PEM = serialization.Encoding.PEM


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, days_ago: int = 2
) -> x509.CertificateBuilder:
    """Return a builder of a certificate that is valid for ten days, from `days_ago` on."""
    begins = dt.datetime.now(dt.UTC) - days_ago * DAY
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + 10 * DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


@dataclass(frozen=True)
class Authority:
    """A private CA. `pem` is what its clients trust."""

    key: ec.EllipticCurvePrivateKey
    pem: str
    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        """Return a new CA, which keeps the files of its servers in the folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=False, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        certificate = (
            _builder("Test CA", "Test CA", key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate.public_bytes(PEM).decode(), folder)

    def server(
        self,
        name: str = "localhost",
        *,
        days_ago: int = 2,
        authority_key_identifier: bool = True,
        alternative_name: bool = True,
    ) -> ssl.SSLContext:
        """Return the TLS context of a server with a certificate for the name, valid for ten days from `days_ago` on.

        Without `alternative_name`, only the subject's common name has the name.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, "Test CA", key, days_ago=days_ago)
        if alternative_name:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        if authority_key_identifier:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        file = self.folder / f"{x509.random_serial_number():x}.pem"
        file.write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + builder.sign(self.key, hashes.SHA256()).public_bytes(PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context
