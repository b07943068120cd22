"""Requests as they travel: retries, replay after renewal, errors, pages, changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from heliostat.client.calls import Change, pages, path_of, read
from heliostat.client.faults import InvalidAnswer, ServerError, Unreachable
from heliostat.client.target import Target
from heliostat.client.transport import Request, Transport
from heliostat.core.errors import HeliostatError
from heliostat.testing import answers
from heliostat.testing.recorder import RecordingController, recording_controller
from heliostat.wire.tasks import Task
from heliostat.wire.tenants import TenantList


@dataclass
class Token:
    """A signer with a list of tokens; renewing moves on."""

    tokens: list[str]
    renewals: int = 0

    def bearer(self) -> str | None:
        return self.tokens[0]

    def renew(self) -> bool:
        if len(self.tokens) == 1:
            return False
        self.tokens.pop(0)
        self.renewals += 1
        return True


@dataclass
class Pauses:
    slept: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def controller() -> Iterator[RecordingController]:
    with recording_controller() as running:
        yield running


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def transport(controller: RecordingController, pauses: Pauses) -> Iterator[Transport]:
    made = Transport(Target.parse(controller.url), sleep=pauses)
    yield made
    made.close()


def failing(error: httpx.TransportError, then: httpx.Response) -> httpx.MockTransport:
    """Fails once, then answers."""
    failures = [error]

    def handle(request: httpx.Request) -> httpx.Response:
        if failures:
            raise failures.pop()
        return then

    return httpx.MockTransport(handle)


def over(http: httpx.BaseTransport, pauses: Pauses) -> Transport:
    return Transport(Target.parse("https://cloud:9000"), http=http, sleep=pauses)


def test_a_read_is_repeated_after_a_broken_connection(pauses: Pauses) -> None:
    http = failing(httpx.ReadError("reset"), httpx.Response(200, json=answers.page()))
    transport = over(http, pauses)
    assert read(transport, "listTenants", answer=TenantList).items == []
    assert pauses.slept == [0.2]
    transport.close()


def test_a_change_is_repeated_with_the_same_key(
    controller: RecordingController, transport: Transport, pauses: Pauses
) -> None:
    call = f"POST /v1/vms/{answers.VM}/start"
    controller.refuse(call, 503, "ShuttingDown")
    controller.answer(call, answers.task("QUEUED"), status=201)
    change = Change(transport, "startVm", (answers.VM,), Task)
    assert change.submit().state == "QUEUED"
    keys = {seen.headers["idempotency-key"] for seen in controller.calls(call)}
    assert len(controller.calls(call)) == 2
    assert keys == {change.key}


def test_a_request_without_a_key_is_sent_once(pauses: Pauses) -> None:
    transport = over(failing(httpx.ReadError("reset"), httpx.Response(200)), pauses)
    with pytest.raises(Unreachable) as caught:
        transport.send(Request("POST", "/v1/x"))
    assert caught.value.was_sent
    assert pauses.slept == []
    transport.close()


def test_the_server_may_ask_for_a_longer_pause(
    controller: RecordingController, transport: Transport, pauses: Pauses
) -> None:
    controller.answer("GET /v1/tenants", {"code": "X"}, status=429, Retry_After="2")
    controller.answer("GET /v1/tenants", answers.page())
    read(transport, "listTenants", answer=TenantList)
    assert pauses.slept == [2.0]


def test_an_expired_token_is_renewed_and_the_request_replayed(
    controller: RecordingController, transport: Transport
) -> None:
    transport.signer = signer = Token(["old", "new"])
    call = f"POST /v1/vms/{answers.VM}/stop"
    controller.refuse(call, 401, "ExpiredAuthToken")
    controller.answer(call, answers.task("QUEUED"), status=201)
    Change(transport, "stopVm", (answers.VM,), Task).submit()
    sent = [seen.headers["authorization"] for seen in controller.calls(call)]
    assert sent == ["Bearer old", "Bearer new"]
    assert signer.renewals == 1


def test_an_expired_token_that_cannot_be_renewed_is_an_error(
    controller: RecordingController, transport: Transport
) -> None:
    transport.signer = Token(["old"])
    controller.refuse("GET /v1/tenants", 401, "ExpiredAuthToken")
    with pytest.raises(HeliostatError, match="ExpiredAuthToken"):
        read(transport, "listTenants", answer=TenantList)
    assert len(controller.seen) == 1


def test_an_error_carries_code_sentence_hint_data_and_status(
    controller: RecordingController, transport: Transport
) -> None:
    body = {"code": "QuotaError", "message": "Too much.", "data": {"key": "vm"}, "hint": "Less."}
    controller.answer("GET /v1/tenants", body, status=400)
    with pytest.raises(ServerError) as caught:
        read(transport, "listTenants", answer=TenantList)
    error = caught.value
    assert (error.code, error.message, error.hint) == ("QuotaError", "Too much.", "Less.")
    assert error.data == {"key": "vm"}
    assert error.status == 400


def test_an_error_of_a_newer_server_is_still_an_error(
    controller: RecordingController, transport: Transport
) -> None:
    controller.refuse("GET /v1/tenants", 418, "TeapotError")
    with pytest.raises(ServerError) as caught:
        read(transport, "listTenants", answer=TenantList)
    assert (caught.value.code, caught.value.status) == ("TeapotError", 418)
    assert caught.value.hint


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"message": "no code"}'])
def test_an_answer_of_something_else_says_so(
    controller: RecordingController, transport: Transport, body: bytes
) -> None:
    controller.answer("GET /v1/tenants", body, status=500)
    with pytest.raises(InvalidAnswer, match="HTTP 500"):
        read(transport, "listTenants", answer=TenantList)


def test_a_success_that_is_no_json_says_so(
    controller: RecordingController, transport: Transport
) -> None:
    controller.answer("GET /v1/tenants", b"hello")
    with pytest.raises(InvalidAnswer):
        read(transport, "listTenants", answer=TenantList)


def test_nothing_listens(pauses: Pauses) -> None:
    transport = Transport(Target.parse("http://127.0.0.1:1"), sleep=pauses)
    with pytest.raises(Unreachable, match="refused") as caught:
        read(transport, "listTenants", answer=TenantList)
    assert not caught.value.was_sent
    assert "helio status" in caught.value.hint
    assert pauses.slept == [0.2, 0.4]
    transport.close()


def test_a_missing_socket_is_unreachable(pauses: Pauses, tmp_path: object) -> None:
    transport = Transport(Target.parse(f"unix:{tmp_path}/none.sock"), sleep=pauses)
    with pytest.raises(Unreachable, match="unix:"):
        read(transport, "listTenants", answer=TenantList)
    transport.close()


def test_lists_follow_the_link_to_the_end(
    controller: RecordingController, transport: Transport
) -> None:
    second = answers.tenant("b", "b")
    link = "/v1/tenants?pageLink=c%2Fd%3D%3D&pageSize=1"
    controller.answer("GET /v1/tenants", answers.page(answers.tenant("a", "a"), after=link))
    controller.answer("GET /v1/tenants", answers.page(second))
    found = pages(transport, "listTenants", answer=TenantList, query={"name": ""})
    assert [tenant.name for tenant in found] == ["a", "b"]
    assert [seen.query for seen in controller.seen] == [{}, {"pageLink": "c/d==", "pageSize": "1"}]


def test_a_plan_is_asked_with_the_same_body(
    controller: RecordingController, transport: Transport
) -> None:
    controller.answer("POST /v1/vms/x/tags", answers.plan())
    change = Change(transport, "addVmTag", ("x",), Task, {"value": "blue"})
    assert change.plan().placement is not None
    assert controller.seen[0].query == {"plan": "true"}
    assert controller.seen[0].json == {"value": "blue"}


def test_an_empty_body_has_a_length_of_zero(
    controller: RecordingController, transport: Transport
) -> None:
    call = f"POST /v1/vms/{answers.VM}/start"
    controller.answer(call, answers.task(), status=201)
    Change(transport, "startVm", (answers.VM,), Task).submit()
    assert controller.seen[0].headers["content-length"] == "0"


def test_path_parameters_are_quoted() -> None:
    assert path_of("removeGroupMember", "a/b", "D\\c d") == "/v1/groups/a%2Fb/members/D%5Cc%20d"
    with pytest.raises(TypeError):
        path_of("getVm")
