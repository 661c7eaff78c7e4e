"""Verifies an evidence folder of Spark without Spark.

    pip install 'securesystemslib[crypto]==1.*'
    python3 verify.py FOLDER PUBLIC_KEY

The envelope is checked by securesystemslib, the files by the 30 lines below. Exit code 13 where it does not hold.
"""

import hashlib
import json
import os
import stat
import sys

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey


def refuse(reason):
    print(f"does not hold: {reason}", file=sys.stderr)
    sys.exit(13)


def main(folder, public):
    with open(public, "rb") as file:
        key = load_pem_public_key(file.read())
    name = hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()
    try:
        with open(os.path.join(folder, "seal.json"), "rb") as file:
            envelope = Envelope.from_dict(json.load(file))
        envelope.verify([SSlibKey.from_crypto(key, keyid=name)], threshold=1)
        statement = json.loads(envelope.payload)
    except Exception as error:
        refuse(f"seal.json: {error}")
    if statement["_type"] != "https://in-toto.io/Statement/v1":
        refuse("seal.json is no in-toto statement")
    expected = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
    found = {}
    for place, _, files in os.walk(folder):
        for file in files:
            path = os.path.join(place, file)
            below = os.path.relpath(path, folder).replace(os.sep, "/")
            if not stat.S_ISREG(os.lstat(path).st_mode):
                refuse(f"{below} is no file")
            if below != "seal.json":
                with open(path, "rb") as opened:
                    found[below] = hashlib.file_digest(opened, "sha256").hexdigest()
    for path in sorted(expected.keys() | found.keys()):
        if expected.get(path) != found.get(path):
            refuse(f"{path} is not as it was sealed")
    print(f"verified: {len(found)} files of release {statement['predicate']['release']}, key {name}")


main(*sys.argv[1:])
