"""What of an HTML page is its content: finds the main part, takes furniture and hidden text out, names the anchors.

Works on the tree in place. The rules are about kinds of elements, roles and customary class names, not about one site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from corpus.inline import one_line

# Elements that have no readable text of their own.
_NO_TEXT = (
    "script style template noscript svg canvas object embed iframe video audio map select textarea input button "
    "datalist dialog head link meta annotation annotation-xml"
).split()
_FURNITURE_ROLES = frozenset(
    "navigation search banner contentinfo complementary menu menubar toolbar dialog alertdialog doc-toc".split()
)
_FURNITURE = re.compile(
    r"(?:cookies?|consent|gdpr|onetrust|breadcrumbs?|navbar|navigation|nav-?links|pagination|paginator|pager"
    r"|toc|tableofcontents|table-of-contents|toctree-wrapper|sidebar|menu|skip-?(?:link|nav|to-content)"
    r"|nav(?:-pills|-tabs|-list)?|edit-?(?:this-?)?page|edit-?link|mw-editsection|mw-jump-link|catlinks|navbox|printfooter|noprint|feedback"
    r"|share|social|newsletter|announcement|copy-?btn|copybutton|clipboard|line-?numbers?|line-?nos?|linenodiv"
    r"|sr-only|visually-?hidden|screen-?reader-text|viewcode-(?:link|back)|prev-next|related-pages"
    r"|theme-doc-(?:toc|breadcrumbs|footer|version-badge).*|(?:cookie|consent|onetrust|gdpr|breadcrumbs?|toc)[-_].*)",
    re.IGNORECASE,
)
_PERMALINK = frozenset(
    ("headerlink", "hash-link", "anchor", "anchorjs-link", "header-anchor", "heading-anchor", "permalink")
)
_MARKED = frozenset("h1 h2 h3 h4 h5 h6 dt caption figcaption".split())  # what customarily has a permalink
_ASIDE_CONTENT = re.compile(
    r"admonition|alert|callout|note|tip|hint|info|warning|caution|danger|important|seealso|topic|footnote|example|definition",
    re.IGNORECASE,
)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:opacity|font-size)\s*:\s*0(?:\.0+)?(?:px|em|%)?\s*(?:;|!|$)"
)
_MAIN = (
    "//main",
    "//*[@role='main']",
    "//article",
    "//div[@id='mw-content-text' or @id='content' or @id='main-content' or @id='main']",
    "//div[contains(concat(' ', @class, ' '), ' body ') or contains(concat(' ', @class, ' '), ' document ')]",
)
_WHOLE_PAGE = frozenset(
    ("content", "main", "main-content", "root", "app", "page", "body", "wrapper", "container", "top", "__next")
)


def main_content(root: Any) -> Any:
    """The element that holds the page's content, with everything else removed from inside it."""
    hidden = _hidden_classes(root)
    for element in list(root.iter(*_NO_TEXT)):
        _drop(element)
    for element in [e for e in root.iter() if _is_hidden(e, hidden)]:
        _drop(element)
    body = root.find("body") if root.find("body") is not None else root
    main = _find_main(body)
    for element in [e for e in main.iter() if e is not main and _is_furniture(e, main)]:
        box = element.getparent()
        _drop(element)
        # A box that is left with nothing but its heading ("Quick links", "Contents") goes with what it held.
        while box is not None and box is not main and box.tag in ("div", "section", "aside") and _is_mere_heading(box):
            element, box = box, box.getparent()
            _drop(element)
    return main


def _is_mere_heading(box: Any) -> bool:
    words = _words(box)
    return words < 40 and words == sum(_words(heading) for heading in box.iter("h1", "h2", "h3", "h4", "h5", "h6"))


def _drop(element: Any) -> None:
    if element.getparent() is not None:  # None where an element around it went before
        element.drop_tree()


def _find_main(body: Any) -> Any:
    for path in _MAIN:
        found = [element for element in body.xpath(path) if _words(element)]
        if not found:
            continue
        best = max(found, key=_words)
        # One of many articles is a teaser, not the page.
        if path == "//article" and _words(best) * 2 < _words(body):
            continue
        articles = [element for element in best.iter("article") if element is not best]
        if len(articles) == 1 and articles[0].find(".//h1") is not None:
            return articles[0]
        return best
    return body


def _words(element: Any) -> int:
    """How much text there is, in characters without white space."""
    return sum(len("".join(text.split())) for text in element.itertext())


def _is_hidden(element: Any, hidden_classes: frozenset[str]) -> bool:
    if element.tag in ("html", "body"):
        return False
    if element.get("hidden") is not None or (element.get("aria-hidden") or "").lower() == "true":
        return True
    style = element.get("style")
    if style and _HIDDEN_STYLE.search(style.lower()):
        return True
    return bool(hidden_classes) and not hidden_classes.isdisjoint(_classes(element))


def _hidden_classes(root: Any) -> frozenset[str]:
    """Classes that the page's own style sheet hides outright; rules inside @media and linked sheets are not read."""
    sheets = " ".join(style.text or "" for style in root.iter("style"))
    outright = re.sub(r"@[^{}]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", re.sub(r"/\*.*?\*/", "", sheets, flags=re.DOTALL))
    names = []
    for selectors, rules in re.findall(r"([^{}]*)\{([^{}]*)\}", outright):
        if _HIDDEN_STYLE.search(rules.lower()):
            names += re.findall(r"(?:^|,)\s*\.([\w-]+)\s*(?=,|$)", selectors.strip())
    return frozenset(names)


def _classes(element: Any) -> list[str]:
    return (element.get("class") or "").split()


def _is_furniture(element: Any, main: Any) -> bool:
    tag = element.tag
    if tag == "a":
        return _is_permalink(element)
    if tag in ("nav", "menu"):
        return True
    if tag == "footer":
        return not any(True for _ in element.iterancestors("blockquote"))
    if tag == "header":  # a page's or site's header; an article's own holds its heading
        return element.find(".//h1") is None and main.tag == "body" and element.getparent() is main
    if tag == "aside":
        named = " ".join([*_classes(element), element.get("role") or "", element.get("id") or ""])
        return not _ASIDE_CONTENT.search(named) and (bool(_names_furniture(element)) or _is_mostly_links(element))
    if (element.get("role") or "").lower() in _FURNITURE_ROLES or element.get("aria-modal") == "true":
        return True
    if tag in ("div", "section", "ul", "ol", "p", "span", "form", "details", "td", "table", "pre"):
        return _names_furniture(element) and element.find(".//h1") is None and 2 * _words(element) < _words(main)
    return False


def _names_furniture(element: Any) -> bool:
    names = _classes(element)
    # The id of a section is its heading's words: a section called "Feedback" is content.
    if (
        element.tag != "section"
        and "section" not in names
        and not any(e.tag in _MARKED for e in element.iterchildren())
    ):
        names = [*names, *(element.get("id") or "").split()]
    return any(_FURNITURE.fullmatch(name) for name in names)


def _is_mostly_links(element: Any) -> bool:
    linked = sum(_words(link) for link in element.iter("a"))
    return 2 * linked > _words(element)


def _is_permalink(link: Any) -> bool:
    """A mark such as ¶ or # behind a heading that only links to it, or a link to the page's source on a definition."""
    classes = _classes(link)
    words = one_line("".join(link.itertext()))
    if any(_FURNITURE.fullmatch(name) for name in classes):
        return True
    if not any(character.isalnum() for character in words):
        marks = "#" in (link.get("href") or "") and any(e.tag in _MARKED for e in link.iterancestors())
        return bool(words) and (marks or not _PERMALINK.isdisjoint(classes))
    return not _PERMALINK.isdisjoint(classes) and words.lower() in ("link", "permalink", "direct link", "anchor")


def heading_anchors(main: Any) -> dict[Any, str]:
    """The address of each heading and of each definition that has one, by element.

    A heading's is its own id; else that of the section around it whose first words it is; else that of an empty element
    inside it or right before it. A definition's is the id of its term.
    """
    anchors = {}
    for element in main.iter("h1", "h2", "h3", "h4", "h5", "h6"):
        anchor = element.get("id") or _section_id(element) or _mark_in(element) or _mark_before(element)
        if anchor:
            anchors[element] = anchor
    for element in main.iter("dt"):
        if element.get("id") and "label" not in _classes(element):
            anchors[element] = element.get("id")
    return anchors


def _section_id(heading: Any) -> str:
    child = heading
    for parent in heading.iterancestors("section", "div", "article", "header", "hgroup"):
        if not _is_first(child, parent):
            return ""
        name = parent.get("id") or ""
        if name and name.lower() not in _WHOLE_PAGE:
            return str(name)
        child = parent
    return ""


def _is_first(child: Any, parent: Any) -> bool:
    """Whether no words stand in `parent` before `child`."""
    while child is not parent:
        around = child.getparent()
        if one_line(around.text or ""):
            return False
        for sibling in around.iterchildren():
            if sibling is child:
                break
            if one_line("".join(sibling.itertext()) + (sibling.tail or "")):
                return False
        child = around
    return True


def _mark_in(heading: Any) -> str:
    for element in heading.iterdescendants("a", "span"):
        name = element.get("id") or element.get("name")
        if name:
            return str(name)
    return ""


def _mark_before(heading: Any) -> str:
    before = heading.getprevious()
    if before is None or one_line(before.tail or "") or one_line("".join(before.itertext())):
        return ""
    for element in (before, *before.iterdescendants("a", "span")):
        name = element.get("id") or element.get("name")
        if name and element.tag in ("a", "span", "p", "div"):
            return str(name)
    return ""


def all_anchors(root: Any) -> Iterator[str]:
    """Every fragment that leads somewhere in the page."""
    for element in root.iter():
        name = element.get("id") or (element.get("name") if element.tag == "a" else None)
        if name:
            yield name
