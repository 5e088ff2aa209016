# SPDX-License-Identifier: MIT
"""The directive ``kernel-doc``: puts a C file's documentation comments into a page.

    .. kernel-doc:: uapi/drm/zcgem_drm.h
       :doc: zcgem uAPI

With ``:doc:`` the section of that title, without it everything else in the file:
structures, enumerations, constants and functions. Debian packages no extension
for comments in the kernel's style; the kernel's own script is not a package.
"""

import pathlib
import re

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles

COMMENT = re.compile(r"^[ \t]*/\*\*(?!\*)(.*?)\*/", re.DOTALL | re.MULTILINE)
HEAD = re.compile(r"^(?:(struct|enum)\s+)?(\w+)(\(\))?\s+-\s+(.*)$")
MEMBER = re.compile(r"^@(\w+):\s*(.*)$")


class KernelDocError(Exception):
    """A comment that does not fit the code below it; the text says where."""


def comment_lines(text):
    """The lines of a comment without its frame; what is indented stays so."""
    lines = [re.sub(r"^\s*\*( |$)?", "", line) for line in text.split("\n")]
    # Tabs of the source stand behind a column that has been cut off.
    lines = [line.expandtabs(8).rstrip() for line in lines]
    lines[0] = lines[0].strip()
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def markup(line):
    """From the kernel's short forms to reStructuredText."""
    line = re.sub(r"&(struct|enum) (\w+)", r":c:\1:`\2`", line)
    line = re.sub(r"&(\w+)\.(\w+)", r":c:member:`\1.\2`", line)
    line = re.sub(r"(?<![\w`])%(-?\w+)", r"``\1``", line)
    line = re.sub(r"(?<![\w`])@(\w+)", r"*\1*", line)
    return re.sub(r"(?<![\w`:*])(zcgem_\w+)\(\)", r":c:func:`\1`", line)


def indent(lines, depth=1):
    """Lines as the content of a directive."""
    return ["   " * depth + line if line else "" for line in lines]


def body_of(code, start):
    """The text between the braces that open after start, and where it ends."""
    opening = code.index("{", start)
    depth = 0
    for end in range(opening, len(code)):
        depth += {"{": 1, "}": -1}.get(code[end], 0)
        if not depth:
            return code[opening + 1:end], end
    raise KernelDocError("a brace is not closed")


def paragraphs(lines):
    """Text in reStructuredText, with the section Return: as a field."""
    out = []
    for line in lines:
        returns = re.match(r"^Return:\s*(.*)$", line)
        if returns:
            out += ["", ":returns:"] + indent([markup(returns[1])])
        else:
            inside = out and any(text == ":returns:" for text in out)
            out += indent([markup(line)]) if inside else [markup(line)]
    return out


def members(body, what):
    """Each member's declaration and text, from a comment right above it or its line."""
    found, position = [], 0
    for comment in COMMENT.finditer(body):
        lines = comment_lines(comment[1])
        head = MEMBER.match(lines[0]) if lines else None
        if not head:
            continue
        declaration = re.sub(r"\s+", " ", re.match(r"[^;,]*", body[comment.end():])[0]).strip()
        if not re.search(rf"\b{head[1]}\b", declaration):
            raise KernelDocError(f"{what}: @{head[1]} is not above its member")
        found.append((declaration, [head[2]] + lines[1:]))
        position = comment.end()
    if not position:
        raise KernelDocError(f"{what}: no member is documented")
    plain = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    count = len([part for part in re.split(r"[;,]", plain) if part.strip()])
    if count != len(found):
        raise KernelDocError(f"{what}: {count} members, {len(found)} documented")
    return found


def render_aggregate(kind, name, text, code, start):
    """A structure or enumeration with its members."""
    out = [f".. c:{kind}:: {name}", ""] + indent(paragraphs(text)) + [""]
    body, _ = body_of(code, start)
    for declaration, lines in members(body, f"{kind} {name}"):
        if kind == "enum":
            label, _, value = (part.strip() for part in declaration.partition("="))
            out += indent([f".. c:enumerator:: {label}", ""])
            lines = lines + ["", f"Value {value}."] if value else lines
        else:
            out += indent([f".. c:member:: {declaration}", ""])
        out += indent(paragraphs(lines), 2) + [""]
    return out


def render_function(name, text, code, start):
    """A function with its parameters."""
    prototype = re.match(r"[^{;]*", code[start:])[0]
    prototype = re.sub(r"\s+", " ", prototype).strip().removeprefix("drm_public ")
    if f"{name}(" not in prototype:
        raise KernelDocError(f"{name}(): not above the function")
    fields, rest = [], []
    target = rest
    for line in text:
        head = MEMBER.match(line)
        if head:
            if not re.search(rf"\b{head[1]}\b", prototype):
                raise KernelDocError(f"{name}(): no parameter {head[1]}")
            target = fields
            fields += [f":param {head[1]}: {markup(head[2])}"]
        elif target is fields and line:
            fields += indent([markup(line.strip())])
        else:
            target = rest
            rest += [line]
    return ([f".. c:function:: {prototype}", ""] + indent(paragraphs(rest[:1])) + [""]
            + indent(fields) + [""] + indent(paragraphs(rest[1:])) + [""])


def render_macro(name, text, code, start):
    """A constant."""
    define = re.match(rf"\s*#define\s+{name}\s+(.+)", code[start:])
    if not define:
        raise KernelDocError(f"{name}: not above its #define")
    return ([f".. c:macro:: {name}", ""] + indent(paragraphs(text))
            + ["", f"   Value: ``{define[1].strip()}``", ""])


def render(code, doc=None):
    """The file's documentation as lines of reStructuredText."""
    out, skip_to = [], 0
    for comment in COMMENT.finditer(code):
        if comment.start() < skip_to:
            continue
        lines = comment_lines(comment[1])
        title = re.match(r"^DOC: (.*)$", lines[0]) if lines else None
        if title or doc:
            if title and doc == title[1]:
                return [markup(line) for line in lines[1:]]
            continue
        head = HEAD.match(lines[0]) if lines else None
        if not head:
            continue
        text = [head[4]] + lines[1:]
        if head[1]:
            out += render_aggregate(head[1], head[2], text, code, comment.end())
            skip_to = body_of(code, comment.end())[1]
        elif head[3]:
            out += render_function(head[2], text, code, comment.end())
        else:
            out += render_macro(head[2], text, code, comment.end())
    if not out:
        raise KernelDocError(f"nothing found{f' with the title {doc}' if doc else ''}")
    return out


class KernelDoc(SphinxDirective):
    """See the head of this file."""

    required_arguments = 1
    has_content = False
    option_spec = {"doc": directives.unchanged}

    def run(self):
        path = pathlib.Path(self.config.kerneldoc_root) / self.arguments[0]
        self.env.note_dependency(str(path))
        try:
            lines = render(path.read_text("utf-8"), self.options.get("doc"))
        except (KernelDocError, OSError) as error:
            raise self.error(f"{self.arguments[0]}: {error}")
        node = nodes.section()
        node.document = self.state.document
        nested_parse_with_titles(self.state, StringList(lines, source=str(path)), node)
        return node.children


def setup(app):
    """Called by Sphinx."""
    app.add_config_value("kerneldoc_root", ".", "env")
    app.add_directive("kernel-doc", KernelDoc)
    return {"parallel_read_safe": True, "version": "1"}
