-- A role that reads the warehouse and can do nothing else, for Metabase, Grafana and people
-- with a SQL tool. Run it once as a superuser (on a managed server: as its administrator),
-- in the warehouse's database, after the first start of the sync. owner is the role of
-- POLYCLINIC_ANALYTICS_URL, password one of your own. A role is the whole server's: with a
-- second warehouse on it, or run again, the script gives the role that is there this password:
--
--   psql "$ADMIN_URL" -v ON_ERROR_STOP=1 -v owner=polyclinic -v password="a long one" -f readonly.sql

BEGIN;

SELECT count(*) = 0 AS lacking FROM pg_catalog.pg_roles WHERE rolname = 'polyclinic_reader' \gset
\if :lacking
CREATE ROLE polyclinic_reader;
\endif
ALTER ROLE polyclinic_reader LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD :'password' CONNECTION LIMIT 20;

GRANT USAGE ON SCHEMA polyclinic TO polyclinic_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA polyclinic TO polyclinic_reader;
-- Tables and views that a later version adds: the sync's role makes them, or whoever runs
-- what `polyclinic analytics schema` prints, who is taken to be who runs this.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA polyclinic GRANT SELECT ON TABLES TO polyclinic_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA polyclinic GRANT SELECT ON TABLES TO polyclinic_reader;

-- What every role may do, by way of PUBLIC, cannot be taken from one alone. The sync needs
-- none of it; the database is the warehouse's alone.
REVOKE TEMPORARY, CREATE ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;

-- For those who mean well: a session may set these otherwise, and still has no right to write.
ALTER ROLE polyclinic_reader SET default_transaction_read_only = on;
ALTER ROLE polyclinic_reader SET statement_timeout = '60s';
ALTER ROLE polyclinic_reader SET search_path = polyclinic;

COMMIT;
