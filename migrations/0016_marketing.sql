-- What marketing's own sources tell: how often a position was seen, and who a lead is elsewhere.

ALTER TABLE ranking ADD COLUMN clicks TEXT;
ALTER TABLE ranking ADD COLUMN impressions TEXT;

-- Days are replaced as a whole where a vendor restates them.
CREATE INDEX visit_at ON visit (source, "at");
CREATE INDEX ranking_at ON ranking (source, "at");

-- The same person in several sources. Of an address only a keyed hash is kept, and only where that is switched on.
-- `person` names the lead of the CRM that this one is counted as; `elsewhere` holds what others know of it.
ALTER TABLE lead ADD COLUMN crm_id TEXT;
ALTER TABLE lead ADD COLUMN contact TEXT;
ALTER TABLE lead ADD COLUMN email_hash TEXT;
ALTER TABLE lead ADD COLUMN person TEXT;
ALTER TABLE lead ADD COLUMN elsewhere TEXT;
CREATE INDEX lead_crm_id ON lead (crm_id) WHERE crm_id IS NOT NULL;
CREATE INDEX lead_contact ON lead (contact) WHERE contact IS NOT NULL;
CREATE INDEX lead_email_hash ON lead (email_hash) WHERE email_hash IS NOT NULL;
CREATE INDEX lead_person ON lead (person) WHERE person IS NOT NULL;

-- The latest moment of a lead counts what others know of it, too.
DROP INDEX lead_last;
CREATE INDEX lead_last ON lead
    (max(coalesce(created_at, ''), coalesce(mql_at, ''), coalesce(disqualified_at, ''),
         substr(coalesce(elsewhere, ''), 1, 20)));
