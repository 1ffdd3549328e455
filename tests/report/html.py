"""Reads a page as strictly as a person who wrote it by hand would want: every element is ended, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "img", "col", "input"}


@dataclass
class Element:
    name: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, name: str, **attributes: str) -> list[Element]:
        return [
            element
            for element in self.walk()
            if element.name == name
            and all(element.attributes.get(k.rstrip("_")) == v for k, v in attributes.items())
        ]

    def one(self, name: str, **attributes: str) -> Element:
        (found,) = self.all(name, **attributes)
        return found

    @property
    def text(self) -> str:
        return "".join(c if isinstance(c, str) else c.text for c in self.children)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)

    def close(self) -> None:
        super().close()
        assert self._open == [self.root]


def read_page(text: str) -> Element:
    """Return the page's root element."""
    assert text.startswith("<!DOCTYPE html>\n")
    parser = _Parser()
    parser.feed(text)
    parser.close()
    (html,) = (child for child in parser.root.children if isinstance(child, Element))
    assert html.name == "html"
    return html


def check(page: Element) -> None:
    """Check what every report has to be: self-contained, without a script, and accessible."""
    forbidden = {
        "script",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "video",
        "audio",
        "a",
    }
    for element in page.walk():
        assert element.name not in forbidden
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            assert name not in {"href", "srcset", "style", "action"}
            assert name != "src" or value.startswith("data:image/")
    style = page.one("style").text
    assert "url(" not in style
    assert "@import" not in style
    assert page.attributes["lang"] == "en"
    assert page.one("meta", charset="utf-8")
    (policy,) = (m for m in page.all("meta") if m.attributes.get("http-equiv"))
    assert policy.attributes["content"].startswith("default-src 'none'")
    assert page.one("head").one("title").text
    assert page.one("h1").text
    ids = [element.attributes["id"] for element in page.walk() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for section in page.all("section"):
        heading = section.one("h2")
        assert section.attributes["aria-labelledby"] == heading.attributes["id"]
    for image in page.all("img"):
        assert image.attributes["alt"]
        assert int(image.attributes["width"]) > 0
        assert int(image.attributes["height"]) > 0
    for table in page.all("table"):
        assert table.one("caption").text
        columns = table.one("thead").all("th", scope="col")
        for row in table.one("tbody").all("tr"):
            assert len(row.all("th", scope="row")) == 1
            assert len(row.children) == len(columns)
    for drawing in page.all("svg"):
        shown = drawing.attributes
        assert shown.get("aria-hidden") == "true" or (
            shown["role"] == "img" and shown["aria-label"]
        )


def table_of(page: Element, section: str) -> list[list[str]]:
    """Return the cells of a section's table, without its headings."""
    (found,) = (s for s in page.all("section") if s.attributes["aria-labelledby"] == section)
    return [
        [cell.text for cell in row.children if isinstance(cell, Element)]
        for row in found.one("tbody").all("tr")
    ]
