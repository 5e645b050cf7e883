"""HTML as values: a plain string is always text and only `Html` is markup, so no name in a model can be markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_VOID = frozenset({"meta", "wbr", "br", "rect", "line", "circle", "hr"})
_NO_ATTRIBUTES: Mapping[str, str] = {}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def escape(text: str) -> Html:
    """`text` as markup that shows it. What has no place in XML or would reorder the page (control characters,
    direction overrides) is shown as U+FFFD."""
    return Html(html.escape("".join(c if _printable(c) else "\N{REPLACEMENT CHARACTER}" for c in text)))


def _printable(character: str) -> bool:
    return character in "\t\n" or not (
        character < " "
        or "\x7f" <= character <= "\x9f"
        or "\u202a" <= character <= "\u202e"
        or "\u2066" <= character <= "\u2069"
        or "\ud800" <= character <= "\udfff"
        or character in "\ufffe\uffff"
    )


def element(name: str, attributes: Mapping[str, str] = _NO_ATTRIBUTES, *children: str) -> Html:
    """One element; children that are not `Html` are escaped."""
    inside = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{inside}>" if name in {"meta", "wbr", "br", "hr"} else f"<{name}{inside}/>")
    return Html(f"<{name}{inside}>{join(children)}</{name}>")


def join(parts: Iterable[str], between: str = "") -> Html:
    """Parts side by side; those that are not `Html` are escaped."""
    return Html(between.join(p if isinstance(p, Html) else escape(p) for p in parts))


def breakable(name: str) -> Html:
    """A long identifier that may wrap after each `_` and `/`."""
    return Html(escape(name).replace("_", "_<wbr>").replace("/", "/<wbr>"))


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, and whether it holds numbers."""

    heading: str
    number: bool = False


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Html:
    """A table with a caption; the first cell of each row is its heading."""
    head = element("tr", {}, *(element("th", {"scope": "col"} | _kind(c), c.heading) for c in columns))
    return element(
        "table",
        {},
        element("caption", {}, caption),
        element("thead", {}, head),
        element("tbody", {}, *(_row(columns, row) for row in rows)),
    )


def _row(columns: Sequence[Column], cells: Sequence[str]) -> Html:
    first = element("th", {"scope": "row"}, cells[0])
    return element(
        "tr", {}, first, *(element("td", _kind(c), cell) for c, cell in zip(columns[1:], cells[1:], strict=True))
    )


def _kind(column: Column) -> dict[str, str]:
    return {"class": "number"} if column.number else {}


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Labelled values as a description list."""
    return element(
        "dl", {"class": "facts"}, *(element("div", {}, element("dt", {}, k), element("dd", {}, v)) for k, v in pairs)
    )


def cards(found: Iterable[tuple[str, str, str]]) -> Html:
    """Numbers that a reader looks for first: label, value, note."""
    return element("dl", {"class": "cards"}, *(_card(*card) for card in found))


def _card(label: str, value: str, note: str) -> Html:
    return element(
        "div",
        {},
        element("dt", {}, label),
        element("dd", {"class": "big"}, value),
        element("dd", {"class": "small"}, breakable(note)),
    )


def titled(title: str, note: str) -> Html:
    """A table's cell: what it is, and a quieter line below where there is one."""
    return join([title, element("span", {"class": "quiet"}, note)] if note else [title])


def state(words: str, mark: str, look: str) -> Html:
    """A state in words with its sign; the colour only repeats what they say."""
    return element("span", {"class": f"state {look}"}, icon(mark), f"\N{NO-BREAK SPACE}{words}")


def icon(mark: str) -> Html:
    """A sign that a screen reader leaves out."""
    return element("span", {"aria-hidden": "true"}, mark)


def scroll(label: str, content: Html) -> Html:
    """Wide content that scrolls within the page, also by keyboard."""
    return element("div", {"class": "scroll", "role": "region", "aria-label": label, "tabindex": "0"}, content)


def notes(lines: Iterable[str]) -> Html:
    """A list of remarks; nothing where there are none."""
    items = [element("li", {}, line) for line in lines]
    return element("ul", {"class": "notes"}, *items) if items else Html("")


def section(anchor: str, heading: str, *children: str) -> Html:
    """A part of the page with its heading, which names it to a screen reader."""
    return element("section", {"aria-labelledby": anchor}, element("h2", {"id": anchor}, heading), *children)


def paragraph(*children: str) -> Html:
    """A paragraph."""
    return element("p", {}, *children)
