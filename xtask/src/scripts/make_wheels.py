"""Packs wheels.

Reads one JSON object from the file named by the only argument: {"wheels": [{"path": ..., "name": ..., "version": ..., "summary": ...,
"tag": ..., "files": [[path on disk, path in the wheel], ...]}, ...]}.

Same inputs give the same bytes: members are sorted and carry a fixed time.
"""

import base64
import hashlib
import json
import sys
import zipfile

TIME = (2026, 1, 1, 0, 0, 0)


def pack(wheel):
    members = {}
    for source, name in wheel["files"]:
        with open(source, "rb") as file:
            members[name] = file.read()
    info = f"{wheel['name']}-{wheel['version']}.dist-info"
    members[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {wheel['name']}\nVersion: {wheel['version']}\nSummary: {wheel['summary']}\n"
        "License-Expression: PSF-2.0\n"
    ).encode()
    pure = str(wheel["tag"].endswith("-any")).lower()
    members[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: cargo xtask\nRoot-Is-Purelib: {pure}\nTag: {wheel['tag']}\n".encode()
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in sorted(members.items())
    )
    members[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    # The metadata comes last, as the standard asks for.
    order = sorted(members, key=lambda name: (name.startswith(info), name))
    with zipfile.ZipFile(wheel["path"], "w") as archive:
        for name in order:
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, members[name], compresslevel=9)


with open(sys.argv[1], encoding="utf-8") as file:
    for wheel in json.load(file)["wheels"]:
        pack(wheel)
