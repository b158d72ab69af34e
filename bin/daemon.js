#!/usr/bin/env node
import { ensureBuilt } from './ensure-built.js';

ensureBuilt();
const { main } = await import('../dist/daemon/main.js');
await main(process.argv.slice(2));
