/** Preloaded into a command: the machine has 1 GB of memory, whatever it has. */
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

os.totalmem = () => 2 ** 30;
syncBuiltinESMExports();
