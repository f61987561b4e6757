-- Windows of the configuration that were over long ago are found without reading all of them.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- Query forget_over.
CREATE INDEX maintenance_window_by_end ON sitemon.maintenance_window (until_at) WHERE is_configured;
