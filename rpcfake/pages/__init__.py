"""Pages that need no network: one file each, with a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpcfake.files import replacing

if TYPE_CHECKING:
    from markupsafe import Markup

_HERE = Path(__file__).parent


def render(
    folder: Path,
    name: str,
    data: Iterable[tuple[str, str]],
    *,
    scripts: Iterable[str] = (),
    style: str = "",
    **names: Any,
) -> Iterator[str]:
    """The parts of a page, in order.

    What every page has stands in this package: ``base.html``, ``base.css`` and ``base.js``.

    Args:
        folder: has ``<name>.html``, which extends ``base.html``, ``<name>.css`` and ``<name>.js``.
        name: of these three files.
        data: what the script reads: ids of elements, each with JSON as `embedded` gives it.
        scripts: names of more files of the script, before ``<name>.js``. All share their names.
        style: more of the style sheet. (A style attribute would break the page's own policy.)
        names: what the template is told.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["printable"] = printable
    environment.filters["breakable"] = breakable
    styles = _read(_HERE / "base.css") + _read(folder / f"{name}.css") + style
    files = [_HERE / "base.js", *(folder / f"{each}.js" for each in (*scripts, name))]
    # In a function: a browser has names such as `open` and `scroll` of its own.
    script = "\n".join(["(() => {", *map(_read, files), "})();"])
    yield from environment.get_template(f"{name}.html").generate(
        names,
        data=data,
        script=script,
        style=styles,
        script_hash=_hash(script),
        style_hash=_hash(styles),
    )


def write(folder: Path, parts: Iterable[str]) -> Path:
    """Write ``index.html`` into a folder, which is made if it is not there; gives its path.

    The file takes the place of what was there in one step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    with replacing(path) as file:
        file.writelines(parts)
    return path


def embedded(text: str) -> str:
    """JSON, all in ASCII, that can stand in a script element: nothing in it ends the element."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def to_json(data: Any) -> str:
    """A value as `embedded` JSON."""
    return embedded(json.dumps(data, ensure_ascii=True, separators=(",", ":")))


def printable(text: str) -> str:
    """A text in which nothing is unseen, and nothing turns it around."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def breakable(text: str) -> Markup:
    """`printable`, and a line may end at the joints of a URL or of a module's name."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([=/@.:_]+)", r"\1<wbr>", str(escape(printable(text)))))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy names an inline element by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
