-- A result whose slot lies ahead says nothing until its slot has come.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '5min';

-- Where results wait for their slots, which lie more than a minute ahead, as of a beat whose clock does: the first of them.
CREATE TABLE sitemon.slot_ahead (
    site_id integer NOT NULL,
    region_id integer NOT NULL,
    slot_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, region_id)
);
-- Query due.
CREATE INDEX slot_ahead_by_slot ON sitemon.slot_ahead (slot_at);

INSERT INTO sitemon.slot_ahead (site_id, region_id, slot_at)
SELECT state.site_id, state.region_id, next.slot_at
FROM sitemon.current_state AS state
CROSS JOIN LATERAL (
    SELECT result.slot_at
    FROM sitemon.result
    WHERE result.site_id = state.site_id
        AND result.region_id = state.region_id
        AND result.kind <> 'adhoc'
        AND result.slot_at > now() + '1 minute'::interval
    ORDER BY result.slot_at
    LIMIT 1
) AS next;

-- The next result that has come makes these states anew, and what was decided by them is decided again.
WITH gone AS (
    DELETE FROM sitemon.current_state WHERE slot_at > now() + '1 minute'::interval RETURNING site_id
)
INSERT INTO sitemon.undecided (site_id, from_at)
SELECT DISTINCT site_id, now() FROM gone;
