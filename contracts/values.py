"""The values messages are made of, as they look on the wire: instants end in Z, money is a string with two decimals."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

# An instant this far out overflows as soon as somebody adds a grace period or a zone to it.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
LONGEST_MINUTES = 10080
LATEST_END = LATEST + timedelta(minutes=LONGEST_MINUTES)
LARGEST_AMOUNT = Decimal("99999999.99")
LARGEST_COUNT = 2**31 - 1

_CENT = Decimal("0.01")
_INSTANT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)(Z|[+-][0-9]{2}:[0-9]{2})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,7})\.[0-9]{2}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")


@lru_cache(maxsize=4096)  # messages of one batch have most of theirs in common
def parse_instant(text: str) -> datetime:
    """The UTC instant that an RFC 3339 text ending in Z names, to the microsecond; anything else is a ValueError."""
    return _in_range(_parsed(text), LATEST)


@lru_cache(maxsize=4096)
def _parse_end(text: str) -> datetime:
    return _in_range(_parsed(text), LATEST_END)


def _parsed(text: str) -> datetime:
    found = _INSTANT.fullmatch(text)
    if found is None:
        raise PydanticCustomError("instant", "Input should be an RFC 3339 date-time such as 2026-10-17T04:15:00Z")
    if found[2] is None:
        raise PydanticCustomError("instant_naive", "Input should have timezone info")
    if found[2] != "Z":
        raise PydanticCustomError("instant_offset", "Input should be in UTC and end in Z")
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("instant", "Input should be a date-time that exists") from None
    return instant


def instant_text(instant: datetime) -> str:
    """The instant as it stands on the wire: UTC, ending in Z, without a fraction when that is zero."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _in_range(instant: datetime, latest: datetime) -> datetime:
    if not EARLIEST <= instant < latest:
        raise PydanticCustomError("instant_range", "Input should be from 1900 to 8999")
    return instant


def _instant(value: object) -> object:
    return parse_instant(value) if isinstance(value, str) else _utc(value, LATEST)


def _end(value: object) -> object:
    return _parse_end(value) if isinstance(value, str) else _utc(value, LATEST_END)


def _utc(value: object, latest: datetime) -> object:
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise PydanticCustomError("instant_naive", "Input should have timezone info")
    return _in_range(value, latest).astimezone(UTC)


def _local_date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("local_date", "Input should be a date such as 2026-10-17")


def _money(value: object) -> object:
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        return Decimal(value)
    try:
        if isinstance(value, Decimal) and 0 <= value <= LARGEST_AMOUNT and value == value.quantize(_CENT):
            return abs(value.quantize(_CENT))
    except InvalidOperation:
        pass
    raise PydanticCustomError("money", "Input should be a string with exactly two decimals, 0.00 to 99999999.99")


@lru_cache(maxsize=1024)
def _zone(name: str) -> str:
    try:
        if _ZONE.fullmatch(name):
            return "Asia/Kathmandu" if ZoneInfo(name).key == "Asia/Katmandu" else name
    except (ValueError, KeyError, OSError):
        pass
    raise PydanticCustomError("zone", "Input should be the name of an IANA time zone")


def _shortest(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def _text_schema(**more: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **more})


Instant = Annotated[datetime, BeforeValidator(_instant), _text_schema(format="date-time", pattern="Z$")]
End = Annotated[datetime, BeforeValidator(_end), _text_schema(format="date-time", pattern="Z$")]
LocalDate = Annotated[date, BeforeValidator(_local_date), _text_schema(format="date")]
Money = Annotated[Decimal, BeforeValidator(_money), _text_schema(pattern=r"^(0|[1-9][0-9]{0,7})\.[0-9]{2}$")]
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)]

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,49}$")]
CalendarName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[^\r\n]{1,300}$")]
Reference = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Method = Annotated[str, StringConstraints(min_length=1, max_length=50)]
Text100 = Annotated[str, StringConstraints(max_length=100)]
Text300 = Annotated[str, StringConstraints(max_length=300)]
Text500 = Annotated[str, StringConstraints(max_length=500)]
Text2000 = Annotated[str, StringConstraints(max_length=2000)]
Reason = Annotated[str, StringConstraints(min_length=10, max_length=500)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Id = UUID

Version = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Minutes = Annotated[int, Field(ge=1, le=LONGEST_MINUTES)]
Rating = Annotated[int, Field(ge=1, le=5)]
_Number = Annotated[float, PlainSerializer(_shortest, return_type=int | float, when_used="json")]
Hours = Annotated[_Number, Field(gt=0, le=8760), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 8760})]
LeadHours = Annotated[_Number, Field(ge=0, le=8760), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 8760})]
Percent = Annotated[_Number, Field(ge=0, le=100), WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100})]


class Contract(BaseModel):
    """A message's data, or a part of it. Unknown fields are ignored; nothing is coerced."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,
    )

    topic: ClassVar[str] = ""
    contract_version: ClassVar[int] = 1

    def required_subject(self) -> str | None:
        """The subject this data must travel under, or None where the data does not name it."""
        return None
