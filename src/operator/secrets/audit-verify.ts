import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { headText, readHead, type AuditFiles, type AuditHead } from './audit-log.ts';
import { NO_LINE, readLine, type AuditKey, type AuditRecord } from './audit-line.ts';

export interface AuditFinding {
  /** Line of the file, from 1; undefined when it is about the file as a whole. */
  readonly line: number | undefined;
  readonly kind: 'edited' | 'forged' | 'deleted' | 'reordered' | 'truncated' | 'head' | 'damage' | 'gone';
  readonly what: string;
}

export interface AuditReport {
  readonly lines: number;
  /** Lines whose seal could be checked; the others were sealed by identities that are not at hand. */
  readonly checked: number;
  readonly findings: readonly AuditFinding[];
  /** To be kept elsewhere: `secrets audit --since` later proves that the log was only added to. */
  readonly head: string;
}

/** A point of the log that was noted down earlier: `count:hash`. */
export interface KnownHead {
  readonly count: number;
  readonly hash: string;
}

/**
 * Checks every line against its seals, its predecessor and the sealed end of the log.
 *
 * @param visit is handed every readable line, oldest first
 */
export async function verifyAudit(
  files: AuditFiles,
  keys: ReadonlyMap<string, AuditKey>,
  options: { known?: KnownHead | undefined; visit?: (record: AuditRecord) => void } = {},
): Promise<AuditReport> {
  const findings: AuditFinding[] = [];
  const numbers = new Map<number, number>();
  const hashes = new Map<number, string>();
  const gaps: Array<{ line: number; from: number; to: number }> = [];
  let [lines, checked, expected, prev] = [0, 0, 1, NO_LINE];
  let last: AuditRecord | undefined;
  for await (const text of linesOf(files.log)) {
    lines += 1;
    const tell = (kind: AuditFinding['kind'], what: string): number => findings.push({ line: lines, kind, what });
    const read = readLine(text);
    if (read === undefined) {
      tell('edited', 'is no line of this log');
      continue;
    }
    const { record, hash, mac, rightHash } = read;
    const key = keys.get(record.key);
    if (hash !== rightHash) tell('edited', 'was changed: its hash does not fit');
    else if (key !== undefined && key.mac(hash) !== mac) tell('forged', 'was not sealed by the identity that it names');
    if (key !== undefined) checked += 1;
    if (record.n > expected) gaps.push({ line: lines, from: expected, to: record.n - 1 });
    else if (record.n < expected) tell('reordered', `is number ${record.n}, where ${expected} should be`);
    else if (record.prev !== prev) tell('edited', 'does not follow from the line above it');
    if (record.damage !== undefined) tell('damage', `was added when ${record.damage}`);
    numbers.set(record.n, lines);
    hashes.set(record.n, hash);
    options.visit?.(record);
    [last, prev, expected] = [record, hash, record.n + 1];
  }
  for (const { line, from, to } of gaps) findings.push(gapFinding(line, from, to, numbers));
  findings.push(...(await headFindings(files, keys, { last, hash: prev, hashes })));
  findings.push(...knownFindings(options.known, hashes));
  return { lines, checked, findings, head: `${last?.n ?? 0}:${prev}` };
}

function gapFinding(line: number, from: number, to: number, numbers: ReadonlyMap<number, number>): AuditFinding {
  const missing = Array.from({ length: to - from + 1 }, (_, index) => from + index).filter((n) => !numbers.has(n));
  return missing.length === 0
    ? { line, kind: 'reordered', what: `stands where number ${from} should be` }
    : { line, kind: 'deleted', what: `follows ${missing.length} deleted ${missing.length === 1 ? 'line' : 'lines'}` };
}

interface LogEnd {
  readonly last: AuditRecord | undefined;
  readonly hash: string;
  readonly hashes: ReadonlyMap<number, string>;
}

async function headFindings(
  files: AuditFiles,
  keys: ReadonlyMap<string, AuditKey>,
  { last, hashes }: LogEnd,
): Promise<AuditFinding[]> {
  const head = await readHead(files.head);
  const found = (kind: AuditFinding['kind'], what: string): AuditFinding[] => [{ line: undefined, kind, what }];
  if (head === undefined) return last === undefined ? [] : found('head', 'the sealed end of the log is gone');
  if (head === 'invalid' || !isSealed(head, keys)) return found('head', 'the end of the log is not sealed by its key');
  if (last === undefined) return found('gone', `the log is gone; it had ${head.count} lines`);
  if (last.n < head.count) return found('truncated', `${head.count - last.n} lines are cut off at the end`);
  if (hashes.get(head.count) !== head.hash) return found('edited', 'the log does not lead to its sealed end');
  const { size } = await stat(files.log);
  return size < head.bytes ? found('truncated', 'the last line is cut short') : [];
}

/** A head of another identity cannot be checked; that its hash fits the log can. */
function isSealed(head: AuditHead, keys: ReadonlyMap<string, AuditKey>): boolean {
  const key = keys.get(head.key);
  return key === undefined || key.mac(headText(head)) === head.mac;
}

function knownFindings(known: KnownHead | undefined, hashes: ReadonlyMap<number, string>): AuditFinding[] {
  if (known === undefined || known.count === 0 || hashes.get(known.count) === known.hash) return [];
  return [{ line: undefined, kind: 'truncated', what: `the log is not the one that had ${known.count} lines earlier` }];
}

/** Whole lines; what a crash left half written at the end is no line, and its access was never granted. */
async function* linesOf(file: string): AsyncGenerator<string> {
  if ((await stat(file).catch(() => undefined)) === undefined) return;
  let held: string | undefined;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (held !== undefined) yield held;
    held = line;
  }
  if (held !== undefined && (await endsWhole(file))) yield held;
}

async function endsWhole(file: string): Promise<boolean> {
  const { size } = await stat(file);
  for await (const chunk of createReadStream(file, { start: Math.max(0, size - 1) }))
    return (chunk as Buffer).at(-1) === 10;
  return true;
}
