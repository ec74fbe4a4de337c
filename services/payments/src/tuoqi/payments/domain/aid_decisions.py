"""Who may decide how much of an application, and what it becomes: limits of level, ceiling and year, papers that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from tuoqi.payments.domain.aid import EMERGENCY, OPEN, AidState, Application, Decider, Granted, Level
from tuoqi.payments.domain.aid_policy import ASSISTANCE, AidProgramme
from tuoqi.payments.domain.aid_walls import assistance_terms
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.grants import yuan
from tuoqi.payments.domain.months import Month


def grant(
    programme: AidProgramme,
    given: Application,
    decider: Decider,
    *,
    amount_fen: int,
    papers_later: bool,
    granted: Sequence[Granted],
    at: datetime,
    today: date,
) -> Application:
    """What an application becomes when somebody grants so much of it. Raises a PaymentsError that names the limit."""
    _check_decidable(given, decider)
    if not 0 < amount_fen <= given.amount_fen:
        raise PaymentsError("payments.aid_more_than_applied", amount=yuan(amount_fen), applied=yuan(given.amount_fen))
    month = Month.of(today)
    if programme.kind == ASSISTANCE:
        level = _level(programme, given, decider, amount_fen, granted, today)
    else:
        level = Level.TOWNSHIP if programme.decided_by == "township" else Level.COUNTY
        if level is Level.COUNTY and not decider.county:
            raise PaymentsError("payments.aid_county_decides", programme=programme.key)
        if amount_fen != given.amount_fen:
            raise PaymentsError("payments.aid_amount_not_table", amount=yuan(amount_fen), table=yuan(given.amount_fen))
    due = _papers_due(programme, given, amount_fen, today) if papers_later else None
    if given.state is AidState.FIRST_DECIDED and amount_fen != given.granted_fen:
        raise PaymentsError("payments.aid_second_differs", first=yuan(given.granted_fen), second=yuan(amount_fen))
    decided = replace(
        given,
        level=str(level),
        granted_fen=amount_fen,
        decided_by=(*given.decided_by, decider.user),
        decided_at=at,
        papers_due_on=due or given.papers_due_on,
    )
    if level is Level.SPECIAL and given.state is AidState.APPLIED:
        return replace(decided, state=AidState.FIRST_DECIDED)
    state = AidState.PAPERS_DUE if decided.papers_due_on else AidState.GRANTED
    return replace(decided, state=state, benefit_month=str(month))


def refuse(given: Application, decider: Decider, *, reason: str, at: datetime) -> Application:
    """An application is refused, with a reason."""
    _check_decidable(given, decider)
    if not reason.strip():
        raise PaymentsError("payments.aid_reason_missing")
    level = Level.COUNTY if decider.county else Level.TOWNSHIP
    return replace(
        given,
        state=AidState.REFUSED,
        level=str(level),
        granted_fen=0,
        papers_due_on=None,
        decided_by=(*given.decided_by, decider.user),
        decided_at=at,
        reason=reason,
    )


def receive_papers(given: Application) -> Application:
    """The papers of an emergency grant have come."""
    if given.state is not AidState.PAPERS_DUE:
        raise PaymentsError("payments.aid_wrong_state", state=given.state, act="登记补交手续")
    return replace(given, state=AidState.GRANTED)


def void(given: Application, decider: Decider, *, reason: str) -> Application:
    """An application counts no more. What the county granted only the county takes back."""
    if given.state in {AidState.VOIDED, AidState.REFUSED}:
        raise PaymentsError("payments.aid_wrong_state", state=given.state, act="作废")
    if given.level not in {"", Level.TOWNSHIP} and not decider.county:
        raise PaymentsError("payments.aid_county_decides", programme=given.programme)
    return replace(given, state=AidState.VOIDED, reason=reason)


def _check_decidable(given: Application, decider: Decider) -> None:
    if given.state not in OPEN:
        raise PaymentsError("payments.aid_wrong_state", state=given.state, act="审批")
    if decider.user == given.applied_by:
        raise PaymentsError("payments.aid_own_application", by=decider.user)
    if decider.user in given.decided_by:
        raise PaymentsError("payments.aid_decided_by_you", by=decider.user)


def _level(
    programme: AidProgramme,
    given: Application,
    decider: Decider,
    amount_fen: int,
    granted: Sequence[Granted],
    today: date,
) -> Level:
    """The level that temporary assistance of this amount asks for, if the decider has it and no ceiling is passed."""
    terms, month = assistance_terms(programme, today), Month.of(today)
    amount = yuan(amount_fen)
    special = terms.fen(terms.special_times, month)
    if amount_fen > special:
        limit = yuan(special)
        raise PaymentsError("payments.aid_above_ceiling", amount=amount, limit=limit, times=terms.special_times)
    in_year = sum(one.amount_fen for one in granted if one.benefit_month.year == month.year)
    year = terms.fen(terms.year_times, month)
    if in_year + amount_fen > year:
        before, limit = yuan(in_year), yuan(year)
        raise PaymentsError(
            "payments.aid_above_year",
            year=month.year,
            before=before,
            amount=amount,
            limit=limit,
            times=terms.year_times,
        )
    township = terms.fen(terms.township_times, month)
    if not decider.county and amount_fen > township:
        limit = yuan(township)
        raise PaymentsError("payments.aid_above_township", amount=amount, limit=limit, times=terms.township_times)
    if amount_fen > terms.fen(terms.county_times, month) or given.state is AidState.FIRST_DECIDED:
        if not decider.county:
            raise PaymentsError("payments.aid_county_decides", programme=programme.key)
        return Level.SPECIAL
    return Level.TOWNSHIP if amount_fen <= township else Level.COUNTY


def _papers_due(programme: AidProgramme, given: Application, amount_fen: int, today: date) -> date:
    if programme.kind != ASSISTANCE or given.type != EMERGENCY:
        raise PaymentsError("payments.aid_papers_first")
    terms = assistance_terms(programme, today)
    limit = terms.fen(terms.emergency_first_times, Month.of(today))
    if amount_fen > limit:
        raise PaymentsError("payments.aid_above_emergency", amount=yuan(amount_fen), limit=yuan(limit))
    return today + timedelta(days=terms.papers_days)
