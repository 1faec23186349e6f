-- What a task without an instance needs to be placed later; null for one that has its instance. As long as it is there,
-- `instance` holds the id of all zeros, which stands for none: the column is not null, and SQLite cannot relax that
-- without building the table anew.
ALTER TABLE tasks ADD COLUMN waiting TEXT;
