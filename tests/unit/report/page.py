"""What the accessibility rules that a program can decide say of a page; a browser is not needed.

Each rule names its source in WCAG 2.2. `problems` is empty for a page that keeps them all.
"""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser

_VOID = {"meta", "br", "wbr", "hr", "img", "link", "input"}
_ACTIVE = {"script", "iframe", "object", "embed", "link", "base"}
_LOADS = {"src", "srcset", "data", "poster", "action", "formaction", "background"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}


class Page(HTMLParser):
    """Elements of a page with their attributes, text and ancestors."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str]]] = []
        self.elements: list[tuple[str, dict[str, str], tuple[str, ...]]] = []
        self.words: dict[int, str] = {}
        self.problems: list[str] = []
        self._places: list[int] = []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"not closed: {[name for name, _ in self.open]}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {key: value or "" for key, value in attrs}
        if len(attributes) != len(attrs):
            self.problems.append(f"{tag} has an attribute twice")
        self.elements.append((tag, attributes, tuple(name for name, _ in self.open)))
        if tag not in _VOID:
            self.open.append((tag, attributes))
            self._places.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}, tuple(name for name, _ in self.open)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1][0] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1][0] if self.open else 'nothing'}")
            return
        self.open.pop()
        self._places.pop()

    def handle_data(self, data: str) -> None:
        for place in self._places:
            self.words[place] = self.words.get(place, "") + data

    def all(self, *tags: str) -> list[tuple[dict[str, str], str, tuple[str, ...]]]:
        """Attributes, text and ancestors of every element with one of these names."""
        return [(a, self.words.get(i, "").strip(), up) for i, (t, a, up) in enumerate(self.elements) if t in tags]


def problems(text: str) -> list[str]:
    """Every rule that the page breaks, one sentence each."""
    page = Page(text)
    rules = (_document, _headings, _tables, _graphics, _ids, _outside, _landmarks, _names)
    return page.problems + [p for rule in rules for p in rule(page)]


def _document(page: Page) -> list[str]:
    """3.1.1 language, 2.4.2 title, 1.4.4 zoom is not forbidden."""
    found = []
    if [a.get("lang") for a, _, _ in page.all("html")] != ["en"]:
        found.append("html has no lang")
    titles = [words for _, words, up in page.all("title") if "head" in up]
    if len(titles) != 1 or not titles[0]:
        found.append(f"titles: {titles}")
    viewport = [a.get("content", "") for a, _, _ in page.all("meta") if a.get("name") == "viewport"]
    if len(viewport) != 1 or "maximum-scale" in viewport[0] or "user-scalable" in viewport[0]:
        found.append(f"viewport: {viewport}")
    return found


def _headings(page: Page) -> list[str]:
    """1.3.1, 2.4.6: one h1, no level skipped, none empty."""
    tags = [(tag, page.words.get(i, "").strip()) for i, (tag, _, _) in enumerate(page.elements) if tag in _HEADINGS]
    levels = [int(tag[1]) for tag, _ in tags]
    found = [f"empty {tag}" for tag, words in tags if not words]
    if levels[:1] != [1] or levels.count(1) != 1:
        found.append(f"h1: {levels}")
    return found + [f"h{a} then h{b}" for a, b in itertools.pairwise(levels) if b > a + 1]


def _tables(page: Page) -> list[str]:
    """1.3.1: captions, and headings that say what they head."""
    found = [] if len(page.all("caption")) == len(page.all("table")) else ["a table has no caption"]
    found += ["empty caption" for _, words, _ in page.all("caption") if not words]
    return found + ["th without scope" for a, _, _ in page.all("th") if a.get("scope") not in {"row", "col"}]


def _graphics(page: Page) -> list[str]:
    """1.1.1: graphics have a name and a description."""
    words = {a["id"]: words for a, words, _ in page.all("title", "desc") if "id" in a}
    found = ["img without alt" for a, _, _ in page.all("img") if not a.get("alt")]
    for attributes, _, _ in page.all("svg"):
        named = [words.get(name, "") for name in attributes.get("aria-labelledby", "").split()]
        if attributes.get("role") != "img" or len(named) != 2 or not all(named):
            found.append(f"svg without a name: {attributes}")
    return found


def _ids(page: Page) -> list[str]:
    """Unique, and every reference leads somewhere."""
    ids = [a["id"] for _, a, _ in page.elements if "id" in a]
    found = [f"id {name} twice" for name in set(ids) if ids.count(name) > 1]
    wanted = {n for _, a, _ in page.elements for n in a.get("aria-labelledby", "").split()}
    wanted |= {a["href"][1:] for _, a, _ in page.elements if a.get("href", "").startswith("#")}
    return found + [f"no id {name}" for name in sorted(wanted - set(ids))]


def _outside(page: Page) -> list[str]:
    """Nothing is loaded and nothing can run."""
    found = [f"<{tag}>" for tag, _, _ in page.elements if tag in _ACTIVE]
    for tag, attributes, _ in page.elements:
        found += [f"{tag} {key}" for key in attributes if key in _LOADS or key.startswith("on")]
        link = attributes.get("href", "")
        if re.match(r"[a-z][a-z0-9+.-]*:|//", link, re.IGNORECASE):
            found.append(f"link to {link}")
    styles = [words for _, words, _ in page.all("style")] + [a.get("style", "") for _, a, _ in page.elements]
    return found + re.findall(r"@import|url\(|expression\(", "".join(styles))


def _landmarks(page: Page) -> list[str]:
    """2.4.1: main and header once, and a link that leads to the content comes first."""
    found = [f"{tag}: {len(page.all(tag))}" for tag in ("main", "header", "footer", "body") if len(page.all(tag)) != 1]
    links = page.all("a")
    return found if links and links[0][0].get("href") == "#content" else [*found, "no skip link first"]


def _names(page: Page) -> list[str]:
    """4.1.2, 2.4.4: links and regions have names, and what scrolls can be reached by keyboard."""
    found = ["link without words" for _, words, _ in page.all("a", "summary") if not words]
    for attributes, _, _ in page.all("div", "section", "nav"):
        if attributes.get("role") == "region" and ("aria-label" not in attributes or attributes.get("tabindex") != "0"):
            found.append("region without a name or a tabindex")
    return found


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours `#rrggbb`: WCAG 2.2, definitions of contrast ratio and relative luminance."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def palettes(style: str) -> list[dict[str, str]]:
    """The custom colours of each `:root` block of a style sheet: light, dark, print."""
    blocks = re.findall(r":root\s*\{(.*?)\}", style, re.DOTALL)
    return [dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", block)) for block in blocks]
