"""Compiles Python files and packs them into a zip that the interpreter imports from.

Reads one JSON object from the file named by the only argument: {"zip": path, "mounted_at": path inside the
distribution, "compression": "stored" | "deflated", "sources": path of a zip of the sources, "files": [[path on disk, path in the
zip], ...]}.
Later files replace earlier ones of the same path.

Same inputs give the same bytes: members are sorted and carry a fixed time; code objects carry the path at which
they are mounted, not the path they were compiled from.
"""

import _imp
import importlib._bootstrap_external as bootstrap
import json
import sys
import zipfile

with open(sys.argv[1], encoding="utf-8") as file:
    job = json.load(file)

time = (2026, 1, 1, 0, 0, 0)
method = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}[job["compression"]]
members = {}
sources = {}
for source, name in job["files"]:
    with open(source, "rb") as file:
        data = file.read()
    if not name.endswith(".py"):
        members[name] = data
        continue
    try:
        code = compile(data, f"{job['mounted_at']}/{name}", "exec", dont_inherit=True, optimize=0)
    except SyntaxError as e:
        sys.exit(f"error: {source}:{e.lineno}: {e.msg}")
    source_hash = _imp.source_hash(_imp.pyc_magic_number_token, data)
    # Never checked against the source: it is elsewhere.
    members[name + "c"] = bootstrap._code_to_hash_pyc(code, source_hash, False)
    sources[name] = data


def pack(path, members, method):
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, time)
            info.compress_type = method
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, members[name], compresslevel=9)


pack(job["zip"], members, method)
# Kept in memory as it is, and read one file at a time.
pack(job["sources"], sources, zipfile.ZIP_DEFLATED)
