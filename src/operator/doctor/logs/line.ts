import type { LogName } from './sources.ts';

export interface LogLine {
  readonly source: LogName;
  /** Milliseconds since the epoch; null where the line does not say: then it belongs to the one before. */
  readonly at: number | null;
  /** As it was written. */
  readonly text: string;
}

/** `2026-11-23 10:45:01.123 UTC`, ISO 8601, or the `time` and `at` of a JSON line. */
export function parseLine(source: LogName, text: string): LogLine {
  const stamp =
    /^\{.*?"(?:time|at)":"([^"]+)"/.exec(text)?.[1] ??
    /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)(?: ?(UTC|Z|[+-]\d\d:?\d\d))?/.exec(text)?.slice(1, 4);
  if (stamp === undefined) return { source, at: null, text };
  const iso = typeof stamp === 'string' ? stamp : `${stamp[0] ?? ''}T${stamp[1] ?? ''}${zoneOf(stamp[2])}`;
  const at = Date.parse(iso);
  return { source, at: Number.isNaN(at) ? null : at, text };
}

function zoneOf(zone: string | undefined): string {
  return zone === undefined || zone === 'UTC' || zone === 'Z' ? 'Z' : zone.replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2');
}

/** A line of `journalctl --output=json`. A message that is no text is a list of its bytes. */
export function parseJournalLine(source: LogName, line: string): LogLine {
  const { MESSAGE: message, __REALTIME_TIMESTAMP: stamp } = JSON.parse(line) as Record<
    string,
    string | number[] | null
  >;
  const text = Array.isArray(message) ? Buffer.from(message).toString('utf8') : (message ?? '');
  return { source, at: Number(stamp) / 1_000, text };
}

/** Lines of several logs in the order of their times. Lines without one stay behind the line that they continue. */
export function inOrder(logs: ReadonlyArray<readonly LogLine[]>): LogLine[] {
  const dated = logs.flatMap((lines) => {
    let last = -Infinity;
    return lines.map((line) => ({ line, at: (last = line.at ?? last) }));
  });
  return dated.toSorted((a, b) => a.at - b.at).map(({ line }) => line);
}

/** A line of the daemon as a person reads it; any other as it is. */
export function readable({ text, at: when, source }: LogLine): string {
  // What systemd says of the daemon carries its time beside it.
  if (!text.startsWith('{'))
    return source === 'daemon' && when !== null ? `${new Date(when).toISOString()} ${text}` : text;
  try {
    const { time, at, level, msg, pid: _, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const told = Object.entries(rest).map(
      ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    );
    const stamp = [time, at].find((each) => typeof each === 'string') ?? '';
    return [stamp, typeof level === 'number' ? (LEVELS[level] ?? level) : level, msg, ...told]
      .filter((part) => part !== undefined && part !== '')
      .join(' ');
  } catch {
    return text;
  }
}

/** pino's */
const LEVELS: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };

/** `10m`, `2h`, `3d`: that long ago; else an instant, UTC unless it says otherwise. Undefined when it is neither. */
export function parseSince(text: string, now: number): number | undefined {
  const [, number, unit] = /^(\d+)\s*(s|m|min|h|d)$/.exec(text.trim()) ?? [];
  if (number !== undefined) return now - Number(number) * (UNITS[unit ?? ''] ?? 0);
  const [, date, time = '00:00', zone] =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?\s*(UTC|Z|[+-]\d\d:?\d\d)?$/.exec(text.trim()) ?? [];
  if (date === undefined) return undefined;
  const at = Date.parse(`${date}T${time}${zoneOf(zone)}`);
  return Number.isNaN(at) ? undefined : at;
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
