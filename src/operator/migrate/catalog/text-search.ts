import {
  address,
  CLASS,
  makeDraft,
  notOfExtension,
  qualified,
  scoped,
  type Draft,
  type Part,
  type ReadContext,
} from './context.ts';

/** Dictionaries and configurations. Parsers and templates are C code and stay unsupported. */
export async function readTextSearch(context: ReadContext): Promise<Part> {
  return { drafts: [...(await readDictionaries(context)), ...(await readConfigurations(context))] };
}

type TextRow = { oid: number; schema: string; name: string; owner: number };

async function readDictionaries(context: ReadContext): Promise<Draft[]> {
  const rows = await scoped<TextRow & { options: string }>(
    context,
    `select d.oid, n.nspname as schema, ${qualified('n.nspname', 'd.dictname')} as name, d.dictowner as owner,
       'TEMPLATE = ' || ${qualified('tn.nspname', 't.tmplname')} || coalesce(', ' || d.dictinitoption, '') as options
     from pg_ts_dict d join pg_namespace n on n.oid = d.dictnamespace
     join pg_ts_template t on t.oid = d.dicttemplate join pg_namespace tn on tn.oid = t.tmplnamespace
     where n.nspname = any($1) and ${notOfExtension(CLASS.textDictionary, 'd.oid')}`,
  );
  return rows.map((row) =>
    textDraft(row, 'DICTIONARY', CLASS.textDictionary, row.options, [
      `CREATE TEXT SEARCH DICTIONARY ${row.name} (${row.options})`,
    ]),
  );
}

async function readConfigurations(context: ReadContext): Promise<Draft[]> {
  type Mapping = { token: string; dictionaries: string };
  const rows = await scoped<TextRow & { parser: string; mappings: Mapping[] | null }>(
    context,
    `select c.oid, n.nspname as schema, ${qualified('n.nspname', 'c.cfgname')} as name, c.cfgowner as owner,
       ${qualified('pn.nspname', 'p.prsname')} as parser,
       (select json_agg(json_build_object('token', m.alias, 'dictionaries', m.dictionaries) order by m.alias)
        from (select quote_ident(k.alias) as alias,
            string_agg(${qualified('dn.nspname', 'd.dictname')}, ', ' order by m.mapseqno) as dictionaries
          from pg_ts_config_map m join ts_token_type(c.cfgparser) k on k.tokid = m.maptokentype
          join pg_ts_dict d on d.oid = m.mapdict join pg_namespace dn on dn.oid = d.dictnamespace
          where m.mapcfg = c.oid group by k.alias) m) as mappings
     from pg_ts_config c join pg_namespace n on n.oid = c.cfgnamespace
     join pg_ts_parser p on p.oid = c.cfgparser join pg_namespace pn on pn.oid = p.prsnamespace
     where n.nspname = any($1) and ${notOfExtension(CLASS.textConfiguration, 'c.oid')}`,
  );
  return rows.map((row) => {
    const mappings = (row.mappings ?? []).map(({ token, dictionaries }) => `FOR ${token} WITH ${dictionaries}`);
    return textDraft(
      row,
      'CONFIGURATION',
      CLASS.textConfiguration,
      [`PARSER = ${row.parser}`, ...mappings].join('\n'),
      [
        `CREATE TEXT SEARCH CONFIGURATION ${row.name} (PARSER = ${row.parser})`,
        ...mappings.map((mapping) => `ALTER TEXT SEARCH CONFIGURATION ${row.name} ADD MAPPING ${mapping}`),
      ],
    );
  });
}

function textDraft(row: TextRow, word: string, classOid: number, definition: string, create: string[]): Draft {
  return makeDraft({
    kind: 'text-search',
    identity: `${word.toLowerCase()} ${row.name}`,
    schema: row.schema,
    definition,
    create,
    sqlName: `TEXT SEARCH ${word} ${row.name}`,
    address: address(classOid, row.oid),
    owner: row.owner,
  });
}
