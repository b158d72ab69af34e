#!/usr/bin/env node
import { ensureBuilt, ensureNode } from './ensure-built.js';

ensureNode();
ensureBuilt();
const { main } = await import('../dist/cli/main.js');
process.exitCode = await main(process.argv.slice(2), import.meta.url);

// Fires only when something still keeps the process alive, which is a defect: a pool, a child, a timer left open.
setTimeout(() => {
  if (process.env.DEBUG?.includes('vectabase'))
    process.stderr.write(`still open: ${process.getActiveResourcesInfo().join(', ')}\n`);
  process.exit();
}, 2_000).unref();
