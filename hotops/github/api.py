"""The connection to GitHub's REST interface: headers, limits, pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hotops.core.answer import Answer
from hotops.core.clock import Clock
from hotops.core.errors import HotopsError, ServerError, UsageError, WireError
from hotops.core.http import Http, Retry
from hotops.core.limiter import Limiter, Rate
from hotops.core.secret import Secret
from hotops.github.errors import rate_limit_wait_s, read_error, refine

if TYPE_CHECKING:
    import httpx

    from hotops.core.http import Call

VERSION = "2022-11-28"
#: 5,000 requests an hour; 900 points a minute, where a read is one and a write five; 80 requests that make content a
#: minute and 500 an hour (GitHub docs, rate limits). What fits in any window of that length: burst and refill together.
EACH_HOUR = Rate(2000 / 3600, 3000)
EACH_POINT = Rate(450 / 60, 450)
CONTENT_EACH_MINUTE = Rate(60 / 60, 20)
CONTENT_EACH_HOUR = Rate(100 / 3600, 400)

_READ = (("hour", EACH_HOUR), ("points", EACH_POINT))
_WRITE = (("hour", EACH_HOUR), *((("points", EACH_POINT),) * 5))
_CONTENT = (*_WRITE, ("content", CONTENT_EACH_MINUTE), ("content_hour", CONTENT_EACH_HOUR))
_REPO = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_NEXT = re.compile(r'<([^>]+)>;[^,]*\brel="next"')
LARGEST_PAGE = 100


def path(repo: str, *parts: str | int) -> str:
    """`/repos/acme/shop/issues/7`: each part quoted, so that no name can step out of its place.

    Raises UsageError where the repository is not OWNER/NAME.
    """
    if not _REPO.fullmatch(repo) or repo.endswith(("/.", "/..")):
        raise UsageError(f"{repo!r} is no repository.", remedy="Write it as OWNER/NAME.")
    return f"/repos/{repo}" + "".join(f"/{quote(str(part), safe='')}" for part in parts)


def may_have_arrived(error: HotopsError) -> bool:
    """Whether a write that ended so may have been carried out all the same: then whoever made it looks."""
    return isinstance(error, ServerError) or (isinstance(error, WireError) and error.applied is not False)


def ref_path(name: str) -> str:
    """A git reference below a path: its slashes stay."""
    return quote(name, safe="/")


class Api:
    """Requests with one token. Safe for use by several threads."""

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        clock: Clock,
        transport: httpx.BaseTransport,
        limiter: Limiter,
        on_call: Callable[[Call], None] | None = None,
        retry: Retry | None = None,
    ) -> None:
        self.clock = clock
        self._base_url = base_url
        self._http = Http(
            base_url,
            transport=transport,
            clock=clock,
            headers={
                "authorization": f"Bearer {token.reveal()}",
                "accept": "application/vnd.github+json",
                "x-github-api-version": VERSION,
            },
            limiter=limiter,
            retry=retry,
            read_error=read_error,
            refine=refine,
            rate_limit_wait_s=rate_limit_wait_s,
            on_call=on_call,
            request_id_header="x-github-request-id",
        )

    def get(
        self,
        target: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        follow: bool = False,
        timeout_s: float | None = None,
    ) -> Answer:
        """Read one thing."""
        return self._http.request(
            "GET", target, params=params, headers=headers, limits=_READ, follow=follow, timeout_s=timeout_s
        )

    def pages(
        self, target: str, key: str | None = None, *, params: Mapping[str, Any] | None = None, sized: bool = True
    ) -> Iterator[Any]:
        """Every item of a list, page after page; `key` where the list stands inside of an object.

        `sized`: whether the list takes `per_page` at all.
        """
        answer = self.get(target, params={**({"per_page": LARGEST_PAGE} if sized else {}), **(params or {})})
        while True:
            yield from answer.items(key)
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None:
                return
            if not following[1].startswith(f"{self._base_url}/"):
                raise WireError(
                    f"The next page of {target} is said to be on another host, so the list is not whole.",
                    remedy="The token goes to GitHub's API alone: what stands in between?",
                    code="unknown_reply",
                )
            answer = self.get(following[1])

    def write(self, method: str, target: str, body: Any = None, *, idempotent: bool | None = None) -> Answer:
        """Change something. A POST is sent once: whoever makes things looks before repeating."""
        limits = _WRITE if method == "DELETE" else _CONTENT
        return self._http.request(method, target, body=body, limits=limits, idempotent=idempotent)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
