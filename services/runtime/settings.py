"""Settings that every process shares, read from the environment; a wrong one stops the start."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from contracts.wire import Sources
from services.runtime.errors import Misconfigured

Port = Annotated[int, Field(ge=1, le=65535)]
DRIVERS = frozenset({"postgresql", "postgres", "postgresql+asyncpg"})
BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(:[0-9]{1,5})?")


class Environment(BaseSettings):
    """Settings that are read from the environment, and how a wrong one is told."""

    model_config = SettingsConfigDict(env_prefix="SEWA_", env_ignore_empty=True, extra="ignore", frozen=True)

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises Misconfigured with every wrong setting named."""
        try:
            return cls()
        except ValidationError as error:
            raise Misconfigured("; ".join(f"{environment_name(cls, str(e['loc'][0]))}: {e['msg']}" for e in error.errors())) from error


class RuntimeSettings(Environment):
    """What a process of any service reads from the environment."""

    model_config = SettingsConfigDict(env_prefix="SEWA_", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True)

    database_url: str = Field(
        validation_alias="DATABASE_URL", description="PostgreSQL 15 or newer, `postgresql://user:password@host:port/database`"
    )
    database_direct_url: str | None = Field(
        None,
        validation_alias="DATABASE_DIRECT_URL",
        description="the same database past a pooler, for locks held on a connection and for migrations; default `DATABASE_URL`",
    )
    kafka: str = Field(validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="Apache Kafka, `host:port,host:port`")
    env: Literal["development", "test", "production"] = Field("development", description="`production` refuses `SEWA_CLOCK_FILE`")
    slot: int = Field(0, ge=0, le=99, description="which copy of its service this process is; the supervisor hands them out")
    host: str = Field("127.0.0.1", description="address that health and metrics listen on")
    clock_file: Path | None = Field(None, description="business time is read from this file instead of the host's clock")
    sources: str | None = Field(None, description='which kinds of actor a message source may speak for, JSON `{"source": ["customer", …]}`')
    batch: int = Field(500, ge=1, le=2000, description="records that one transaction settles at most")
    pool_size: int = Field(4, ge=1, le=100, description="database connections of one process, besides one for its locks")
    topic_partitions: int = Field(12, ge=1, le=1000, description="partitions of topics that are created")
    topic_replication: int = Field(1, ge=1, le=9, description="replicas of topics that are created")
    partitions_from: date | None = Field(None, description="first month for which table partitions are made ahead; default last month")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level that is logged")
    log_format: Literal["json", "console"] = Field("json", description="log lines as JSON, or for people")

    @property
    def direct_url(self) -> str:
        """The database past any pooler."""
        return self.database_direct_url or self.database_url

    @property
    def allowed_sources(self) -> Sources:
        """`sources`, parsed."""
        return Sources.parse(self.sources)

    @field_validator("sources")
    @classmethod
    def _sources_parse(cls, value: str | None) -> str | None:
        Sources.parse(value)
        return value

    @field_validator("database_url", "database_direct_url")
    @classmethod
    def _is_postgresql(cls, value: str | None) -> str | None:
        try:
            if value is None or make_url(value).drivername in DRIVERS:
                return value
        except (ArgumentError, ValueError):
            pass
        message = "expected postgresql://user:password@host:port/database"
        raise ValueError(message)

    @field_validator("kafka")
    @classmethod
    def _are_brokers(cls, value: str) -> str:
        if value and not all(BROKER.fullmatch(broker.strip()) for broker in value.split(",")):
            message = "expected host:port,host:port"
            raise ValueError(message)
        return value


def environment_name(settings: type[BaseSettings], field: str) -> str:
    """Return the environment variable that `field` of `settings` is read from."""
    alias = settings.model_fields[field].validation_alias if field in settings.model_fields else field
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return str(alias or f"{settings.model_config.get('env_prefix', '')}{field}".upper())
