"""Access tokens that nobody issued."""
import base64
import json

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def parts(token):
    """Header and claims."""
    header, claims, _ = token.split(".")
    return json.loads(decode(header)), json.loads(decode(claims))


def unsigned(header, claims):
    """Each a dict, or JSON text as it is to stand there."""
    return ".".join(encode((part if isinstance(part, str) else json.dumps(part)).encode()) for part in (header, claims))


def es256(header, claims, key, hash_algorithm=None):
    text = unsigned(header, claims)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hash_algorithm or hashes.SHA256())))
    size = (key.curve.key_size + 7) // 8
    return text + "." + encode(r.to_bytes(size, "big") + s.to_bytes(size, "big"))


def hs256(header, claims, secret):
    text = unsigned(header, claims)
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(text.encode())
    return text + "." + encode(mac.finalize())


def signing_key(system):
    """The private key that the system's API signs with."""
    newest = max((system.dir / "keys").glob("*.pem"))
    return serialization.load_pem_private_key(newest.read_bytes(), None)


def jwk(key):
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": encode(numbers.x.to_bytes(32, "big")), "y": encode(numbers.y.to_bytes(32, "big"))}


def public_forms(key):
    """The public key as bytes, in each form that somebody might use as an HMAC secret."""
    public = key.public_key()
    form = serialization.PublicFormat
    return [json.dumps(jwk(key)).encode(), json.dumps(jwk(key), separators=(",", ":")).encode(),
            public.public_bytes(serialization.Encoding.PEM, form.SubjectPublicKeyInfo),
            public.public_bytes(serialization.Encoding.PEM, form.SubjectPublicKeyInfo).strip(),
            public.public_bytes(serialization.Encoding.DER, form.SubjectPublicKeyInfo),
            public.public_bytes(serialization.Encoding.X962, form.UncompressedPoint)]
