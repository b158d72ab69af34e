import cluster from 'node:cluster';
import type { ErrorJson } from '../foundation/core/errors.ts';

/** The one thing that a daemon says: that it is ready and where, or why it is not. */
export type FirstNews = { readonly event: 'ready'; readonly apiUrl: string; readonly pid: number } | ErrorJson;

/** What else a worker tells its supervisor: that it waits for its orders, is alive, has read its configuration. */
export type News = FirstNews | 'waiting' | 'alive' | 'reloaded';

/** A worker tells its supervisor; any other process prints a line on stdout. */
export async function tell(news: FirstNews): Promise<void> {
  if (cluster.isWorker) await new Promise((resolve) => process.send?.(news, resolve));
  else {
    process.stdout.on('error', () => undefined); // whoever read the line may close the pipe after it
    process.stdout.write(`${JSON.stringify(news)}\n`);
  }
}
