import type { Observation } from '../../foundation/core/observe.ts';
import { openLiveRenderer } from './live.ts';
import { openPlainRenderer } from './plain.ts';

/** An observer with a screen: `pause` clears what moves, `close` ends it. */
export interface Renderer {
  observe(observation: Observation): void;
  pause(): void;
  close(): void;
}

export type RenderMode = 'live' | 'plain' | 'ndjson' | 'silent';

export function openRenderer(options: { mode: RenderMode }): Renderer {
  switch (options.mode) {
    case 'live':
      return openLiveRenderer(process.stderr);
    case 'plain':
      return openPlainRenderer(process.stderr);
    case 'ndjson':
      return { observe: writeLine, pause: () => undefined, close: () => undefined };
    case 'silent':
      return { observe: () => undefined, pause: () => undefined, close: () => undefined };
  }
}

function writeLine(observation: Observation): void {
  process.stdout.write(`${JSON.stringify(observation)}\n`);
}
