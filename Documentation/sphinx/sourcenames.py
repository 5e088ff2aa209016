# SPDX-License-Identifier: MIT
"""Roles for names of the source tree, each of which must exist or the page does not build.

    :igt:`zcgem_mmap@private-refused`   a subtest
    :src:`zcgem_mmap.c`                 a file of the driver, or a path from the top of the tree
    :fn:`zcgem_gem_mmap`                a function of the driver
    :id:`ZCGEM_MAX_SIZE`                any other identifier of the driver or the uAPI

The page architecture must name every file of the driver, the page module every parameter and
every trace event, and some page every program of IGT tests.
"""

import pathlib
import re

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

DRIVER = "drm/zcgem"


def sources(root, top):
    """The C files below a directory, without its tests."""
    return [path for path in sorted((root / top).rglob("*.[ch]"))
            if not path.name.endswith(".mod.c") and path.parent.name != "tests"]


class SourceName(SphinxRole):
    """Common part: a literal, or an error if what it names does not exist."""

    def run(self):
        root = pathlib.Path(self.config.kerneldoc_root)
        if not self.exists(root, self.text):
            message = self.inliner.reporter.error(f"{self.name}: there is no {self.text}",
                                                  line=self.lineno)
            return [nodes.literal(self.rawtext, self.text)], [message]
        return [nodes.literal(self.rawtext, self.shown(self.text))], []

    def shown(self, text):
        """What the reader sees."""
        return text

    def exists(self, root, text):
        """Is there such a thing?"""
        raise NotImplementedError


def remember(env, kind, text):
    """Note that the page that is being read names something."""
    if not hasattr(env, "zcgem_named"):
        env.zcgem_named = {}
    env.zcgem_named.setdefault(env.docname, set()).add((kind, text))


def forget(_app, env, docname):
    """A page is read anew, or gone."""
    getattr(env, "zcgem_named", {}).pop(docname, None)


class Subtest(SourceName):
    def exists(self, root, text):
        program, _, subtest = text.partition("@")
        remember(self.env, "test", program)
        path = root / "igt-tests" / f"{program}.c"
        return path.exists() and (not subtest
                                  or f'igt_subtest("{subtest}")' in path.read_text("utf-8"))


class Source(SourceName):
    def exists(self, root, text):
        remember(self.env, "source", text)
        return (root / DRIVER / text).exists() or (root / text).exists()


class Identifier(SourceName):
    def exists(self, root, text):
        pattern = re.compile(rf"\b{re.escape(text)}\b")
        return any(pattern.search(path.read_text("utf-8"))
                   for top in (DRIVER, "uapi") for path in sources(root, top))


class Function(Identifier):
    def shown(self, text):
        return f"{text}()"

    def exists(self, root, text):
        pattern = re.compile(rf"^[a-z].*\b{re.escape(text)}\(", re.MULTILINE)
        return any(pattern.search(path.read_text("utf-8"))
                   for path in sources(root, DRIVER))


def check_all_named(app, env):
    """Warn of files of the driver that the page on the architecture leaves out."""
    named = getattr(env, "zcgem_named", {}).get("architecture", set())
    for path in sources(pathlib.Path(app.config.kerneldoc_root), DRIVER):
        if ("source", path.name) not in named:
            logging.getLogger(__name__).warning(f"{DRIVER}/{path.name} is not named",
                                                location="architecture")


def check_all_tests_named(app, env):
    """Warn of IGT tests that no page names, nor any subtest of theirs."""
    named = set().union(*getattr(env, "zcgem_named", {}).values())
    for path in sorted((pathlib.Path(app.config.kerneldoc_root) / "igt-tests").glob("zcgem_*.c")):
        if ("test", path.stem) not in named:
            logging.getLogger(__name__).warning(f"no page names {path.stem}",
                                                location="contracts/index")


def check_module_page(app, env):
    """Warn of module parameters and trace events that the page on the module leaves out."""
    root = pathlib.Path(app.config.kerneldoc_root)
    page = pathlib.Path(env.doc2path("module")).read_text("utf-8")
    for path in sources(root, DRIVER):
        code = path.read_text("utf-8")
        names = re.findall(r"^module_param(?:_named)?\((\w+)", code, re.MULTILINE)
        names += re.findall(r"^TRACE_EVENT\((\w+)", code, re.MULTILINE)
        names += re.findall(r"^DEFINE_EVENT(?:_PRINT)?\(\w+, (\w+)", code, re.MULTILINE)
        for name in names:
            if f"``{name}``" not in page:
                logging.getLogger(__name__).warning(f"{name} of {path.name} is not explained",
                                                    location="module")


def setup(app):
    """Called by Sphinx."""
    app.connect("env-check-consistency", check_module_page)
    app.add_role("igt", Subtest())
    app.add_role("src", Source())
    app.add_role("fn", Function())
    app.add_role("id", Identifier())
    app.connect("env-purge-doc", forget)
    app.connect("env-check-consistency", check_all_named)
    app.connect("env-check-consistency", check_all_tests_named)
    return {"parallel_read_safe": False, "version": "2"}
