import { VectabaseError } from '../../foundation/core/errors.ts';
import { recipientsTag, secretsOf, type StoredSecret } from './document.ts';
import { KNOWN_NAMES, PROVIDED_NAMES, type KnownName, type Part } from './known-names.ts';
import { readRecipients } from './recipients-file.ts';
import type { SecretStore } from './store.ts';

export interface CheckFinding {
  readonly name: string;
  /** `note`: worth knowing, and no reason to fail. */
  readonly level: 'problem' | 'note';
  readonly kind: 'missing' | 'malformed' | 'placeholder' | 'test-key' | 'spaces' | 'provided' | 'behind';
  /** Never a value. */
  readonly what: string;
}

export interface CheckResult {
  readonly environment: string;
  readonly parts: readonly Part[];
  /** Names that are there and look right. */
  readonly good: readonly string[];
  readonly findings: readonly CheckFinding[];
}

/** Looks whether the names that the parts in use need are there, and whether each value looks like what it should be. */
export async function checkSecrets(store: SecretStore, parts: readonly Part[]): Promise<CheckResult> {
  const document = await store.read({ operation: 'check', names: (read) => secretsOf(read).map(({ name }) => name) });
  const secrets = new Map(secretsOf(document).map((secret) => [secret.name, secret]));
  const wanted = KNOWN_NAMES.filter(({ part }) => parts.includes(part));
  const findings = [
    ...wanted.flatMap((known) => missing(known, secrets)),
    ...[...secrets.values()].flatMap((secret) => ofValue(secret, store.environment)),
  ];
  const bad = new Set(findings.filter(({ level }) => level === 'problem').map(({ name }) => name));
  const recipients = await readRecipients(store.paths.recipients);
  const tag = recipientsTag(recipients.map(({ age }) => age.text));
  if (document.sealedFor !== undefined && document.sealedFor !== tag) findings.push(behind(store.environment));
  return {
    environment: store.environment,
    parts,
    good: [...secrets.keys()].filter((name) => !bad.has(name)),
    findings,
  };
}

export function problems({ environment, findings }: CheckResult): VectabaseError | undefined {
  const names = [...new Set(findings.filter(({ level }) => level === 'problem').map(({ name }) => name))];
  const [first] = names;
  if (first === undefined) return undefined;
  return new VectabaseError('SECRETS_FINDINGS', {
    message: `${names.length} ${names.length === 1 ? 'secret' : 'secrets'} of ${environment} ${names.length === 1 ? 'needs' : 'need'} attention`,
    hint: [
      `Run vectabase secrets set ${first} -e ${environment}, and so on.`,
      'Parts that you do not use are left out with the setting secrets.parts.',
    ].join(' '),
    details: { environment, findings },
  });
}

function missing(known: KnownName, secrets: ReadonlyMap<string, StoredSecret>): CheckFinding[] {
  if (known.optional === true || secrets.has(known.name)) return [];
  return [{ name: known.name, level: 'problem', kind: 'missing', what: `is missing; it comes from ${known.from}` }];
}

/** The first thing that is wrong with a value: the rest follows from it mostly. */
function ofValue({ name, value }: StoredSecret, environment: string): CheckFinding[] {
  const known = KNOWN_NAMES.find((each) => each.name === name);
  const found = (level: CheckFinding['level'], kind: CheckFinding['kind'], what: string): CheckFinding[] => [
    { name, level, kind, what },
  ];
  if (PROVIDED_NAMES.has(name))
    return found('note', 'provided', 'is given to functions by itself: this one is not used');
  if (PLACEHOLDER.test(value)) return found('problem', 'placeholder', 'is a placeholder');
  if (/^[\s\u00a0\u200b\ufeff]|[\s\u00a0\u200b\ufeff]$/.test(value) && !value.includes('\n')) {
    return found('problem', 'spaces', 'begins or ends with a space, as copied text does');
  }
  if (known !== undefined && !known.pattern.test(value)) {
    const other = KNOWN_NAMES.find(
      (each) => each.looks !== known.looks && DISTINCT.test(value) && each.pattern.test(value),
    );
    const guess = other === undefined ? '' : `; it looks like ${other.name}`;
    return found('problem', 'malformed', `should look like ${known.looks}${guess}`);
  }
  if (environment === 'production' && /^(sk|rk|pk)_test_/.test(value)) {
    return found('problem', 'test-key', 'is a key of the test mode: no payment would be real');
  }
  return [];
}

const PLACEHOLDER = /^(change[-_ ]?me|x{3,}|your[-_ ].*|todo|secret|password|example|test|dummy|<.*>|\.\.\.)$/i;

/** Prefixes that tell the kind of a key. */
const DISTINCT = /^(sk_|rk_|whsec_|price_|re_|https?:)/;

function behind(environment: string): CheckFinding {
  return {
    name: `${environment}.env.age`,
    level: 'note',
    kind: 'behind',
    what: 'is sealed for another list of recipients than there is now: vectabase secrets rotate',
  };
}
