-- Extensions that a new Supabase project has from the start; run where the PostgreSQL build has contrib.
create extension if not exists "uuid-ossp" with schema extensions;
create extension if not exists pgcrypto with schema extensions;
create extension if not exists pg_stat_statements with schema extensions;
grant all on all functions in schema extensions to postgres, anon, authenticated, service_role, dashboard_user;
