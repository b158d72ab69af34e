import { VectabaseError } from '../../foundation/core/errors.ts';
import { freePort, isPortFree } from '../../foundation/process/port.ts';

/**
 * The port to open: `wanted`, or a free one for 0.
 *
 * @throws VectabaseError PORT_IN_USE naming the flag
 */
export async function choosePort(flag: '--port' | '--pg-port', wanted: number): Promise<number> {
  if (wanted === 0) return freePort();
  if (await isPortFree(wanted)) return wanted;
  throw new VectabaseError('PORT_IN_USE', {
    message: `port ${wanted} of ${flag} is taken by another program`,
    hint: `Choose another one with ${flag} NUMBER; ${flag} 0 takes a free one.`,
    details: { port: wanted, flag },
  });
}
