"""The registry's wiring: `python -m tuoqi.registry` serves, `python -m tuoqi.registry migrate` migrates."""

from __future__ import annotations

from tuoqi.kit.county import County
from tuoqi.kit.rpc.tables import Importer
from tuoqi.kit.service import Parts, Runtime, Service, main
from tuoqi.registry.domain.policy import Policy, read_policy
from tuoqi.registry.jobs.act import Desk
from tuoqi.registry.jobs.lists import death_importer, move_importer
from tuoqi.registry.jobs.persons import PersonImporter
from tuoqi.registry.jobs.places import FacilityImporter, RegionImporter
from tuoqi.registry.jobs.statuses import StatusImporter
from tuoqi.registry.rpc.registry import RegistryServicer, add_registry
from tuoqi.registry.settings import Settings
from tuoqi.registry.store.seals import Vault


def county_policy(county: County) -> Policy:
    """The registry's part of the county's files. Raises PolicyError."""
    return read_policy(county.code, county.policy("registry"))


def importers(desk: Desk) -> list[Importer]:
    """Every kind of file that the registry takes."""
    return [
        RegionImporter(desk),
        PersonImporter(desk),
        StatusImporter(desk),
        FacilityImporter(desk),
        death_importer(desk),
        move_importer(desk),
    ]


def build(runtime: Runtime) -> Parts:
    """What the registry adds to the kit. Raises ValueError without its keys."""
    if runtime.keys.master is None or runtime.keys.lookup is None:
        raise ValueError("the registry needs master.key and lookup.key in TUOQI_KEYS_DIR")
    vault = Vault(runtime.keys.master, runtime.keys.lookup)
    desk = Desk(runtime.origin, runtime.clock, vault, runtime.policy)
    servicer = RegistryServicer(runtime.database, vault, runtime.origin, runtime.clock, runtime.commander)
    return Parts(servicers=[add_registry(servicer)], importers=importers(desk))


SERVICE = Service(name="registry", build=build, settings=Settings, read_policy=county_policy)

if __name__ == "__main__":
    main(SERVICE)
