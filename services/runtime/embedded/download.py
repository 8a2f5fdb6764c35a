"""The first start's download from a Maven repository."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from jgo.maven import MavenContext
from jgo.parse import Coordinate

from services.runtime.embedded.jars import KAFKA, Announce, Jar
from services.runtime.embedded.settings import DownloadSettings
from services.runtime.errors import StartFailed

AT_ONCE = 8
TRIES = 2
REPORTS = 4


def fetch(jars: Sequence[Jar], folder: Path, announce: Announce) -> None:
    """Download `jars` into `folder`, checked one by one. Raises StartFailed, OSError for a folder that cannot be written."""
    folder.mkdir()
    repository = DownloadSettings().maven_url.rstrip("/")
    context = MavenContext(repo_cache=folder / "m2", remote_repos={"repository": repository})
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        downloads = [pool.submit(_fetch_one, jar, context, folder) for jar in jars]
        for count, download in enumerate(as_completed(downloads), 1):
            download.result()
            if count * REPORTS % len(jars) < REPORTS:
                announce(f"  {count} of {len(jars)} files")
    except ConnectionError as error:
        raise StartFailed(
            f"Apache Kafka {KAFKA} could not be downloaded from {repository}: {error}. "
            "The first start needs the network, later ones do not. "
            "SEWA_MAVEN_URL names another repository, KAFKA_BOOTSTRAP_SERVERS a Kafka that runs already"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _fetch_one(jar: Jar, context: MavenContext, folder: Path) -> None:
    """Download one jar. Raises ConnectionError when no try brings what the lock says."""
    artifact = context.create_dependency(Coordinate.parse(jar.coordinate)).artifact
    reason = "it is not what was released"
    for _ in range(TRIES):
        try:
            artifact.resolve().rename(folder / jar.filename)
        except (OSError, RuntimeError) as error:
            reason = f"no answer ({type(error).__name__})"
        if jar.is_in(folder):
            return
        if artifact.cached_path:
            artifact.cached_path.unlink(missing_ok=True)
    raise ConnectionError(f"{jar.filename}: {reason}")
