import { environment } from '../foundation/config/environment.ts';
import { VectabaseError } from '../foundation/core/errors.ts';

/** Open descriptors by name. */
export type Descriptors = ReadonlyMap<string, number>;

/** sd_listen_fds(3): they begin behind the standard three. */
const FIRST = 3;

/**
 * What systemd opened for us, by the name that its units give it: the sockets `api` and `archive`, and `notify`, through
 * which systemd hears from us. Empty when somebody else started us.
 *
 * @throws VectabaseError CONFIG_INVALID when one name stands for two
 */
export function descriptorsFromSystemd(env: Readonly<NodeJS.ProcessEnv> = environment()): Descriptors {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = env;
  if (Number(LISTEN_PID) !== process.pid) return new Map(); // they were for whoever started us
  const names = LISTEN_FDNAMES.split(':').slice(0, Number(LISTEN_FDS));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return new Map(names.map((name, at) => [name, FIRST + at]));
  throw new VectabaseError('CONFIG_INVALID', {
    message: `systemd hands over two sockets with the name ${twice}`,
    hint: `Run systemctl cat vectabase-${twice}.socket and leave one ListenStream= in it.`,
  });
}
