"""docker-compose.yml, checked against the Compose Specification and against the code that it runs."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.known import SERVICES
from services.cli.plan import UpSettings
from services.runtime.embedded.jars import KAFKA
from services.runtime.settings import RuntimeSettings, environment_name

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(FILE.read_text(encoding="utf-8"))
CONTAINERS: dict[str, Any] = COMPOSE["services"]
OURS = {name: one for name, one in CONTAINERS.items() if "build" in one}
RUNNING = {name: one for name, one in OURS.items() if name != "migrate"}
VALIDATE = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]
VARIABLE = re.compile(r"\$\{(\w+)(:-[^}]*)?\}")


def service_of(container: dict[str, Any]) -> str:
    """The service that a container runs; the one-shot job runs none."""
    return str(container["command"][2]) if container["command"][:2] == ["sewa", "run"] else ""


def known_variables(service: str) -> set[str]:
    """What a service reads, and what verbs that are run beside it read."""
    models = (SERVICES[service].settings if service in SERVICES else RuntimeSettings, UpSettings)
    return {environment_name(model, field) for model in models for field in model.model_fields} | {"SEWA_TIMEZONE"}


def test_the_file_is_of_the_compose_specification() -> None:
    done = subprocess.run([*VALIDATE, FILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_not_is_found_out(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("condition: service_healthy", "condition: service_happy"), encoding="utf-8")
    assert subprocess.run([*VALIDATE, wrong], capture_output=True, check=False).returncode == 1


def test_every_service_runs_in_a_container_of_its_name() -> None:
    assert {name: service_of(CONTAINERS[name]) for name in SERVICES} == {name: name for name in SERVICES}


def test_who_is_nicer_has_the_smaller_share_of_a_full_machine() -> None:
    shares = {name: CONTAINERS[name].get("cpu_shares", 1024) for name in SERVICES}
    assert sorted(SERVICES, key=lambda name: (SERVICES[name].niceness, name)) == sorted(SERVICES, key=lambda name: (-shares[name], name))
    assert len(set(shares.values())) == len({service.niceness for service in SERVICES.values()})


@pytest.mark.parametrize("name", [name for name, container in RUNNING.items() if service_of(container) in SERVICES])
def test_health_is_asked_on_the_port_that_the_process_serves(name: str) -> None:
    container = RUNNING[name]
    port = SERVICES[service_of(container)].port + int(container["environment"].get("SEWA_SLOT", 0))
    assert container["healthcheck"]["test"][-1] == f"http://127.0.0.1:{port}/health/ready"


def test_processes_listen_beyond_their_container() -> None:
    assert {container["environment"]["SEWA_HOST"] for container in RUNNING.values()} == {"0.0.0.0"}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_none_that_a_start_needs_is_missing(name: str) -> None:
    given = OURS[name]["environment"]
    assert given.keys() <= known_variables(service_of(OURS[name]))
    assert given.keys() >= {"DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_a_service_can_be_given_but_for_those_that_containers_fix(service: str) -> None:
    settings = SERVICES[service].settings
    fixed = {"SEWA_SLOT", "SEWA_CLOCK_FILE", "DATABASE_DIRECT_URL", environment_name(settings, "port")}
    assert {environment_name(settings, field) for field in settings.model_fields} - fixed <= CONTAINERS[service]["environment"].keys()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_with_what_the_file_gives_it(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CONTAINERS[service]["environment"].items():
        monkeypatch.setenv(name, VARIABLE.sub(lambda found: (found[2] or "")[2:], value))
    settings = SERVICES[service].settings.load()
    assert (settings.host, settings.database_url) == ("0.0.0.0", "postgresql://booking:booking@postgres:5432/booking")


def test_no_copy_shares_a_slot_with_another() -> None:
    slots = [(service_of(one), one["environment"].get("SEWA_SLOT", "0")) for one in RUNNING.values()]
    assert len(slots) == len(set(slots))


def test_services_wait_for_the_schemas_and_topics_and_those_for_servers_that_answer() -> None:
    assert all(one["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}} for one in RUNNING.values())
    assert CONTAINERS["migrate"]["depends_on"] == {server: {"condition": "service_healthy"} for server in ("postgres", "kafka")}
    assert CONTAINERS["migrate"]["command"][-1] == "sewa migrate && sewa topics"


@pytest.mark.parametrize("name", sorted(CONTAINERS.keys() - {"migrate"}))
def test_what_runs_is_watched_and_started_again(name: str) -> None:
    assert CONTAINERS[name]["healthcheck"].keys() >= {"test", "interval", "timeout", "retries", "start_period"}
    assert CONTAINERS[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", CONTAINERS)
def test_nobody_is_root_or_can_become_it(name: str) -> None:
    container = CONTAINERS[name]
    assert container["user"].partition(":")[0] not in {"", "0", "root"}
    assert (container["cap_drop"], container["security_opt"]) == (["ALL"], ["no-new-privileges:true"])


@pytest.mark.parametrize("name", CONTAINERS)
def test_images_are_of_one_version(name: str) -> None:
    tag = VARIABLE.sub(lambda found: (found[2] or "")[2:], CONTAINERS[name]["image"]).partition(":")[2]
    assert re.fullmatch(r"v?\d+(\.\d+)+", tag)


def test_the_servers_are_those_that_the_tests_run_on() -> None:
    assert CONTAINERS["kafka"]["image"] == f"apache/kafka:{KAFKA}"
    assert CONTAINERS["postgres"]["image"].startswith("postgres:18.")
    assert CONTAINERS["valkey"]["image"].startswith("valkey/valkey:9.")


def test_ports_are_open_to_this_machine_only() -> None:
    ports = {name: one["ports"] for name, one in CONTAINERS.items() if "ports" in one}
    assert ports.keys() == {"kafka", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for published in ports.values() for port in published)


def test_volumes_are_declared_and_used_and_what_is_mounted_from_here_exists() -> None:
    mounts = [mount.partition(":")[0] for one in CONTAINERS.values() for mount in one.get("volumes", ())]
    assert {mount for mount in mounts if not mount.startswith(".")} == COMPOSE["volumes"].keys()
    assert all((ROOT / mount).is_dir() for mount in mounts if mount.startswith("."))


def test_a_variable_without_a_value_has_a_default() -> None:
    assert [found[0] for found in VARIABLE.finditer(FILE.read_text(encoding="utf-8")) if found[2] is None] == []
