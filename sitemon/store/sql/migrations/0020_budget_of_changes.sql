-- What events may change of the closed account of a site.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- When the closed slots of this site that events changed count no more: each counts for a second.
ALTER TABLE sitemon.watch ADD COLUMN budget_full_ms bigint NOT NULL DEFAULT 0;
