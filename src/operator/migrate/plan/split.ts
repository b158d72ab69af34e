import { literal, ident } from '../../../foundation/postgres/sql.ts';
import type { Session } from '../../../foundation/postgres/session.ts';
import type { TableInfo } from '../catalog/model.ts';
import type { PlannedPart } from './model.ts';

/**
 * Cuts a large table into parts that are copied, recorded and resumed on their own.
 *
 * Along the primary key where rows lie in its order: such a part means the same rows under any snapshot and on both
 * sides, so a resumed run can prove it by hash and keep it. Else (random uuids: every range would read the whole heap)
 * by pages: a part then means something under one snapshot only, and a resumed run copies that table anew.
 */
export async function splitTable(source: Session, table: TableInfo, partBytes: number): Promise<PlannedPart[]> {
  const count = Math.min(64, Math.ceil(table.dataBytes / partBytes));
  if (table.kind !== 'table' || count < 2 || table.columns.length === 0) return [wholePart(table)];
  const conditions = (await keyRanges(source, table, count)) ?? null;
  if (conditions) return parts(table, conditions, 'key');
  return parts(table, await pageRanges(source, table, count), 'ctid');
}

export function wholePart(table: TableInfo): PlannedPart {
  return { stepId: `copy ${table.identity}`, where: null, by: 'whole', bytes: table.dataBytes };
}

function parts(table: TableInfo, conditions: readonly string[], by: 'key' | 'ctid'): PlannedPart[] {
  if (conditions.length < 2) return [wholePart(table)];
  const bytes = Math.ceil(table.dataBytes / conditions.length);
  return conditions.map((where, index) => ({
    stepId: `copy ${table.identity} ${index + 1}/${conditions.length}`,
    where,
    by,
    bytes,
  }));
}

/** Ranges over the first key column, cut at the planner's histogram; null where there is none or rows lie scattered. */
async function keyRanges(source: Session, table: TableInfo, count: number): Promise<string[] | null> {
  const column = table.columns.find(({ name }) => name === table.primaryKey?.[0]);
  if (!column || !column.base.builtin || column.base.kind !== 'base' || !column.deterministicCollation) return null;
  if (!['int2', 'int4', 'int8', 'timestamp', 'timestamptz', 'date', 'uuid'].includes(column.base.name)) return null;
  const [stats] = await source.rows<{ bounds: string[] | null; correlation: string | null }>(
    `select to_json(histogram_bounds::text::text[]) as bounds, correlation::text as correlation
     from pg_stats where schemaname = $1 and tablename = $2 and attname = $3 and not inherited`,
    [table.schema, table.name, column.name],
  );
  if (!stats?.bounds || Math.abs(Number(stats.correlation)) < 0.8) return null;
  const cuts = cutPoints(stats.bounds, count).map((bound) => `${literal(bound)}::pg_catalog.${column.base.name}`);
  const value = `t.${ident(column.name)}`;
  return [...cuts, null].map((upper, index) => {
    const lower = index === 0 ? null : cuts[index - 1];
    return [lower && `${value} >= ${lower}`, upper && `${value} < ${upper}`].filter(Boolean).join(' and ') || 'true';
  });
}

/** `count - 1` different inner bounds, evenly spaced: first and last part are open, so that no row falls outside. */
export function cutPoints(bounds: readonly string[], count: number): string[] {
  const cuts: string[] = [];
  for (let index = 1; index < count; index += 1) {
    const bound = bounds[Math.round((index * (bounds.length - 1)) / count)];
    if (bound !== undefined && bound !== cuts.at(-1)) cuts.push(bound);
  }
  return cuts;
}

async function pageRanges(source: Session, table: TableInfo, count: number): Promise<string[]> {
  const [row] = await source.rows<{ pages: string }>(
    `select (pg_relation_size($1::regclass) / current_setting('block_size')::bigint)::text as pages`,
    [table.identity],
  );
  const pages = Number(row?.pages ?? 0);
  const cut = (index: number): string => `t.ctid >= '(${Math.floor((pages * index) / count)},0)'::pg_catalog.tid`;
  const below = (index: number): string => `t.ctid < '(${Math.floor((pages * index) / count)},0)'::pg_catalog.tid`;
  return Array.from({ length: count }, (_, index) =>
    index === count - 1 ? cut(index) : index === 0 ? below(1) : `${cut(index)} and ${below(index + 1)}`,
  );
}
