/**
 * Loaded into `vectabase install` by NODE_OPTIONS. Kills the process at an instant of one step: KILL_STEP names it,
 * KILL_AT counts the instants. Each line of the journal has two, before it is written and after it is on disk, so
 * every touch of the machine has one right before and one right after it. At the end of the step it dies in any case.
 */
import { open } from 'node:fs/promises';

const { KILL_STEP: step, KILL_AT: at } = process.env;
if (step !== undefined) await arm();

async function arm() {
  const handle = await open('/dev/null');
  const methods = Object.getPrototypeOf(handle);
  await handle.close();
  const { appendFile, sync } = methods;
  let instants = 0;
  let last = '';
  methods.appendFile = async function (data, ...rest) {
    if (isOurs(data)) dieAt(++instants);
    last = String(data);
    return appendFile.call(this, data, ...rest);
  };
  methods.sync = async function () {
    const done = await sync.call(this);
    if (isOurs(last)) dieAt(++instants, last.includes('"type":"end"'));
    last = '';
    return done;
  };
}

const isOurs = (line) => String(line).startsWith('{"at":"') && String(line).includes(`"step":"${step}"`);

function dieAt(instant, end = false) {
  if (end || instant === Number(at)) process.kill(process.pid, 'SIGKILL');
}
