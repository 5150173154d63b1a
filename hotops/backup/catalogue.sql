-- Everything of a database that is no row, as (name, definition), one query for each kind. A restored database has to
-- give the same answers. Read with an empty search_path, so that every name is whole. What extensions brought along is
-- left out: the extension's version stands for it. (PostgreSQL documentation, "System Catalogs", 15 to 18.)

-- kind: role
select rolname, concat_ws(' ',
    case when rolsuper then 'superuser' end, case when rolinherit then 'inherit' else 'noinherit' end,
    case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end,
    case when rolcanlogin then 'login' else 'nologin' end, case when rolreplication then 'replication' end,
    case when rolbypassrls then 'bypassrls' end, 'connection limit ' || rolconnlimit)
from pg_roles where rolname !~ '^(pg_|cli_login_)';

-- kind: membership
select distinct g.rolname || ' to ' || m.rolname, case when bool_or(a.admin_option) then 'with admin option' else '' end
from pg_auth_members a join pg_roles g on g.oid = a.roleid join pg_roles m on m.oid = a.member
where m.rolname !~ '^(pg_|cli_login_)' group by 1;

-- kind: setting
select coalesce(r.rolname, 'all roles') || case when s.setdatabase <> 0 then ' in this database' else '' end || ': '
    || split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) c
where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_database where datname = current_database()))
  and coalesce(r.rolname, '') !~ '^(pg_|cli_login_)';

-- kind: schema
select nspname, 'owner ' || pg_get_userbyid(nspowner)
from pg_namespace n where nspname !~ '^pg_' and nspname not in ('information_schema', 'hotops_restore')
  and not exists (select from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e');

-- kind: extension
select extname, 'version ' || extversion || ' in ' || extnamespace::regnamespace from pg_extension;

-- kind: enum
select t.oid::regtype::text, string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
from pg_enum e join pg_type t on t.oid = e.enumtypid
where not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
group by t.oid;

-- kind: domain
select t.oid::regtype::text, concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
    case when t.typnotnull then 'not null' end, 'default ' || t.typdefault,
    (select string_agg(conname || ' ' || pg_get_constraintdef(c.oid), ', ' order by conname)
     from pg_constraint c where c.contypid = t.oid and c.contype = 'c'))
from pg_type t where t.typtype = 'd' and t.oid >= 16384
  and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e');

-- kind: range type
select r.rngtypid::regtype::text, 'of ' || format_type(r.rngsubtype, null) from pg_range r where r.rngtypid >= 16384
  and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = r.rngtypid and d.deptype = 'e');

-- kind: table
select c.oid::regclass::text, concat_ws(' ', case c.relkind when 'r' then 'table' when 'p' then 'partitioned table'
      when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' when 'c' then 'composite type' end,
    'owner ' || pg_get_userbyid(c.relowner), case c.relpersistence when 'u' then 'unlogged' end,
    case when c.relrowsecurity then 'row level security' end, case when c.relforcerowsecurity then 'forced' end,
    case when c.relreplident not in ('d', 'n') then 'replica identity ' || c.relreplident::text end,
    'partition by ' || pg_get_partkeydef(c.oid), 'partition ' || pg_get_expr(c.relpartbound, c.oid),
    'with ' || array_to_string(c.reloptions, ', '),
    'inherits ' || (select string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: column
select c.oid::regclass::text || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then 'not null' end,
    case when a.attgenerated <> '' then 'generated as ' || pg_get_expr(d.adbin, d.adrelid) else 'default ' || pg_get_expr(d.adbin, d.adrelid) end,
    case a.attidentity when 'a' then 'identity always' when 'd' then 'identity by default' end,
    case when a.attcollation <> t.typcollation then 'collate ' || a.attcollation::regcollation end,
    case when a.attstorage <> t.typstorage then 'storage ' || a.attstorage::text end)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: constraint
select c.conrelid::regclass::text || ' ' || c.conname, pg_get_constraintdef(c.oid)
from pg_constraint c join pg_namespace n on n.oid = c.connamespace
where c.conrelid <> 0 and c.contype <> 'n' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.conrelid and d.deptype = 'e');

-- kind: index
select i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid),
    case when not i.indisvalid then 'INVALID' end, case when i.indisreplident then 'replica identity' end, case when i.indisclustered then 'clustered' end)
from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indrelid and d.deptype = 'e');

-- kind: sequence
select c.oid::regclass::text, concat_ws(' ', format_type(s.seqtypid, null), 'start', s.seqstart, 'increment', s.seqincrement,
    'from', s.seqmin, 'to', s.seqmax, 'cache', s.seqcache, case when s.seqcycle then 'cycle' end, 'owner ' || pg_get_userbyid(c.relowner),
    (select 'of ' || d.refobjid::regclass || '.' || a.attname from pg_depend d join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
     where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass limit 1))
from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('hotops_restore')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: view
select c.oid::regclass::text, pg_get_viewdef(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: function
select p.oid::regprocedure::text, 'owner ' || pg_get_userbyid(p.proowner) || ' ' || case p.prokind when 'a' then
    (select 'aggregate ' || a.aggtransfn::regproc || ' ' || format_type(a.aggtranstype, null) || ' ' || a.aggfinalfn::regproc || coalesce(' ' || a.agginitval, '')
     from pg_aggregate a where a.aggfnoid = p.oid) else pg_get_functiondef(p.oid) end
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype in ('e', 'i'));

-- kind: trigger
select t.tgrelid::regclass::text || ' ' || t.tgname, pg_get_triggerdef(t.oid) || case t.tgenabled when 'O' then '' else ' enabled ' || t.tgenabled::text end
from pg_trigger t join pg_class c on c.oid = t.tgrelid where not t.tgisinternal
  and not exists (select from pg_depend d where d.classid = 'pg_trigger'::regclass and d.objid = t.oid and d.deptype = 'e');

-- kind: rule
select r.ev_class::regclass::text || ' ' || r.rulename, pg_get_ruledef(r.oid)
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema';

-- kind: policy
select p.polrelid::regclass::text || ' ' || p.polname, concat_ws(' ', case when p.polpermissive then 'permissive' else 'restrictive' end, 'for ' || p.polcmd::text,
    'to ' || (select string_agg(case r when 0 then 'public' else pg_get_userbyid(r) end, ', ' order by case r when 0 then 'public' else pg_get_userbyid(r) end) from unnest(p.polroles) r),
    'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
from pg_policy p;

-- kind: grant
select what || ': ' || who, string_agg(privilege || case when grantable then ' with grant option' else '' end, ', ' order by privilege)
from (
  select o.what, case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end as who, a.privilege_type as privilege, bool_or(a.is_grantable) as grantable
  from (
    select 'table ' || c.oid::regclass as what, coalesce(c.relacl, acldefault((case c.relkind when 'S' then 'S' else 'r' end)::"char", c.relowner)) as acl
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    union all
    select 'column ' || c.oid::regclass || '.' || t.attname, t.attacl from pg_attribute t join pg_class c on c.oid = t.attrelid join pg_namespace n on n.oid = c.relnamespace
    where t.attacl is not null and not t.attisdropped and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    union all
    select 'function ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype in ('e', 'i'))
    union all
    select 'schema ' || n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n
    where n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
    union all
    select 'type ' || t.oid::regtype, coalesce(t.typacl, acldefault('T', t.typowner)) from pg_type t
    where t.typtype in ('e', 'd', 'r') and t.oid >= 16384
      and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
  ) o, aclexplode(o.acl) a
  group by 1, 2, 3
) g group by what, who;

-- kind: default grant
select pg_get_userbyid(d.defaclrole) || ' in ' || coalesce(n.nspname, 'every schema') || ' on ' || d.defaclobjtype::text || ' to '
    || case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end, string_agg(a.privilege_type, ', ' order by a.privilege_type)
from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a group by 1;

-- kind: publication
select p.pubname, concat_ws(' ', 'owner ' || pg_get_userbyid(p.pubowner), case when p.puballtables then 'all tables' end,
    case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end, case when p.pubdelete then 'delete' end,
    case when p.pubtruncate then 'truncate' end, case when p.pubviaroot then 'via root' end)
from pg_publication p;

-- kind: published table
select p.pubname || ': ' || r.prrelid::regclass, concat_ws(' ', 'where ' || pg_get_expr(r.prqual, r.prrelid), 'columns ' || r.prattrs::text)
from pg_publication_rel r join pg_publication p on p.oid = r.prpubid;

-- kind: event trigger
select e.evtname, concat_ws(' ', e.evtevent, e.evtfoid::regproc::text, 'enabled ' || e.evtenabled::text, array_to_string(e.evttags, ', '))
from pg_event_trigger e
where not exists (select from pg_depend d where d.classid = 'pg_event_trigger'::regclass and d.objid = e.oid and d.deptype = 'e');

-- kind: statistics
select s.stxname, pg_get_statisticsobjdef(s.oid) from pg_statistic_ext s;

-- kind: foreign server
select s.srvname, concat_ws(' ', w.fdwname, s.srvtype, s.srvversion) from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = s.srvfdw;

-- kind: comment
select pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description
from pg_description d
where d.objoid >= 16384 and d.classoid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass, 'pg_namespace'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass)
  and not exists (select from pg_depend e where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e');
