"""What alerts listens to: this table and nothing else.

Alerts about visits are raised and closed by visits' own events alone; a death or a move reaches them as what visits
makes of it. The topic's other events (plans opened, re-graded, closed) stand in no table and are passed over.
"""

from tuoqi.alerts.handlers.visits import BOOK_HANDLERS
from tuoqi.contracts.topics import topic
from tuoqi.kit.handlers import Subscription

SUBSCRIPTION = Subscription(
    consumer="tuoqi.alerts.visits",
    topics=(topic("tuoqi.visits.plan.v1"),),
    handlers=(BOOK_HANDLERS,),
)
