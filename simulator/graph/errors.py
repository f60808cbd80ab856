"""What the Graph API says when it does not answer. Owns codes, texts and HTTP statuses.

Source: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

_STATUSES: Final[Mapping[int, int]] = {1: 500, 2: 500, 4: 403, 10: 403, 17: 403, 200: 403, 803: 404}
"""HTTP status by code where it is not 400; sources differ, so nobody should decide on it."""

_TRANSIENT: Final = frozenset({2, 4})

_GRAPH_METHOD: Final = "GraphMethodException"

UNSUPPORTED_FORMAT: Final = 1772107

DEAD_TOKENS: Final[Mapping[int | None, str]] = {
    None: "Invalid OAuth access token - Cannot parse access token",
    458: "Error validating access token: The user has not authorized application.",
    459: "Error validating access token: You cannot access the app till you log in.",
    460: "Error validating access token: The session has been invalidated because the user "
    "changed their password or Facebook has changed the session for security reasons.",
    463: "Error validating access token: Session has expired.",
    464: "Error validating access token: Sessions for the user are not allowed because the user "
    "is not a confirmed user.",
    467: "Error validating access token: This is invalid.",
    492: "Error validating access token: The user must be an administrator, editor, or moderator "
    "of the page in order to impersonate it.",
}


class RefusalError(Exception):
    """A call that is answered with an error object."""

    def __init__(
        self, code: int, message: str, subcode: int | None = None, kind: str = "OAuthException"
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.subcode = subcode
        self.kind = kind

    @property
    def status(self) -> int:
        """The HTTP status of the answer."""
        return _STATUSES.get(self.code, 400)

    @property
    def name(self) -> str:
        """Code, and subcode where there is one, for statistics."""
        return f"{self.code}" if self.subcode is None else f"{self.code}/{self.subcode}"

    def document(self, trace_id: str) -> dict[str, Any]:
        """The answer."""
        error: dict[str, Any] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.code in _TRANSIENT:
            error["is_transient"] = True
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": {**error, "fbtrace_id": trace_id}}


class UnfinishedError(RefusalError):
    """A call that was not come to in time: null in a batch."""

    def __init__(self) -> None:
        super().__init__(-2, "Timeout")


def ordered(code: int, subcode: int | None = None) -> RefusalError:
    """The error that a fault asks for."""
    if code in (102, 190):
        return dead_token(subcode, code)
    if code == 100 and subcode == 33:
        return missing("0")
    if (code, subcode) == (20, UNSUPPORTED_FORMAT):
        return unsupported_format()
    if code == 368:
        return blocked()
    if code == 506:
        return duplicate()
    return RefusalError(code, f"(#{code}) An error that was asked for.", subcode)


def missing(object_id: str, method: str = "get") -> RefusalError:
    """The object is not there, or not to be seen, or does not take the call: never said which."""
    return RefusalError(
        100,
        f"Unsupported {method} request. Object with ID '{object_id}' does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation.",
        33,
        _GRAPH_METHOD,
    )


def unknown_alias(name: str) -> RefusalError:
    """A path that is no id."""
    return RefusalError(803, f"(#803) Some of the aliases you requested do not exist: {name}")


def unknown_path(path: str) -> RefusalError:
    """A path that leads nowhere."""
    return RefusalError(2500, f"Unknown path components: /{path}")


def unknown_field(name: str, node_type: str) -> RefusalError:
    """A field that nodes of the type do not have."""
    return RefusalError(
        100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({node_type})"
    )


def no_subfields(name: str) -> RefusalError:
    """A field that holds no node was asked for fields of its own."""
    return RefusalError(100, f"(#100) Subfields are not supported by {name}")


def wrong_parameter(problem: str) -> RefusalError:
    """A parameter that is missing, wrong, or not taken any more."""
    return RefusalError(100, f"(#100) {problem}")


def syntax_error(problem: str, at: int, expression: str) -> RefusalError:
    """An expression that cannot be read."""
    return RefusalError(2500, f'Syntax error "{problem}" at character {at}: {expression}')


def oversized_batch(most: int) -> RefusalError:
    """A batch of too many calls."""
    text = f"Too many requests in batch message. Maximum batch size is {most}"
    return RefusalError(100, text, kind="GraphBatchException")


def no_token() -> RefusalError:
    """A call without a token."""
    return RefusalError(104, "An access token is required to request this resource.")


def dead_token(subcode: int | None = None, code: int = 190) -> RefusalError:
    """A token that is none, or none any more."""
    return RefusalError(code, DEAD_TOKENS.get(subcode, DEAD_TOKENS[467]), subcode)


def wrong_proof() -> RefusalError:
    """`appsecret_proof` is not of this token and the app's secret."""
    text = "Invalid appsecret_proof provided in the API argument"
    return RefusalError(100, text, kind=_GRAPH_METHOD)


def no_proof() -> RefusalError:
    """The app asks for `appsecret_proof` with every call."""
    text = "API calls from the server require an appsecret_proof argument"
    return RefusalError(100, text, kind=_GRAPH_METHOD)


def no_permission() -> RefusalError:
    """The user did not grant what the call needs."""
    return RefusalError(10, "(#10) Application does not have permission for this action")


def no_grant(scope: str) -> RefusalError:
    """The user did not grant what a change needs."""
    return RefusalError(200, f"(#200) Requires {scope} permission to manage the object.")


def no_page_token() -> RefusalError:
    """A Page is changed with its own token only: the new Pages experience."""
    text = "A Page access token is required for this call for the new Pages experience."
    return RefusalError(190, text)


def no_app_token() -> RefusalError:
    """An app is changed with its own token only."""
    return RefusalError(15, "(#15) This method must be called with an app access_token.")


def not_among(name: str, choices: Iterable[str]) -> RefusalError:
    """A parameter that is none of what it may be."""
    return wrong_parameter(f"Param {name} must be one of {{{', '.join(choices)}}}")


def failed_callback(problem: str) -> RefusalError:
    """The handshake with the callback did not come to a good end."""
    text = f"(#2200) Callback verification failed with the following errors: {problem}"
    return RefusalError(2200, text)


def unsupported_format() -> RefusalError:
    """What was written cannot be told in the form asked for: it is written all the same."""
    text = "(#20) This response format is not supported for this endpoint."
    return RefusalError(20, text, UNSUPPORTED_FORMAT)


def blocked() -> RefusalError:
    """The account wrote what, or more than, it should."""
    text = "The action attempted has been deemed abusive or is otherwise disallowed"
    return RefusalError(368, text)


def duplicate() -> RefusalError:
    """The same text was written there a moment ago."""
    return RefusalError(506, "(#506) Duplicate status message")


def throttled_app() -> RefusalError:
    """The app has no calls left."""
    return RefusalError(4, "(#4) Application request limit reached")


def throttled_account() -> RefusalError:
    """The app has no calls left for this account.

    Source: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
    """
    return RefusalError(
        80002,
        "(#80002) There have been too many calls to this Instagram account. Wait a bit and try "
        "again.",
        2446079,
    )
