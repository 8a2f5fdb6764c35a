"""Structured logs: one event a line, with the correlation id of what is being worked on."""

import logging
import sys
import time

import structlog

REPEAT_AFTER = 10.0


class RateLimit(logging.Filter):
    """Let the same line of a library through once in ten seconds: an outage would write thousands."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        super().__init__()
        self._seen: dict[tuple[str, int, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` is worth a line."""
        key = (record.name, record.levelno, str(record.msg))
        now = time.monotonic()
        if now - self._seen.get(key, -REPEAT_AFTER) < REPEAT_AFTER:
            return False
        self._seen[key] = now
        return True


def configure_logging(service: str, slot: int, level: str, style: str) -> None:
    """Send structlog and the standard library's logging to standard output, as JSON or for people."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(RateLimit())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for noisy in ("aiokafka", "faststream", "uvicorn", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service, slot=slot)
