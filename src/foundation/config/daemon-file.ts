/**
 * What `vectabase up` hands to `bin/daemon.js`: a JSON file (0600) whose path is the only argument.
 *
 * The daemon prints `{"event":"ready","apiUrl":…,"pid":…}` as one line on stdout when it listens, stops on SIGTERM or
 * SIGINT, and also when its standard input ends: that pipe is held by `up`, so it closes even on kill -9. Messages
 * of its log go to stderr. Exit code 0 after a wanted stop; an error leaves as one line `{"error":{…}}` on stdout.
 */
export interface DaemonFile {
  readonly version: 1;
  /** Absolute path of the installation; `vectabase.yml` is there. */
  readonly directory: string;
  readonly api: { readonly host: string; readonly port: number };
  readonly database: {
    /** Directory of the unix socket. */
    readonly host: string;
    readonly port: number;
    readonly database: string;
    readonly user: 'authenticator';
    readonly password: string;
  };
  readonly jwtSecret: string;
  readonly anonKey: string;
  readonly serviceRoleKey: string;
  readonly logLevel: string;
  /** Started as root, the daemon gives itself this identity once all its code is loaded: a clone may be closed to it. */
  readonly runAs: { readonly uid: number; readonly gid: number } | null;
}
