-- name: bound
-- Until its transaction ends, no statement takes longer, and none waits for longer for a lock.
SELECT set_config('statement_timeout', %(step_ms)s, true), set_config('lock_timeout', %(lock_ms)s, true);
