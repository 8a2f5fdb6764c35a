"""The contracts as documents for others: a JSON Schema for each message, and one AsyncAPI description of all topics."""

import json
import sys
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from contracts.asyncapi import description
from contracts.commands import Command
from contracts.compatibility import KIND
from contracts.topics import TOPIC, TOPICS
from contracts.values import Contract

FOLDER = Path(__file__).parent
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _WithoutFieldTitles(GenerateJsonSchema):
    """A field's title would only say its name again."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        return False


def schema_of(contract: type[Contract]) -> dict[str, object]:
    """The JSON Schema of a message's data: what is accepted where others write, what is written where we do."""
    mode: JsonSchemaMode = "validation" if TOPIC[contract.topic].open else "serialization"
    name = f"{contract.__name__}.v{contract.contract_version}"
    return {
        "$schema": DIALECT,
        "$id": f"urn:sewabazaar:contracts:{name}",
        KIND: "command" if issubclass(contract, Command) else "fact",
        "x-sewabazaar-topic": contract.topic,
        **contract.model_json_schema(mode=mode, schema_generator=_WithoutFieldTitles),
    }


def documents() -> dict[str, dict[str, object]]:
    """Every document by its path in the folder."""
    contracts = [contract for topic in TOPICS for contract in topic.carries]
    schemas = {f"schemas/{contract.__name__}.v{contract.contract_version}.json": schema_of(contract) for contract in contracts}
    return {**schemas, "asyncapi.json": description()}


def text_of(document: dict[str, object]) -> str:
    """The document as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = FOLDER) -> list[Path]:
    """Write every document under `folder`, and return where."""
    written = []
    for path, document in documents().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text_of(document), encoding="utf-8")
        written.append(file)
    return written


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    print(f"{len(write(target))} documents in {target}")
