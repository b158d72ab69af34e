#!/usr/bin/env node
import { ensureBuilt } from './ensure-built.js';

ensureBuilt();
const { main } = await import('../dist/cli/main.js');
process.exitCode = await main(process.argv.slice(2), import.meta.url);
