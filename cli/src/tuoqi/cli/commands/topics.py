"""`tuoqi topics` and `tuoqi lag`: the broker against the contracts, and who is behind."""

from __future__ import annotations

from dataclasses import asdict

import typer

from tuoqi.cli.options import AsJson
from tuoqi.cli.output import emit, show_rows
from tuoqi.cli.platform import here, kafka_address
from tuoqi.kit.kafka_tools import TopicStep, apply_topics, groups_of, lag, plan_topics

app = typer.Typer()
group = typer.Typer(help="Topics of the contracts on the broker.")
PREFIX = "tuoqi."


@group.callback()
def topics() -> None:
    """Topics of the contracts on the broker."""


@group.command(epilog="Example: tuoqi topics plan")
def plan(as_json: AsJson = False) -> None:
    """Show what `apply` would change."""
    _show(plan_topics(kafka_address(here())), as_json=as_json)


@group.command(epilog="Example: tuoqi topics apply")
def apply(as_json: AsJson = False) -> None:
    """Make the broker as the contracts say; never deletes a topic."""
    _show(apply_topics(kafka_address(here())), as_json=as_json)


def _show(steps: list[TopicStep], *, as_json: bool) -> None:
    if as_json:
        for step in steps:
            emit(asdict(step))
    elif steps:
        show_rows(("topic", "action", "detail"), [(step.topic, step.action, step.detail) for step in steps])
    else:
        print("The broker is as the contracts say.")


@app.command("lag", epilog="Example: tuoqi lag")
def show_lag(as_json: AsJson = False) -> None:
    """Events in Kafka that each subscription has not committed yet, by topic."""
    address = kafka_address(here())
    rows = lag(address, groups_of(address, PREFIX))
    if as_json:
        for name, by_topic in rows.items():
            emit({"consumer": name, "lag": sum(by_topic.values()), "topics": by_topic})
        return
    show_rows(
        ("consumer", "topic", "lag"), [(n, topic, lag) for n, by in rows.items() for topic, lag in by.items()],
        right=("lag",),
    )  # fmt: skip
