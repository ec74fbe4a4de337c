from pathlib import Path

from tuoqi.cli.local.home import Home
from tuoqi.cli.local.plan import SERVICES, Endpoints, Plan, Service, migration_environment, service_environment
from tuoqi.cli.local.ports import port_names

HOME = Home(Path("/srv/t"), Path("/srv/c"))
PORTS = {name: 20_000 + place for place, name in enumerate(port_names(SERVICES))}


def test_a_plan_survives_its_way_to_another_process() -> None:
    plan = Plan((Service("a", ("x", "y"), ("z",), health=False),), "m:f", "/c", "settable", "2026-07-01T00:00+08:00")
    assert Plan.from_json(plan.to_json()) == plan
    assert Plan.from_json(Plan().to_json()) == Plan()


def test_a_service_gets_the_settings_that_the_kit_reads() -> None:
    plan = Plan(county="/county", clock="settable", clock_start="2026-07-01T00:00:00+08:00")
    assert service_environment(plan, "visits", Endpoints.of(PORTS, SERVICES), HOME) == {
        "TUOQI_DATABASE_URL": "postgresql://tuoqi_visits@127.0.0.1:20000/tuoqi_visits",
        "TUOQI_DATABASE_PASSWORD_FILE": "/srv/t/secrets/database/visits.password",
        "TUOQI_KAFKA": "127.0.0.1:20001",
        "TUOQI_KAFKA_USER": "visits",
        "TUOQI_KAFKA_PASSWORD_FILE": "/srv/t/secrets/kafka/visits.password",
        "TUOQI_GRPC_ADDRESS": "127.0.0.1:20005",
        "TUOQI_METRICS_PORT": "20006",
        "TUOQI_PEERS": "registry=127.0.0.1:20003,visits=127.0.0.1:20005,"
        "payments=127.0.0.1:20007,alerts=127.0.0.1:20009",
        "TUOQI_TOKEN_FILE": "/srv/t/secrets/platform.token",
        "TUOQI_KEYS_DIR": "/srv/t/secrets/keys",
        "TUOQI_COUNTY_DIR": "/county",
        "TUOQI_CLOCK": "settable",
        "TUOQI_CLOCK_START": "2026-07-01T00:00:00+08:00",
        "TUOQI_OBJECTS_URL": "file:///srv/t/attachments",
    }
    alerts = service_environment(plan, "alerts", Endpoints.of(PORTS, SERVICES), HOME)
    assert alerts["TUOQI_SMS_FOLDER"] == "/srv/t/sms"
    assert "TUOQI_OBJECTS_URL" not in alerts


def test_only_a_migration_gets_the_role_that_owns_the_schema() -> None:
    endpoints = Endpoints.of(PORTS, SERVICES)
    service = service_environment(Plan(), "visits", endpoints, HOME)
    migration = migration_environment(Plan(), "visits", endpoints, HOME)
    changed = {name for name in migration if migration[name] != service.get(name)}
    assert changed == {"TUOQI_DATABASE_URL", "TUOQI_DATABASE_PASSWORD_FILE"}
    assert "tuoqi_visits_migrator@" in migration["TUOQI_DATABASE_URL"]
    assert migration["TUOQI_DATABASE_PASSWORD_FILE"].endswith("visits_migrator.password")
