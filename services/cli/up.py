"""Everything at once, on this machine: the servers, what has to be there before the services, and the services."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from services.cli.child import Child, ProcessSpec, to_terminal
from services.cli.greeting import Greeting
from services.cli.plan import RUN, Service, UpSettings
from services.cli.run_file import RunFile, Running
from services.cli.supervisor import Supervisor
from services.runtime.embedded import Endpoints, Server, launch_kafka, launch_postgres
from services.runtime.embedded.home import held
from services.runtime.embedded.pidfile import clear_services
from services.runtime.embedded.ports import claim_port
from services.runtime.errors import StartFailed

CLOCK = "SEWA_CLOCK_FILE"
SHARED = ("SEWA_", "AUTO_CANCEL_", "AUTO_CONFIRM_")
OWN = {"SEWA_HOME", "SEWA_SLOT", "SEWA_SMTP_URL"}


def up(
    services: Sequence[Service],
    prepare: Callable[[Mapping[str, str]], None],
    settings: UpSettings | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    argv: Sequence[str] = RUN,
    http: str | None = None,
) -> None:
    """Run `services` (each copy as `argv` + its name) until a signal; `prepare` is called with their environment once the servers answer.

    Returns after everything has ended. Raises StartFailed, Misconfigured, and KeyboardInterrupt for a signal before the services run.
    """
    began, chosen = time.monotonic(), settings or UpSettings.load()
    with held(chosen.home), ExitStack() as stack, _interruptible():
        home = chosen.home.resolve()
        mail_dir = None if chosen.smtp_url else str((chosen.mail_dir or home / "mail").absolute())
        clear_services(home)
        _claim_ports([spec for service in services for spec in service.specs(environ)])
        servers = _start_servers(home, chosen, stack)
        endpoints = Endpoints(chosen.database_url or servers["database"].url, chosen.kafka or servers["kafka"].url, chosen.valkey, http)
        env = _environment(environ, home, endpoints, mail_dir)
        specs = [spec for service in services for spec in service.specs(env, argv)]
        prepare(env)
        run_file = RunFile(home, endpoints, mail_dir, _shared(env))
        stack.callback(run_file.remove)
        _supervise(specs, list(servers.values()), run_file, began)


def _claim_ports(specs: Sequence[ProcessSpec]) -> None:
    """See that every process has a port of its own, and that it is free. Raises StartFailed."""
    owners: dict[int, str] = {}
    for spec in specs:
        setting = f"SEWA_{spec.name.upper()}_PORT"
        claim_port(spec.port, setting)
        if (owner := owners.setdefault(spec.port, spec.label)) != spec.label:
            raise StartFailed(f"port {spec.port} is meant for {owner} and {spec.label}: set {setting}")


def _supervise(specs: Sequence[ProcessSpec], servers: Sequence[Server], run_file: RunFile, began: float) -> None:
    say = to_terminal([*(spec.label for spec in specs), *(server.name for server in servers)])
    children = [Child(spec, run_file.home, say) for spec in specs]

    def changed() -> None:
        try:
            run_file.write([Running(child.spec.name, child.spec.slot, child.pid, child.spec.port) for child in children])
        except OSError as error:
            say("sewa", f"run.json is out of date: {error}")

    Supervisor(children, servers, say, changed).run(Greeting(specs, run_file, began).when_ready)


def _start_servers(home: Path, settings: UpSettings, stack: ExitStack) -> dict[str, Server]:
    """Start what the settings do not name, side by side."""
    servers: dict[str, Server] = {}
    if settings.database_url is None:
        servers["database"] = stack.enter_context(_stopped(launch_postgres(home, settings.postgres_port)))
    if settings.kafka is None:
        servers["kafka"] = stack.enter_context(_stopped(launch_kafka(home, settings.kafka_port, cache=settings.cache_folder)))
    for server in servers.values():
        server.wait()
    return servers


@contextmanager
def _stopped(server: Server) -> Iterator[Server]:
    try:
        yield server
    finally:
        server.stop()


def _environment(environ: Mapping[str, str], home: Path, endpoints: Endpoints, mail_dir: str | None) -> dict[str, str]:
    """Return what the services are started with."""
    known = {
        "DATABASE_URL": endpoints.database,
        "KAFKA_BOOTSTRAP_SERVERS": endpoints.kafka,
        "SEWA_HOME": str(home),
        "SEWA_MAIL_DIR": mail_dir,
        "PYTHONUNBUFFERED": "1",
    }
    return {**environ, **{name: value for name, value in known.items() if value is not None}}


def _shared(env: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that verbs in another shell need to see the same system, without what is secret or a process's own."""
    chosen = {name: value for name, value in env.items() if name.startswith(SHARED) and name not in OWN}
    return chosen | ({CLOCK: str(Path(chosen[CLOCK]).absolute())} if chosen.get(CLOCK) else {})


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have SIGTERM break a start off as Ctrl-C does, and SIGINT also where a shell that runs us in the background has it ignored."""
    before = {signum: signal.signal(signum, signal.default_int_handler) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
