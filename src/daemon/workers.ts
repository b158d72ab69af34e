import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { completed, type RuntimeConfig } from '../foundation/config/runtime-file.ts';

/**
 * Processes to serve with. A worker keeps one core busy at its peak and Postgres about as much for the same requests,
 * so two workers on two cores only take turns; each costs 70 MB and its own connections.
 */
export function workerCount(config: RuntimeConfig): number {
  const { workers } = completed('rest', config.rest);
  if (workers > 0) return workers;
  const cores = availableParallelism();
  return cores <= 2 ? 1 : cores - 2;
}

/** This process' part of what the settings give to all together; nobody gets less than two. */
export function shareOf(total: number, config: RuntimeConfig): number {
  return cluster.isWorker ? Math.max(2, Math.ceil(total / workerCount(config))) : total;
}
