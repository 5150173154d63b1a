"""The vault's parser: every form that teams write, exactly, with file and line; and the writer that keeps the rest."""

from __future__ import annotations

import json
import re
import string
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotops.core.secret import Secret
from hotops.vault.document import Document
from hotops.vault.errors import VaultError, VaultUnreadable
from hotops.vault.reading import parse
from hotops.vault.writing import new_text, with_value


def read(text: str, path: str = "shop/api_prod.env") -> Document:
    return parse(path, text.encode())


def values(document: Document) -> dict[str | None, str]:
    return {entry.key: entry.literal.reveal() if entry.literal else "" for entry in document.entries}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KEY=value\n", {"KEY": "value"}),
        ("KEY=value", {"KEY": "value"}),
        ('KEY="quoted value"\n', {"KEY": "quoted value"}),
        ("KEY='it is ${LITERAL}'\n", {"KEY": "it is ${LITERAL}"}),
        ("export KEY=value\n", {"KEY": "value"}),
        ("# a note\n\n  # another\nKEY=value # why\n", {"KEY": "value"}),
        ("KEY=a#b\n", {"KEY": "a#b"}),
        ('KEY="a # b" # why\n', {"KEY": "a # b"}),
        ("KEY=value\r\nOTHER='x y'\r\n", {"KEY": "value", "OTHER": "x y"}),
        ("ID=1\nTOKEN=abc\n", {"ID": "1", "TOKEN": "abc"}),
        ("U=postgresql://a.b:p%2Fq@h:5432/d?sslmode=require&x=1\n",
         {"U": "postgresql://a.b:p%2Fq@h:5432/d?sslmode=require&x=1"}),
        ('KEY="a\\"b\\\\c\\nd\\$e"\n', {"KEY": 'a"b\\c\nd$e'}),
        ('KEY="line 1\nline 2"\nNEXT=1\n', {"KEY": "line 1\nline 2", "NEXT": "1"}),
        ("KEY=\n", {"KEY": ""}),
        ("KEY= # nothing\n", {"KEY": ""}),
        ("\ufeffKEY=value\n", {"KEY": "value"}),
        (" KEY = value \n", {"KEY": "value"}),
        ("password=x\nOTHER=y\n", {"password": "x", "OTHER": "y"}),
        ("sk-proj-abc\n", {None: "sk-proj-abc"}),
        ("# the token\nabc.def-ghi\n", {None: "abc.def-ghi"}),
        ("QUJDREVGR0hJSktMTU5PUA==\n", {None: "QUJDREVGR0hJSktMTU5PUA=="}),
        ("postgresql://u:p@h/d?sslmode=require\n", {None: "postgresql://u:p@h/d?sslmode=require"}),
        ("-----BEGIN KEY-----\nabc=\n-----END KEY-----\n", {None: "-----BEGIN KEY-----\nabc=\n-----END KEY-----"}),
        ('{"API_KEY": "a=b", "PORT": 5432, "ON": true}', {"API_KEY": "a=b", "PORT": "5432", "ON": "true"}),
        ('{"type": "service_account", "private_key": "k"}\n',
         {None: '{"type": "service_account", "private_key": "k"}'}),
    ],
)  # fmt: skip
def test_every_form_is_read_exactly(text: str, expected: dict[str | None, str]) -> None:
    assert values(read(text)) == expected


def test_a_text_file_is_one_value_unless_it_has_keys() -> None:
    assert values(read("shpss=abc\n", "shopify/api-key.txt")) == {None: "shpss=abc"}
    assert values(read("HOST=a\nPASSWORD=b\n", "ai_readonly_credentials.txt")) == {"HOST": "a", "PASSWORD": "b"}


def test_lines_are_those_of_the_file() -> None:
    document = read('# one\n\nA="x\ny"\n\nexport B=2\n')
    assert [(entry.key, entry.line) for entry in document.entries] == [("A", 3), ("B", 6)]
    bundle = read('{\n  "A": "x",\n  "B": "y"\n}\n', "b.json")
    assert [(entry.key, entry.line) for entry in bundle.entries] == [("A", 2), ("B", 3)]


def test_what_is_taken_in_is_told_apart_from_what_is_literal() -> None:
    document = read('A=${B}/x\nC="${B}"\nD="\\${B}"\nE=\'${B}\'\nF=$B\n')
    assert [entry.references for entry in document.entries] == [("B",), ("B",), (), (), ()]
    assert values(document)["D"] == "${B}"


@pytest.mark.parametrize(
    ("text", "path", "line", "problem"),
    [
        ("A=1\nA=2\n", "a.env", 2, "stands twice, first in line 1"),
        ("A=1\nhunter2 line\n", "a.env", 2, "neither KEY=value nor a comment"),
        ('A=1\nB="hunter2\n', "a.env", 2, "never closed"),
        ("A='hunter2\n", "a.env", 1, "never closed"),
        ('A="x" hunter2\n', "a.env", 1, "text behind the closing quote of A"),
        ('{\n "A": 1,\n}', "a.json", 3, "not JSON"),
        ('{"A": "1",\n "A": "2"}', "a.json", 2, "stands twice"),
    ],
)
def test_a_mistake_names_file_and_line_and_quotes_nothing(text: str, path: str, line: int, problem: str) -> None:
    with pytest.raises(VaultUnreadable) as refused:
        read(text, path)
    assert refused.value.message.startswith(f"{path}:{line}: ")
    assert problem in refused.value.message
    assert "hunter2" not in refused.value.message
    assert refused.value.details == {"file": path, "line": line}


def test_what_is_no_utf_8_names_its_line() -> None:
    with pytest.raises(VaultUnreadable, match=r"a\.env:2: this is not UTF-8"):
        parse("a.env", b"A=1\nB=\xff\n")


def test_nothing_of_a_document_shows_a_value() -> None:
    document = read("KEY=hunter2-hunter2\n")
    assert "hunter2" not in f"{document!r} {document.entries!r} {document}"


# --- properties ------------------------------------------------------------------------------------------------------

KEYS = st.from_regex(r"[A-Z][A-Z0-9_]{0,12}", fullmatch=True)
ANY_VALUE = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=40)
PLAIN_VALUE = st.text(
    alphabet=string.ascii_letters + string.digits + "_./:@%+,=?&~^-#;|{}[]()!*", min_size=1, max_size=30
)
NOISE = st.sampled_from(["", "# a comment", "   # indented = comment", "\t"])


@dataclass(frozen=True)
class Line:
    """A line (or several) of a generated file, and what has to be read from it."""

    text: str
    key: str | None = None
    value: str = ""


@st.composite
def lines(draw: st.DrawFn, key: str) -> Line:
    """One assignment in a syntax of its own."""
    before = draw(st.sampled_from(["", "export ", "  "]))
    syntax = draw(st.sampled_from(["plain", "single", "double", "commented"]))
    if syntax in ("plain", "commented"):
        value = draw(PLAIN_VALUE.filter(lambda text: text[0] not in "#'\"" and "${" not in text))
        return Line(f"{before}{key}={value}{' # note' if syntax == 'commented' else ''}", key, value)
    value = draw(ANY_VALUE)
    if syntax == "single":
        value = value.replace("'", "")
        return Line(f"{before}{key}='{value}'", key, value)
    written = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
    if draw(st.booleans()):
        written = written.replace("\n", "\\n").replace("\t", "\\t")
    return Line(f'{before}{key}="{written}"', key, value)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[Line]]:
    """A file of all syntaxes mixed, with comments, blank lines and one kind of line end."""
    keys = draw(st.lists(KEYS, min_size=1, max_size=6, unique=True))
    parts = [draw(lines(key)) for key in keys]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    if end == "\r\n":
        parts = [Line(part.text.replace("\n", "\r\n"), part.key, part.value) for part in parts]
    text = ""
    for part in parts:
        for noise in draw(st.lists(NOISE, max_size=2)):
            text += noise + end
        text += part.text + end
    return (text if draw(st.booleans()) else text.removesuffix(end)), parts


@settings(max_examples=400)
@given(files())
def test_generated_files_are_read_exactly(made: tuple[str, list[Line]]) -> None:
    text, parts = made
    document = read(text)
    assert values(document) == {part.key: part.value for part in parts}
    for entry in document.entries:
        assert re.match(rf"\s*(export )?\s*{entry.key}=", text.split("\n")[entry.line - 1])


@settings(max_examples=300)
@given(files(), ANY_VALUE, st.data())
def test_writing_one_value_changes_nothing_else(made: tuple[str, list[Line]], value: str, data: st.DataObject) -> None:
    text, parts = made
    key = data.draw(st.sampled_from([part.key for part in parts]))
    document = read(text)
    entry = document.entry(key)
    assert entry is not None
    changed = with_value(document, key, Secret(value))
    again = read(changed)
    assert values(again) == {part.key: value if part.key == key else part.value for part in parts}
    assert changed.startswith(text[: entry.start])
    assert changed.endswith(text[entry.end :])


@settings(max_examples=200)
@given(files(), ANY_VALUE)
def test_a_new_key_goes_to_the_end(made: tuple[str, list[Line]], value: str) -> None:
    text, parts = made
    changed = with_value(read(text), "A_NEW_ONE_WITH_A_LONG_NAME", Secret(value))
    assert changed.startswith(text)
    assert values(read(changed)) == {**{part.key: part.value for part in parts}, "A_NEW_ONE_WITH_A_LONG_NAME": value}


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_new_file_holds_any_value(value: str) -> None:
    assert values(read(new_text("a.env", "KEY", Secret(value)))) == {"KEY": value}


@settings(max_examples=200)
@given(st.dictionaries(KEYS, ANY_VALUE, min_size=1, max_size=5), ANY_VALUE, st.data(), st.sampled_from([None, 2, 4]))
def test_a_bundle_keeps_everything_else(
    held: dict[str, str], value: str, data: st.DataObject, indent: int | None
) -> None:
    text = json.dumps(held, indent=indent, ensure_ascii=data.draw(st.booleans()))
    key = data.draw(st.sampled_from([*held, "ANOTHER_KEY_AT_THE_END"]))
    changed = with_value(read(text, "b.json"), key, Secret(value))
    assert json.loads(changed) == {**held, key: value}
    assert list(json.loads(changed)) == list(dict.fromkeys([*held, key]))


@settings(max_examples=300)
@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_whatever_is_in_a_file_is_read_or_refused_with_its_place(content: bytes) -> None:
    said = "a.env:1: read"
    try:
        parse("a.env", content)
    except VaultUnreadable as error:
        said = error.message
    assert re.match(r"a\.env:\d+: ", said)


def test_a_raw_token_is_replaced_whole_and_keeps_its_comment() -> None:
    assert with_value(read("# fly\nold-token-old\n"), None, Secret("new-token")) == "# fly\nnew-token\n"


@pytest.mark.parametrize("value", ["KEY=looks like one", "two\nlines here", "", " blank before"])
def test_a_form_that_can_t_hold_a_value_says_so(value: str) -> None:
    with pytest.raises(VaultError, match="can't hold this value"):
        with_value(read("old-token-old\n"), None, Secret(value))


def test_what_was_quoted_stays_quoted_and_what_was_exported_stays_exported() -> None:
    assert with_value(read('export A="x"\n'), "A", Secret("y")) == 'export A="y"\n'
    assert with_value(read("export A='x'\n"), "B", Secret("y z")) == "export A='x'\nexport B='y z'\n"
    assert with_value(read("A=x\r\n"), "B", Secret("y")) == "A=x\r\nB=y\r\n"
