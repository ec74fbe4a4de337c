"""A real gRPC server on loopback: what the guard lets in, what it says when it refuses, what travels along."""
# ruff: noqa: N802, ARG001, ARG002 -- methods and parameters are named by the contracts

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client import REGISTRY
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError

from tuoqi.contracts.alerts.v1 import alerts_service_pb2 as alerts
from tuoqi.contracts.alerts.v1 import alerts_service_pb2_grpc
from tuoqi.contracts.common.v1 import access_pb2, table_pb2, table_pb2_grpc
from tuoqi.contracts.payments.v1 import payments_service_pb2 as payments
from tuoqi.contracts.payments.v1 import payments_service_pb2_grpc
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.contracts.registry.v1 import registry_service_pb2_grpc
from tuoqi.kit import tracing
from tuoqi.kit.audit import AuditEntry
from tuoqi.kit.county import County
from tuoqi.kit.database import Conflict
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.rights import Rights
from tuoqi.kit.rpc import guard as guard_module
from tuoqi.kit.rpc.access import contract_methods, rule_of
from tuoqi.kit.rpc.client import Channel, Peers, Refusal, connect, raise_refusal, refusal_of
from tuoqi.kit.rpc.guard import subject_of
from tuoqi.kit.rpc.server import Guard, RunningServer, current_actor, serve
from tuoqi.kit.settings import Settings

DEMO = Path(__file__).parents[3] / "deploy" / "counties" / "990101"
TOKEN = "a-token-of-this-test-only"
HASH = "ab" * 32


class Stage:
    """A server whose methods do what the test says, and what the audit got."""

    def __init__(self) -> None:
        self.audit: list[AuditEntry] = []
        self.audit_fails_at: str = ""
        self.act: Callable[[], Any] = lambda: None
        self.seen: list[Any] = []
        self.server: RunningServer
        self.settings: Settings

    async def write_audit(self, entry: AuditEntry) -> None:
        if entry.outcome == self.audit_fails_at:
            raise OSError("database away")
        self.audit.append(entry)

    async def perform(self) -> None:
        result = self.act()
        if asyncio.iscoroutine(result):
            await result

    def outcomes(self) -> list[tuple[str, str]]:
        return [(entry.actor, entry.outcome) for entry in self.audit]

    @asynccontextmanager
    async def channel(self, user: str = "", purpose: str = "", token: str = TOKEN) -> AsyncIterator[Channel]:
        async with connect(self.server.address, token, user, purpose) as channel:
            yield channel


class _Registry(registry_service_pb2_grpc.RegistryServiceServicer):
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def IdentifyPersons(self, request: Any, context: Any) -> registry.IdentifyPersonsResponse:
        await self.stage.perform()
        self.stage.seen.append((current_actor(), tracing.current_traceparent(), tracing.current_correlation_id()))
        return registry.IdentifyPersonsResponse(person_ids=[current_actor().user])

    async def RevealAccounts(self, request: Any, context: Any) -> registry.RevealAccountsResponse:
        await self.stage.perform()
        return registry.RevealAccountsResponse()

    async def Fence(self, request: Any, context: Any) -> registry.FenceResponse:
        self.stage.seen.append(current_actor())
        return registry.FenceResponse()


class _Payments(payments_service_pb2_grpc.PaymentsServiceServicer):
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def ComputeCycle(self, request: Any, context: Any) -> AsyncIterator[payments.ComputeCycleResponse]:
        yield payments.ComputeCycleResponse()
        await self.stage.perform()
        yield payments.ComputeCycleResponse()


class _Imports(table_pb2_grpc.ImportServiceServicer):
    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def ImportRows(self, request_iterator: Any, context: Any) -> AsyncIterator[table_pb2.ImportRowsResponse]:
        rows = 0
        async for request in request_iterator:
            await self.stage.perform()
            rows += len(request.chunk.rows)
            yield table_pb2.ImportRowsResponse(progress=table_pb2.ImportProgress(rows_done=rows))
        yield table_pb2.ImportRowsResponse(result=table_pb2.ImportResult(rows_changed=rows))


def _sum_service() -> Any:
    """A contract made for the tests: one method that takes a stream, one that declares no access."""
    pool: Any = descriptor_pool.Default()
    name = "tuoqi_kit_test.proto"
    try:
        return pool.FindFileByName(name)
    except KeyError:
        pass
    file = descriptor_pb2.FileDescriptorProto(name=name, package="tuoqi.kittest.v1", syntax="proto3")
    file.dependency.append("google/protobuf/empty.proto")
    file.dependency.append("tuoqi/common/v1/access.proto")
    for service, method, guarded in [("Sums", "Sum", True), ("Naked", "Do", False)]:
        one = file.service.add(name=service).method.add(name=method, client_streaming=guarded)
        one.input_type = one.output_type = ".google.protobuf.Empty"
        if guarded:
            one.options.Extensions[access_pb2.access].right = "import"
    pool.Add(file)
    return pool.FindFileByName(name)


def _add_sums(stage: Stage) -> Callable[[Any], None]:
    _sum_service()

    async def add_up(requests: Any, context: Any) -> empty_pb2.Empty:
        stage.seen.append(len([request async for request in requests]))
        return empty_pb2.Empty()

    handler = grpc.stream_unary_rpc_method_handler(
        add_up,
        request_deserializer=empty_pb2.Empty.FromString,
        response_serializer=empty_pb2.Empty.SerializeToString,
    )
    return lambda server: server.add_registered_method_handlers("tuoqi.kittest.v1.Sums", {"Sum": handler})


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    (tmp_path / "token").write_text(TOKEN)
    stage = Stage()
    settings = Settings(database_url="postgresql://x@127.0.0.1/x", token_file=tmp_path / "token")
    guard = Guard(settings, Rights.from_county(County.load(DEMO)), stage.write_audit)
    registry_servicer: Any = _Registry  # as Any: only the methods that the tests call are there
    payments_servicer: Any = _Payments
    add_registry = registry_service_pb2_grpc.add_RegistryServiceServicer_to_server
    add_payments = payments_service_pb2_grpc.add_PaymentsServiceServicer_to_server
    stage.server = await serve(
        settings,
        guard,
        [
            lambda server: add_registry(registry_servicer(stage), server),
            lambda server: add_payments(payments_servicer(stage), server),
            lambda server: table_pb2_grpc.add_ImportServiceServicer_to_server(_Imports(stage), server),
            _add_sums(stage),
        ],
    )
    stage.settings = settings.model_copy(update={"peers": f"registry={stage.server.address}"})
    yield stage
    await stage.server.stop(0)


async def _identify(stage: Stage, user: str = "clerk.li", token: str = TOKEN, **more: Any) -> Any:
    async with stage.channel(user, token=token) as channel:
        stub = registry_service_pb2_grpc.RegistryServiceStub(channel)
        return await stub.IdentifyPersons(registry.IdentifyPersonsRequest(), **more)


async def _refused(call: Any) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return refusal_of(failed.value)


def test_every_method_of_every_contract_says_who_may_call_it() -> None:
    rules = [rule_of(method) for method in contract_methods()]
    assert len(rules) > 25
    assert all(bool(rule.right) != rule.internal for rule in rules)
    assert {rule.method for rule in rules if rule.audited} >= {
        "/tuoqi.payments.v1.PaymentsService/ApproveCycle",
        "/tuoqi.registry.v1.RegistryService/RevealAccounts",
    }


async def test_a_method_without_an_access_rule_keeps_the_server_from_starting(stage: Stage) -> None:
    guard = Guard(stage.settings, Rights({}, {}), stage.write_audit)
    _sum_service()
    naked = grpc.unary_unary_rpc_method_handler(lambda _request, _context: empty_pb2.Empty())
    with pytest.raises(LookupError, match="declares no access"):
        await serve(
            stage.settings,
            guard,
            [lambda server: server.add_registered_method_handlers("tuoqi.kittest.v1.Naked", {"Do": naked})],
        )


async def test_a_call_is_answered_as_the_user_it_names(stage: Stage) -> None:
    answer = await _identify(stage)
    assert answer.person_ids == ["clerk.li"]
    assert stage.audit == []


@pytest.mark.parametrize(
    ("user", "token", "status", "slug"),
    [
        ("clerk.li", "", grpc.StatusCode.UNAUTHENTICATED, "auth.no_token"),
        ("clerk.li", TOKEN + "x", grpc.StatusCode.UNAUTHENTICATED, "auth.no_token"),
        ("", TOKEN, grpc.StatusCode.UNAUTHENTICATED, "auth.no_user"),
        ("张三", TOKEN, grpc.StatusCode.UNAUTHENTICATED, "auth.unknown_user"),
        ("admin.wu", TOKEN, grpc.StatusCode.PERMISSION_DENIED, "auth.no_right"),
    ],
)
async def test_who_may_not_is_refused(stage: Stage, user: str, token: str, status: grpc.StatusCode, slug: str) -> None:
    refusal = await _refused(_identify(stage, user, token))
    assert (refusal.status, refusal.slug) == (status, slug)
    assert stage.seen == []


async def test_a_refusal_speaks_chinese_and_names_the_user(stage: Stage) -> None:
    refusal = await _refused(_identify(stage, "张三"))
    assert refusal.sentence == "用户“张三”不在本县用户名单中。"


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (TuoqiError("state.not_found", what="周期"), grpc.StatusCode.NOT_FOUND, "state.not_found"),
        (Conflict("x"), grpc.StatusCode.ABORTED, "state.conflict"),
        (ConnectionRefusedError("secret-host"), grpc.StatusCode.UNAVAILABLE, "database.away"),
        (OperationalError("q", None, Exception("secret")), grpc.StatusCode.UNAVAILABLE, "database.away"),
        (InterfaceError("q", None, Exception("secret")), grpc.StatusCode.UNAVAILABLE, "database.away"),
        (TimeoutError("pool"), grpc.StatusCode.UNAVAILABLE, "database.away"),
        (ProgrammingError("secret", None, Exception("x")), grpc.StatusCode.INTERNAL, "rpc.failed"),
        (ZeroDivisionError("secret"), grpc.StatusCode.INTERNAL, "rpc.failed"),
        (FileNotFoundError("secret"), grpc.StatusCode.INTERNAL, "rpc.failed"),
        (Refusal(grpc.StatusCode.NOT_FOUND, "other.thing", "没有。"), grpc.StatusCode.NOT_FOUND, "other.thing"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_a_method_raises_becomes_a_status_without_detail(
    stage: Stage, error: Exception, status: grpc.StatusCode, slug: str
) -> None:
    def fail() -> None:
        raise error

    stage.act = fail
    refusal = await _refused(_identify(stage))
    assert (refusal.status, refusal.slug) == (status, slug)
    assert "secret" not in refusal.sentence
    with pytest.raises(Refusal, match=slug):
        raise_refusal(await _failure(_identify(stage)))


async def _failure(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failed.value


async def test_a_request_that_breaks_its_contract_is_refused_before_the_method(stage: Stage) -> None:
    async with stage.channel("clerk.li") as channel:
        stub = registry_service_pb2_grpc.RegistryServiceStub(channel)
        many = registry.IdentifyPersonsRequest(names=[registry.PersonName(temp_id="a")] * 5001)
        refusal = await _refused(stub.IdentifyPersons(many))
    assert (refusal.status, refusal.slug) == (grpc.StatusCode.INVALID_ARGUMENT, "request.invalid")
    assert "names" in refusal.sentence
    assert stage.seen == []


async def test_a_call_without_a_deadline_gets_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "UNARY_SECONDS_MAX", 0.05)
    stage.act = lambda: asyncio.sleep(5)
    async with grpc.aio.insecure_channel(stage.server.address) as bare:
        stub = registry_service_pb2_grpc.RegistryServiceStub(bare)
        headers = (("tuoqi-token", TOKEN), ("tuoqi-user", "clerk.li"))
        refusal = await _refused(stub.IdentifyPersons(registry.IdentifyPersonsRequest(), metadata=headers))
    assert refusal.slug == "rpc.too_slow"
    assert (await _refused(_identify(stage, timeout=0.05))).status is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_an_audited_act_leaves_its_beginning_and_its_end(stage: Stage) -> None:
    async def reveal(user: str) -> Any:
        async with stage.channel(user, "打印代发清单") as channel:
            stub = registry_service_pb2_grpc.RegistryServiceStub(channel)
            return await stub.RevealAccounts(registry.RevealAccountsRequest(account_version_ids=["a", "b"]))

    await reveal("finance.qian")
    begun, ended = stage.audit
    assert (begun.outcome, ended.outcome) == ("begun", "ok")
    assert (begun.actor, begun.purpose) == ("finance.qian", "打印代发清单")
    assert begun.method == "/tuoqi.registry.v1.RegistryService/RevealAccounts"
    assert begun.subject == "account_version_ids=2 of them"
    assert len(begun.request_hash) == 64
    assert begun.request_hash == ended.request_hash
    assert begun.correlation_id == ended.correlation_id != ""

    def fail() -> None:
        raise TuoqiError("state.not_found", what="账户")

    stage.act = fail
    await _refused(reveal("finance.sun"))
    await _refused(reveal("clerk.li"))
    assert stage.outcomes()[2:] == [
        ("finance.sun", "begun"),
        ("finance.sun", "state.not_found"),
        ("clerk.li", "auth.no_right"),
    ]


def test_the_audits_subject_holds_ids_and_never_private_data() -> None:
    """Whoever reads the audit sees what was acted on, not who it was about."""
    chunk = table_pb2.ImportHeader(kind="persons", file_name="张三.csv", content_hash=HASH, dry_run=True)
    assert subject_of(chunk) == f"kind=persons content_hash={HASH} dry_run=True"
    assert subject_of(registry.PersonName(id_number="629999194001010018")) == ""
    assert subject_of(None) == ""


async def test_without_its_beginning_in_the_audit_nothing_is_done_and_a_missing_end_undoes_nothing(
    stage: Stage,
) -> None:
    done: list[int] = []
    stage.act = lambda: done.append(1)

    async def reveal() -> Any:
        async with stage.channel("finance.qian", "x") as channel:
            stub = registry_service_pb2_grpc.RegistryServiceStub(channel)
            return await stub.RevealAccounts(registry.RevealAccountsRequest())

    stage.audit_fails_at = "begun"
    assert (await _refused(reveal())).slug == "database.away"
    assert done == []
    stage.audit_fails_at = "ok"
    await reveal()
    assert done == [1]


def _header() -> table_pb2.ImportRowsRequest:
    header = table_pb2.ImportHeader(kind="persons", content_hash=HASH, columns=["姓名"])
    return table_pb2.ImportRowsRequest(header=header)


def _chunk(rows: int) -> table_pb2.ImportRowsRequest:
    return table_pb2.ImportRowsRequest(chunk=table_pb2.TableChunk(rows=[table_pb2.TableRow(number=2)] * rows))


async def test_streams_pass_the_guard_both_ways(stage: Stage) -> None:
    async with stage.channel("clerk.li", "导入") as channel:
        call = table_pb2_grpc.ImportServiceStub(channel).ImportRows(iter([_header(), _chunk(2), _chunk(3)]))
        answers = [answer async for answer in call]
    assert [answer.progress.rows_done for answer in answers[:3]] == [0, 2, 5]
    assert answers[-1].result.rows_changed == 5
    assert stage.outcomes() == [("clerk.li", "begun"), ("clerk.li", "ok")]
    assert stage.audit[0].subject == f"kind=persons content_hash={HASH} columns=1 of them"
    async with stage.channel("clerk.li") as channel:
        add_up = channel.stream_unary(
            "/tuoqi.kittest.v1.Sums/Sum",
            request_serializer=empty_pb2.Empty.SerializeToString,
            response_deserializer=empty_pb2.Empty.FromString,
        )
        assert await add_up(iter([empty_pb2.Empty()] * 3)) == empty_pb2.Empty()
    assert stage.seen == [3]


async def test_each_request_of_a_stream_is_validated(stage: Stage) -> None:
    async def collect(requests: list[Any]) -> list[Any]:
        async with stage.channel("clerk.li") as channel:
            call = table_pb2_grpc.ImportServiceStub(channel).ImportRows(iter(requests))
            return [answer async for answer in call]

    for requests in ([table_pb2.ImportRowsRequest()], [_header(), _chunk(5001)]):
        refusal = await _refused(collect(requests))
        assert refusal.slug == "request.invalid"
    assert stage.outcomes()[-2:] == [("clerk.li", "begun"), ("clerk.li", "request.invalid")]


async def test_a_stream_that_fails_halfway_ends_with_its_slug(stage: Stage) -> None:
    def fail() -> None:
        raise TuoqiError("state.not_found", what="周期")

    stage.act = fail
    async with stage.channel("clerk.li") as channel:
        call = payments_service_pb2_grpc.PaymentsServiceStub(channel).ComputeCycle(_compute())
        assert await call.read() == payments.ComputeCycleResponse()
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call.read()
    assert refusal_of(failed.value).slug == "state.not_found"
    assert stage.outcomes() == [("clerk.li", "begun"), ("clerk.li", "state.not_found")]


def _compute() -> payments.ComputeCycleRequest:
    return payments.ComputeCycleRequest(cycle="2026-07")


async def test_a_stream_has_a_time_limit_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "STREAM_SECONDS_MAX", 0.05)
    stage.act = lambda: asyncio.sleep(5)
    async with stage.channel("clerk.li") as channel:
        call = payments_service_pb2_grpc.PaymentsServiceStub(channel).ComputeCycle(_compute(), timeout=20)
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            _ = [answer async for answer in call]
    assert refusal_of(failed.value).slug == "rpc.too_slow"


async def test_a_cancelled_act_is_in_the_audit(stage: Stage) -> None:
    stage.act = lambda: asyncio.sleep(5)
    async with stage.channel("clerk.li") as channel:
        call = payments_service_pb2_grpc.PaymentsServiceStub(channel).ComputeCycle(_compute())
        await call.read()
        call.cancel()
    for _ in range(100):
        if len(stage.audit) == 2:
            break
        await asyncio.sleep(0.02)
    assert stage.outcomes() == [("clerk.li", "begun"), ("clerk.li", "cancelled")]


async def test_an_internal_method_needs_the_token_alone(stage: Stage) -> None:
    request = registry.FenceRequest()
    request.cutoff.GetCurrentTime()
    async with stage.channel() as channel:
        await registry_service_pb2_grpc.RegistryServiceStub(channel).Fence(request)
    assert stage.seen[0].user == "service:platform"
    async with stage.channel("clerk.li", token="") as channel:
        refusal = await _refused(registry_service_pb2_grpc.RegistryServiceStub(channel).Fence(request))
    assert refusal.slug == "auth.no_token"


async def test_health_tells_progress_and_needs_no_token(stage: Stage) -> None:
    async with grpc.aio.insecure_channel(stage.server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        ask = health_pb2.HealthCheckRequest()
        assert (await stub.Check(ask)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        stage.server.set_serving(True)
        await asyncio.sleep(0)
        assert (await stub.Check(ask)).status == health_pb2.HealthCheckResponse.SERVING
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        listing = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]))
        listed = [answer async for answer in listing]
    names = {service.name for service in listed[0].list_services_response.service}
    assert {"tuoqi.registry.v1.RegistryService", "grpc.health.v1.Health"} <= names


async def test_a_peer_is_called_with_the_users_rights_and_the_trace(stage: Stage) -> None:
    peers = Peers(stage.settings, "payments")
    request = registry.IdentifyPersonsRequest()

    async def call_on() -> None:
        stage.act = lambda: None
        stub: Any = peers.stub(registry_service_pb2_grpc.RegistryServiceStub, "registry")
        await stub.IdentifyPersons(request)

    try:
        stage.act = call_on
        await _identify(stage, "finance.qian")
        (inner, inner_trace, inner_id), (outer, outer_trace, outer_id) = stage.seen
        assert (inner.user, outer.user) == ("finance.qian", "finance.qian")
        assert inner_trace[3:35] == outer_trace[3:35]
        assert inner_trace != outer_trace
        assert tracing.is_sampled(inner_trace)
        assert inner_id == outer_id != ""
        stage.seen.clear()
        await call_on()
        assert stage.seen[0][0].user == "service:payments"
        with pytest.raises(TuoqiError, match=r"peer\.away"):
            peers.stub(alerts_service_pb2_grpc.AlertsServiceStub, "alerts")
    finally:
        await peers.close()


async def test_a_peer_that_refuses_or_is_away_is_passed_on(stage: Stage) -> None:
    async def refuse() -> None:
        stage.act = lambda: None
        await _identify(stage, "admin.wu")

    async def nobody() -> None:
        async with connect("127.0.0.1:1", TOKEN, "clerk.li") as channel:
            await alerts_service_pb2_grpc.AlertsServiceStub(channel).ListAlerts(alerts.ListAlertsRequest())

    stage.act = refuse
    assert (await _refused(_identify(stage))).slug == "auth.no_right"
    stage.act = nobody
    refusal = await _refused(_identify(stage))
    assert (refusal.status, refusal.slug) == (grpc.StatusCode.UNAVAILABLE, "peer.away")


async def test_calls_are_counted_by_method_and_code(stage: Stage) -> None:
    path = "/tuoqi.registry.v1.RegistryService/IdentifyPersons"

    def counted(code: str) -> float:
        return REGISTRY.get_sample_value("tuoqi_rpc_total", {"method": path, "code": code}) or 0.0

    before = counted("OK"), counted("PERMISSION_DENIED")
    await _identify(stage)
    await _refused(_identify(stage, "admin.wu"))
    assert (counted("OK"), counted("PERMISSION_DENIED")) == (before[0] + 1, before[1] + 1)


def test_a_short_token_keeps_the_service_from_starting(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("abc")
    for token_file in (None, tmp_path / "short"):
        settings = stage.settings.model_copy(update={"token_file": token_file})
        with pytest.raises(ValueError, match="token"):
            Guard(settings, Rights({}, {}), stage.write_audit)


async def test_an_address_that_is_taken_is_said_so(stage: Stage) -> None:
    settings = stage.settings.model_copy(update={"grpc_address": stage.server.address})
    with pytest.raises(RuntimeError):
        await serve(settings, Guard(settings, Rights({}, {}), stage.write_audit), [])
