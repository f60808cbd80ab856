"""Ready means that nothing is in the way."""

import json

from runtime.health import Readiness, error_response, ready_response


def test_a_service_starts_as_not_ready() -> None:
    """Until it says so itself."""
    assert Readiness().reasons == ["starting"]


def test_every_reason_must_go() -> None:
    """In any order; saying one twice counts once."""
    readiness = Readiness()
    readiness.not_ready("dependency")
    readiness.not_ready("dependency")
    readiness.ready("starting")
    assert readiness.reasons == ["dependency"]
    readiness.ready("dependency")
    readiness.ready("dependency")
    assert readiness.reasons == []
    readiness.not_ready("draining")
    readiness.not_ready("behind")
    assert readiness.reasons == ["behind", "draining"]


def test_two_services_do_not_share_reasons() -> None:
    """Each has its own."""
    one, other = Readiness(), Readiness()
    one.ready("starting")
    assert (one.reasons, other.reasons) == ([], ["starting"])


def test_the_answers() -> None:
    """200 when nothing is in the way, else 503 that names all of it."""
    assert ready_response([]).status == 200
    refused = ready_response(["dependency", "starting"])
    assert refused.status == 503
    assert "dependency" in str(refused.text)
    assert "starting" in str(refused.text)


def test_an_error_body() -> None:
    """The form of design B2, on every face."""
    response = error_response(413, "body_too_large", "Too large.", {"X": "y"})
    assert (response.status, response.content_type) == (413, "application/json")
    assert json.loads(str(response.text)) == {
        "error": {"reason": "body_too_large", "message": "Too large."}
    }
    assert response.headers["X"] == "y"
