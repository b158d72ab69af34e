import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { VectabaseError } from '../../../foundation/core/errors.ts';
import { sleep } from '../../../foundation/core/sleep.ts';
import { startChild } from '../../../foundation/process/child.ts';
import { run } from '../../../foundation/process/run.ts';
import { inOrder, parseJournalLine, parseLine, type LogLine } from './line.ts';
import type { LogSource } from './sources.ts';

export interface LogWish {
  readonly sources: readonly LogSource[];
  /** The newest of each log. */
  readonly lines: number;
  /** Milliseconds since the epoch. */
  readonly since: number | undefined;
  readonly follow: boolean;
}

/** Hands over the newest lines in the order of their times, then each new one as it comes until the signal aborts. */
export async function readLogs(wish: LogWish, take: (line: LogLine) => void, signal: AbortSignal): Promise<number> {
  let count = 0;
  const hand = (line: LogLine): void => {
    count += 1;
    take(line);
  };
  const began = await Promise.all(wish.sources.map(async (source) => lastLines(source, wish)));
  for (const line of inOrder(began.map(({ lines }) => lines))) hand(line);
  if (wish.follow) {
    await Promise.all(
      wish.sources.map(async (source, index) =>
        'unit' in source ? followUnit(source, hand, signal) : followFile(source, began[index]?.end ?? 0, hand, signal),
      ),
    );
  }
  return count;
}

interface Last {
  readonly lines: readonly LogLine[];
  /** Where the file ended then. */
  readonly end: number;
}

async function lastLines(source: LogSource, wish: LogWish): Promise<Last> {
  const { text, end } = 'unit' in source ? await unitText(source.unit, wish) : await fileText(source.file);
  const lines = text.split('\n').filter((line) => line !== '');
  const parsed = lines.map((line) => parserOf(source)(source.name, line));
  const first = wish.since === undefined ? 0 : parsed.findIndex(({ at }) => at !== null && at >= (wish.since ?? 0));
  return { lines: first === -1 ? [] : parsed.slice(first).slice(-wish.lines), end };
}

/** Of a log that grew large only its end is read. */
const MOST_BYTES = 32 * 1024 ** 2;

async function fileText(file: string): Promise<{ text: string; end: number }> {
  const handle = await open(file).catch((cause: NodeJS.ErrnoException) => {
    throw cannotRead(file, cause.code ?? 'error');
  });
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - MOST_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    const text = buffer.toString('utf8', 0, bytesRead);
    // What stands before the first line end is half a line; so is what stands behind the last one, and it comes again.
    const whole = text.slice(start === 0 ? 0 : text.indexOf('\n') + 1, text.lastIndexOf('\n') + 1);
    return { text: whole, end: start + Buffer.byteLength(text.slice(0, text.lastIndexOf('\n') + 1)) };
  } finally {
    await handle.close();
  }
}

async function unitText(unit: string, { lines, since }: LogWish): Promise<{ text: string; end: number }> {
  const from = since === undefined ? [] : [`--since=@${Math.floor(since / 1_000)}`];
  const { exitCode, stdout, stderr } = await run([...journalctl(unit), `--lines=${lines}`, '--quiet', ...from]);
  if (exitCode !== 0) throw cannotRead(`the journal of ${unit}`, stderr.trim() || 'journalctl failed');
  return { text: stdout, end: 0 };
}

function journalctl(unit: string): [string, ...string[]] {
  return ['journalctl', `--unit=${unit}`, '--output=json', '--output-fields=MESSAGE', '--no-pager'];
}

function parserOf(source: LogSource): typeof parseLine {
  return 'unit' in source ? parseJournalLine : parseLine;
}

async function followUnit(
  { unit, name }: LogSource & { unit: string },
  take: (line: LogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  const child = await startChild([...journalctl(unit), '--follow', '--lines=0', '--quiet'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    parentDeathSignal: 'TERM',
  });
  const stop = (): void => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const { stdout } = child.handle;
  if (stdout) createInterface({ input: stdout }).on('line', (line) => take(parseJournalLine(name, line)));
  await child.exited;
  signal.removeEventListener('abort', stop);
}

/** Soon enough for an eye, and nothing to the machine. */
const LOOK_MS = 250;

async function followFile(
  source: LogSource & { file: string },
  from: number,
  take: (line: LogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  let end = from;
  while (!signal.aborted) {
    await sleep(LOOK_MS, signal).catch(() => undefined);
    const handle = await open(source.file).catch(() => undefined);
    if (handle === undefined) continue; // is being rotated
    try {
      const { size } = await handle.stat();
      // Emptied by whoever keeps it small: what is there now is new.
      if (size < end) end = 0;
      if (size === end) continue;
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - end), 0, size - end, end);
      const whole = buffer.subarray(0, buffer.lastIndexOf(0x0a, bytesRead - 1) + 1);
      end += whole.length;
      for (const line of whole.toString('utf8').split('\n')) if (line !== '') take(parseLine(source.name, line));
    } finally {
      await handle.close();
    }
  }
}

function cannotRead(what: string, reason: string): VectabaseError {
  return new VectabaseError('PRECONDITION_FAILED', {
    message: `${what} cannot be read: ${reason}`,
    hint: 'Run the command as the user who runs vectabase up; on an installed machine: sudo vectabase logs.',
  });
}
