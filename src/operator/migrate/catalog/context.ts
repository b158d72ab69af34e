import type { Row, Session } from '../../../foundation/postgres/session.ts';
import type { CatalogObject, Unsupported } from './model.ts';

/** Oids of the system catalogues: fixed for ever by Postgres' headers, so they need no look-up. */
export const CLASS = {
  relation: 1259,
  type: 1247,
  routine: 1255,
  default: 2604,
  constraint: 2606,
  operator: 2617,
  rewrite: 2618,
  trigger: 2620,
  namespace: 2615,
  cast: 2605,
  extension: 3079,
  policy: 3256,
  collation: 3456,
  eventTrigger: 3466,
  statistics: 3381,
  conversion: 2607,
  textDictionary: 3600,
  textConfiguration: 3602,
  publication: 6104,
  publicationTable: 6106,
  publicationSchema: 6237,
  role: 1260,
} as const;

/** The first oid that a user's object can have; below are those of initdb. */
export const FIRST_USER_OID = 16384;

export interface Role {
  readonly name: string;
  readonly quoted: string;
}

/** What every family of kinds is read with. */
export interface ReadContext {
  readonly session: Session;
  /** `server_version_num` */
  readonly version: number;
  readonly schemas: readonly string[];
  readonly roles: ReadonlyMap<number, Role>;
  /** Whom things of the platform's roles go to; null where they are told as they are. */
  readonly heir: number | null;
}

/** `[grantee oid (0 = PUBLIC), privilege, with grant option]`, as aclexplode gives it. */
export type AclItem = readonly [grantee: number, privilege: string, grantable: boolean];

/** An object as its family reads it, with what the later steps (owners, grants, comments, dependencies) need of it. */
export interface Draft extends CatalogObject {
  /** `TABLE public.sales`: how ALTER, COMMENT ON and DROP name it; null where none of them applies. */
  readonly sqlName: string | null;
  /** Its own place in pg_depend and pg_description. */
  readonly address: string | null;
  /** All places whose dependencies its statements carry, and that others reach it by; the own one unless told. */
  readonly carries: readonly string[];
  readonly owner: number | null;
  /** False where the owner follows from something else (a sequence's from its table) and cannot be set. */
  readonly ownable: boolean;
  /** Null for kinds without privileges. */
  readonly acl: readonly AclItem[] | null;
}

export interface Part {
  readonly drafts: Draft[];
  readonly unsupported?: Unsupported[];
}

type DraftInput = Pick<Draft, 'kind' | 'identity' | 'definition' | 'create'> & Partial<Draft>;

export function makeDraft(input: DraftInput): Draft {
  const sqlName = input.sqlName ?? null;
  const place = input.address ?? null;
  return {
    schema: null,
    table: null,
    drop: sqlName === null ? null : `DROP ${sqlName}`,
    needs: [],
    carries: place === null ? [] : [place],
    owner: null,
    ownable: true,
    acl: null,
    ...input,
    sqlName,
    address: place,
  };
}

/** A place in the catalogue, as pg_depend addresses it (without the column). */
export function address(classOid: number, oid: number): string {
  return `${classOid}:${oid}`;
}

/** Rows of a query whose `$1` is the list of schemas to read. */
export function scoped<R extends Row>(context: ReadContext, sql: string): Promise<R[]> {
  return context.session.rows<R>(sql, [context.schemas]);
}

/** SQL: this object does not belong to an extension. */
export function notOfExtension(classOid: number, oid: string): string {
  return `not exists (select from pg_depend member
    where member.classid = ${classOid} and member.objid = ${oid} and member.deptype = 'e')`;
}

/** SQL: a list of privileges as JSON, the built-in default where none are stored. */
export function aclJson(acl: string, kind: 'r' | 's' | 'f' | 'n' | 'T', owner: string): string {
  return `(select json_agg(json_build_array(x.grantee::int8, x.privilege_type, x.is_grantable))
    from aclexplode(coalesce(${acl}, acldefault('${kind}', ${owner}))) x)`;
}

/** SQL: `schema.name`, quoted where needed. */
export function qualified(schema: string, name: string): string {
  return `quote_ident(${schema}) || '.' || quote_ident(${name})`;
}

/** The clauses that are there, joined. */
export function words(...parts: ReadonlyArray<string | null | undefined | false>): string {
  return parts.filter((part) => typeof part === 'string' && part !== '').join(' ');
}
