-- What readers need to know of how old the data is.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

CREATE VIEW sitemon.freshness AS
SELECT sitemon.from_ms(closed_ms) AS closed_at FROM sitemon.account;

COMMENT ON VIEW sitemon.freshness IS
    'One row. Up to closed_at it is decided of every slot whether it was missed; while all is well, that is less than 20 s '
    'ago.';
