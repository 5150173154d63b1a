"""A secret value never stands in a scrubbed text, in whatever form somebody wrote it."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.core.secret import MASK, SHORTEST_SCRUBBED, Secret, scrub, scrub_data

#: What a password may hold, and what may stand around it; neither gives the mask.
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=MASK), min_size=12, max_size=40)
AROUND = st.text("abc xyz-é/", max_size=7)
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda value: urllib.parse.quote(value, safe=""),
    "url path": urllib.parse.quote,
    "url form": urllib.parse.quote_plus,
    "json": lambda value: json.dumps(value)[1:-1],
    "json utf-8": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 of a URL": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@given(value=VALUES, before=AROUND, after=AROUND)
def test_no_form_of_a_value_is_left(form: str, value: str, before: str, after: str) -> None:
    written = FORMS[form](value)
    assert written not in scrub(f"{before}{written}{after}", [Secret(value)])
    assert written not in json.dumps(scrub_data({written: [written]}, [Secret(value)]), ensure_ascii=False)


@given(value=VALUES, before=AROUND, after=AROUND)
def test_a_value_inside_of_a_longer_base64_text_is_not_left(value: str, before: str, after: str) -> None:
    """As in `Authorization: Basic …`, where the user's name stands before it; at most a few bits at its edges are."""
    text = base64.b64encode(f"{before}{value}{after}".encode()).decode()
    left = scrub(text, [Secret(value)])
    assert MASK in left
    head, _, tail = left.partition(MASK)
    assert len(head) <= (len(before.encode()) * 4) // 3 + 2
    assert len(tail) <= (len(after.encode()) * 4) // 3 + 5


#: What may stand between two lines of a value: an indentation, a quote mark, an escaped line end.
BREAKS = st.sampled_from(["\n", "\r\n", "\n    ", "\n\t", "\n  | ", "\n> ", "\\n", "\\r\\n  "])
#: Values as credentials are, of one line.
CREDENTIALS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="|>\\"), min_size=12, max_size=80
)


@pytest.mark.parametrize("form", FORMS)
@given(value=CREDENTIALS, gap=BREAKS, data=st.data())
def test_a_form_that_is_split_over_lines_is_not_left(form: str, value: str, gap: str, data: st.DataObject) -> None:
    """As base64 at 76 columns, a wrapped log, a quoted mail: no piece of it of some length is left."""
    written = FORMS[form](value)
    width = data.draw(st.integers(5, max(5, len(written) - 1)))
    pieces = [written[at : at + width] for at in range(0, len(written), width)]
    # What stands around it has no letter that a value may have: no piece is in it by chance.
    left = scrub(f"«\n{gap.join(pieces)}\n»", [Secret(value)])
    assert left.startswith("«")
    assert left.endswith("»")
    assert [piece for piece in pieces if len(piece) >= 5 and piece in left.replace(MASK, "\0")] == []
    shown = json.dumps(scrub_data({"log": [f"x {gap.join(pieces)} y"]}, [Secret(value)]), ensure_ascii=False)
    assert [piece for piece in pieces if len(piece) >= 5 and piece in shown.replace(MASK, "\0")] == []


def test_a_key_of_several_lines_is_not_left_wherever_its_lines_are_indented() -> None:
    key = (
        "-----BEGIN KEY-----\n"
        + "\n".join("abcdefghijklmnop"[at:] + "0123456789" for at in range(5))
        + "\n-----END KEY-----"
    )
    for shown in (
        key,
        key.replace("\n", "\n    "),
        key.replace("\n", "\\n"),
        json.dumps(key),
        f"> {key}".replace("\n", "\n> "),
    ):
        assert "klmnop0123456789" not in scrub(f"key: {shown}", [Secret(key)])


def test_words_that_only_stand_one_below_the_other_stay() -> None:
    assert scrub("open\nthe door", [Secret("open-the-door-now")]) == "open\nthe door"
    assert scrub("a b c\nd e f", [Secret("ab-cd-ef-gh")]) == "a b c\nd e f"


@given(text=st.text(max_size=60), value=VALUES)
def test_a_text_without_the_value_stays_as_it_is(text: str, value: str) -> None:
    shown = scrub(text)
    if not any(form(value) in text for form in FORMS.values()) and "\n" not in text and "\\n" not in text:
        assert scrub(text, [Secret(value)]) == shown


def test_a_value_too_short_to_be_told_from_words_is_left() -> None:
    assert scrub("a banana", [Secret("a"), Secret("banan")]) == "a banana"
    assert len("banan") < SHORTEST_SCRUBBED


def test_a_value_that_holds_another_goes_whole() -> None:
    assert scrub("say open-sesame-now!", [Secret("sesame"), Secret("open-sesame-now")]) == f"say {MASK}!"
