import { readFile } from 'node:fs/promises';

/** One line of /proc/self/mountinfo (proc(5)). */
export interface Mount {
  /** `254:1`; of file systems without one device, such as btrfs, `0:30`. */
  readonly device: string;
  readonly point: string;
  readonly fileSystem: string;
  /** `/dev/vda1`, `tank/data`, `tmpfs`. */
  readonly source: string;
}

export async function readMounts(): Promise<Mount[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));
}

export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ');
    const [, , device, , point] = (left ?? '').split(' ');
    const [fileSystem, source] = (right ?? '').split(' ');
    if (device === undefined || point === undefined || fileSystem === undefined || source === undefined) return [];
    return [{ device, point: unescape(point), fileSystem, source: unescape(source) }];
  });
}

/** The mount that a path, free of symbolic links, lies in: the longest, and of two on one point the later. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts
    .filter(({ point }) => isWithin(path, point))
    .reduce<Mount | undefined>(
      (best, each) => (each.point.length >= (best?.point.length ?? 0) ? each : best),
      undefined,
    );
}

/** True for the directory itself, too. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

/** Space, tab, newline and backslash are written as `\040`. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)));
}
