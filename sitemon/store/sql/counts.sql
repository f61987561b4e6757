-- name: counts
-- What publishers made in all, what became or changed a row, and what arrived. Marks may be forged: their sum may be more
-- than any number of ours.
SELECT
    least(
        (SELECT made_before FROM sitemon.account) + (SELECT coalesce(sum(made), 0) FROM sitemon.publisher), 1::bigint << 62
    )::bigint,
    (SELECT coalesce(sum(recorded), 0)::bigint FROM sitemon.tally),
    (SELECT coalesce(sum(recorded + repeated), 0)::bigint FROM sitemon.tally);

-- name: begin_counts
-- What is on its way at this moment counts for neither side.
UPDATE sitemon.account SET
    base_ms = %(counted_ms)s,
    base_vouched = %(now_made)s,
    base_arrived = %(arrived)s,
    base_recorded = %(now_recorded)s,
    base_made = %(made)s
WHERE base_ms < %(counted_ms)s - 86400000;

-- name: keep_counts
UPDATE sitemon.account SET
    counted_ms = %(counted_ms)s,
    vouched = %(made)s,
    arrived = %(now_arrived)s,
    recorded = %(recorded)s,
    made = %(now_made)s;
