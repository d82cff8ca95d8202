-- Vendors link an activity to several opportunities and contacts, and an opportunity to several
-- contacts; those links change without the records, so they are records of their own.

CREATE TABLE contact_role (
    source TEXT NOT NULL, id TEXT NOT NULL,
    opportunity TEXT, lead TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE activity_link (
    source TEXT NOT NULL, id TEXT NOT NULL,
    activity TEXT, opportunity TEXT, lead TEXT,
    fingerprint INTEGER NOT NULL, first_seen_ms INTEGER NOT NULL, deleted_ms INTEGER,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

-- All links of one record are replaced together, and follow it when it is merged.
CREATE INDEX contact_role_opportunity ON contact_role (source, opportunity);
CREATE INDEX contact_role_lead ON contact_role (source, lead);
CREATE INDEX activity_link_activity ON activity_link (source, activity);
CREATE INDEX activity_link_opportunity ON activity_link (source, opportunity)
    WHERE opportunity IS NOT NULL;
CREATE INDEX activity_link_lead ON activity_link (source, lead) WHERE lead IS NOT NULL;
CREATE INDEX activity_opportunity ON activity (source, opportunity)
    WHERE opportunity IS NOT NULL;
CREATE INDEX activity_lead ON activity (source, lead) WHERE lead IS NOT NULL;
CREATE INDEX owner_change_opportunity ON owner_change (source, opportunity);
