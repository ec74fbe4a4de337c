"""The `tuoqi` command: every subject's commands under one root."""

from __future__ import annotations

import typer

from tuoqi.cli.commands import (
    activity,
    aid,
    alerts,
    bank,
    bench,
    care,
    certify,
    change,
    clock,
    compare,
    comparison,
    county,
    cycle,
    demo,
    disbursement,
    duplicate,
    events,
    exchange,
    explain,
    facility,
    figures,
    fund,
    household,
    letters,
    local,
    merge,
    paid,
    pairing,
    person,
    policy,
    post,
    posting,
    recovery,
    region,
    screening,
    status,
    verify,
    visits,
    voucher,
)
from tuoqi.cli.commands import play as playing
from tuoqi.cli.commands import topics as topic_commands
from tuoqi.cli.failures import Commands

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Tuoqi 托起: a county's old people and children, from the register to the bank file.",
    epilog="Begin with `tuoqi up --demo`; every command explains itself with --help.",
)
for subject in (local, demo, exchange, explain, playing, compare, topic_commands, merge):
    app.add_typer(subject.app)
app.add_typer(fund.reconciling)
for name, group in (
    ("county", county.app),
    ("change", change.app),
    ("comparison", comparison.app),
    ("cycle", cycle.app),
    ("aid", aid.app),
    ("disbursement", disbursement.app),
    ("clock", clock.app),
    ("posting", posting.app),
    ("person", person.app),
    ("policy", policy.app),
    ("duplicate", duplicate.app),
    ("household", household.app),
    ("recovery", recovery.app),
    ("region", region.app),
    ("post", post.app),
    ("screening", screening.app),
    ("facility", facility.app),
    ("care", care.app),
    ("visits", visits.app),
    ("activity", activity.app),
    ("campaign", activity.campaign),
    ("alerts", alerts.app),
    ("bank", bank.app),
    ("pairing", pairing.app),
    ("fund", fund.app),
    ("paid", paid.app),
    ("verify", verify.app),
    ("certify", certify.app),
    ("voucher", voucher.app),
    ("events", events.app),
    ("dlq", letters.dlq),
    ("consumer", letters.consumer),
    ("topics", topic_commands.group),
    ("bench", bench.app),
):
    app.add_typer(group, name=name, no_args_is_help=True)
# After the local commands, one of which it takes over: without a subject it is still the platform's own status.
app.add_typer(status.app, name="status")
app.add_typer(figures.app, name="figures")


def main() -> None:
    """The program's entry."""
    app()


if __name__ == "__main__":
    main()
