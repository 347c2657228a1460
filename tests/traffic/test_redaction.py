"""No secret gets into a file, and equal ones stay equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfake import Traffic
from rpcfake.traffic.cassette import CassetteWriter, Header, Redaction
from rpcfake.traffic.cassette.redaction import DEFAULTS, Redactor

from .rows import Script, plain_values

SECRET = 's3cr3t-Wörd "quoted" \n\\end'
"""Quotes, a line break, what JSON escapes and what it need not."""

SECRET_KEYS = (
    *("password", "db_password", "adminPass", "X-Auth-Token", "api_key", "apiKey", "API-KEY"),
    *("aws_secret_access_key", "private_key", "Authorization", "Set-Cookie", "session_id"),
    *("user_credentials", "PASSWD", "pwd", "passphrase", "signature"),
)

OTHER_KEYS = ("user", "item", "keyboard", "compass", "passenger", "author", "monkey", "tokyo")

TEXTS = {
    "password={}": "password=[redacted #1]",
    "PASSWORD: {}, user: ann": "PASSWORD: [redacted #1], user: ann",
    "{{'api_key': '{}', 'n': 1}}": "{{'api_key': '[redacted #1]', 'n': 1}}",
    '{{"token": "{}"}}': '{{"token": "[redacted #1]"}}',
    '{{\\"token\\": \\"{}\\"}}': '{{\\"token\\": \\"[redacted #1]\\"}}',
    "amqp://ann:{}@host:5672/": "amqp://ann:[redacted #1]@host:5672/",
    "Authorization: Bearer {}": "Authorization: [redacted #1] [redacted #2]",
    "sent Bearer {} to it": "sent Bearer [redacted #1] to it",
    "mysql --password={} -u ann": "mysql --password=[redacted #1] -u ann",
    "login(user='ann', passwd='{}')": "login(user='ann', passwd='[redacted #1]')",
}

MARKS = ("[redacted #1]", "[redacted #2]")


@pytest.mark.parametrize("key", SECRET_KEYS)
@pytest.mark.parametrize("secret", [SECRET, 1234567, ["a", "b"], {"user": "ann", "pw": "x" * 9}])
def test_the_value_of_such_a_key_is_secret_whatever_it_is(key: str, secret: Any) -> None:
    redacted = Redactor(Redaction()).redact({"deep": [{"er": {key: secret, "item": "tea"}}]})
    assert redacted == {"deep": [{"er": {key: "[redacted #1]", "item": "tea"}}]}


@pytest.mark.parametrize("key", OTHER_KEYS)
def test_others_are_not(key: str) -> None:
    assert Redactor(Redaction()).redact({key: "tea"}) == {key: "tea"}


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("{'password': 'correct horse battery'}", "{'password': '[redacted #1]'}"),
        ('{"password": "it\'s, a (one"}', '{"password": "[redacted #1]"}'),
        ("amqp://u:p@sSW0RD@host/", "amqp://u:[redacted #1]@host/"),
        (
            "rabbit://u:one@h1:5672,u:two@h2:5672/vh",
            "rabbit://u:[redacted #1]@h1:5672,u:[redacted #2]@h2:5672/vh",
        ),
        ("rabbit://u:first/pw@h1/vh", "rabbit://u:[redacted #1]@h1/vh"),
        ("http://host:80/path?a=b", "http://host:80/path?a=b"),
        ("Authorization: Digest abcdefgh", "Authorization: [redacted #1]"),
        ("Cookie: a=b; sid=abcdefgh", "Cookie: [redacted #1]"),
        ("mysql --db-password hunter22 -u ann", "mysql --db-password [redacted #1] -u ann"),
        ("Basic dXNlcjpwYXNz", "Basic [redacted #1]"),
        ("Basic authentication failed", "Basic authentication failed"),
    ],
)
def test_of_texts_all_of_the_secret_and_nothing_else(text: str, redacted: str) -> None:
    assert Redactor(Redaction()).redact(text) == redacted


def test_what_only_looks_like_a_secret_is_none_elsewhere() -> None:
    redactor = Redactor(Redaction())
    redactor.learn({"e": "Invalid password: must contain digits"})
    assert redactor.redact({"must": "you must do this"}) == {"must": "you must do this"}


def test_a_known_secret_is_found_inside_words_and_reprs() -> None:
    redactor = Redactor(Redaction())
    secret = "pa'ss\\w\nd1"
    redactor.learn([{"password": "hunter22"}, {"token": secret}, {"pwd": 12345678}])
    assert redactor.redact("dsn_hunter22x") == "dsn_[redacted #1]x"
    assert redactor.redact(f"it was {secret!r}") in (
        'it was "[redacted #2]"',
        "it was '[redacted #2]'",
    )
    assert redactor.redact("number 12345678") == "number [redacted #3]"
    assert redactor.redact({"hunter22": 1}) == {MARKS[0]: 1}


def test_thousands_of_secrets_are_all_found(tmp_path: Path) -> None:
    script = Script()
    for number in range(3000):
        script.send("cast", "shop", "buy", {"n": number}, context={"token": f"tok-{number:06d}"})
    script.send("cast", "shop", "note", {"text": "it was tok-002999"})
    script.traffic.save(tmp_path / "one")
    assert b"tok-00" not in (tmp_path / "one").read_bytes()


@pytest.mark.parametrize("text", ["a." * 30_000 + " key", "token" * 10_000, "eyJ-" * 20_000])
def test_no_text_takes_long(text: str) -> None:
    """These took a quarter of a minute each."""
    Redactor(Redaction()).redact(text)


def test_of_filtered_traffic_what_is_filtered_out_tells_secrets_too(tmp_path: Path) -> None:
    script = Script()
    login = script.send("call", "auth", "login")
    script.reply(script.taken(login, "auth#1"), {"token": "tok-abcdef"})
    script.send("call", "auth", "use", {"t": "tok-abcdef"})
    script.traffic.calls().save(tmp_path / "calls")
    assert b"tok-abcdef" not in (tmp_path / "calls").read_bytes()
    script.traffic.save(tmp_path / "all")
    assert script.traffic.calls().compare(Traffic.load(tmp_path / "all").calls())


def test_marks_of_before_are_not_given_again(tmp_path: Path) -> None:
    script = Script()
    script.send("cast", "shop", "buy", {"password": "hunter22", "name": "bobby"})
    script.traffic.save(tmp_path / "one")
    loaded = Traffic.load(tmp_path / "one")
    loaded.save(tmp_path / "two", redact=Redaction(keys=("name",)))
    (record,) = Traffic.load(tmp_path / "two")
    assert record.args == {"password": "[redacted #1]", "name": "[redacted #2]"}
    loaded.save(tmp_path / "three", redact=False)
    assert script.traffic.compare(Traffic.load(tmp_path / "three"))


def test_keys_that_are_no_texts_break_nothing() -> None:
    assert Redactor(Redaction()).redact({1: "password=abc"}) == {1: "password=[redacted #1]"}


@pytest.mark.parametrize("nothing", [None, "", True, False])
def test_what_tells_nothing_stays(nothing: Any) -> None:
    assert Redactor(Redaction()).redact({"password": nothing}) == {"password": nothing}


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_in_texts_are_found(text: str) -> None:
    secret = "abcdefgh12345"
    redacted = Redactor(Redaction()).redact(text.format(secret))
    assert secret not in redacted
    if "Authorization" not in text:
        assert redacted == TEXTS[text].format()


def test_secrets_are_known_by_their_looks() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----"
    assert Redactor(Redaction()).redact([token, key]) == [*MARKS]


def test_equal_secrets_are_equal_and_others_are_not() -> None:
    redactor = Redactor(Redaction())
    assert redactor.redact([{"password": "one"}, {"token": "two"}, {"pwd": "one"}]) == [
        {"password": MARKS[0]},
        {"token": MARKS[1]},
        {"pwd": MARKS[0]},
    ]


def test_what_is_redacted_stays_as_it_is() -> None:
    once = {"password": "[redacted #7]", "text": "password=[redacted #7] it was"}
    assert Redactor(Redaction()).redact(once) == once


def test_only_whole_words_are_replaced_elsewhere() -> None:
    redactor = Redactor(Redaction())
    assert redactor.redact({"password": "test", "a": "a test of tests"}) == {
        "password": MARKS[0],
        "a": f"a {MARKS[0]} of tests",
    }


def test_the_users_own_rules() -> None:
    rules = Redaction(
        keys=["card_number", "SocialSecurity"],  # type: ignore[arg-type]
        keep=["token_count"],  # type: ignore[arg-type]
        patterns=[r"\b\d{4}-\d{4}\b", r"PIN (?P<secret>\d+)"],  # type: ignore[arg-type]
    )
    value = {
        "cardNumber": "42",
        "social_security": "7",
        "token_count": 3,
        "text": "1234-5678, PIN 991",
    }
    assert Redactor(rules).redact(value) == {
        "cardNumber": "[redacted #1]",
        "social_security": "[redacted #2]",
        "token_count": 3,
        "text": "[redacted #3], PIN [redacted #4]",
    }
    assert Redaction(**rules.to_dict()) == rules


def test_without_the_defaults_only_ones_own_count() -> None:
    rules = Redaction(keys=("ssn",), defaults=0)
    assert Redactor(rules).redact({"password": "x", "ssn": "y"}) == {
        "password": "x",
        "ssn": MARKS[0],
    }


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"keys": "ssn"}, "keys is 'ssn': it must be a list of texts"),
        ({"keys": [""]}, "keys has '': it must have non-empty texts only"),
        ({"keep": [3]}, "keep has 3: it must have"),
        ({"patterns": ["("]}, r"patterns has '\(', which is no regular expression"),
        ({"defaults": 99}, "defaults is 99: it must be one of 0, 1"),
    ],
)
def test_wrong_rules_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        Redaction(**options)


def test_each_default_is_found_in_a_long_text() -> None:
    redactor = Redactor(Redaction())
    assert [word for word in DEFAULTS[1] if not redactor.suspects(f'{{"{word}": "x"}}')] == []


def planted(secret: Any) -> Script:
    """Traffic with a secret wherever one may be; before and after it is known as one."""
    script = Script()
    early = script.send("call", "shop", "buy", {"note": f"it is {secret}"})
    args = {"spec": [{"auth": {"password": secret}}], str(secret): 1, "also": [secret]}
    call = script.send(
        "call", "shop", "login", args, context={"token": secret, "who": f"<{secret}>"}
    )
    for each in (early, call):
        taken = script.taken(each, "shop#1")
        script.reply(taken, {"echo": {"again": f"{secret} it is"}})
        script.failure(taken, "ValueError", f"wrong: {secret}")
        script.dropped_reply(taken, secret)
    return script


@given(secret=st.just(SECRET) | st.text(min_size=8, max_size=30).map(lambda text: f"q{text}z"))
def test_no_planted_secret_is_in_the_file(secret: str, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "planted.jsonl"
    planted(secret).traffic.save(path, tracebacks=True)
    forms = {secret, *(json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False))}
    text = path.read_text(encoding="utf-8")
    assert [form for form in forms if form in text] == []
    assert [each for each in Traffic.load(path) if secret in str(each.args)] == []


def test_a_stream_is_redacted_too(tmp_path: Path) -> None:
    path = tmp_path / "one"
    with CassetteWriter(path, Header(redacted=Redaction())) as writer:
        entry = {"kind": "call", "id": "a.b#1", "topic": "a", "method": "b"}
        writer.write(entry | {"args": {"password": "hunter2"}, "context": {"x": "is hunter2"}})
        failed = {"type": "ValueError", "value": "no hunter2"}
        writer.write({"kind": "failure", "id": "a.b#1", "failure": failed})
    assert "hunter2" not in path.read_text()
    assert Traffic.load(path).failures()[0].value.value == "no [redacted #1]"


@given(value=plain_values)
def test_without_secrets_nothing_changes(value: Any) -> None:
    assert Redactor(Redaction()).redact(value) == value


def test_what_is_kept_is_kept_in_texts_too() -> None:
    redact = Redactor(Redaction(keep=("X-Token",))).redact
    text = (
        "x_token=abc-123-def, {'x-token': 'abc-123-def'}, token_type=bearer, my_x_token=abcd-1234"
    )
    assert redact(text) == text.replace("my_x_token=abcd-1234", "my_x_token=[redacted #1]")


@given(st.lists(st.text("ab", min_size=8, max_size=40), min_size=1, max_size=20))
def test_secrets_that_begin_alike_are_all_found(secrets: list[str]) -> None:
    redactor = Redactor(Redaction())
    whole = [f"gAAA{secret}" for secret in secrets]
    redactor.learn({"token": whole})
    for secret in whole:
        redacted = redactor.redact(f"- {secret} -")
        assert secret not in redacted
        assert redactor.has_known(f'"{secret}"')


def test_bytes_are_known_elsewhere() -> None:
    redactor = Redactor(Redaction())
    assert redactor.redact({"password": b"open-sesame"}) == {"password": "[redacted #1]"}
    assert redactor.redact("not open-sesame") == "not [redacted #1]"


class Odd:
    """Like an array: it says nothing when it is compared."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("the truth value is ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_what_cannot_be_compared_is_left_alone() -> None:
    odd = Odd()
    assert Redactor(Redaction()).redact({"x": odd})["x"] is odd
    assert Redactor(Redaction()).redact({"password": odd})["password"] == "[redacted #1]"


@given(st.integers(6, 19), st.integers(6, 19), st.sampled_from(["...", "…"]))
def test_what_is_left_of_a_secret_that_was_cut(head: int, tail: int, cut: str) -> None:
    redactor = Redactor(Redaction())
    secret = "open-sesame-says-ali"
    redactor.learn({"password": secret})
    text = f"assert ['{secret[:head]}{cut}{secret[-tail:]}'] == ['...', 'nothing...else']"
    assert redactor.redact_shortened(text) == (
        f"assert ['{MARKS[0]}{cut}{MARKS[0]}'] == ['...', 'nothing...else']"
    )


def test_a_cut_between_two_secrets() -> None:
    redactor = Redactor(Redaction())
    redactor.learn({"password": "alphabetagamma", "token": "alphabet-soup-7"})
    # Which one a common beginning is of nobody can say.
    assert redactor.redact_shortened("alphabet... agamma ...agamma...x") == (
        "[redacted #2]... agamma ...[redacted #1]...x"
    )


def test_what_is_known_as_secret_later_is_taken_out_of_what_was_written_before(
    tmp_path: Path,
) -> None:
    path = tmp_path / "one.jsonl"
    names = {"topic": "shop", "method": "buy"}
    with CassetteWriter(path, Header(redacted=Redaction())) as writer:
        for number, args in enumerate([{"note": f"it is {SECRET}"}, {"n": 1}, {"token": SECRET}]):
            writer.write({"kind": "cast", "id": f"shop.buy#{number}", **names, "args": args})
    assert SECRET[:8] not in path.read_text()
    assert [each.args for each in Traffic.load(path)] == [
        {"note": f"it is {MARKS[0]}"},
        {"n": 1},
        {"token": MARKS[0]},
    ]
    assert [*tmp_path.iterdir()] == [path]
