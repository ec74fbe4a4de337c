"""All metrics of a service, at one place. Nothing else in the platform makes a metric.

They are counted once per batch and label, never once per message: a labelled observation costs some 4 µs.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram, start_http_server

CONSUMER_LAG: Final = Gauge("tuoqi_consumer_lag", "Events that wait in Kafka for this subscription.", ["consumer"])

CONSUMER_APPLIED: Final = Counter(
    "tuoqi_consumer_applied_total",
    "Events applied: their inbox row is committed.",
    ["consumer"],
)

CONSUMER_DUPLICATES: Final = Counter(
    "tuoqi_consumer_duplicates_total",
    "Events that came again and were dropped by the inbox.",
    ["consumer"],
)

CONSUMER_SKIPPED: Final = Counter(
    "tuoqi_consumer_skipped_total",
    "Events of the topic's contract that the subscription does not listen to.",
    ["consumer"],
)

CONSUMER_STOPPED: Final = Gauge(
    "tuoqi_consumer_stopped",
    "1 while too many rejections keep the subscription stopped.",
    ["consumer"],
)

DEAD_LETTERS: Final = Counter(
    "tuoqi_dead_letters_total",
    "Messages that could not be applied and were put aside, by reason slug.",
    ["consumer", "reason"],
)

EVENT_AGE: Final = Histogram(
    "tuoqi_event_age_seconds",
    "Age of the oldest event of a batch when the batch is committed, by the system clock.",
    ["consumer"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800, 7200, 86400),
)

BATCH_SECONDS: Final = Histogram(
    "tuoqi_batch_seconds",
    "Time from taking a batch to its commit.",
    ["consumer"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
)

OUTBOX_PENDING: Final = Gauge("tuoqi_outbox_pending", "Events committed here and not yet acknowledged by Kafka.")

OUTBOX_OLDEST_AGE: Final = Gauge("tuoqi_outbox_oldest_age_seconds", "Age of the oldest of them; 0 where none waits.")

RELAY_SENT: Final = Counter("tuoqi_relay_sent_total", "Events acknowledged by Kafka.", ["topic"])

FENCES: Final = Counter(
    "tuoqi_fences_total",
    "Waits for another service's fence before timed work, by outcome: passed, or missed when the time was over.",
    ["peer", "outcome"],
)

NOTICES: Final = Counter(
    "tuoqi_notices_total",
    "Things to be told to people, by what became of them: sent, nobody on duty, cancelled.",
    ["state"],
)

DELIVERIES: Final = Counter(
    "tuoqi_deliveries_total", "Messages to people, by channel and outcome: sent, again, dead.", ["channel", "outcome"]
)

RPC: Final = Counter("tuoqi_rpc_total", "gRPC calls answered, by status code.", ["method", "code"])

RPC_SECONDS: Final = Histogram(
    "tuoqi_rpc_seconds",
    "Time from a gRPC call's arrival to its end; for streams the whole stream.",
    ["method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120, 600),
)


def serve_metrics(host: str, port: int) -> int:
    """Answer `/metrics` from a thread of its own until the process ends; the actual port. Raises OSError if taken."""
    server, _thread = start_http_server(port, host)
    return int(server.server_port)
