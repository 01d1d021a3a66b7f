-- A role that reads the warehouse and can do nothing else, for Metabase, Grafana and people
-- with a SQL tool. Run it as the owner of the schema, with a password of your own:
--
--   psql "$ADMIN_URL" -v password="'a long one'" -f readonly.sql

CREATE ROLE polyclinic_reader LOGIN PASSWORD :password;

GRANT USAGE ON SCHEMA polyclinic TO polyclinic_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA polyclinic TO polyclinic_reader;
-- Tables and views that a later version adds, as long as the role that runs this makes them.
ALTER DEFAULT PRIVILEGES IN SCHEMA polyclinic GRANT SELECT ON TABLES TO polyclinic_reader;

ALTER ROLE polyclinic_reader SET default_transaction_read_only = on;
ALTER ROLE polyclinic_reader SET statement_timeout = '60s';
ALTER ROLE polyclinic_reader SET search_path = polyclinic;
ALTER ROLE polyclinic_reader CONNECTION LIMIT 20;
