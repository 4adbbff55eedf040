"""Compiles Python files and packs them into a zip that the interpreter imports from.

Reads one JSON object from the file named by the only argument: {"zip": path, "mounted_at": path inside the
distribution, "compression": "stored" | "deflated", "sources": path of a zip of the sources, "first": [name of a module or
package, ...], "files": [[path on disk, path in the zip], ...]}.
Later files replace earlier ones of the same path.

The members that "first" names come first, and the archive's comment, `first=LENGTH`, says where they end: snapshots hold that part.

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


def is_named(name, modules):
    """Is a member one of these modules, or in one of these packages?"""
    path = name.removesuffix(".pyc")
    parts = path.removesuffix("/__init__").split("/")
    # A package without what is in it is written with a dot at its end.
    return path.endswith("/__init__") and f"{'.'.join(parts)}." in modules or any(
        ".".join(parts[:length]) in modules for length in range(1, len(parts) + 1)
    )


def pack(path, members, method, first=()):
    ordered = sorted(members, key=lambda name: (not is_named(name, first), name))
    with zipfile.ZipFile(path, "w") as archive:
        is_first = bool(first)
        for name in ordered:
            if is_first and not is_named(name, first):
                archive.comment = f"first={archive.fp.tell()}".encode()
                is_first = False
            info = zipfile.ZipInfo(name, time)
            info.compress_type = method
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, members[name], compresslevel=9)


first = set(job["first"])
unknown = [name for name in first if not any(is_named(member, {name}) for member in members)]
if unknown:
    sys.exit(f"error: `first` in cpython/stdlib.toml names what is not there: {', '.join(sorted(unknown))}")
pack(job["zip"], members, method, first)
# Kept in memory as it is, and read one file at a time.
pack(job["sources"], sources, zipfile.ZIP_DEFLATED)
