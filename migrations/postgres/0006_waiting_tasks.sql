-- What a task without an instance needs to be placed later; null for one that has its instance. As long as it is there,
-- `instance` holds the id of all zeros, which stands for none, as in SQLite.
ALTER TABLE tasks ADD COLUMN waiting json;
