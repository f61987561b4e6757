"""For CELERY_CONFIG_MODULE: a worker whose producer gives a delivery up soon, not after 24 days as ours does."""

import os

from sitemon.stream.producer import KafkaProducer

(KafkaProducer.__init__.__kwdefaults__ or {})["delivery_timeout_ms"] = int(os.environ["DELIVERY_TIMEOUT_MS"])
