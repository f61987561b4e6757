"""For CELERY_CONFIG_MODULE: a worker whose producer gives a delivery up after 10 s, not after 24 days as ours does."""

from sitemon.stream.producer import KafkaProducer

DELIVERY_TIMEOUT_MS = 10_000

(KafkaProducer.__init__.__kwdefaults__ or {})["delivery_timeout_ms"] = DELIVERY_TIMEOUT_MS
