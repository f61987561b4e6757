-- What people write of an incident.

SET LOCAL lock_timeout = '4s';
SET LOCAL statement_timeout = '30s';

-- Everybody may read a note with is_published, but not who wrote it.
CREATE TABLE sitemon.incident_note (
    note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id integer NOT NULL REFERENCES sitemon.incident,
    written_at timestamptz NOT NULL DEFAULT now(),
    written_by text NOT NULL,
    note text NOT NULL CHECK (length(note) BETWEEN 1 AND 500),
    is_published boolean NOT NULL
);

-- Query notes_of: those of an incident.
CREATE INDEX incident_note_by_incident ON sitemon.incident_note (incident_id, note_id);

CREATE VIEW sitemon.notes AS
SELECT
    incident_note.note_id,
    incident_note.incident_id,
    site.name AS site,
    incident_note.written_at,
    incident_note.written_by,
    incident_note.note,
    incident_note.is_published
FROM sitemon.incident_note
JOIN sitemon.incident ON incident.incident_id = incident_note.incident_id
JOIN sitemon.site ON site.site_id = incident.site_id;

COMMENT ON VIEW sitemon.notes IS
    'What people wrote of incidents: by whom, and whether the public page and its feed show it too, without the name.';
