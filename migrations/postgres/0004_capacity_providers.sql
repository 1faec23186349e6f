-- Capacity providers belong to a namespace; clusters are associated with them in their own documents.
CREATE TABLE capacity_providers (
    account   text NOT NULL,
    region    text NOT NULL,
    name      text NOT NULL,
    -- Counts changes: a change names the version it was made from.
    version   bigint NOT NULL,
    document  json NOT NULL,
    PRIMARY KEY (account, region, name)
);

-- The provider whose share of a strategy the task is; null for tasks that run by launch type.
ALTER TABLE tasks ADD COLUMN capacity_provider text;
