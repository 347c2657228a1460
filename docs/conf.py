"""Sphinx: `nox -s docs` builds the pages with warnings as errors."""

from importlib.metadata import version as version_of

project = "rpcfake"
author = "the rpcfake authors"
project_copyright = "the rpcfake authors"
version = release = version_of("rpcfake")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "changelog.d", "examples", "reference/matrix-*judged.md"]
html_theme = "furo"
html_title = f"rpcfake {version}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# In docstrings a single backquote is code, as it is in Markdown.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True

# References to our own objects must resolve. Those to other projects would need their inventories
# from the net, and a build that fails because a site is down says nothing about the pages.
nitpick_ignore_regex = [("py:.*", r"(?!rpcfake|pytest_rpcfake).*")]


def keep_colons(app, what, name, obj, options, lines):  # type: ignore[no-untyped-def]
    """Napoleon would take what stands before a colon in a property's first line for its type."""
    if what in ("attribute", "property", "data"):
        lines.insert(0, "")


def setup(app):  # type: ignore[no-untyped-def]
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
