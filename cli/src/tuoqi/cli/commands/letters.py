"""`tuoqi dlq` and `tuoqi consumer`: messages that could not be applied, and subscriptions that stopped over them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tuoqi.cli.options import AsJson, By, Limit
from tuoqi.cli.output import emit, plain, say, show_pairs, show_rows, shown
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.common.v1 import platform_pb2 as pb
from tuoqi.kit.errors import TuoqiError

dlq = typer.Typer(help="Messages that could not be applied 死信.")
consumer = typer.Typer(help="Subscriptions that stopped.")
PAGE_MAX = 1_000
Service = Annotated[str, typer.Option("--service", metavar="S", help="registry, visits, payments or alerts.")]
LetterId = Annotated[str, typer.Argument(metavar="ID", help="service:number as listed, like payments:12.")]


@dlq.callback()
def letters() -> None:
    """Messages that could not be applied."""


@consumer.callback()
def consumers() -> None:
    """Subscriptions that stopped."""


def letter_of(text: str, service: str) -> tuple[str, int]:
    """Service and number of a dead letter: `payments:12`, or `12` beside --service. Raises cli.letter_of_which."""
    named, _, number = text.rpartition(":")
    if not number.isdecimal() or not (named or service):
        raise TuoqiError("cli.letter_of_which", text=text)
    return named or service, int(number)


async def _list(platform: Platform, service: str, request: pb.ListDeadLettersRequest) -> list[pb.DeadLetter]:
    answer: pb.ListDeadLettersResponse = await platform.common(service).ListDeadLetters(request)
    return list(answer.dead_letters)


@dlq.command("list", epilog="Example: tuoqi dlq list --by ops.zheng")
def list_letters(
    service: Service = "",
    with_ended: Annotated[bool, typer.Option("--all", help="Also the ended ones.")] = False,
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List dead letters of every service, newest first."""
    request = pb.ListDeadLettersRequest(page_size=min(limit, PAGE_MAX), with_ended=with_ended)

    async def ask(platform: Platform) -> dict[str, list[pb.DeadLetter]]:
        names = (service,) if service else platform.services
        found = await asyncio.gather(*(_list(platform, name, request) for name in names))
        return dict(zip(names, found, strict=True))

    found = call(ask, by)
    if as_json:
        for name, some in found.items():
            for letter in some:
                emit({"id": f"{name}:{letter.dead_letter_id}", "service": name, **plain(letter)})
        return
    columns = ("ID", "状态", "时间", "原因", "类型", "键", "等候", "位置")
    show_rows(columns, [
        (f"{name}:{m.dead_letter_id}", m.state, shown(m.dead_at), m.reason, m.ce_type, m.key, m.parked_behind, m.position)
        for name, some in found.items() for m in some
    ])  # fmt: skip


@dlq.command(epilog="Example: tuoqi dlq show payments:12 --by ops.zheng")
def show(letter: LetterId, service: Service = "", by: By = "", as_json: AsJson = False) -> None:
    """Show one dead letter with its bytes."""
    name, number = letter_of(letter, service)

    async def ask(platform: Platform) -> list[pb.DeadLetter]:
        return await _list(platform, name, pb.ListDeadLettersRequest(dead_letter_id=number))

    found = call(ask, by)
    if not found:
        raise TuoqiError("state.not_found", what=f"{name}:{number}")
    if as_json:
        emit({"id": f"{name}:{number}", "service": name, **plain(found[0])})
    else:
        show_pairs({"service": name, **plain(found[0])})


@dlq.command(epilog="Example: tuoqi dlq redrive payments:12 --by ops.zheng")
def redrive(
    letter: Annotated[str, typer.Argument(metavar="[ID]", help="service:number; none: all open ones.")] = "",
    service: Service = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Send dead letters through the pipeline once more, parked messages after them."""
    name, numbers = service, []
    if letter:
        name, number = letter_of(letter, service)
        numbers = [number]

    async def act(platform: Platform) -> dict[str, pb.RedriveDeadLettersResponse]:
        names = (name,) if name else platform.services
        request = pb.RedriveDeadLettersRequest(dead_letter_ids=numbers)
        return {one: await platform.common(one).RedriveDeadLetters(request) for one in names}

    for one, answer in call(act, by).items():
        if as_json:
            emit({"service": one, **plain(answer)})
        else:
            say(f"{one}: applied {answer.applied}, rejected again {answer.rejected}")


@dlq.command(epilog="Example: tuoqi dlq dismiss payments:12 --by ops.zheng --reason 测试数据")
def dismiss(
    letter: LetterId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it can never apply.")],
    service: Service = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """End a dead letter that can never apply; parked messages behind it go on."""
    name, number = letter_of(letter, service)

    async def act(platform: Platform) -> pb.DismissDeadLetterResponse:
        request = pb.DismissDeadLetterRequest(dead_letter_id=number, reason=reason)
        answer: pb.DismissDeadLetterResponse = await platform.common(name).DismissDeadLetter(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit({"service": name, **plain(answer)})
    else:
        say(f"{name}:{number} dismissed; {answer.applied} messages behind it were applied")


@consumer.command(epilog="Example: tuoqi consumer resume tuoqi.payments.facts --by ops.zheng")
def resume(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The subscription, tuoqi.<service>.<name>.")],
    service: Service = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """End the stop that too many rejections brought about."""
    owner = service or name.removeprefix("tuoqi.").partition(".")[0]

    async def act(platform: Platform) -> pb.ResumeConsumerResponse:
        request = pb.ResumeConsumerRequest(consumer=name)
        answer: pb.ResumeConsumerResponse = await platform.common(owner).ResumeConsumer(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit({"service": owner, "consumer": name, **plain(answer)})
    else:
        say(f"{name} goes on" if answer.was_stopped else f"{name} was not stopped")
