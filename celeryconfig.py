"""Your own Celery settings: they override sitemon's defaults (see docs: sitemon/celery_settings.py).

Any setting of Celery's may stand here in lower case, for example:

    broker_url = "redis://redis.example:6379/1"
    worker_concurrency = 200
"""
