"""Secrets are taken out before anything is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rpcfake.hints import brief

DEFAULTS: dict[int, tuple[str, ...]] = {
    1: (
        *("password", "passwd", "passphrase", "adminpass", "pwd", "secret", "token"),
        *("apikey", "accesskey", "privatekey", "sharedkey", "signature", "credential"),
        *("authorization", "cookie", "sessionid"),
    )
}
"""Parts of the names of keys whose values are secret, by the version of the list.

A name counts in lower case and without ``_`` and ``-``, so that ``adminPass``, ``X-Auth-Token`` and
``db_password`` are found. A list is never changed: a cassette names the version it was written by.
"""

NEWEST = max(DEFAULTS)
SHORTEST = 4
"""Characters of a secret that is looked for in other texts: a shorter one is found all over."""
CERTAIN = 8
"""Characters of one that is replaced even inside a longer word."""

LONGEST_NAME = 80
"""Characters of a name that is looked at in a text."""

STUMP = 6
"""Characters of a secret that are left where it was cut, and tell too much."""
NEAR = 400
"""Characters beside a cut that are looked at."""

KEEP = ("tokentype", "tokencount", "tokenscount", "numtokens", "maxtokens")
"""Names that look secret, and tell about secrets only."""

MARK = re.compile(r"\[redacted #\d+\]")
"""What stands for a secret."""
_MARKS = re.compile(r"\[redacted #(\d{1,18})\]")
_CUTS = re.compile(r"\.\.\.|…")
_JOINTS = str.maketrans("", "", "_- .")

_IN_TEXTS = (
    re.compile(
        r"\b(?:authorization|cookie)\b\\?[\"']?\s*[:=]\s*(?P<secret>[^\s\"'][^\n\"']*)", re.I
    ),
    re.compile(r"\bBearer\s+(?P<secret>[\w.~+/=-]{8,})", re.I),
    re.compile(r"\bBasic\s+(?P<secret>(?=[a-z]*[A-Z\d=+/])[A-Za-z\d+/]{8,}={0,2})"),
    re.compile(
        r"(?P<secret>-----BEGIN [A-Z ]{0,40}KEY-----.*?(?:-----END [A-Z ]{0,40}-----|\Z))", re.S
    ),
    re.compile(r"(?<![\w-])(?P<secret>eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)"),
)
"""Secrets that are known by their looks."""

_URL = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s\"'<>]+", re.I)

_HINTS = (
    *("pass", "pwd", "secret", "token", "key", "signature", "credential", "author", "cookie"),
    *("session", "://", "bearer", "basic", "eyj", "begin"),
)
"""Of each name in `DEFAULTS`, and of all `_IN_TEXTS`, a part that has no joint in it."""


@dataclass(frozen=True)
class Redaction:
    """What is secret.

    The value of a key with such a name is replaced, wherever it stands: in args, contexts, headers,
    replies, and in texts such as ``password=…``. So is a URL's password, a bearer token, a private
    key and a JSON web token in any text; and whatever was found to be secret at one place is
    replaced at every other: as a word of its own, from 8 characters on anywhere. What takes the
    place of equal secrets is equal: ``[redacted #1]``.

    Args:
        keys: names of keys, or parts of names, whose values are secret too. Case, ``_`` and ``-``
            don't count.
        keep: names of keys that are not secret although they look so; whole names.
        patterns: regular expressions for secrets in texts: the group named ``secret``, or all of
            the match, is replaced.
        defaults: the version of the list of names that are secret in any case; 0 is none.

    Raises:
        TypeError, ValueError: a rule is malformed.
    """

    keys: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    defaults: int = NEWEST

    def __post_init__(self) -> None:
        for name in ("keys", "keep", "patterns"):
            given = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Iterable):
                raise TypeError(f"{name} is {brief(given)}: it must be a list of texts")
            texts = tuple(given)
            for text in texts:
                if not isinstance(text, str) or not _plain(text):
                    raise ValueError(f"{name} has {brief(text)}: it must have non-empty texts only")
            object.__setattr__(self, name, texts)
        if type(self.defaults) is not int or self.defaults not in (0, *DEFAULTS):
            known = ", ".join(map(str, (0, *DEFAULTS)))
            raise ValueError(f"defaults is {brief(self.defaults)}: it must be one of {known}")
        for pattern in self.patterns:
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                raise ValueError(
                    f"patterns has {brief(pattern)}, which is no regular expression: {error}"
                ) from None

    def to_dict(self) -> dict[str, Any]:
        """It as a cassette's header has it."""
        given = {"keys": list(self.keys), "keep": list(self.keep), "patterns": list(self.patterns)}
        return {"defaults": self.defaults} | {name: rules for name, rules in given.items() if rules}


def check_redaction(redact: object) -> Redaction | None:
    """The rules that an argument stands for: True is the default ones, False and None are none."""
    if redact is True:
        return Redaction()
    if redact is None or redact is False:
        return None
    if isinstance(redact, Redaction):
        return redact
    raise TypeError(f"redact is {brief(redact)}: it must be True, False or a Redaction")


class Redactor:
    """Takes the secrets out of what goes into one cassette, and remembers which is which."""

    def __init__(self, rules: Redaction) -> None:
        self.rules = rules
        self._words = tuple(map(_plain, (*DEFAULTS.get(rules.defaults, ()), *rules.keys)))
        self._own = tuple(map(_plain, rules.keys))
        self._keep = frozenset((*KEEP, *map(_plain, rules.keep)))
        self._patterns = (*_IN_TEXTS, *_assignments(self._words))
        self._own_patterns = tuple(map(re.compile, rules.patterns))
        self._marks: dict[str, str] = {}
        self._last = 0
        # What was found to be secret, with its mark; and all forms in which it may stand in JSON or
        # in a repr. Of both, the lengths by the first characters: many begin alike.
        self._of: dict[str, str] = {}
        self._lengths: dict[str, list[int]] = {}
        self._forms: set[str] = set()
        self._lengths_of_forms: dict[str, list[int]] = {}
        self._known: dict[str, bool] = {}

    def suspects(self, text: str) -> bool:
        """Whether a text, be it JSON or not, may hold a secret."""
        if self.rules.patterns or "\\u00" in text:  # what is escaped may be a key's name
            return True
        lower = text.lower()
        for hint in _HINTS:
            if hint in lower:
                return True
        if self._own:
            plain = _plain(lower)
            if any(word in plain for word in self._own):
                return True
        return self.has_known(text)

    def has_known(self, text: str) -> bool:
        """Whether something stands in it that was found to be secret at another place."""
        forms, lengths = self._forms, self._lengths_of_forms
        return bool(forms) and any(
            text[place : place + length] in forms
            for place in range(len(text) - SHORTEST + 1)
            if text[place : place + SHORTEST] in lengths
            for length in lengths[text[place : place + SHORTEST]]
        )

    @property
    def knows_any(self) -> bool:
        """Whether anything was found to be secret by now."""
        return bool(self._of)

    def reserve(self, text: str) -> None:
        """Leave the marks of a text to what they stand for."""
        for number in _MARKS.findall(text):
            self._last = max(self._last, int(number))

    def learn(self, value: Any) -> None:
        """Note the secrets of a value, so that they are found in what is written before it."""
        self.redact(value)

    def redact(self, value: Any) -> Any:
        """A copy without secrets."""
        match value:
            case str():
                return self._in_text(value)
            case Mapping():
                return {self._in_key(key): self._of_key(key, each) for key, each in value.items()}
            case list() | tuple():
                return [self.redact(each) for each in value]
        return value

    def redact_shortened(self, text: str) -> str:
        """A text without secrets, where somebody may have cut them: ``open-ses...me-1``."""
        text = self.redact(text)
        stumps = [
            (*stump, mark)
            for cut in _CUTS.finditer(text)
            for secret, mark in self._of.items()
            for stump in _stumps(secret, text, cut)
        ]
        rest = len(text)
        for end, begin, mark in sorted(stumps, reverse=True):
            if end <= rest:
                text, rest = text[:begin] + mark + text[end:], begin
        return text

    def mark(self, secret: Any, *, elsewhere: bool = True) -> str:
        """What stands for a secret; the same for what is equal. It is looked for ``elsewhere``."""
        text = (
            secret if isinstance(secret, str) else json.dumps(secret, sort_keys=True, default=repr)
        )
        if MARK.fullmatch(text):
            return text
        mark = self._marks.get(text)
        if mark is None:
            self._last += 1
            mark = self._marks[text] = f"[redacted #{self._last}]"
        if elsewhere:
            for part in _texts(secret):
                if len(part) >= SHORTEST and not MARK.search(part):
                    self._remember(part, mark)
        return mark

    def _of_key(self, key: Any, value: Any) -> Any:
        if _tells_nothing(value) or not self._is_secret(str(key)):
            return self.redact(value)
        return self.mark(value)

    def _in_key(self, key: Any) -> Any:
        """A key that is a secret itself, such as a token that something is kept by."""
        return self._without_known(key, CERTAIN) if isinstance(key, str) else key

    def _is_secret(self, key: str) -> bool:
        known = self._known.get(key)
        if known is None:
            plain = _plain(key)
            known = plain not in self._keep and any(word in plain for word in self._words)
            if len(self._known) < 10_000:  # keys may be data, without end
                self._known[key] = known
        return known

    def _in_text(self, text: str) -> str:
        if not self.suspects(text):
            return text
        text = self._without_known(text)
        text = _URL.sub(self._in_url, text)
        for pattern in self._patterns:
            text = pattern.sub(self._loose, text)
        for pattern in self._own_patterns:
            text = pattern.sub(self._strict, text)
        return text

    def _without_known(self, text: str, shortest: int = SHORTEST) -> str:
        """The text without what was found to be secret at another place."""
        if not self._of:
            return text
        parts, begin, place = [], 0, 0
        while place <= len(text) - SHORTEST:
            secret = self._secret_at(text, place, shortest)
            if secret is None:
                place += 1
                continue
            parts += [text[begin:place], self._of[secret]]
            begin = place = place + len(secret)
        return "".join([*parts, text[begin:]])

    def _secret_at(self, text: str, place: int, shortest: int) -> str | None:
        for length in self._lengths.get(text[place : place + SHORTEST], ()):
            secret = text[place : place + length]
            if length < shortest or secret not in self._of:
                continue
            if length >= CERTAIN or _is_word(text, place, place + length):
                return secret
        return None

    def _in_url(self, found: re.Match[str]) -> str:
        """Without its passwords: there may be several hosts, with one each."""
        scheme, _, rest = found[0].partition("://")
        hosts = rest.split(",")
        for number, host in enumerate(hosts):
            who, at, where = host.rpartition("@")
            user, colon, password = who.partition(":")
            if colon and password and not MARK.search(password):
                hosts[number] = f"{user}:{self.mark(password)}{at}{where}"
        return f"{scheme}://{','.join(hosts)}"

    def _loose(self, found: re.Match[str]) -> str:
        """What only looks like a secret is none elsewhere, unless it is hardly anything else."""
        if _plain(_name_at(found.string, found.start())) in self._keep:
            return found[0]
        secret = found["secret"]
        certain = len(secret) >= CERTAIN and any(map(str.isdigit, secret))
        return self._replaced(found, elsewhere=certain)

    def _strict(self, found: re.Match[str]) -> str:
        return self._replaced(found, elsewhere=True)

    def _replaced(self, found: re.Match[str], *, elsewhere: bool) -> str:
        group = "secret" if "secret" in found.re.groupindex else 0
        secret = found[group]
        if not secret or MARK.search(secret):
            return found[0]
        whole, (start, end) = found.string, found.span(group)
        mark = self.mark(secret, elsewhere=elsewhere)
        return whole[found.start() : start] + mark + whole[end : found.end()]

    def _remember(self, secret: str, mark: str) -> None:
        """Look for it in other texts too."""
        if secret in self._of:
            return
        shown = repr(secret)[1:-1]
        quoted = (json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (False, True))
        for text in (secret, shown):
            self._of.setdefault(text, mark)
            _note_length(self._lengths, text)
        for form in (secret, shown, *quoted):
            self._forms.add(form)
            _note_length(self._lengths_of_forms, form)


def _note_length(lengths: dict[str, list[int]], text: str) -> None:
    """The longest come first."""
    known = lengths.setdefault(text[:SHORTEST], [])
    if len(text) not in known:
        known.append(len(text))
        known.sort(reverse=True)


def _stumps(secret: str, text: str, cut: re.Match[str]) -> Iterator[tuple[int, int]]:
    """Where a secret's beginning stands before a cut, or its end behind it: ends and begins."""
    before = text[max(cut.start() - NEAR, 0) : cut.start()]
    place = before.find(secret[:STUMP])
    if place >= 0 and len(secret) > STUMP and secret.startswith(before[place:]):
        yield cut.start(), cut.start() - len(before) + place
    behind = text[cut.end() : cut.end() + NEAR]
    place = behind.find(secret[-STUMP:])
    if place >= 0 and len(secret) > STUMP and secret.endswith(behind[: place + STUMP]):
        yield cut.end() + place + STUMP, cut.end()


def _is_word(text: str, start: int, end: int) -> bool:
    """Whether what stands there is no part of a longer word."""
    before = start > 0 and _is_letter(text[start - 1]) and _is_letter(text[start])
    after = end < len(text) and _is_letter(text[end]) and _is_letter(text[end - 1])
    return not before and not after


def _tells_nothing(value: Any) -> bool:
    """Whether a value is no secret whatever its key is called. (What a codec of its own carries
    may be equal to nothing, or refuse to say.)"""
    if isinstance(value, bool | int | float):
        return value in (True, False)
    return value is None or (isinstance(value, str) and not value)


def _name_at(text: str, place: int) -> str:
    """The whole name that stands there, from its beginning."""
    begin = place
    while begin > max(place - LONGEST_NAME, 0) and re.match(r"[\w-]", text[begin - 1]):
        begin -= 1
    found = re.compile(r"[\w-]+").match(text, begin, place + LONGEST_NAME)
    return found[0] if found else ""


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_"


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case bytes():
            yield value.decode("utf-8", "replace")
        case int() if value >= 10**5:
            yield str(value)
        case Mapping():
            for each in value.values():
                yield from _texts(each)
        case list() | tuple():
            for each in value:
                yield from _texts(each)


def _plain(name: str) -> str:
    return name.translate(_JOINTS).lower()


def _jointed(word: str) -> str:
    """A pattern for a word that may have joints between its letters."""
    return "[_-]?".join(map(re.escape, word))


def _assignments(words: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """``"api_key": "…"``, ``password=…``, ``--token …`` in a text."""
    names = "|".join(map(_jointed, words)) or "(?!)"
    name = rf"(?:{names})[\w-]{{0,40}}\\?[\"']?"
    nothing = r"(?!(?:None|null|True|False)\b)"
    plain = rf"(?P<secret>{nothing}[^\s\"'\\,;&(){{}}\[\]<>]+)"
    end = r"(?P=escape)(?P=quote)"
    quoted = rf"u?(?P<escape>\\?)(?P<quote>[\"'])(?P<secret>(?:(?!{end})(?:\\.|[^\n\\]))+)"
    return (
        re.compile(rf"{name}\s*(?:=>|[=:])\s*{quoted}", re.I),
        re.compile(rf"{name}\s*(?:=>|[=:])\s*{plain}", re.I),
        re.compile(rf"--[\w-]{{0,40}}(?:{names})[\w-]{{0,40}}\s+{plain}", re.I),
    )
