import type { RunOptions, TrixieTree } from './trixie-tree.ts';

/** What `vectabase install --json` ends with. */
export interface InstallAnswer {
  readonly changed: ReadonlyArray<{ readonly id: string; readonly changes: readonly InstallChange[] }>;
  readonly steps: number;
  readonly ms: number;
}

interface InstallChange {
  readonly action: string;
  readonly target: string;
  readonly foreign?: boolean;
}

interface RestAnswer {
  /** 0 when nobody answered for a minute. */
  readonly status: number;
  readonly total?: number;
}

/** One line of the machine's journal. */
export interface JournalLine {
  readonly type: string;
  readonly step: string;
  readonly record?: { readonly kind: string; readonly target: string; readonly [field: string]: unknown };
}

const CLI = ['node', '/vectabase/bin/run.js'] as const;

/** `vectabase install` and `uninstall` in a tree, with the same words each time. */
export class InstalledTree {
  readonly tree: TrixieTree;
  readonly #words: readonly string[];

  constructor(tree: TrixieTree, ...words: readonly string[]) {
    this.tree = tree;
    this.#words = words;
  }

  async install(...more: readonly string[]): Promise<InstallAnswer> {
    const { stdout } = await this.tree.run([...CLI, 'install', '--json', ...this.#words, ...more]);
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as InstallAnswer;
  }

  /** Runs it until it is killed at an instant of one step: see kill-at.js. False when it was not. */
  async installUntil(step: string, at: number): Promise<boolean> {
    const env = { NODE_OPTIONS: '--import=/vectabase/test/support/kill-at.js', KILL_STEP: step, KILL_AT: String(at) };
    const { code, stdout, stderr } = await this.tree.run([...CLI, 'install', '--json', ...this.#words], {
      env,
      check: false,
    });
    if (code !== null && code !== 0 && code !== 137) throw new Error(`install ended with ${code}: ${stderr}${stdout}`);
    return code !== 0;
  }

  /** What an install that is refused says. */
  async refusal(options: RunOptions = {}): Promise<unknown> {
    const { stdout } = await this.tree.run([...CLI, 'install', '--json', ...this.#words], { ...options, check: false });
    return (JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { error: unknown }).error;
  }

  async uninstall(...more: readonly string[]): Promise<void> {
    const name = (await this.tree.run(['hostname'])).stdout.trim();
    await this.tree.run([...CLI, 'uninstall', '--json', '--confirm', name, ...more]);
  }

  async journal(): Promise<JournalLine[]> {
    const { stdout } = await this.tree.run(['cat', '/var/lib/vectabase/journal/journal.ndjson']);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JournalLine);
  }

  /** Every name below /etc with its type, mode, owner and content. */
  async listing(): Promise<string> {
    return (await this.tree.run(['sh', '-c', LISTING])).stdout;
  }

  /** Status of a REST request with the service key, as soon as somebody answers it. */
  async restStatus(): Promise<number> {
    return (await this.rest('')).status;
  }

  /** What a GET below /rest/v1/ is answered, and how many rows there are. */
  async rest(query: string, key: 'anonKey' | 'serviceRoleKey' = 'serviceRoleKey'): Promise<RestAnswer> {
    const env = { REST_QUERY: query, REST_KEY: key };
    const { stdout } = await this.tree.run(['node', '--input-type=module', '-e', REQUEST], { env });
    return JSON.parse(stdout) as RestAnswer;
  }

  async sh(script: string): Promise<string> {
    return (await this.tree.run(['sh', '-ec', script])).stdout;
  }
}

/** `passwd-` and its like are useradd's own copies of what was there before its last call. */
const LISTING = String.raw`cd /etc && find . -xdev ! -name 'passwd-' ! -name 'group-' ! -name 'shadow-' ! -name 'gshadow-' \
  \( -type f -printf '%p %M %U:%G ' -exec sha256sum {} \; -o -printf '%p %M %U:%G %l\n' \) | LC_ALL=C sort`;

const REQUEST = `
  import { readFileSync } from 'node:fs';
  const { [process.env.REST_KEY]: key } = JSON.parse(readFileSync('/var/lib/vectabase/data/private/keys.json', 'utf8'));
  const headers = { apikey: key, authorization: 'Bearer ' + key, prefer: 'count=exact' };
  for (const deadline = Date.now() + 60000; ; ) {
    const answer = await fetch('http://127.0.0.1:54321/rest/v1/' + process.env.REST_QUERY, { headers }).catch(() => undefined);
    if (answer?.status < 500 || Date.now() > deadline) {
      const total = answer?.headers.get('content-range')?.split('/')[1];
      console.log(JSON.stringify({ status: answer?.status ?? 0, ...(total ? { total: Number(total) } : {}) }));
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
`;
