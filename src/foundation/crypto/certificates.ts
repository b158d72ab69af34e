import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { bits, boolean, integer, objectId, octets, sequence, set, tagged, time, utf8 } from './der.ts';

/** A certificate and its private key, both PEM text. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly privateKey: string;
}

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
/** The longest life that every client accepts, Apple's included. */
const SERVER_DAYS = 825;
const RENEW_DAYS = 60;
/** Clocks of clients may be a little behind. */
const SKEW_MS = 5 * 60_000;

/** An authority for this installation alone. `name` tells installations apart in a trust store. */
export function newAuthority(name: string, now: number): CertifiedKey {
  const { publicKey, privateKey } = newKeys();
  const commonName = `Vectabase local CA ${name}`;
  const certificate = issue({
    subject: commonName,
    publicKey,
    issuer: { commonName, privateKey },
    from: now - SKEW_MS,
    to: now + CA_DAYS * DAY_MS,
    extensions: [
      // An authority that signs no further authority: path length 0.
      extension('2.5.29.19', true, sequence(boolean(true), integer(Buffer.of(0)))),
      // Key usage: bits 5 and 6, to sign certificates and revocation lists.
      extension('2.5.29.15', true, bits(Buffer.of(0b0000_0110), 1)),
      extension('2.5.29.14', false, octets(keyId(publicKey))),
    ],
  });
  return { certificate, privateKey: pem(privateKey) };
}

/** A server certificate for the loopback names, signed by the authority. */
export function newServerCertificate(authority: CertifiedKey, now: number): CertifiedKey {
  const { publicKey, privateKey } = newKeys();
  const issuer = new X509Certificate(authority.certificate);
  const certificate = issue({
    subject: 'localhost',
    publicKey,
    issuer: {
      commonName: issuer.subject.replace(/^CN=/, ''),
      privateKey: createPrivateKey(authority.privateKey),
    },
    from: now - SKEW_MS,
    to: Math.min(now + SERVER_DAYS * DAY_MS, Date.parse(issuer.validTo)),
    extensions: [
      extension('2.5.29.19', true, sequence()),
      // Key usage: bit 0, digital signature. Extended: server authentication.
      extension('2.5.29.15', true, bits(Buffer.of(0b1000_0000), 7)),
      extension('2.5.29.37', false, sequence(objectId('1.3.6.1.5.5.7.3.1'))),
      extension('2.5.29.17', false, LOOPBACK_NAMES),
      extension('2.5.29.14', false, octets(keyId(publicKey))),
      extension('2.5.29.35', false, sequence(tagged(0, 'plain', keyId(issuer.publicKey)))),
    ],
  });
  return { certificate, privateKey: pem(privateKey) };
}

/** False when it was not issued by this authority, or ends within 60 days. */
export function isServerCertificateGood(server: string, authority: string, now: number): boolean {
  try {
    const certificate = new X509Certificate(server);
    const issuer = new X509Certificate(authority);
    const left = Date.parse(certificate.validTo) - now;
    return left > RENEW_DAYS * DAY_MS && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

interface Issue {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly issuer: { readonly commonName: string; readonly privateKey: KeyObject };
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly extensions: readonly Buffer[];
}

/** ecdsa-with-SHA256 */
const SIGNATURE_ALGORITHM = sequence(objectId('1.2.840.10045.4.3.2'));

/** RFC 5280, section 4.1: what is to be signed, how, and the signature. */
function issue({ subject, publicKey, issuer, from, to, extensions }: Issue): string {
  const unsigned = sequence(
    tagged(0, 'constructed', integer(Buffer.of(2))), // version 3
    integer(randomBytes(16)),
    SIGNATURE_ALGORITHM,
    distinguishedName(issuer.commonName),
    sequence(time(from), time(to)),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, 'constructed', sequence(...extensions)),
  );
  const signed = sequence(unsigned, SIGNATURE_ALGORITHM, bits(sign('sha256', unsigned, issuer.privateKey)));
  return new X509Certificate(signed).toString();
}

function distinguishedName(commonName: string): Buffer {
  return sequence(set(sequence(objectId('2.5.4.3'), utf8(commonName))));
}

function extension(id: string, critical: boolean, content: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octets(content));
}

/** subjectAltName: [2] is a DNS name, [7] an address of 4 or 16 bytes. */
const LOOPBACK_NAMES = sequence(
  tagged(2, 'plain', Buffer.from('localhost')),
  tagged(7, 'plain', Buffer.of(127, 0, 0, 1)),
  tagged(7, 'plain', Buffer.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
);

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** SHA-1 of the public point, which is the last 65 bytes of the key's DER. A name for the key, not a safeguard. */
function keyId(key: KeyObject): Buffer {
  const point = key.export({ type: 'spki', format: 'der' }).subarray(-65);
  return createHash('sha1').update(point).digest();
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
