"""Stands in for whoever knows the topics: the callback that a plan names."""

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from tuoqi.cli.local.kafka import login


def apply(bootstrap: str, user: str, password: str) -> None:
    """One topic, made once."""
    client = KafkaAdminClient(**login(bootstrap, user, password))
    try:
        client.create_topics([NewTopic("tuoqi.test.thing.v1", 1, 1)])
    except TopicAlreadyExistsError:
        pass
    finally:
        client.close()
