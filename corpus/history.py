"""What an address brought over time: its last good copy, the redirect that holds, whether it is gone."""

from __future__ import annotations

from dataclasses import dataclass

from corpus.warc import Capture

GONE = (404, 410)


@dataclass(frozen=True)
class History:
    """All captures of one address, oldest first; there is at least one."""

    captures: tuple[Capture, ...]

    @property
    def newest(self) -> Capture:
        """What the last attempt brought."""
        answers = {capture.fetched_at for capture in self.captures if capture.kind == "response"}
        return next(
            capture
            for capture in reversed(self.captures)
            if capture.kind != "failure" or capture.fetched_at not in answers  # that one is a verdict
        )

    @property
    def page(self) -> Capture | None:
        """The last good copy: the newest response with text of its own, while the address isn't a redirect since."""
        for capture in reversed(self.captures):
            if capture.location:
                return None
            if capture.is_page:
                return capture
        return None

    @property
    def verdict(self) -> Capture | None:
        """Why the last good copy is not worth indexing: a failure written with it, at the same time; None otherwise."""
        page = self.page
        return next(
            (c for c in self.captures if page and c.kind == "failure" and c.fetched_at == page.fetched_at), None
        )

    @property
    def redirect(self) -> Capture | None:
        """The redirect that holds: the newest answer, failures aside, where it leads elsewhere and isn't gone."""
        if self.is_gone:
            return None
        for capture in reversed(self.captures):
            if capture.location:
                return capture
            if capture.is_page:
                return None
        return None

    @property
    def confirmed_at(self) -> str:
        """When the last good copy was last seen to be current, to the second; "" where there is none."""
        seen = [c.fetched_at for c in self.captures if c.is_page or c.kind == "revisit"]
        return max(seen)[:19] + "Z" if self.page and seen else ""

    @property
    def is_gone(self) -> bool:
        """Whether the page is to be given up: 404 or 410 on separate days since the last good answer."""
        days = set()
        for capture in reversed(self.captures):
            if capture.is_page or capture.kind == "revisit" or capture.location:
                break
            if capture.status in GONE:
                days.add(capture.fetched_at[:10])
        never_there = not any(capture.is_page or capture.location for capture in self.captures)
        return len(days) > 1 or (never_there and self.newest.status in GONE)


def follow(url: str, histories: dict[str, History], limit: int = 10) -> tuple[str, tuple[Capture, ...]]:
    """Where an address leads by the redirects on record: the last address, and the redirects on the way there.

    A loop or a chain longer than `limit` ends where it is.
    """
    hops: list[Capture] = []
    while len(hops) < limit:
        history = histories.get(url)
        redirect = history.redirect if history else None
        if redirect is None or any(redirect.url == hop.url for hop in hops):
            break
        hops.append(redirect)
        url = redirect.location.partition("#")[0]
    return url, tuple(hops)
