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

-- kind: large object
select m.oid::text, 'owner ' || pg_get_userbyid(m.lomowner) from pg_largeobject_metadata m;

-- kind: large object grant
select 'large object ' || m.oid || ': ' || case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end,
    string_agg(a.privilege_type || case when a.is_grantable then ' with grant option' else '' end, ', ' order by a.privilege_type)
from pg_largeobject_metadata m, aclexplode(coalesce(m.lomacl, acldefault('L', m.lomowner))) a group by 1;

-- kind: content of large object
-- By mebibyte: none is ever held whole. One that this role may not read says so. Each is closed again: there may be many.
select m.oid::text, coalesce(s.size || ' bytes, sha256 ' || (
    select encode(sha256(string_agg(sha256(lo_get(m.oid, o, 1048576)), ''::bytea order by o)), 'hex')
    from generate_series(0::bigint, s.size, 1048576) o), 'not readable')
from pg_largeobject_metadata m, lateral (select case when pg_has_role(m.lomowner, 'usage') or exists (
    select from aclexplode(m.lomacl) a where a.privilege_type = 'SELECT' and case a.grantee when 0 then true else pg_has_role(a.grantee, 'usage') end)
  then (select (array[lo_lseek64(f.fd, 0, 2), lo_close(f.fd)])[1] from (select lo_open(m.oid, 262144) as fd offset 0) f) end as size offset 0) s;

-- kind: materialized view
select c.oid::regclass::text, case when c.relispopulated then 'populated' else 'without rows' end
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'm' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: state of rule
select r.ev_class::regclass::text || ' ' || r.rulename, 'enabled ' || r.ev_enabled::text
from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
where r.rulename <> '_RETURN' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema';

-- kind: default grant option
select pg_get_userbyid(d.defaclrole) || ' in ' || coalesce(n.nspname, 'every schema') || ' on ' || d.defaclobjtype::text || ' to '
    || case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee) end, string_agg(a.privilege_type, ', ' order by a.privilege_type)
from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a where a.is_grantable group by 1;

-- kind: published schema
select p.pubname || ': ' || n.nspname, '' from pg_publication_namespace s join pg_publication p on p.oid = s.pnpubid join pg_namespace n on n.oid = s.pnnspid;

-- kind: cast
select format_type(c.castsource, null) || ' as ' || format_type(c.casttarget, null),
    concat_ws(' ', 'context ' || c.castcontext::text, 'method ' || c.castmethod::text, case when c.castfunc <> 0 then c.castfunc::regprocedure::text end)
from pg_cast c where c.oid >= 16384
  and not exists (select from pg_depend d where d.classid = 'pg_cast'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: operator
select o.oid::regoperator::text, concat_ws(' ', 'owner ' || pg_get_userbyid(o.oprowner), o.oprcode::regproc::text, 'commutator ' || nullif(o.oprcom, 0)::regoperator,
    'negator ' || nullif(o.oprnegate, 0)::regoperator, nullif(o.oprrest, 0)::regproc::text, nullif(o.oprjoin, 0)::regproc::text,
    case when o.oprcanhash then 'hashes' end, case when o.oprcanmerge then 'merges' end)
from pg_operator o where o.oid >= 16384 and o.oprcode <> 0
  and not exists (select from pg_depend d where d.classid = 'pg_operator'::regclass and d.objid = o.oid and d.deptype = 'e');

-- kind: operator class
select c.opcnamespace::regnamespace || '.' || c.opcname || ' using ' || m.amname, concat_ws(' ', 'owner ' || pg_get_userbyid(c.opcowner),
    case when c.opcdefault then 'default' end, 'for ' || format_type(c.opcintype, null), 'family ' || f.opfnamespace::regnamespace || '.' || f.opfname,
    (select string_agg(a.amopstrategy || ' ' || a.amopopr::regoperator, ', ' order by a.amopstrategy, a.amopopr::regoperator::text)
     from pg_amop a where a.amopfamily = f.oid),
    (select string_agg(p.amprocnum || ' ' || p.amproc::regprocedure, ', ' order by p.amprocnum, p.amproc::regprocedure::text)
     from pg_amproc p where p.amprocfamily = f.oid))
from pg_opclass c join pg_opfamily f on f.oid = c.opcfamily join pg_am m on m.oid = c.opcmethod where c.oid >= 16384
  and not exists (select from pg_depend d where d.classid = 'pg_opclass'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: collation
-- The locale's column has another name from 17 on.
select c.oid::regcollation::text, concat_ws(' ', 'owner ' || pg_get_userbyid(c.collowner), 'provider ' || c.collprovider::text,
    coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'), c.collcollate, c.collctype,
    case when not c.collisdeterministic then 'nondeterministic' end)
from pg_collation c where c.oid >= 16384 and c.collnamespace <> 'pg_catalog'::regnamespace
  and not exists (select from pg_depend d where d.classid = 'pg_collation'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: text search dictionary
select t.oid::regdictionary::text, concat_ws(' ', 'owner ' || pg_get_userbyid(t.dictowner), p.tmplname, t.dictinitoption)
from pg_ts_dict t join pg_ts_template p on p.oid = t.dicttemplate where t.oid >= 16384
  and not exists (select from pg_depend d where d.classid = 'pg_ts_dict'::regclass and d.objid = t.oid and d.deptype = 'e');

-- kind: text search configuration
select t.oid::regconfig::text, concat_ws(' ', 'owner ' || pg_get_userbyid(t.cfgowner), (select prsname from pg_ts_parser p where p.oid = t.cfgparser),
    (select string_agg(m.maptokentype || ' ' || m.mapdict::regdictionary, ', ' order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = t.oid))
from pg_ts_config t where t.oid >= 16384
  and not exists (select from pg_depend d where d.classid = 'pg_ts_config'::regclass and d.objid = t.oid and d.deptype = 'e');

-- kind: type
select t.oid::regtype::text, 'owner ' || pg_get_userbyid(t.typowner) from pg_type t
where t.typtype in ('e', 'd', 'r') and t.oid >= 16384
  and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e');

-- kind: foreign data wrapper
select w.fdwname, concat_ws(' ', 'owner ' || pg_get_userbyid(w.fdwowner), 'validator ' || nullif(w.fdwvalidator, 0)::regproc::text,
    'options ' || md5(w.fdwoptions::text), 'handler ' || nullif(w.fdwhandler, 0)::regproc::text)
from pg_foreign_data_wrapper w
where not exists (select from pg_depend d where d.classid = 'pg_foreign_data_wrapper'::regclass and d.objid = w.oid and d.deptype = 'e');

-- kind: foreign server option
-- Some hold a key to another service: their hash alone.
select s.srvname || ': ' || split_part(o, '=', 1), md5(substr(o, strpos(o, '=') + 1)) from pg_foreign_server s, unnest(s.srvoptions) o;

-- kind: statistics target
select a.attrelid::regclass || '.' || a.attname, a.attstattarget::text
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and not a.attisdropped and coalesce(a.attstattarget, -1) >= 0 and c.relkind in ('r', 'p', 'm', 'f')
  and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'hotops_restore')
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');

-- kind: comment on
select pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description from pg_description d
where d.objoid >= 16384 and d.classoid not in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_constraint'::regclass,
    'pg_namespace'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_extension'::regclass)
  and not exists (select from pg_depend e where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e');

-- kind: security label
select l.provider || ' on ' || pg_describe_object(l.classoid, l.objoid, l.objsubid), l.label from pg_seclabel l where l.objoid >= 16384;
