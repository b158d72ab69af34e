import { startMailServer } from '../test/support/mail.ts';
import { median } from './report.ts';

interface Timing {
  readonly what: string;
  /** Milliseconds. */
  readonly known: number;
  readonly unknown: number;
  readonly tries: number;
}

const PATHS = ['/recover', '/otp', '/resend', '/verify', '/signup'] as const;

/** How long letters and codes are asked for, for an address that has an account and for one that nobody has, in turns. */
export async function timeLetters(tries: number, tell: (timing: Timing) => void): Promise<void> {
  const server = await startMailServer({}, {}, { log: { level: 'warn' } });
  try {
    const known = 'known@timing.example.com';
    await server.admin().auth.admin.createUser({ email: known, password: PASSWORD, email_confirm: true });
    for (const path of PATHS) {
      // A sign-up hashes a password: a quarter second each.
      const rounds = path === '/signup' ? Math.ceil(tries / 4) : tries;
      const taken = { known: [] as number[], unknown: [] as number[] };
      for (let round = -5; round < rounds; round++) {
        // Codes are counted for each address, so that one is asked for as often as the other.
        const nobody = path === '/verify' ? 'nobody' : `nobody${round}`;
        const both = [['known', known] as const, ['unknown', `${nobody}@timing.example.com`] as const];
        for (const [kind, email] of Math.random() < 0.5 ? both : both.toReversed()) {
          const start = performance.now();
          await server.auth(path, {
            body: { email, password: PASSWORD, type: path === '/verify' ? 'recovery' : 'signup', token: '000000' },
          });
          if (round >= 0) taken[kind].push(performance.now() - start);
        }
      }
      tell({ what: path, known: median(taken.known), unknown: median(taken.unknown), tries: rounds });
    }
  } finally {
    await server.stop();
  }
}

const PASSWORD = 'correct horse battery';
