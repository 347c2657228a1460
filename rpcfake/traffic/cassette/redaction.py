"""Secrets are taken out before anything is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
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
MOST = 1000
"""How many secrets of one cassette are looked for in other texts."""

_MARK = re.compile(r"\[redacted #\d+\]")
_JOINTS = str.maketrans("", "", "_- .")

_IN_TEXTS = (
    re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:(?P<secret>[^@\s/]+)@", re.I),
    re.compile(r"\b(?:Bearer|Basic)\s+(?P<secret>[\w.~+/=-]{8,})", re.I),
    re.compile(
        r"(?P<secret>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z))", re.S
    ),
    re.compile(r"\b(?P<secret>eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)"),
)
"""Secrets that are known by their looks."""


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
    key and a JSON web token in any text; and whatever was found to be secret at one place, as a
    text of 4 or more characters, is replaced at every other. What takes the place of equal secrets
    is equal: ``[redacted #1]``.

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
            except re.error as error:
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
        self._keep = frozenset(map(_plain, rules.keep))
        self._patterns = (*_IN_TEXTS, _assignments(self._words), *map(re.compile, rules.patterns))
        self._marks: dict[str, str] = {}
        self._secrets: dict[str, str] = {}
        self._grown = False
        self._anywhere: re.Pattern[str] | None = None
        self._as_word: re.Pattern[str] | None = None
        self._known: dict[str, bool] = {}

    def suspects(self, text: str) -> bool:
        """Whether a text, be it JSON or not, may hold a secret."""
        if self.rules.patterns:
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
        if self._grown:
            self._compile()
        return self._anywhere is not None and self._anywhere.search(text) is not None

    def learn(self, value: Any) -> None:
        """Note the secrets of a value, so that they are found in what is written before it."""
        self.redact(value)

    def redact(self, value: Any) -> Any:
        """A copy without secrets."""
        match value:
            case str():
                return self._in_text(value)
            case Mapping():
                return {self._in_text(key): self._of_key(key, each) for key, each in value.items()}
            case list() | tuple():
                return [self.redact(each) for each in value]
        return value

    def mark(self, secret: Any) -> str:
        """What stands for a secret; the same for what is equal."""
        text = (
            secret if isinstance(secret, str) else json.dumps(secret, sort_keys=True, default=repr)
        )
        if _MARK.fullmatch(text):
            return text
        if text not in self._marks:
            self._marks[text] = f"[redacted #{len(self._marks) + 1}]"
            self._remember(secret, self._marks[text])
        return self._marks[text]

    def _of_key(self, key: str, value: Any) -> Any:
        if value in (None, "", True, False) or not self._is_secret(key):
            return self.redact(value)
        return self.mark(value)

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
        for pattern in self._patterns:
            text = pattern.sub(self._replaced, text)
        if self._grown:
            self._compile()
        if self._as_word is not None:
            text = self._as_word.sub(lambda found: self._secrets[found[0]], text)
        return text

    def _replaced(self, found: re.Match[str]) -> str:
        group = "secret" if "secret" in found.re.groupindex else 0
        secret = found[group]
        if not secret or _MARK.search(secret):
            return found[0]
        start, end = found.span(group)
        return (
            found[0][: start - found.start()] + self.mark(secret) + found[0][end - found.start() :]
        )

    def _remember(self, secret: Any, mark: str) -> None:
        """Look for it in other texts too."""
        for text in _texts(secret):
            if len(text) >= SHORTEST and len(self._secrets) < MOST and not _MARK.search(text):
                self._grown |= self._secrets.setdefault(text, mark) is mark

    def _compile(self) -> None:
        self._grown = False
        secrets = sorted(self._secrets, key=lambda each: (-len(each), each))
        # As they stand in JSON, whatever is beside them: an escaped line break ends in a letter.
        in_json = [
            json.dumps(each, ensure_ascii=ascii)[1:-1]
            for each in secrets
            for ascii in (False, True)
        ]
        self._anywhere = re.compile("|".join(map(re.escape, dict.fromkeys(in_json + secrets))))
        self._as_word = re.compile("|".join(map(_word, secrets)))


def _word(secret: str) -> str:
    """A pattern for it where it is no part of a longer word."""
    before = r"(?<!\w)" if re.match(r"\w", secret) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", secret) else ""
    return f"{before}{re.escape(secret)}{after}"


def _texts(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
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


def _assignments(words: Iterable[str]) -> re.Pattern[str]:
    """``password=…``, ``"api_key": "…"``, ``--token …`` in a text."""
    names = "|".join(map(_jointed, words)) or "(?!)"
    return re.compile(
        rf"(?:{names})[\w-]*\\?[\"']?\s*(?:=>|[=:])\s*(?:u?\\?[\"'])?"
        r"(?P<secret>(?!None\b|null\b|True\b|False\b)[^\s\"'\\,;&(){}\[\]<>]+)",
        re.I,
    )
