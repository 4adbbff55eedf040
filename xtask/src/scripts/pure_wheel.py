"""Makes a wheel that pip built here a wheel for every Python and platform.

Arguments: the wheel, the folder for the result. The wheel must have no compiled parts: a package whose compiled part is optional
was built without it, but says otherwise. Same inputs give the same bytes.
"""

import base64
import hashlib
import os
import sys
import zipfile

source, folder = sys.argv[1:]
name, version = os.path.basename(source).split("-")[:2]
with zipfile.ZipFile(source) as archive:
    members = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
compiled = [member for member in members if member.endswith((".so", ".pyd", ".dylib", ".a"))]
if compiled:
    sys.exit(f"error: {os.path.basename(source)} has compiled parts: {', '.join(compiled)}")

wheel = next(member for member in members if member.endswith(".dist-info/WHEEL"))
record = wheel.removesuffix("WHEEL") + "RECORD"
lines = [line for line in members[wheel].decode().splitlines() if line and not line.startswith(("Root-Is-Purelib:", "Tag:", "Generator:"))]
members[wheel] = "\n".join([*lines, "Root-Is-Purelib: true", "Tag: py3-none-any", ""]).encode()


def digest(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


rows = [f"{member},{digest(data)},{len(data)}" for member, data in sorted(members.items()) if member != record]
members[record] = "\n".join([*rows, f"{record},,", ""]).encode()
with zipfile.ZipFile(os.path.join(folder, f"{name}-{version}-py3-none-any.whl"), "w", zipfile.ZIP_DEFLATED) as archive:
    for member in sorted(members):
        info = zipfile.ZipInfo(member, (2026, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        info.create_system = 3
        info.external_attr = 0o100644 << 16
        archive.writestr(info, members[member], compresslevel=9)
