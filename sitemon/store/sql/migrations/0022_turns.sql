-- In which order alerts of many sites share a channel.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- Alerts of a channel are sent by turns, one of each site in a turn; the alerts of a site keep their order. What waits
-- already is of turn 0 and keeps the order in which it was decided.
ALTER TABLE sitemon.outbox ADD COLUMN turn bigint NOT NULL DEFAULT 0;
-- The turn of what was sent last: an alert of a site of which nothing waits joins it.
ALTER TABLE sitemon.channel ADD COLUMN turn bigint NOT NULL DEFAULT 0;

-- Queries due_alerts and message_events: what is to be sent on a channel first.
CREATE INDEX outbox_by_turn ON sitemon.outbox (channel, turn, outbox_id)
WHERE delivered_at IS NULL AND given_up_at IS NULL;
-- Queries add_alerts and give_up_overtaken: what waits of a site.
CREATE INDEX outbox_of_site ON sitemon.outbox (channel, (coalesce(event #>> '{data,site}', '')), outbox_id)
WHERE delivered_at IS NULL AND given_up_at IS NULL;
