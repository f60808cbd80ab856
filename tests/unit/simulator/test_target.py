"""Load stays on this machine."""

import pytest

from simulator.target import RemoteTargetError, Target, require_local


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080", "http://localhost:1", "https://[::1]:8443/x", "http://127.9.9.9"],
)
def test_loopback_passes(url: str) -> None:
    """The three ways to name this machine."""
    require_local(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1:8080",
        "http://0.0.0.0:8080",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "http://localhost.example.com",
        "http://[::ffff:10.0.0.1]",
        "nonsense",
        "",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    """No name is trusted, however local it looks."""
    with pytest.raises(RemoteTargetError):
        require_local(url)


def test_target_shows_no_secret() -> None:
    """Reports and tracebacks may print a target."""
    target = Target("http://127.0.0.1:8080/", b"hush-hush", "1")
    assert "hush" not in repr(target)
    assert target.webhook_url == "http://127.0.0.1:8080/webhooks/instagram"
    assert target.address == ("127.0.0.1", 8080)
    assert Target("https://localhost", b"x").address == ("localhost", 443)
