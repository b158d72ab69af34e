import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { StoreSetting } from '../config/definitions.ts';
import { environment } from '../config/environment.ts';
import { VectabaseError } from '../core/errors.ts';
import { directoryStore } from './directory-store.ts';
import type { ObjectStore } from './store.ts';

/**
 * A place as it is typed: a directory, or a URL that may carry what a setting would say, `s3://bucket/shop?endpoint=…`.
 * A place that the settings name is taken with all that they say of it.
 *
 * @throws VectabaseError USAGE
 */
export function parseStore(text: string, known: readonly StoreSetting[]): StoreSetting {
  const [url = '', query = ''] = text.split('?', 2);
  if (!/^(s3|sftp|file):/.test(url)) return { url: pathToFileURL(path.resolve(text)).href };
  const named = known.find((setting) => setting.url === url.replace(/\/$/, ''));
  if (named && query === '') return named;
  const given = Object.fromEntries(new URLSearchParams(query));
  const unknown = Object.keys(given).find((name) => !PARAMETERS.has(name));
  if (unknown !== undefined || !URL.canParse(url) || new URL(url).password !== '') {
    throw new VectabaseError('USAGE', {
      message: unknown === undefined ? 'that is no place for backups' : `a place for backups has no "${unknown}"`,
      hint: `Use DIR, s3://BUCKET/PREFIX or sftp://USER@HOST/DIR, then ?${[...PARAMETERS].join('=…&')}=… where needed.`,
    });
  }
  const { pathStyle, timeoutSeconds, ...rest } = given;
  return {
    ...named,
    url,
    ...rest,
    ...(pathStyle === undefined ? {} : { pathStyle: pathStyle === 'true' }),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds: seconds(timeoutSeconds) }),
  };
}

const PARAMETERS: ReadonlySet<string> = new Set([
  'endpoint',
  'region',
  'pathStyle',
  'hostKey',
  'credentialsFile',
  'timeoutSeconds',
]);

function seconds(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new VectabaseError('USAGE', {
    message: `timeoutSeconds=${text} is no number of seconds`,
    hint: 'Use a whole number: timeoutSeconds=60.',
  });
}

/** Milliseconds. */
function patienceOf({ timeoutSeconds }: StoreSetting): number | undefined {
  return timeoutSeconds && timeoutSeconds * 1_000;
}

/**
 * Opens a place. Nothing is asked of it yet; its credentials are read.
 *
 * @throws VectabaseError CONFIG_INVALID for a setting that lacks something, or credentials that others can read
 */
export async function openStore(setting: StoreSetting): Promise<ObjectStore> {
  const url = new URL(setting.url);
  if (url.protocol === 'file:') return directoryStore(fileURLToPath(url));
  return url.protocol === 's3:' ? openS3(url, setting) : openSftp(url, setting);
}

async function openS3(url: URL, setting: StoreSetting): Promise<ObjectStore> {
  const { s3Store } = await import('./s3-store.ts');
  const { region = 'us-east-1', endpoint = `https://s3.${region}.amazonaws.com`, pathStyle } = setting;
  return s3Store({
    bucket: url.hostname,
    prefix: url.pathname.replaceAll(/^\/|\/$/g, ''),
    endpoint,
    region,
    // Amazon wants the bucket in the host's name; of the others all understand it in the path.
    pathStyle: pathStyle ?? !/\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname),
    patience: patienceOf(setting),
    ...s3Credentials(setting),
  });
}

function s3Credentials({ url, credentialsFile }: StoreSetting): { accessKeyId: string; secretAccessKey: string } {
  const given = credentialsFile === undefined ? undefined : readCredentials(credentialsFile);
  const line = (name: RegExp): string | undefined => given?.match(name)?.[1];
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = given === undefined ? environment() : {};
  const accessKeyId = line(/^(?:aws_)?access_?key_?id\s*=\s*(\S+)/im) ?? AWS_ACCESS_KEY_ID;
  const secretAccessKey = line(/^(?:aws_)?secret_?access_?key\s*=\s*(\S+)/im) ?? AWS_SECRET_ACCESS_KEY;
  if (accessKeyId && secretAccessKey) return { accessKeyId, secretAccessKey };
  throw incomplete(
    `${url} needs an access key`,
    'Write accessKeyId=… and secretAccessKey=… into a file (chmod 600) and name it as credentialsFile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  );
}

async function openSftp(url: URL, setting: StoreSetting): Promise<ObjectStore> {
  const { hostKey, credentialsFile } = setting;
  if (hostKey === undefined) {
    throw incomplete(
      `${url.href} needs the key of its host, so that nobody else can pass for it`,
      `Get it over a road that you trust (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there) and set hostKey: SHA256:…`,
    );
  }
  if (credentialsFile === undefined || url.username === '') {
    throw incomplete(
      `${url.href} needs a user and a private key`,
      'Use sftp://USER@HOST/DIR with credentialsFile: FILE.',
    );
  }
  const { sftpStore } = await import('./sftp-store.ts');
  return sftpStore({
    host: url.hostname,
    port: url.port === '' ? 22 : Number(url.port),
    user: decodeURIComponent(url.username),
    // `/~/backups` is below the account's own directory, as curl has it.
    directory: decodeURIComponent(url.pathname).replace(/^\/~\//, '') || '.',
    hostKey,
    privateKey: readCredentials(credentialsFile),
    patience: patienceOf(setting),
  });
}

/** A name without a path is one that systemd hands over (`LoadCredential=`), where there is one. */
function readCredentials(named: string): string {
  const { CREDENTIALS_DIRECTORY: handed } = environment();
  const file = handed !== undefined && !named.includes('/') ? path.join(handed, named) : named;
  try {
    if (file === named && (statSync(file).mode & 0o077) !== 0) {
      throw incomplete(`${file} holds credentials and can be read by others`, `Run chmod 600 ${file}.`);
    }
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof VectabaseError) throw error;
    const { code = 'error' } = error as NodeJS.ErrnoException;
    throw incomplete(`${file} with the credentials of a store cannot be read: ${code}`, 'Correct backup.stores.');
  }
}

function incomplete(message: string, hint: string): VectabaseError {
  return new VectabaseError('CONFIG_INVALID', { message, hint });
}
