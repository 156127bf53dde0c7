"""The independent judge: what our program signed, as PyPI's `sigstore` sees it, and envelopes under keys as
`securesystemslib` sees them. Reads FOLDER/cases.json; a line for each case; ends with 0 only if every verdict is the
one that is wanted."""

import base64
import json
import pathlib
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.verify import Verifier, policy

SCHEMES = {
    "Ed25519": "ed25519",
    "ECDSA P-256": "ecdsa-sha2-nistp256",
    "ECDSA P-384": "ecdsa-sha2-nistp384",
    "RSA": "rsa-pkcs1v15-sha256",
}


def by_identity(folder, text, case, verifier):
    bundle = Bundle.from_json(text)
    who = policy.Identity(identity=case["identity"], issuer=case["issuer"])
    artifact = (folder / case["artifact"]).read_bytes()
    if "dsseEnvelope" in json.loads(text):
        kind, payload = verifier.verify_dsse(bundle, who)
        assert kind == "application/vnd.in-toto+json", kind
        return payload
    verifier.verify_artifact(artifact, bundle, who)
    return None


def by_key(folder, text, case):
    bundle = json.loads(text)
    assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    envelope = Envelope.from_dict(bundle["dsseEnvelope"])
    hint = bundle["verificationMaterial"]["publicKey"]["hint"]
    public = load_pem_public_key((folder / case["key"]).read_bytes())
    key = SSlibKey.from_crypto(public, keyid=hint, scheme=SCHEMES[case["kind"]])
    envelope.verify([key], 1)
    return envelope.payload


def judged(folder, text, case, verifier):
    """Why it is refused, or None."""
    try:
        payload = by_key(folder, text, case) if "key" in case else by_identity(folder, text, case, verifier)
        if payload is not None:
            digests = [subject["digest"]["sha256"] for subject in json.loads(payload)["subject"]]
            assert case["sha256"] in digests, "the statement is about something else"
    except Exception as error:  # whatever the reason, it is refused
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def altered(text, case):
    """The same bundle with one bit of its signature, its payload, its proof or its timestamp turned."""
    places = [("dsseEnvelope", "signatures", 0, "sig"), ("dsseEnvelope", "payload"), ("messageSignature", "signature")]
    material = ("verificationMaterial",)
    places.append(material + ("tlogEntries", 0, "inclusionProof", "hashes", 0))
    places.append(material + ("tlogEntries", 0, "canonicalizedBody"))
    if case.get("log") == 2:
        places.append(material + ("timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"))
    for place in places:
        bundle = json.loads(text)
        holder = bundle
        try:
            for step in place[:-1]:
                holder = holder[step]
            value = bytearray(base64.b64decode(holder[place[-1]]))
        except (KeyError, IndexError):
            continue
        value[-1] ^= 1
        holder[place[-1]] = base64.b64encode(bytes(value)).decode()
        yield ".".join(str(step) for step in place), json.dumps(bundle)


def main():
    folder = pathlib.Path(sys.argv[1])
    config = ClientTrustConfig.from_json((folder / "trust_config.json").read_text())
    verifier = Verifier(trusted_root=config.trusted_root)
    cases = json.loads((folder / "cases.json").read_text())
    verified = refused = wrong = 0
    for case in cases:
        text = (folder / case["bundle"]).read_text()
        why = judged(folder, text, case, verifier)
        wrong += why is not None
        verified += why is None
        print(f"{'verified' if why is None else 'WRONGLY REFUSED'}  {case['name']}  {why or ''}".rstrip())
        turned = 0
        for place, other in altered(text, case):
            why = judged(folder, other, case, verifier)
            wrong += why is None
            refused += why is not None
            turned += 1
            print(f"{'WRONGLY ACCEPTED' if why is None else 'refused'}  {case['name']}, {place} altered")
        wrong += turned == 0
    print(f"judge: {verified} verified, {refused} altered ones refused, {wrong} wrong")
    return 0 if cases and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
