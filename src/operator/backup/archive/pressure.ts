/** How full a disk is: at most 20, 10 or 5 percent are free. */
export type Pressure = 'ok' | 'low' | 'tight' | 'full';

const LEVELS = [
  ['full', 0.05],
  ['tight', 0.1],
  ['low', 0.2],
] as const;

/** A level is left when two percent more are free than it took to enter it: a disk at its edge would flutter. */
const MARGIN = 0.02;

export function pressureOf(disk: { readonly free: number; readonly total: number }, before: Pressure): Pressure {
  const share = disk.free / disk.total;
  const rank = (level: Pressure): number => ['full', 'tight', 'low', 'ok'].indexOf(level);
  for (const [level, limit] of LEVELS) {
    if (share <= limit + (rank(before) <= rank(level) ? MARGIN : 0)) return level;
  }
  return 'ok';
}

/** What to do at a look at the disk. */
export interface Measures {
  /** Give back the file that was kept for this moment, before anything hurts. */
  readonly freeBallast: boolean;
  /** Make that file again. */
  readonly makeBallast: boolean;
  /** Writes of applications are held back, or WAL is dropped: the owner's choice. */
  readonly giveWay: boolean;
}

/** @param ballast whether the file is there */
export function measuresAt(level: Pressure, ballast: boolean): Measures {
  return {
    freeBallast: level === 'full' && ballast,
    makeBallast: level !== 'full' && level !== 'tight' && !ballast,
    giveWay: level === 'full' && !ballast,
  };
}
