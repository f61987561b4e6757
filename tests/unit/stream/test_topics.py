"""The topics of one installation go by the name of the configured one."""

from sitemon.config.servers import KafkaServer
from sitemon.stream.topics import Topics, topics_of


def test_the_other_topics_share_the_first_part_of_the_name() -> None:
    assert topics_of(KafkaServer(client={}, topic="acme.web.results")) == Topics(
        results="acme.web.results",
        schedule="acme.web.schedule",
        dead_letters="acme.web.dead-letters",
        status="acme.web.status",
    )
