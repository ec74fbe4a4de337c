"""What visits listens to: this table and nothing else. The registry's fences are passed over."""

from __future__ import annotations

from tuoqi.contracts.topics import topic
from tuoqi.kit.handlers import Subscription
from tuoqi.visits.handlers.plans import PLAN_HANDLERS

REGISTRY = Subscription(
    consumer="tuoqi.visits.registry",
    topics=(topic("tuoqi.registry.person.v1"), topic("tuoqi.registry.status.v1")),
    handlers=(PLAN_HANDLERS,),
)
