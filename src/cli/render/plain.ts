import type { Observation } from '../../foundation/core/observe.ts';
import { visible } from '../../foundation/core/visible.ts';
import type { Renderer } from './open.ts';
import { formatTime } from './units.ts';
import { figuresOf, nameOf, nameOfThing, verbOf } from './words.ts';

/** Of one group of events. A log of an hour should be readable, and still show that something moves. */
const PROGRESS_EVERY_MS = 10_000;

/** One line per event, for CI and journald: `12:03:11 copied public.sales 1 204 rows 3.1 MB 0.4 s`. */
export function openPlainRenderer(stream: Pick<NodeJS.WriteStream, 'write'>, now = Date.now): Renderer {
  const lastProgress = new Map<string, number>();
  return {
    observe(observation) {
      const time = now();
      const { group, phase } = nameOf(observation.event);
      if (phase === 'progress') {
        if (time - (lastProgress.get(group) ?? -Infinity) < PROGRESS_EVERY_MS) return;
        lastProgress.set(group, time);
      }
      // The first progress line is due ten seconds after the start, not with it.
      if (phase === 'started' && !lastProgress.has(group)) lastProgress.set(group, time);
      stream.write(`${formatTime(time)} ${plainLine(observation)}\n`);
    },
    pause: () => undefined,
    close: () => undefined,
  };
}

function plainLine(observation: Observation): string {
  return visible(
    `${verbOf(nameOf(observation.event))} ${nameOfThing(observation)} ${figuresOf(observation)}`.trimEnd(),
  );
}
