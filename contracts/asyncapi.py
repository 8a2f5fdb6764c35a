"""The topics as an AsyncAPI 3.0 document: channels, messages, and who sends and receives what."""

from contracts.headers import REQUIRED
from contracts.topics import TOPICS, Topic
from contracts.values import Contract

PARTITIONS = 12

Document = dict[str, object]

_PARTIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "booking.commands.v1": (("upstream", "expiry", "directory", "operators"), ("booking",)),
    "booking.events.v1": (("booking",), ("expiry", "payments", "notifier", "directory", "upstream")),
    "booking.rejections.v1": (("booking",), ("expiry", "upstream")),
    "payment.events.v1": (("payments", "upstream"), ("booking", "notifier")),
    "policy.events.v1": (("operators",), ("expiry", "payments")),
    "directory.events.v1": (("directory",), ("booking", "notifier")),
    "deadline.events.v1": (("expiry",), ("notifier",)),
    "notification.receipts.v1": (("notifier",), ("operators",)),
    "dead-letters.v1": (("booking", "expiry", "payments", "notifier", "directory"), ("operators",)),
}

_HEADERS: dict[str, tuple[str, str]] = {
    "ce_specversion": ("^1\\.0$", "The version of CloudEvents."),
    "ce_id": ("^.{1,200}$", "With ce_source the identity of the message."),
    "ce_type": ("^sewabazaar\\.[A-Za-z][A-Za-z0-9]*\\.v[0-9]+$", "The name of the message and its version."),
    "ce_source": ("^.{1,200}$", "The service that speaks."),
    "ce_subject": ("^.{1,200}$", "What the message is about; also the key of the record."),
    "ce_time": ("Z$", "When it was said, RFC 3339 in UTC."),
    "ce_actor": ("^(customer|provider|admin|upstream|system):.+$", "Whom the source speaks for."),
    "content-type": ("^application/json", "JSON when absent."),
    "ce_dataschema": ("^.+$", "The schema of the data."),
    "ce_correlationid": ("^.{1,200}$", "What the message belongs to; ce_id when absent."),
    "ce_causationid": ("^.{1,200}$", "The id of the message that led to this one."),
    "ce_causationsource": ("^.{1,200}$", "The source of the message that led to this one."),
    "ce_aggregateversion": ("^[1-9][0-9]{0,8}$", "The version of the booking, on events and rejections."),
    "traceparent": ("^.+$", "W3C Trace Context."),
}


def description() -> Document:
    """The whole document; payloads are references to the schema files beside it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "SewaBazaar bookings",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka's binary mode. The key of a record is its ce_subject in UTF-8.",
        },
        "defaultContentType": "application/json",
        "channels": {_slug(topic): _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": {
            "messages": {
                **{contract.__name__: _message(topic, contract) for topic in TOPICS for contract in topic.carries},
                "DeadLetter": _dead_letter(),
            },
            "schemas": {"Headers": _headers()},
        },
    }


def _slug(topic: Topic) -> str:
    return topic.name.removesuffix(".v1").replace(".", "-")


def _channel(topic: Topic) -> Document:
    names = [contract.__name__ for contract in topic.carries] or ["DeadLetter"]
    kept = -1 if topic.retention is None else int(topic.retention.total_seconds() * 1000)
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": PARTITIONS,
                "topicConfiguration": {
                    "cleanup.policy": ["compact" if topic.compacted else "delete"],
                    "retention.ms": kept,
                },
            }
        },
    }


def _operations(topic: Topic) -> dict[str, Document]:
    senders, receivers = _PARTIES[topic.name]
    said = [*((party, "send") for party in senders), *((party, "receive") for party in receivers)]
    return {
        f"{party}-{action}-{_slug(topic)}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{_slug(topic)}"},
            "summary": f"{party} {action}s on {topic.name}",
            "tags": [{"name": party}],
        }
        for party, action in said
    }


def _message(topic: Topic, contract: type[Contract]) -> Document:
    return {
        "name": f"sewabazaar.{contract.__name__}.v{contract.contract_version}",
        "title": contract.__name__,
        "summary": (contract.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"./schemas/{contract.__name__}.v{contract.contract_version}.json"},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}}},
    }


def _dead_letter() -> Document:
    return {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "Key, value and headers of the original, and in x-dlq- and x-src- headers why and whence it came.",
        "payload": {},
    }


def _headers() -> Document:
    return {
        "type": "object",
        "required": list(REQUIRED),
        "properties": {name: {"type": "string", "pattern": pattern, "description": text} for name, (pattern, text) in _HEADERS.items()},
    }
