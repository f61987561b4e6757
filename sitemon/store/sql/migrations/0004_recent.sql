-- A refresh of uptime_recent that failed is made good by the next maintenance, of whichever recorder.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- What `hours_until_at` was when uptime_recent was made anew the last time.
ALTER TABLE sitemon.watermark ADD COLUMN recent_until_at timestamptz NOT NULL DEFAULT '-infinity';
