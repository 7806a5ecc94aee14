"""Runs a real SAML identity provider (PyPI: pysaml2, with Debian's xmlsec1) with keys of its own."""

import base64
import datetime as dt
import shutil
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

XMLSEC = shutil.which("xmlsec1")
ENTITY_ID = "http://idp.example.com/metadata"
SHA256_SIGNATURE = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256_DIGEST = "http://www.w3.org/2001/04/xmlenc#sha256"


class SamlProvider:
    """Signs assertions with the key in its folder. `sso_url` is where browsers are sent to."""

    def __init__(self, folder: Path, sp_metadata: str, *, entity_id: str = ENTITY_ID, sso_url: str) -> None:
        from saml2 import BINDING_HTTP_REDIRECT
        from saml2.config import IdPConfig
        from saml2.server import Server

        folder.mkdir(exist_ok=True)
        self.sso_url = sso_url
        self.certificate = key_in(folder)
        (folder / "sp.xml").write_text(sp_metadata)
        config = IdPConfig()
        config.load(
            {
                "entityid": entity_id,
                "service": {
                    "idp": {
                        "endpoints": {"single_sign_on_service": [(sso_url, BINDING_HTTP_REDIRECT)]},
                        "policy": {"default": {"lifetime": {"minutes": 15}, "attribute_restrictions": None}},
                    }
                },
                "metadata": {"local": [str(folder / "sp.xml")]},
                "key_file": str(folder / "key.pem"),
                "cert_file": str(folder / "certificate.pem"),
                "xmlsec_binary": XMLSEC,
            }
        )
        self.server = Server(config=config)
        # Otherwise it would read the recipient's metadata, to encrypt the response.
        self.server.has_encrypt_cert_in_metadata = lambda entity_id: False

    def request_in(self, address: str) -> Any:
        """Reads the site's request from the address that it sent the browser to."""
        from saml2 import BINDING_HTTP_REDIRECT

        asked = parse_qs(urlsplit(address).query)["SAMLRequest"][0]
        return self.server.parse_authn_request(asked, BINDING_HTTP_REDIRECT).message

    def answer(
        self,
        request: Any,
        uid: str,
        *,
        audience: str = "",
        sign: bool = True,
        sign_envelope: bool = True,
        **attributes: str,
    ) -> str:
        """Returns the signed response as the form contains it that the browser posts to the site."""
        from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID

        response = self.server.create_authn_response(
            attributes,
            request.id,
            request.assertion_consumer_service_url,
            sp_entity_id=audience or request.issuer.text,
            name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text=uid),
            authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "authn_auth": ENTITY_ID},
            sign_assertion=sign,
            sign_response=sign and sign_envelope,
            sign_alg=SHA256_SIGNATURE,
            digest_alg=SHA256_DIGEST,
        )
        return base64.b64encode(str(response).encode()).decode()


def key_in(folder: Path) -> str:
    """Returns the certificate of the folder's private key as base64. Creates missing ones."""
    folder.mkdir(exist_ok=True)
    if not (folder / "certificate.pem").exists():
        _make_key(folder)
    certificate = x509.load_pem_x509_certificate((folder / "certificate.pem").read_bytes())
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def _make_key(folder: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example.com")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))


def form_of(address: str, response: str) -> str:
    """Renders the page with which an identity provider makes the browser post its response to the site."""
    return (
        f'<form method="post" action="{unescape(address)}">'
        f'<input type="hidden" name="SAMLResponse" value="{response}"><button id="go">Go on</button></form>'
    )
