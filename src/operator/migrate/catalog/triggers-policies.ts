import { literal } from '../../../foundation/postgres/sql.ts';
import {
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  words,
  type Draft,
  type Part,
  type ReadContext,
} from './context.ts';
import { isPlatformRole, isPlatformSchema } from '../../../foundation/postgres/managed.ts';
import { ENABLED_STATE } from './views.ts';

/** Triggers, row policies and the user's event triggers. */
export async function readTriggersAndPolicies(context: ReadContext): Promise<Part> {
  return {
    drafts: [...(await readTriggers(context)), ...(await readPolicies(context)), ...(await readEventTriggers(context))],
  };
}

/**
 * Triggers. Those of partitions come with their parent's and are skipped, unless they were switched on or off apart
 * from it: then an object of the same kind sets that state alone.
 */
async function readTriggers(context: ReadContext): Promise<Draft[]> {
  type TriggerRow = {
    oid: number;
    schema: string;
    table: string;
    name: string;
    definition: string;
    enabled: string;
    parent_table: string | null;
  };
  const rows = await scoped<TriggerRow>(
    context,
    `select g.oid, n.nspname as schema, ${qualified('n.nspname', 'c.relname')} as "table",
       quote_ident(g.tgname) as name, pg_get_triggerdef(g.oid) as definition, g.tgenabled as enabled,
       ${qualified('pn.nspname', 'pc.relname')} as parent_table
     from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
     left join pg_trigger p on p.oid = g.tgparentid left join pg_class pc on pc.oid = p.tgrelid
     left join pg_namespace pn on pn.oid = pc.relnamespace
     where not g.tgisinternal and (g.tgparentid = 0 or g.tgenabled <> p.tgenabled) and c.relkind in ('r', 'p', 'v')
       and n.nspname = any($1) and ${notOfExtension(CLASS.relation, 'c.oid')}`,
  );
  return rows.map((row) => {
    const inherited = row.parent_table !== null;
    const state = ENABLED_STATE[row.enabled] ?? (inherited ? 'ENABLE' : undefined);
    const create = [
      ...(inherited ? [] : [row.definition]),
      ...(state === undefined ? [] : [`ALTER TABLE ${row.table} ${state} TRIGGER ${row.name}`]),
    ];
    return makeDraft({
      kind: 'trigger',
      identity: `${row.name} on ${row.table}`,
      schema: row.schema,
      table: row.table,
      definition: create.join('\n'),
      create,
      sqlName: `TRIGGER ${row.name} ON ${row.table}`,
      ...(inherited ? { drop: null } : {}),
      address: address(CLASS.trigger, row.oid),
      needs: inherited ? [`trigger ${row.name} on ${row.parent_table}`, `attach-partition ${row.table}`] : [],
    });
  });
}

const COMMANDS: Record<string, string> = { r: 'SELECT', a: 'INSERT', w: 'UPDATE', d: 'DELETE', '*': 'ALL' };

async function readPolicies(context: ReadContext): Promise<Draft[]> {
  type PolicyRow = {
    oid: number;
    schema: string;
    table: string;
    name: string;
    permissive: boolean;
    command: string;
    roles: string[];
    using: string | null;
    check: string | null;
  };
  const rows = await scoped<PolicyRow>(
    context,
    `select p.oid, n.nspname as schema, ${qualified('n.nspname', 'c.relname')} as "table",
       quote_ident(p.polname) as name, p.polpermissive as permissive, p.polcmd as command,
       (select json_agg(coalesce(quote_ident(r.rolname), 'PUBLIC') order by r.rolname collate "C")
        from unnest(p.polroles) g(oid) left join pg_roles r on r.oid = g.oid where g.oid = 0 or r.oid is not null) as roles,
       pg_get_expr(p.polqual, p.polrelid) as "using", pg_get_expr(p.polwithcheck, p.polrelid) as "check"
     from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1) and ${notOfExtension(CLASS.relation, 'c.oid')}`,
  );
  return rows.map((row) => {
    const definition = words(
      `AS ${row.permissive ? 'PERMISSIVE' : 'RESTRICTIVE'} FOR ${COMMANDS[row.command] ?? 'ALL'} TO ${row.roles.join(', ')}`,
      row.using !== null && `USING (${row.using})`,
      row.check !== null && `WITH CHECK (${row.check})`,
    );
    return makeDraft({
      kind: 'policy',
      identity: `${row.name} on ${row.table}`,
      schema: row.schema,
      table: row.table,
      definition,
      create: [`CREATE POLICY ${row.name} ON ${row.table} ${definition}`],
      sqlName: `POLICY ${row.name} ON ${row.table}`,
      address: address(CLASS.policy, row.oid),
      needs: row.roles.map((role) => `role ${role}`),
    });
  });
}

/** Those of the platform (by owner, by extension, or calling one of its functions) stay where they are, unmentioned. */
async function readEventTriggers(context: ReadContext): Promise<Draft[]> {
  type EventTriggerRow = {
    oid: number;
    name: string;
    event: string;
    tags: string[] | null;
    enabled: string;
    owner: number;
    function_schema: string;
    function_owner: number;
    function: string;
  };
  const rows = await context.session.rows<EventTriggerRow>(
    `select e.oid, quote_ident(e.evtname) as name, e.evtevent as event, to_json(e.evttags) as tags,
       e.evtenabled as enabled, e.evtowner as owner, n.nspname as function_schema, p.proowner as function_owner,
       ${qualified('n.nspname', 'p.proname')} as function
     from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_namespace n on n.oid = p.pronamespace
     where ${notOfExtension(CLASS.eventTrigger, 'e.oid')} and ${notOfExtension(CLASS.routine, 'p.oid')}`,
  );
  return rows.flatMap((row) => {
    // One of the owner's belongs to a superuser wherever it was moved to, and still runs a function of the owner's.
    const ofPlatform = [row.owner, row.function_owner].every((oid) =>
      isPlatformRole(context.roles.get(oid)?.name ?? ''),
    );
    if (ofPlatform || isPlatformSchema(row.function_schema)) return [];
    const state = ENABLED_STATE[row.enabled];
    const tags = row.tags === null ? '' : `WHEN TAG IN (${row.tags.map(literal).join(', ')})`;
    const definition = words(`ON ${row.event}`, tags, `EXECUTE FUNCTION ${row.function}()`);
    const draft = makeDraft({
      kind: 'event-trigger',
      identity: row.name,
      definition: words(definition, state),
      create: [
        `CREATE EVENT TRIGGER ${row.name} ${definition}`,
        ...(state === undefined ? [] : [`ALTER EVENT TRIGGER ${row.name} ${state}`]),
      ],
      sqlName: `EVENT TRIGGER ${row.name}`,
      address: address(CLASS.eventTrigger, row.oid),
      // A hosted project lets `postgres` own one; anywhere else only a superuser may.
      owner: row.owner,
      ownable: false,
    });
    return [draft];
  });
}
