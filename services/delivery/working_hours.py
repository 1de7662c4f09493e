"""When a target is at work: by its own clock, on its own working days, without its public holidays. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from shared.delivery_policy import DeliveryPolicy, Every, Weekday, WorkingHours

DAYS_LOOKED_AHEAD_MAX = 400
COUNTRIES_REMEMBERED_MAX = 300
_WEEKDAYS = tuple(Weekday)


def next_open(policy: DeliveryPolicy, now: datetime) -> datetime:
    """`now` itself while the target is at work, else when it next is, in UTC.

    Hours that a change of the clocks leaves out begin at the first moment there is; of hours that come twice, the first
    counts as their beginning."""
    hours = policy.hours
    if hours is None:
        return now
    zone = ZoneInfo(policy.time_zone)
    today = now.astimezone(zone).date()
    for ahead in range(DAYS_LOOKED_AHEAD_MAX):
        day = today + timedelta(days=ahead)
        begin, end = _at(day, hours.begin, zone), _at(day, hours.end, zone)
        if is_working_day(day, hours) and now < end:
            return max(now, begin)
    return now + timedelta(days=DAYS_LOOKED_AHEAD_MAX)


def next_bundle_at(policy: DeliveryPolicy, after: datetime) -> datetime:
    """When the next bundle is made: at the beginning of work, of the next working day or the next week's first one."""
    hours = policy.hours or WorkingHours(days=_WEEKDAYS)
    zone = ZoneInfo(policy.time_zone)
    first = after.astimezone(zone).date()
    if policy.every is Every.WEEK:
        first += timedelta(days=7 - first.weekday())
    for ahead in range(DAYS_LOOKED_AHEAD_MAX):
        day = first + timedelta(days=ahead)
        moment = _at(day, hours.begin, zone)
        if is_working_day(day, hours) and moment > after:
            return moment
    return after + timedelta(days=DAYS_LOOKED_AHEAD_MAX)


def local_day(policy: DeliveryPolicy, now: datetime) -> date:
    """The day by the target's own clock, for what is counted by day."""
    return now.astimezone(ZoneInfo(policy.time_zone)).date()


def next_midnight(policy: DeliveryPolicy, now: datetime) -> datetime:
    """When the target's next day begins, in UTC."""
    return _at(local_day(policy, now) + timedelta(days=1), time(0), ZoneInfo(policy.time_zone))


def is_working_day(day: date, hours: WorkingHours) -> bool:
    return _WEEKDAYS[day.weekday()] in hours.days and not (hours.holidays and day in _holidays(hours.holidays))


def _at(day: date, moment: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, moment, zone).astimezone(UTC)


@lru_cache(maxsize=COUNTRIES_REMEMBERED_MAX)
def _holidays(country: str) -> holidays.HolidayBase:
    """It fills itself, year by year, as days are asked for."""
    return holidays.country_holidays(country)
