# SPDX-License-Identifier: MIT
"""Sphinx configuration of the manual."""

import pathlib
import re
import sys

# The extension is imported from the source tree, which stays as it is.
sys.dont_write_bytecode = True
_root = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_root / "Documentation" / "sphinx"))

project = "zcgem"
author = "the zcgem authors"
copyright = author  # pylint: disable=redefined-builtin
release = version = re.search(r"version: '([^']+)'", (_root / "meson.build").read_text("utf-8"))[1]

extensions = ["kerneldoc", "sourcenames"]
kerneldoc_root = str(_root)

man_pages = [
    ("command", "zcgem", "memory of programs as GEM objects, without a copy", author, 1),
    ("library", "libzcgem", "library over the ioctls of zcgem", author, 3),
    ("module", "zcgem", "kernel module for memory of programs as GEM objects", author, 4),
]

html_theme = "alabaster"
html_theme_options = {"description": "Memory that a program already owns, as GEM objects"}
html_show_sourcelink = False
