"""County days: which day a moment lies on, at which moment a day begins, and how old someone is on a day."""

from calendar import isleap
from datetime import date, datetime, time, timedelta, timezone

# China has kept one offset since 1991; a fixed one needs no zone files on the machine and cannot fail.
COUNTY_ZONE = timezone(timedelta(hours=8), "Asia/Shanghai")
ONE_DAY = timedelta(days=1)


def day_of(moment: datetime) -> date:
    """The county's calendar day of an aware `moment`."""
    return moment.astimezone(COUNTY_ZONE).date()


def midnight_of(day: date) -> datetime:
    """00:00 of `day`, county time."""
    return datetime.combine(day, time(), COUNTY_ZONE)


def birthday(birth_date: date, age: int) -> date:
    """The day on which `age` years are completed; 29 February counts as 28 February in common years."""
    try:
        return birth_date.replace(year=birth_date.year + age)
    except ValueError:
        return date(birth_date.year + age, 2, 28)


def age_on(birth_date: date, day: date) -> int:
    """The years completed on `day`; negative before the birth."""
    years = day.year - birth_date.year
    return years if birthday(birth_date, years) <= day else years - 1


def last_birth_date(age: int, day: date) -> date:
    """Whoever was born by then has completed `age` years on `day`, whoever was born later has not."""
    if (day.month, day.day) == (2, 28) and not isleap(day.year) and isleap(day.year - age):
        return date(day.year - age, 2, 29)
    return birthday(day, -age)
