import { environment } from '../../../../foundation/config/environment.ts';
import { VectabaseError } from '../../../../foundation/core/errors.ts';

/** A machine that the `ssh` program can reach; what is not said here stands in the operator's own ssh configuration. */
export interface SshTarget {
  /** `root@203.0.113.7`, or a name of ~/.ssh/config. */
  readonly host: string;
  readonly port: number | undefined;
  readonly identityFile: string | undefined;
  /** Nobody is there to answer: a question is a failure. */
  readonly batch: boolean;
  /** Path of the socket over which all calls share one login. */
  readonly control: string;
}

const ONE_LOGIN = ['ControlMaster=auto', 'ControlPersist=60', 'ConnectTimeout=20', 'ServerAliveInterval=15'].flatMap(
  (option) => ['-o', option],
);

/** The argv that runs a shell command there. */
export function sshArgv(target: SshTarget, command: string, terminal = false): [string, ...string[]] {
  return [
    'ssh',
    ...(terminal ? ['-t'] : ['-T']),
    ...ONE_LOGIN,
    '-o',
    `ControlPath=${target.control}`,
    '-o',
    `BatchMode=${target.batch ? 'yes' : 'no'}`,
    ...(target.port === undefined ? [] : ['-p', String(target.port)]),
    ...(target.identityFile === undefined ? [] : ['-i', target.identityFile, '-o', 'IdentitiesOnly=yes']),
    '--',
    target.host,
    command,
  ];
}

/** Only what ssh needs of ours: it hands none of it on unless the operator's configuration says so. */
export function sshEnvironment(): Record<string, string> {
  const { PATH, HOME, USER, TERM, SSH_AUTH_SOCK, SSH_ASKPASS, DISPLAY } = environment();
  const all = { PATH, HOME, USER, TERM, SSH_AUTH_SOCK, SSH_ASKPASS, DISPLAY, LC_ALL: 'C' };
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What ssh itself says with exit code 255, and everything that stops before the other side has run anything. */
export function unreachable(target: SshTarget, said: string): VectabaseError {
  const last = said.trim().split('\n').at(-1)?.trim();
  return new VectabaseError('HOST_UNREACHABLE', {
    message: `${target.host} cannot be reached over ssh: ${last === undefined || last === '' ? 'no word from it' : last}`,
    hint: `See that this works first: ssh ${target.host} true. Then run the command again.`,
    details: { host: target.host },
  });
}
