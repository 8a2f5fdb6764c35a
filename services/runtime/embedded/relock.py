"""Print a new `kafka-jars.lock` after raising the version in jars.py: `python -m services.runtime.embedded.relock`."""

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext
from jgo.parse import Coordinate

from services.runtime.embedded.jars import KAFKA

ROOTS = (f"org.apache.kafka:kafka_2.13:{KAFKA}", "org.slf4j:slf4j-simple:1.7.36")


def main() -> None:
    """Resolve what Kafka needs and download it, to know what to expect from now on."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder))
        inputs, transitive = context.resolver.resolve([context.create_dependency(Coordinate.parse(root)) for root in ROOTS])
        needed = [*inputs, *(dependency for dependency in transitive if dependency.scope in {"compile", "runtime"})]
        for artifact in sorted((dependency.artifact for dependency in needed), key=str):
            digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
            print(f"{digest}  {artifact.groupId}:{artifact.artifactId}:{artifact.version}")


if __name__ == "__main__":
    main()
