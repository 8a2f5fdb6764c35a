"""Apache Kafka's jars: downloaded once, checked against `kafka-jars.lock` at every start, never resolved at run time."""

import fcntl
import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.runtime.errors import StartFailed

KAFKA = "4.1.1"
MEGABYTES = 44
LOCK = Path(__file__).with_name("kafka-jars.lock")

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock: what the file must contain, and its Maven coordinate `group:artifact:version`."""

    sha256: str
    coordinate: str

    @property
    def filename(self) -> str:
        """Its name in the cache."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    def is_in(self, folder: Path) -> bool:
        """Whether `folder` has exactly this jar."""
        path = folder / self.filename
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def locked_jars() -> tuple[Jar, ...]:
    """Return what the lock lists."""
    return tuple(Jar(*line.split()) for line in LOCK.read_text().splitlines())


def kafka_jars(cache: Path, announce: Announce) -> list[Path]:
    """Return the class path, downloading it when `cache` lacks it. Raises StartFailed when it is not what the lock says."""
    version = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:8]
    folder = cache / f"kafka-{KAFKA}-{version}"
    try:
        if not folder.exists():
            with _alone(cache / f"{folder.name}.lock", announce):
                _download(folder, announce)
        wrong = [jar.filename for jar in locked_jars() if not jar.is_in(folder)]
    except OSError as error:
        raise StartFailed(f"{error.filename or cache}: {error.strerror}: set SEWA_CACHE to a folder that this user can write") from error
    if wrong:
        raise StartFailed(
            f"{folder} does not have the jars that Apache Kafka {KAFKA} was released with ({', '.join(wrong)}): "
            "delete that folder and start again"
        )
    return [folder / jar.filename for jar in locked_jars()]


def to_stderr(line: str) -> None:
    """Announce on the terminal."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _alone(lock: Path, announce: Announce) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            announce(f"waiting for another process that downloads Apache Kafka {KAFKA}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(folder: Path, announce: Announce) -> None:
    """Fill `folder` aside and move it into place when it is whole."""
    if folder.exists():
        return
    from services.runtime.embedded.download import fetch  # noqa: PLC0415 - only the first start needs it

    announce(f"downloading Apache Kafka {KAFKA} ({MEGABYTES} MB), once, to {folder}")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        fetch(locked_jars(), partial, announce)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
