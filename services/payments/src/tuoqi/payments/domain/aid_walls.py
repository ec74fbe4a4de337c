"""What may be applied for: the walls before an application is recorded, and again before it is granted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from tuoqi.payments.domain.aid import STANDING, TYPES, AidFile, AidState, Application, Granted, Person
from tuoqi.payments.domain.aid_policy import (
    AFTER_DEATH,
    ASSISTANCE,
    OCCASION,
    SCHOOL_YEAR,
    AidProgramme,
    AssistanceTerms,
    in_force,
)
from tuoqi.payments.domain.errors import PaymentsError
from tuoqi.payments.domain.grants import yuan
from tuoqi.payments.domain.months import Month


def amount_of(programme: AidProgramme, items: Sequence[str], on: date) -> int:
    """What the county's table gives for items on a day. Raises payments.aid_item_unknown, payments.aid_not_in_force."""
    terms = in_force(programme.tables, Month.of(on))
    if terms is None:
        raise PaymentsError("payments.aid_not_in_force", programme=programme.key, month=Month.of(on))
    for item in items:
        if item not in terms.amounts:
            allowed = "、".join(f"{programme.words[code]}[{code}]" for code in terms.amounts)
            raise PaymentsError("payments.aid_item_unknown", item=item, allowed=allowed)
    return sum(terms.amounts[item] for item in items)


def check_application(programme: AidProgramme, given: Application, person: Person) -> Application:
    """An application as it may be recorded, with its amount. Raises a PaymentsError that names the wall."""
    if given.applied_on < person.birth_date:
        raise PaymentsError("payments.aid_before_birth")
    if programme.kind == ASSISTANCE:
        _check_assistance(programme, given)
    else:
        given = _from_table(programme, given)
    if programme.kind == AFTER_DEATH:
        _check_death(programme, given, person)
    elif person.died_on is not None and person.died_on < given.applied_on:
        raise PaymentsError("payments.aid_person_dead", died=person.died_on)
    return given


def _check_assistance(programme: AidProgramme, given: Application) -> None:
    if given.type not in TYPES:
        raise PaymentsError("payments.aid_type_missing", allowed="、".join(f"{TYPES[one]}[{one}]" for one in TYPES))
    if len(given.items) != 1 or given.items[0] not in programme.words:
        allowed = "、".join(f"{word}[{code}]" for code, word in programme.words.items())
        raise PaymentsError("payments.aid_cause_missing", allowed=allowed)
    if given.amount_fen <= 0:
        raise PaymentsError("payments.aid_amount_missing")


def _from_table(programme: AidProgramme, given: Application) -> Application:
    """The amount is the table's: what is written beside it must agree."""
    several = programme.kind == AFTER_DEATH
    if given.type or not given.items or (len(given.items) > 1 and not several):
        allowed = "、".join(f"{word}[{code}]" for code, word in programme.words.items())
        raise PaymentsError("payments.aid_item_missing", allowed=allowed)
    if len(set(given.items)) != len(given.items):
        raise PaymentsError("payments.aid_item_twice")
    fen = amount_of(programme, given.items, given.applied_on)
    if given.amount_fen not in {0, fen}:
        raise PaymentsError("payments.aid_amount_not_table", amount=yuan(given.amount_fen), table=yuan(fen))
    return replace(given, amount_fen=fen)


def _check_death(programme: AidProgramme, given: Application, person: Person) -> None:
    if person.died_on is None:
        raise PaymentsError("payments.aid_needs_death")
    last = Month.of(person.died_on).plus(programme.within_months)
    if not person.died_on <= given.applied_on or Month.of(given.applied_on) > last:
        raise PaymentsError("payments.aid_death_too_long_ago", died=person.died_on, months=programme.within_months)


def check_once(
    programme: AidProgramme,
    given: Application,
    file: AidFile,
    granted: Sequence[Granted],
    *,
    against: Sequence[AidState] = STANDING,
) -> None:
    """Refuses what a person gets once only: in a school year, after a death, at an occasion of a year, for a cause."""
    others = [
        one
        for one in file.applications
        if one.programme == programme.key and one.state in against and one.application_id != given.application_id
    ]
    if programme.kind == ASSISTANCE:
        _check_cause(programme, given, others)
    elif programme.kind == SCHOOL_YEAR:
        first, last = programme.school_year(Month.of(given.applied_on))
        own = {one.application_id for one in file.applications}
        by_others = [one for one in granted if one.grant_id not in own and first <= one.benefit_month <= last]
        if by_others or any(first <= Month.of(one.applied_on) <= last for one in others):
            raise PaymentsError("payments.aid_once_a_school_year", first=first, last=last)
    elif programme.kind == AFTER_DEATH and others:
        raise PaymentsError("payments.aid_once_after_death")
    elif programme.kind == OCCASION:
        same = [one for one in others if one.items == given.items and one.applied_on.year == given.applied_on.year]
        if same:
            word = programme.words.get(given.items[0], given.items[0])
            raise PaymentsError("payments.aid_once_an_occasion", year=given.applied_on.year, occasion=word)


def _check_cause(programme: AidProgramme, given: Application, others: Sequence[Application]) -> None:
    terms = assistance_terms(programme, given.applied_on)
    month = Month.of(given.applied_on)
    for one in others:
        near = abs(Month.of(one.applied_on) - month) < terms.same_cause_months
        if near and one.items == given.items:
            word = programme.words.get(given.items[0], given.items[0])
            raise PaymentsError(
                "payments.aid_same_cause", cause=word, months=terms.same_cause_months, earlier=one.applied_on
            )


def assistance_terms(programme: AidProgramme, on: date) -> AssistanceTerms:
    """The limits of a day. Raises payments.aid_not_in_force."""
    found = in_force(programme.assistance, Month.of(on))
    if found is None:
        raise PaymentsError("payments.aid_not_in_force", programme=programme.key, month=Month.of(on))
    return found
