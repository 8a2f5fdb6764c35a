"""The embedded PostgreSQL and Apache Kafka, as they are: started, killed, left behind, refused."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import asyncpg
import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.runtime.embedded import Server, StartFailed, start_kafka, start_postgres
from services.runtime.embedded.jars import Jar, kafka_jars, locked_jars
from services.runtime.embedded.settings import DownloadSettings

SUPERVISOR = """
import sys
from pathlib import Path
from services.runtime.embedded import start_postgres
server = start_postgres(Path(sys.argv[1]))
print(server.pid, server.url, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded")


@contextmanager
def running(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def supervised(home: Path) -> Iterator[tuple["subprocess.Popen[str]", int, str]]:
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid, url = process.stdout.readline().split()
        yield process, int(pid), url
        process.kill()


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


async def query(url: str, sql: str) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def topics(kafka: str, *create: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1) for name in create])
        return set(await admin.list_topics())
    finally:
        await admin.close()


def test_both_start_and_a_second_start_finds_what_was_stored(home: Path) -> None:
    with running(start_postgres(home, durable=False)) as postgres, running(start_kafka(home)) as kafka:
        asyncio.run(query(postgres.url, "create table kept(id int)"))
        asyncio.run(topics(kafka.url, "kept"))
    with running(start_postgres(home, durable=False)) as postgres, running(start_kafka(home)) as kafka:
        assert asyncio.run(query(postgres.url, "select count(*) from kept")) == 0
        assert "kept" in asyncio.run(topics(kafka.url))
    assert not lives(postgres.pid)
    assert not lives(kafka.pid)


def test_postgresql_dies_with_a_killed_supervisor_and_the_next_start_loses_nothing(home: Path) -> None:
    with supervised(home) as (supervisor, pid, url):
        asyncio.run(query(url, "create table precious()"))
        supervisor.kill()
        with running(start_postgres(home)) as postgres:
            assert not lives(pid)
            assert asyncio.run(query(postgres.url, "select to_regclass('precious') is not null"))


def test_a_killed_postgresql_is_recovered_by_the_next_start(home: Path) -> None:
    first = start_postgres(home, durable=False)
    asyncio.run(query(first.url, "create table if not exists survivor()"))
    first.kill()
    with running(start_postgres(home, durable=False)) as second:
        assert asyncio.run(query(second.url, "select to_regclass('survivor') is not null"))


def test_a_server_that_a_dead_parent_left_behind_is_replaced(home: Path) -> None:
    left = start_postgres(home, durable=False)
    pid_file = home / "pid" / "postgres"
    known = json.loads(pid_file.read_text())
    pid_file.write_text(json.dumps({**known, "parent": {"pid": os.getpid(), "born": "before"}}))
    with running(start_postgres(home, durable=False)) as server:
        assert not left.alive()
        assert asyncio.run(query(server.url, "select 1")) == 1


def test_a_server_of_a_living_parent_is_left_alone(home: Path) -> None:
    with running(start_postgres(home, durable=False)) as server:
        with pytest.raises(StartFailed, match=f"already running under process {os.getpid()}"):
            start_postgres(home)
        assert server.alive()


def test_a_lock_whose_process_is_another_program_now_does_not_stop_postgresql(home: Path) -> None:
    lock = home / "postgres" / "data" / "postmaster.pid"
    lock.write_text(f"{os.getppid()}\n{lock.parent}\n1\n1\n\n127.0.0.1\n1 1\nready   \n")
    with running(start_postgres(home, durable=False)) as server:
        assert asyncio.run(query(server.url, "select 1")) == 1


@pytest.mark.parametrize(("start", "setting"), [(start_postgres, "SEWA_POSTGRES_PORT"), (start_kafka, "SEWA_KAFKA_PORT")])
def test_a_taken_port_is_named_with_its_setting(tmp_path: Path, start: Any, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartFailed, match=f"port {port} on 127.0.0.1 is taken by another program: set {setting}"):
            start(tmp_path, port)


@pytest.mark.parametrize("start", [start_postgres, start_kafka])
def test_a_home_that_cannot_be_written_is_named(tmp_path: Path, start: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartFailed, match=r"file/home.*SEWA_HOME"):
        start(tmp_path / "file" / "home")


def test_a_refusing_postgresql_shows_the_end_of_its_log(tmp_path: Path) -> None:
    start_postgres(tmp_path, durable=False).stop()
    with (tmp_path / "postgres" / "data" / "postgresql.conf").open("a") as settings:
        settings.write("work_mem = plenty\n")
    with pytest.raises(StartFailed, match=r"log/postgres\.log(?s:.*)work_mem"):
        start_postgres(tmp_path)


def test_a_jar_that_is_not_what_was_released_is_refused(tmp_path: Path) -> None:
    genuine = kafka_jars(DownloadSettings().cache_folder, announce=print)
    folder = tmp_path / genuine[0].parent.name
    folder.mkdir()
    for jar in genuine[1:]:
        (folder / jar.name).symlink_to(jar)
    (folder / genuine[0].name).write_bytes(b"something else")
    with pytest.raises(StartFailed, match=f"{genuine[0].name}.*delete that folder"):
        kafka_jars(tmp_path, announce=print)


def test_the_first_start_without_a_network_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEWA_MAVEN_URL", "http://127.0.0.1:9")
    with pytest.raises(StartFailed, match=r"could not be downloaded from http://127\.0\.0\.1:9.*needs the network"):
        start_kafka(tmp_path / "home", cache=tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


class Repository(SimpleHTTPRequestHandler):
    """Counts what is asked of it."""

    asked: list[str] = []  # noqa: RUF012 - one test, one repository

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


def stored(jar: Jar) -> str:
    group, artifact, version = jar.coordinate.split(":")
    return f"{group.replace('.', '/')}/{artifact}/{version}/{jar.filename}"


@contextmanager
def repository(folder: Path) -> Iterator[str]:
    for jar, path in zip(locked_jars(), kafka_jars(DownloadSettings().cache_folder, announce=print), strict=True):
        (folder / stored(jar)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / stored(jar))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Repository, directory=folder)) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_first_starts_at_the_same_time_download_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, said = tmp_path / "cache", list[str]()
    with repository(tmp_path / "repository") as url, ThreadPoolExecutor(3) as pool:
        monkeypatch.setenv("SEWA_MAVEN_URL", url)
        one, *others = pool.map(lambda _: kafka_jars(cache, said.append), range(3))
    assert others == [one, one]
    assert len([path for path in Repository.asked if path.endswith(".jar")]) == len(one)
    assert sum("downloading Apache Kafka 4.1.1 (44 MB), once" in line for line in said) == 1
    assert sum("waiting for another process" in line for line in said) == 2


def test_a_download_that_was_cut_off_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = kafka_jars(DownloadSettings().cache_folder, announce=print)[0].parent.name
    half = tmp_path / "cache" / f"{name}.partial" / "m2"
    half.mkdir(parents=True)
    with repository(tmp_path / "repository") as url:
        monkeypatch.setenv("SEWA_MAVEN_URL", url)
        assert len(kafka_jars(tmp_path / "cache", announce=print)) == len(locked_jars())
    assert not half.exists()
