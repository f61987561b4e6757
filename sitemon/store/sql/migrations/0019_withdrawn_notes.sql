-- Notes that are taken back.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

ALTER TABLE sitemon.incident_note
ADD COLUMN withdrawn_at timestamptz,
ADD COLUMN withdrawn_by text;

CREATE OR REPLACE VIEW sitemon.notes AS
SELECT
    incident_note.note_id,
    incident_note.incident_id,
    site.name AS site,
    incident_note.written_at,
    incident_note.written_by,
    incident_note.note,
    incident_note.is_published AND incident_note.withdrawn_at IS NULL AS is_published,
    incident_note.withdrawn_at,
    incident_note.withdrawn_by,
    incident_note.is_published AS was_published
FROM sitemon.incident_note
JOIN sitemon.incident ON incident.incident_id = incident_note.incident_id
JOIN sitemon.site ON site.site_id = incident.site_id;

COMMENT ON VIEW sitemon.notes IS
    'What people wrote of incidents: by whom, and whether the public page and its feed show it too, without the name. One that '
    'was taken back is shown there no longer, and has withdrawn_at; was_published says that it once was for everybody.';
