"""Archives: every format, and what is refused before anything is written (FS-12, JS-045)."""

import gzip
import io
import os
import shutil
import stat
import tarfile
import tempfile
import unittest
import zipfile
from unittest import mock

from _pyodide import _archive
from _pyodide._archive import check_format, format_of_name, unpack_archive


class Archives(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = os.path.realpath(temporary.name)
        self.target = os.path.join(self.root, "inside/target")
        self.file = os.path.join(self.root, "archive")

    def write(self, data):
        with open(self.file, "wb") as file:
            file.write(data)

    def files(self):
        return sorted(
            os.path.relpath(os.path.join(folder, name), self.root)
            for folder, _, names in os.walk(self.root)
            for name in names
            if folder != self.root or name != "archive"
        )

    def tar(self, *members, mode="w"):
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode=mode) as archive:
            for member, content in members:
                member = tarfile.TarInfo(member) if isinstance(member, str) else member
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        self.write(data.getvalue())

    def zip(self, *members, **options):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", **options) as archive:
            for member, content in members:
                archive.writestr(member, content)
        self.write(data.getvalue())

    def refused(self, format, pattern):
        before = self.files()
        with self.assertRaisesRegex(shutil.ReadError, pattern):
            unpack_archive(self.file, self.target, format)
        self.assertEqual(self.files(), before)

    def test_formats(self):
        source = os.path.join(self.root, "source")
        os.makedirs(os.path.join(source, "folder/empty"))
        with open(os.path.join(source, "folder/a é.txt"), "w", encoding="utf-8") as file:
            file.write("content")
        os.mkdir(os.path.join(self.root, "made"))
        for number, (kind, extensions, _) in enumerate(shutil.get_unpack_formats()):
            made = shutil.make_archive(os.path.join(self.root, "made", kind), kind, source)
            for spelling in [kind, *extensions, *(e.lstrip(".") for e in extensions)] + (["wheel", "whl"] if kind == "zip" else []):
                target = os.path.join(self.root, f"out{number}", spelling)
                unpack_archive(made, target, spelling)
                with open(os.path.join(target, "folder/a é.txt"), encoding="utf-8") as file:
                    self.assertEqual(file.read(), "content")
                self.assertTrue(os.path.isdir(os.path.join(target, "folder/empty")))

    def test_names(self):
        for name, kind in {"a.zip": "zip", "A.WHL": "zip", "x.tar.gz": "gztar", "x.tgz": "gztar", "x.tar": "tar", "x.tar.zst": "zstdtar"}.items():
            self.assertEqual(format_of_name(name), kind)
        self.assertIsNone(format_of_name("x.rar"))
        with self.assertRaisesRegex(ValueError, "'rar': expected one of bztar, .*zip.* or wheel"):
            check_format("rar")

    def test_current_folder_and_existing_files(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.root)
        self.zip(("a.txt", "new"))
        with open("a.txt", "w") as file:
            file.write("old and longer")
        unpack_archive(self.file, None, "zip")
        with open("a.txt") as file:
            self.assertEqual(file.read(), "new")

    def test_relative_folders(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.root)
        self.tar(("a/b.txt", b"1"), self.link("a/c.txt", "../a/b.txt"))
        for folder in (".", "x", "x/../y", "x/"):
            unpack_archive(self.file, folder, "tar")
            self.assertTrue(os.path.exists(os.path.join(self.root, folder, "a/c.txt")))

    def test_programs_stay_programs(self):
        member = zipfile.ZipInfo("run")
        member.external_attr = (stat.S_IFREG | 0o755) << 16
        self.zip((member, "#!/bin/sh"))
        unpack_archive(self.file, self.target, "zip")
        self.assertTrue(os.stat(os.path.join(self.target, "run")).st_mode & 0o100)

    def test_paths_that_lead_out(self):
        for name, why in {
            "../out.txt": "leads out", "a/../../out.txt": "leads out", "/etc/out.txt": "absolute", "C:/out.txt": "absolute",
            "..\\out.txt": "leads out", "\\out.txt": "absolute",
        }.items():
            with self.subTest(name):
                self.zip(("good.txt", "1"), (name, "2"))
                self.refused("zip", why)
                self.tar(("good.txt", b"1"), (name, b"2"))
                self.refused("tar", why)

    def link(self, name, goal, kind=tarfile.SYMTYPE):
        member = tarfile.TarInfo(name)
        member.type = kind
        member.linkname = goal
        return member, b""

    def test_links(self):
        for members, why in (
            ([self.link("a", "../../secret")], "leads out"),
            ([self.link("a", "/etc/passwd")], "absolute path"),
            ([self.link("a", "../archive", tarfile.LNKTYPE)], "leads out"),
            ([self.link("a", "b"), ("a/c.txt", b"1")], "behind a link"),
            ([self.link("fifo", "", tarfile.FIFOTYPE)], "device or a pipe"),
            ([self.link("dev", "", tarfile.CHRTYPE)], "device or a pipe"),
        ):
            with self.subTest(why):
                self.tar(("good.txt", b"1"), *members)
                self.refused("tar", why)
        self.tar(("folder/a.txt", b"1"), self.link("folder/b.txt", "a.txt"), self.link("c.txt", "folder/a.txt", tarfile.LNKTYPE))
        unpack_archive(self.file, self.target, "tar")
        for name in ("folder/b.txt", "c.txt"):
            with open(os.path.join(self.target, name)) as file:
                self.assertEqual(file.read(), "1")

    def test_links_that_are_there_already(self):
        os.makedirs(self.target)
        os.symlink(self.root, os.path.join(self.target, "out"))
        self.zip(("out/x.txt", "1"))
        self.refused("zip", "through a link")
        self.tar(("out/x.txt", b"1"))
        self.refused("tar", "through a link")

    def test_files_in_the_way(self):
        os.makedirs(os.path.join(self.target, "folder"))
        with open(os.path.join(self.target, "file"), "w"):
            pass
        for name, why in {"folder": "there is a folder", "file/x": "which is a file"}.items():
            self.zip(("good", "1"), (name, "2"))
            self.refused("zip", why)
            self.tar(("good", b"1"), (name, b"2"))
            self.refused("tar", why)
        self.zip(("a", "1"), ("a/b", "2"))
        self.refused("zip", "which is a file")

    def test_damaged_ones(self):
        self.write(b"neither")
        for kind, _, _ in shutil.get_unpack_formats():
            with self.subTest(kind):
                self.refused(kind, "(?i)not a|damaged")
        self.zip(("a", b"x" * 5000), ("b", b"y" * 5000), compression=zipfile.ZIP_DEFLATED)
        with open(self.file, "rb") as file:
            good = file.read()
        self.write(good[:40] + b"\0\0\0\0" + good[44:])
        self.refused("zip", "damaged")
        self.write(good[: len(good) // 2])
        self.refused("zip", "Not a zip")
        for mode, kind in (("w", "tar"), ("w:gz", "gztar"), ("w:bz2", "bztar"), ("w:xz", "xztar")):
            self.tar(("a", b"x" * 3000), ("b", os.urandom(9000)), mode=mode)
            with open(self.file, "rb") as file:
                good = file.read()
            self.write(good[: len(good) // 2])
            self.refused(kind, "damaged")

    def test_encrypted(self):
        self.zip(("a", b"x"))
        with open(self.file, "rb") as file:
            data = bytearray(file.read())
        data[data.index(b"PK\1\2") + 8] |= 1
        self.write(data)
        self.refused("zip", "encrypted")

    def test_bombs(self):
        with mock.patch.multiple(_archive, LARGE=1 << 20, BYTES_MAX=1 << 30):
            self.zip(("zeros", b"\0" * (8 << 20)), compression=zipfile.ZIP_DEFLATED)
            self.refused("zip", "would become 8388608")
            self.tar(("zeros", b"\0" * (8 << 20)), mode="w:gz")
            self.refused("gztar", "times its size")
            self.zip(("noise", os.urandom(2 << 20)), compression=zipfile.ZIP_DEFLATED)
            unpack_archive(self.file, self.target, "zip")
        with mock.patch.object(_archive, "BYTES_MAX", 1000):
            self.write(gzip.compress(os.urandom(2000)))
            self.refused("gztar", "at most 1000 bytes")

    def test_registered_formats(self):
        seen = []
        shutil.register_unpack_format("mine", [".mine"], lambda path, folder, **_: seen.append((path, folder)))
        self.addCleanup(shutil.unregister_unpack_format, "mine")
        unpack_archive(self.file, self.target, "mine")
        self.assertEqual(seen, [(self.file, self.target)])


if __name__ == "__main__":
    unittest.main()
