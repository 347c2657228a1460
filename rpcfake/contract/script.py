"""The program of a scene: what was done in it, as lines of Python that a person can run."""

from __future__ import annotations

import datetime
import decimal
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import Any

from rpcfake.contract.violation import tell

WIDTH = 100
"""Columns that a line and the remark beside it may take together."""

LONGEST = 2000
"""Characters of a value that are written out; of a longer one only a part is."""

LOOP = 4
"""Lines that differ in nothing but a tag that counts up, to be shown as a loop."""

_TAG = re.compile(r"\btag=(\d+)\b")

FEW = 64
"""Values of which is remembered where they came from."""


class Block:
    """Lines that belong together: those of the program, or of what runs beside it.

    Args:
        apart: whether the program can't use what is given here.
    """

    def __init__(self, apart: bool = False) -> None:
        self.lines: list[Line] = []
        self.apart = apart

    @property
    def does_something(self) -> bool:
        """Whether there is more in it than remarks."""
        return any(line.text for line in self.lines)


class Line:
    """One statement, what it gave or raised as a remark, and what stands inside it.

    Args:
        names: makes a new name of what it begins with.
        text: the statement without what it is assigned to; ``with …`` without the colon.
    """

    def __init__(self, names: Callable[[str], str], text: str, name: str = "") -> None:
        self._names = names
        self.text = text
        self.name = name
        self.remarks: list[str] = []
        self.within: Block | None = None
        """What stands inside of a ``with``."""
        self.beside: Block | None = None
        """What runs beside the program."""

    def named(self, stem: str) -> str:
        """The name of what the statement gives; it has one from now on."""
        self.name = self.name or self._names(stem)
        return self.name

    def remark(self, text: str) -> None:
        """Say beside the line what came of it; nothing in it can end the comment."""
        self.remarks.append(
            "".join(
                char if char.isprintable() else ascii(char)[1:-1] for char in " ".join(text.split())
            )
        )


@dataclass(frozen=True)
class Sequence:
    """Values in a row, and how the program gets at them."""

    values: list[Any]
    expression: Callable[[], str]
    one: bool

    def part(self) -> str:
        """It as a part of a list."""
        return self.expression() if self.one else f"*{self.expression()}"


_block: ContextVar[Block | None] = ContextVar("_block", default=None)
"""The block that whoever runs now writes to, if that is not the program itself."""


class Script:
    """Writes the program, and remembers by which name or expression a value can be had in it."""

    def __init__(self) -> None:
        self._main = Block()
        self._counts: Counter[str] = Counter()
        self._imports: list[str] = []
        self._fresh: deque[tuple[Any, Callable[[], str]]] = deque(maxlen=FEW)
        self._known: deque[tuple[Any, Callable[[], str]]] = deque(maxlen=FEW)
        self._sequences: deque[Sequence] = deque(maxlen=FEW)
        self._kept: list[tuple[Any, str]] = []

    # Writing

    def write(self, text: str, name: str = "") -> Line:
        """Add a statement where whoever runs now stands."""
        lines = self._block.lines
        if lines and text == lines[-1].text == "scene.settle()":
            return lines[-1]
        line = Line(self._name, text, name)
        lines.append(line)
        self._fresh.clear()
        return line

    @contextmanager
    def inside(self, text: str) -> Iterator[Line]:
        """Add a ``with`` statement; what is written meanwhile stands inside it."""
        line = self.write(text)
        line.within = Block(self._block.apart)
        before = _block.set(line.within)
        try:
            yield line
        finally:
            _block.reset(before)

    @contextmanager
    def muted(self) -> Iterator[None]:
        """What is written meanwhile is a part of the line before, and left out."""
        before = _block.set(Block(apart=True))
        try:
            yield
        finally:
            _block.reset(before)

    def beside(self, line: Line, run: Callable[[], None]) -> Callable[[], None]:
        """The function, which writes what it does into this line when it runs."""
        block = line.beside = Block(apart=True)

        def writes_beside() -> None:
            before = _block.set(block)
            try:
                run()
            finally:
                _block.reset(before)

        return writes_beside

    @property
    def _block(self) -> Block:
        return _block.get() or self._main

    def needs(self, statement: str) -> None:
        """Add an import."""
        if statement not in self._imports:
            self._imports.append(statement)

    def _name(self, stem: str) -> str:
        self._counts[stem] += 1
        return f"{stem}{self._counts[stem]}"

    # Values

    def remember(self, value: Any, expression: Callable[[], str]) -> None:
        """Remember by which expression a value that was just got can be had."""
        if not self._block.apart:
            self._fresh.append((value, expression))
            if not _is_common(value):
                self._known.append((value, expression))

    def remember_all(
        self, values: list[Any], expression: Callable[[], str], one: bool = False
    ) -> None:
        """Remember by which expression these values in a row can be had.

        Args:
            one: whether the expression is that of the only value, and not of a list.
        """
        if not self._block.apart:
            self._sequences.append(Sequence(values, expression, one))

    def keep(self, value: Any, name: str, source: str = "") -> None:
        """Give a value a name: from now on this very object goes by it.

        Args:
            source: how the program makes it, if not as a literal.
        """
        self._kept = [kept for kept in self._kept if kept[0] is not value]
        self.write(source or self.source(value), name)
        self._kept.append((value, name))

    def expression(self, value: Any) -> str | None:
        """How the program gets at a value that was got; None where it does not."""
        for known, name in self._kept:
            if known is value:
                return name
        places = self._fresh if _is_common(value) else [*self._known, *self._fresh]
        for known, expression in reversed(places):
            if known is value:
                return str(expression())
        if _is_common(value):
            return None
        for known, expression in reversed(self._fresh):
            for key, each in known.items() if isinstance(known, dict) else ():
                if each is value:
                    return f"{expression()}[{key!r}]"
        return self._parts(value) if isinstance(value, list) else None

    def _parts(self, values: list[Any]) -> str | None:
        """A list that was put together from values that were got one after the other."""
        used: list[Sequence] = []
        rest = len(values)
        for sequence in reversed(self._sequences):
            size = len(sequence.values)
            if values and not size:
                continue
            if size <= rest and all(map(_is, sequence.values, values[rest - size : rest])):
                used.append(sequence)
                rest -= size
            if not rest:
                break
        if rest or not used:
            return None
        if len(used) == 1 and not used[0].one:
            return used[0].expression()
        return f"[{', '.join(each.part() for each in reversed(used))}]"

    def source(self, value: Any) -> str:
        """A value as Python source; of a very long one a part, as a str."""
        try:
            text = self._source(value)
        except RecursionError:  # it holds itself
            text = ""
        return text if 0 < len(text) <= LONGEST else repr(tell(value))

    def _source(self, value: Any) -> str:
        for known, name in self._kept:
            if known is value:
                return name
        if type(value) is str:
            return _long_str(value) if len(value) > 60 else repr(value)
        if type(value) is int:
            return _long_int(value) if abs(value) > 10**60 else repr(value)
        if type(value) is float and not isfinite(value):
            return f"float('{value}')"
        if type(value) is dict:
            return f"{{{', '.join(map(self._item, value.items()))}}}"
        if type(value) is list:
            return f"[{', '.join(map(self._source, value))}]"
        if type(value) is tuple:
            return f"({', '.join(map(self._source, value))}{',' * (len(value) == 1)})"
        if type(value) is MappingProxyType:
            self.needs("import types")
            return f"types.MappingProxyType({self._source(dict(value))})"
        if type(value) is datetime.date:
            self.needs("import datetime")
        if type(value) is decimal.Decimal:
            self.needs("import decimal")
            return f"decimal.{value!r}"
        if isinstance(value, type):
            return value.__name__
        if type(value) is object:
            return "object()"
        if type(value).__module__ == "rpcfake.contract.forms":
            self.needs("from rpcfake.contract import forms")
        return repr(value)

    def _item(self, item: tuple[Any, Any]) -> str:
        return f"{self._source(item[0])}: {self._source(item[1])}"

    # Reading

    @property
    def lines(self) -> list[str]:
        """The program so far: its imports, then what stands in the ``with`` of `play`."""
        return [*self._imports, *_rendered(self._main)]


def _is(left: Any, right: Any) -> bool:
    return left is right


def _is_common(value: Any) -> bool:
    """Whether two equal values may well be one object, though they came from two places."""
    return not isinstance(value, list | dict) and not (isinstance(value, str) and len(value) > 20)


def _long_str(value: str) -> str:
    return f"{value[0]!r} * {len(value)}" if value == value[0] * len(value) else repr(value)


def _long_int(value: int) -> str:
    digits = len(str(abs(value)))
    below = 10**digits - abs(value)
    if below > 10**9:
        return repr(value)
    return f"{'-' * (value < 0)}(10**{digits} - {below})"


def _rendered(block: Block) -> Iterator[str]:
    for run in _runs(list(block.lines)):
        line = run[0]
        if len(run) >= LOOP:
            first, last = (_TAG.findall(one.text)[0] for one in (line, run[-1]))
            yield f"for tag in range({'' if first == '0' else f'{first}, '}{int(last) + 1}):"
            yield from _remarked(f"    {_TAG.sub('tag=tag', line.text)}", line.remarks)
            continue
        if line.beside is not None:
            yield from _beside(line, line.beside)
            continue
        if line.within is None:
            yield from _remarked(_assigned(line), line.remarks)
            continue
        first, *remark = _remarked(
            f"{line.text}{f' as {line.name}' if line.name else ''}:", line.remarks
        )
        yield first
        yield from (f"    {each}" for each in _rendered(line.within))
        if not line.within.does_something:
            yield "    pass"
        yield from remark


def _runs(lines: list[Line]) -> Iterator[list[Line]]:
    """The lines, those together that differ in nothing but a tag that counts up."""
    run: list[Line] = []
    for line in lines:
        if run and not (_is_next(run[-1], line)):
            yield from [run] if len(run) >= LOOP else ([one] for one in run)
            run = []
        run.append(line)
    yield from [run] if len(run) >= LOOP else ([one] for one in run)


def _is_next(before: Line, line: Line) -> bool:
    if line.name or before.name or line.within or line.beside or line.remarks != before.remarks:
        return False
    tags = _TAG.findall(before.text), _TAG.findall(line.text)
    if len(tags[0]) != 1 or len(tags[1]) != 1 or int(tags[1][0]) != int(tags[0][0]) + 1:
        return False
    return _TAG.sub("", before.text) == _TAG.sub("", line.text)


def _beside(line: Line, block: Block) -> Iterator[str]:
    """A function that runs beside the program: a lambda where one line does."""
    inner = list(block.lines)
    if len(inner) == 1 and inner[0].within is None and not inner[0].name:
        yield from _remarked(
            f"{f'{line.name} = ' if line.name else ''}scene.spawn(lambda: {inner[0].text})",
            [*inner[0].remarks, *line.remarks],
        )
        return
    function = line.named("beside")
    yield f"def does_{function}():"
    yield from (f"    {each}" for each in _rendered(block))
    if not block.does_something:
        yield "    pass"
    yield from _remarked(f"{function} = scene.spawn(does_{function})", line.remarks)


def _assigned(line: Line) -> str:
    return f"{line.name} = {line.text}" if line.name else line.text


def _remarked(text: str, remarks: list[str]) -> Iterator[str]:
    remark = f"# {'; '.join(remarks)}" if remarks else ""
    if not text or not remark:
        yield text or remark
    elif len(text) + len(remark) + 2 <= WIDTH:
        yield f"{text}  {remark}"
    else:
        yield text
        yield remark
