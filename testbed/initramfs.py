# SPDX-License-Identifier: MIT
"""Initial RAM file systems: a cpio archive (newc) written from a dictionary of files.

An archive holds nothing that differs between two runs of the same job (times and inode numbers
are constants): the deterministic mode needs that.
"""

import os
import pathlib
import stat


class Archive:
    def __init__(self):
        self._parts, self._names, self._inode = [], set(), 1

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        encoded = name.encode() + b"\0"
        header = "070701" + "".join(f"{value:08X}" for value in (
            self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(encoded), 0))
        self._inode += 1
        for part in (header.encode() + encoded, data):
            self._parts.append(part + b"\0" * (-len(part) % 4))

    def directory(self, name):
        name = name.strip("/")
        if not name or name in self._names:
            return
        self.directory(os.path.dirname(name))
        self._names.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o755):
        name = name.strip("/")
        if name in self._names:
            return
        self.directory(os.path.dirname(name))
        self._names.add(name)
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, name, target):
        name = name.strip("/")
        if name in self._names:
            return
        self.directory(os.path.dirname(name))
        self._names.add(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self.directory(os.path.dirname(name.strip("/")))
        self._entry(name.strip("/"), stat.S_IFCHR | 0o600, rdev=(major, minor))

    def copy(self, source, name):
        """A file with its contents, whatever symbolic links lead to it."""
        source = pathlib.Path(source)
        self.file(name, source.read_bytes(), source.stat().st_mode & 0o777)

    def tree(self, source, name):
        for path in sorted(pathlib.Path(source).rglob("*")):
            if path.is_file():
                self.copy(path, f"{name}/{path.relative_to(source)}")

    def write(self, path):
        self._entry("TRAILER!!!", 0)
        data = b"".join(self._parts)
        pathlib.Path(path).write_bytes(data + b"\0" * (-len(data) % 512))
