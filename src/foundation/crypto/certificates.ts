// @peculiar/x509 asks for the reflection polyfill to be there before it.
import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';

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
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** An authority for this installation alone. `name` tells installations apart in a trust store. */
export async function newAuthority(name: string, now: number): Promise<CertifiedKey> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=Vectabase local CA ${name}`,
    notBefore: new Date(now - SKEW_MS),
    notAfter: new Date(now + CA_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      // An authority that signs no further authority: path length 0.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return certified(certificate, keys.privateKey);
}

/** A server certificate for the loopback names and the IP `addresses` given, signed by the authority. */
export async function newServerCertificate(
  authority: CertifiedKey,
  now: number,
  addresses: readonly string[] = [],
): Promise<CertifiedKey> {
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: 'CN=localhost',
    issuer: issuer.subject,
    notBefore: new Date(now - SKEW_MS),
    notAfter: new Date(Math.min(now + SERVER_DAYS * DAY_MS, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        ...['127.0.0.1', '::1', ...addresses].map((value) => ({ type: 'ip', value }) as const),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export()),
    ],
  });
  return certified(certificate, keys.privateKey);
}

/** False when it was not issued by this authority, ends within 60 days, or is not for all of these IP `addresses`. */
export function isServerCertificateGood(
  server: string,
  authority: string,
  now: number,
  addresses: readonly string[] = [],
): boolean {
  try {
    const certificate = new X509Certificate(server);
    const issuer = new X509Certificate(authority);
    const left = Date.parse(certificate.validTo) - now;
    return (
      left > RENEW_DAYS * DAY_MS &&
      certificate.checkIssued(issuer) &&
      certificate.verify(issuer.publicKey) &&
      addresses.every((address) => certificate.checkIP(address) !== undefined)
    );
  } catch {
    return false;
  }
}

/** 127 random bits as hexadecimal: positive, whatever DER makes of the first one. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return bytes.toString('hex');
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

async function certified(certificate: x509.X509Certificate, key: webcrypto.CryptoKey): Promise<CertifiedKey> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const privateKey = createPrivateKey({ key: der, type: 'pkcs8', format: 'der' });
  return {
    certificate: new X509Certificate(Buffer.from(certificate.rawData)).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
