import type { Gauge, Registry } from 'prom-client';
import type { Health } from './self-check.ts';

/** Figures at the time of a scrape; `undefined` leaves a figure out. */
export type Figures = ReadonlyArray<{
  /** Without the prefix: `backup_last_success_seconds`. */
  readonly name: string;
  readonly help: string;
  readonly value: number | undefined;
  readonly labels?: Readonly<Record<string, string>>;
}>;

/** Who contributes figures. One that fails is left out of the scrape, and counted. */
export type Source = () => Promise<Figures> | Figures;

/**
 * All figures in Prometheus' text format, prefixed `vectabase_`. Nothing is collected between scrapes, and prom-client
 * is loaded by the first one.
 */
export async function renderMetrics(sources: readonly Source[]): Promise<string> {
  const prom = await import('prom-client');
  const registry = new prom.Registry();
  const gauges = new Map<string, Gauge>();
  let failed = 0;
  for (const source of sources) {
    try {
      for (const figure of await source()) set(figure, gauges, registry, prom.Gauge);
    } catch {
      failed += 1;
    }
  }
  const help = 'Sources of figures that failed in this scrape.';
  set({ name: 'scrape_failures', help, value: failed }, gauges, registry, prom.Gauge);
  return registry.metrics();
}

export function figuresOfHealth({ alive, lag, checks }: Health): Figures {
  const help = 'Whether the daemon can use it now.';
  return [
    { name: 'alive', help: 'Whether every self-check came back.', value: Number(alive) },
    { name: 'event_loop_lag_seconds', help: 'How late a timer came.', value: lag / 1_000 },
    { name: 'memory_bytes', help: 'Resident memory of this process.', value: process.memoryUsage.rss() },
    { name: 'uptime_seconds', help: 'Since this process started.', value: process.uptime() },
    ...checks.map(({ name, trouble }) => ({ name: 'up', help, value: Number(trouble === null), labels: { name } })),
  ];
}

function set(
  { name, help, value, labels = {} }: Figures[number],
  gauges: Map<string, Gauge>,
  registry: Registry,
  Kind: typeof Gauge,
): void {
  if (value === undefined) return;
  const gauge =
    gauges.get(name) ??
    new Kind({ name: `vectabase_${name}`, help, labelNames: Object.keys(labels), registers: [registry] });
  gauges.set(name, gauge);
  gauge.set({ ...labels }, value);
}
