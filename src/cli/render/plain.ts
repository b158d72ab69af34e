import type { Observation } from '../../foundation/core/observe.ts';
import type { Renderer } from './open.ts';

/** One line per event, for CI and journald; progress events are left out. */
export function openPlainRenderer(stream: NodeJS.WriteStream): Renderer {
  return {
    observe(observation) {
      if (observation.event.endsWith('.progress')) return;
      stream.write(`${plainLine(observation)}\n`);
    },
    pause: () => undefined,
    close: () => undefined,
  };
}

function plainLine({ event, id, ...fields }: Observation): string {
  const rest = Object.entries(fields).filter(([, value]) => value !== undefined);
  return [event, id, ...rest.map(([key, value]) => `${key}=${String(value)}`)].join(' ');
}
