"""Unpacking archives that came from anywhere: whole, inside of one folder, or not at all.

Owns what ``pyodide.unpackArchive`` and ``FetchResponse.unpack_archive`` do. Not here: wheels as packages (the package loader).

Invariants: every member is looked at before the first is written; nothing is written outside of the folder, also not through links;
an archive whose content would not fit is refused by what it says about itself, and cannot lie about it.
"""

import os
import shutil
import stat
import sys

BYTES_MAX = 2 << 30
"""Largest content of an archive: more does not fit into the memory of a page beside Python."""

RATIO_MAX = 200
"""How many times larger than the archive the content may be, once it is large."""

LARGE = 256 << 20
"""Up to here the ratio does not matter: zeros shrink a thousandfold."""

_COMPRESSIONS = {"gztar": "gzip", "bztar": "bz2", "xztar": "lzma", "zstdtar": "compression.zstd"}


def known_formats():
    """Names and extensions that stand for a format: ``tar.gz``, ``.tgz`` and ``gztar`` are ``gztar``."""
    names = {"wheel": "zip", "whl": "zip"}
    for kind, extensions, _ in shutil.get_unpack_formats():
        names[kind] = kind
        for extension in extensions:
            names[extension] = names[extension.lstrip(".")] = kind
    return names


def format_of_name(name):
    """The format of a file by its name, or None."""
    found = [(extension, kind) for extension, kind in known_formats().items() if extension.startswith(".")]
    found.append((".whl", "zip"))
    return next((kind for extension, kind in found if name.lower().endswith(extension)), None)


def check_format(format):
    """The name that shutil has for a format. Raises ValueError if there is none."""
    names = known_formats()
    kind = names.get(format) or names.get(format.removeprefix("."))
    if kind is None:
        raise ValueError(f"Unknown archive format {format!r}: expected one of {', '.join(sorted(set(names.values())))} or wheel")
    return kind


def unpack_archive(path, extract_dir=None, format="zip"):
    """Unpack the archive in the file ``path`` into a folder, the current one by default, which is made if need be.

    Raises shutil.ReadError for what is no such archive, is damaged, or wants to do harm; then nothing was written.
    """
    kind = check_format(format)
    folder = os.path.abspath(os.getcwd() if extract_dir is None else extract_dir)
    if kind == "zip":
        _unpack_zip(path, folder)
    elif kind == "tar" or kind in _COMPRESSIONS:
        _unpack_tar(path, folder, kind)
    else:
        # A format that the program registered is the program's to vouch for.
        shutil.unpack_archive(path, folder, kind)


def _refuse(name, why):
    raise shutil.ReadError(f"The archive was not unpacked: its member {name!r} {why}")


def _inside(folder, name):
    """The path of a member, after making sure that it lies in the folder."""
    if "\0" in name:
        _refuse(name, "has a null character in its name")
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or parts[0].endswith(":"):
        _refuse(name, "has an absolute path")
    if ".." in parts:
        _refuse(name, "has a path that leads out of the folder")
    path = os.path.join(folder, name)
    root = os.path.realpath(folder)
    real = os.path.realpath(path)
    if real != root and not real.startswith(root.rstrip("/") + "/"):
        _refuse(name, "would be written outside of the folder, through a link")
    return path


def _check_size(size, packed):
    if size > BYTES_MAX or (size > LARGE and size > packed * RATIO_MAX):
        raise shutil.ReadError(
            f"The archive was not unpacked: {packed} bytes would become {size}, more than it may hold here "
            f"(at most {BYTES_MAX} bytes, and {RATIO_MAX} times its size once that is more than {LARGE})"
        )


def _check_places(places):
    """``places`` maps paths to whether they are folders. A file must not be where a folder is wanted, and the other way round."""
    for path, is_folder in places.items():
        if os.path.isdir(path) and not is_folder:
            _refuse(path, "is a file, but there is a folder of that name")
        above = path
        while True:
            above = os.path.dirname(above)
            if places.get(above) is False or (above not in places and os.path.exists(above) and not os.path.isdir(above)):
                _refuse(path, f"needs the folder {above!r}, which is a file")
            if above in places or above in ("", "/") or os.path.isdir(above):
                break
        if is_folder and os.path.exists(path) and not os.path.isdir(path):
            _refuse(path, "is a folder, but there is a file of that name")


def _unpack_zip(path, folder):
    import zipfile

    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise shutil.ReadError(f"Not a zip archive: {error}") from None
    with archive:
        members = archive.infolist()
        _check_size(sum(member.file_size for member in members), os.path.getsize(path))
        places = {}
        for member in members:
            target = _inside(folder, member.filename)
            places[target.rstrip("/")] = member.is_dir()
            if member.flag_bits & 1:
                _refuse(member.filename, "is encrypted")
        _check_places(places)
        try:
            # Checksums of all members: what is damaged is found before anything is written.
            damaged = archive.testzip()
        except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, *_decompression_errors()) as error:
            raise shutil.ReadError(f"The zip archive is damaged: {error}") from None
        if damaged is not None:
            _refuse(damaged, "is damaged: its checksum is wrong")
        for member in members:
            target = os.path.join(folder, member.filename)
            if member.is_dir():
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with archive.open(member) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)
            # Programs that were packed on a POSIX system stay programs.
            mode = member.external_attr >> 16
            if stat.S_ISREG(mode) and mode & 0o111:
                os.chmod(target, stat.S_IMODE(mode) & 0o777)


def _unpack_tar(path, folder, kind):
    import tarfile

    with _plain_tar(path, kind) as plain:
        try:
            archive = tarfile.open(fileobj=plain, mode="r:")
            members = archive.getmembers()
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise shutil.ReadError(f"Not a {kind} archive, or a damaged one: {error}") from None
        plain.seek(0, os.SEEK_END)
        if members and members[-1].offset_data + (members[-1].size if members[-1].isreg() else 0) > plain.tell():
            raise shutil.ReadError("The tar archive is damaged: it ends within its last member")
        _check_size(sum(member.size for member in members), max(os.path.getsize(path), 1))
        links = set()
        places = {}
        for member in members:
            target = _inside(folder, member.name)
            places[target.rstrip("/")] = member.isdir()
            # A link inside of the archive may point anywhere once it is there: nothing goes through one.
            above = os.path.dirname(target)
            while len(above) > len(folder):
                if above in links:
                    _refuse(member.name, "lies behind a link")
                above = os.path.dirname(above)
            if member.issym() or member.islnk():
                base = os.path.dirname(target) if member.issym() else folder
                if os.path.isabs(member.linkname):
                    _refuse(member.name, f"is a link to the absolute path {member.linkname!r}")
                goal = os.path.normpath(os.path.join(base, member.linkname))
                if goal != folder and not goal.startswith(folder.rstrip("/") + "/"):
                    _refuse(member.name, f"is a link that leads out of the folder, to {member.linkname!r}")
                links.add(target.rstrip("/"))
            elif not (member.isreg() or member.isdir()):
                _refuse(member.name, "is a device or a pipe")
        _check_places(places)
        with archive:
            os.makedirs(folder, exist_ok=True)
            archive.extractall(folder, filter="data")


def _plain_tar(path, kind):
    """An open file with the uncompressed archive."""
    if kind == "tar":
        return open(path, "rb")
    from importlib import import_module
    from tempfile import TemporaryFile

    name = _COMPRESSIONS[kind]
    packed = os.path.getsize(path)
    plain = TemporaryFile()
    try:
        with import_module(name).open(path, "rb") as source:
            size = 0
            while block := source.read(1 << 20):
                size += len(block)
                _check_size(size, packed)
                plain.write(block)
        plain.seek(0)
        return plain
    except (OSError, EOFError, *_decompression_errors()) as error:
        plain.close()
        if isinstance(error, shutil.ReadError):
            raise
        raise shutil.ReadError(f"Not a {kind} archive, or a damaged one: {error}") from None


def _decompression_errors():
    """Error classes of the decompressors that are loaded: none of the others can be raised."""
    for module, name in (("zlib", "error"), ("_lzma", "LZMAError"), ("_zstd", "ZstdError")):
        if module in sys.modules:
            yield getattr(sys.modules[module], name)
