import { nestsDeeper } from '../../../foundation/core/json-depth.ts';
import { badRequest } from '../errors.ts';

/** Rows to write, as JSON text that only Postgres reads, and the columns that it names. */
export interface Payload {
  /** An object when there is a single one, otherwise an array. */
  readonly json: string;
  readonly columns: readonly string[];
  readonly single: boolean;
}

/**
 * @param columns what the client says the columns are; then JSON is not looked into. CSV and forms name theirs themselves
 * @throws RestError PGRST102
 */
export function readPayload(body: Buffer, type: string | undefined, columns: readonly string[] | undefined): Payload {
  const text = decodeText(body);
  const media = mediaOf(type);
  if (media === 'application/json') return fromJson(text, columns);
  if (media === 'text/csv') return fromCsv(text);
  if (media === 'application/x-www-form-urlencoded') {
    return fromRecords([Object.fromEntries(new URLSearchParams(text))]);
  }
  throw badRequest.body(`Content-Type not acceptable: ${media}`);
}

export function mediaOf(type: string | undefined): string {
  const media = (type ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return media === '' || media === '*/*' || media.startsWith('application/vnd.pgrst.') ? 'application/json' : media;
}

/** Deeper than anyone means to: Postgres' stack ends at some thousands. */
export function nestsDeeply(json: string): boolean {
  return nestsDeeper(json, 1_000);
}

/** @throws RestError PGRST102 */
export function parseJson(text: string): unknown {
  if (nestsDeeply(text)) throw badRequest.body('The body nests too deeply');
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest.body('Empty or invalid json');
  }
}

export function decodeText(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw badRequest.body('The request body is not valid UTF-8');
  }
}

function fromJson(text: string, columns: readonly string[] | undefined): Payload {
  const start = text.trimStart();
  if (columns && (start.startsWith('[') || start.startsWith('{'))) {
    const single = start.startsWith('{');
    return { json: text, columns, single };
  }
  const value = parseJson(text);
  if (Array.isArray(value)) return { json: text, columns: commonKeys(value), single: false };
  // A bare text or number is no row at all.
  if (!isRecord(value)) return { json: '[]', columns: [], single: false };
  return { json: text, columns: Object.keys(value), single: true };
}

function commonKeys(rows: readonly unknown[]): string[] {
  const [first] = rows;
  if (rows.length === 0) return [];
  if (!isRecord(first)) throw badRequest.body('All object keys must match');
  const keys = Object.keys(first);
  const same = rows.every((row) => {
    return isRecord(row) && Object.keys(row).length === keys.length && keys.every((key) => Object.hasOwn(row, key));
  });
  if (!same) throw badRequest.body('All object keys must match');
  return keys;
}

function fromCsv(text: string): Payload {
  const [header = [], ...rows] = parseCsv(text);
  const records = rows.map((row) => {
    if (row.length !== header.length) throw badRequest.body('All lines must have same number of fields');
    return Object.fromEntries(header.map((name, at) => [name, row[at] === 'NULL' ? null : row[at]]));
  });
  return fromRecords(records);
}

function fromRecords(records: readonly object[]): Payload {
  return { json: JSON.stringify(records), columns: Object.keys(records[0] ?? {}), single: false };
}

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text);
    if (!match) throw badRequest.body('The CSV cannot be read');
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] !== ',') {
      rows.push(row);
      row = [];
    } else if (cell.lastIndex === text.length) row.push('');
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
