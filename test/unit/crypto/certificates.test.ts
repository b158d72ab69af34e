import { createPrivateKey, X509Certificate } from 'node:crypto';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import {
  isServerCertificateGood,
  newAuthority,
  newServerCertificate,
} from '../../../src/foundation/crypto/certificates.ts';

const NOW = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

describe('the local authority', async () => {
  const authority = await newAuthority('abcdef', NOW);
  const server = await newServerCertificate(authority, NOW);

  test('is an authority, for ten years', async () => {
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.ca).toBe(true);
    expect(certificate.subject).toBe('CN=Vectabase local CA abcdef');
    expect(certificate.checkIssued(certificate)).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(authority.privateKey))).toBe(true);
    expect(Date.parse(certificate.validTo)).toBe(NOW + 3650 * DAY);
  });

  test('issues a certificate for the loopback names and no other', async () => {
    const certificate = new X509Certificate(server.certificate);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkHost('example.com')).toBeUndefined();
    expect(certificate.checkPrivateKey(createPrivateKey(server.privateKey))).toBe(true);
  });

  test('a certificate is good until 60 days before its end, and only under its own authority', async () => {
    const good = (at: number): boolean => isServerCertificateGood(server.certificate, authority.certificate, at);
    expect(good(NOW)).toBe(true);
    expect(good(NOW + 764 * DAY)).toBe(true);
    expect(good(NOW + 766 * DAY)).toBe(false);
    const stranger = await newAuthority('abcdef', NOW); // the same name, another key
    expect(isServerCertificateGood(server.certificate, stranger.certificate, NOW)).toBe(false);
    expect(isServerCertificateGood('no certificate', authority.certificate, NOW)).toBe(false);
  });

  test('a server certificate never outlives its authority, also past 2050', async () => {
    const late = await newAuthority('late', Date.UTC(2045, 0, 1));
    const almost = Date.UTC(2054, 0, 1);
    const certificate = new X509Certificate((await newServerCertificate(late, almost)).certificate);
    expect(certificate.validTo).toBe(new X509Certificate(late.certificate).validTo);
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(2054);
  });

  test('a TLS client that trusts the authority, and nothing else, accepts the server by its address', async () => {
    const now = Date.now();
    const fresh = await newAuthority('tls', now);
    const pair = await newServerCertificate(fresh, now);
    const listener = createServer({ key: pair.privateKey, cert: pair.certificate }).listen(0, '127.0.0.1');
    await new Promise((resolve) => listener.once('listening', resolve));
    const { port } = listener.address() as AddressInfo;
    const shake = async (ca: string): Promise<boolean | string | undefined> =>
      new Promise((resolve) => {
        const socket = connect({ host: '127.0.0.1', port, ca }, () => {
          resolve(socket.authorized);
          socket.destroy();
        });
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      });
    expect(await shake(fresh.certificate)).toBe(true);
    expect(await shake((await newAuthority('tls', now)).certificate)).toMatch(/SIGNATURE_FAILURE|UNABLE_TO_VERIFY/);
    await new Promise((resolve) => listener.close(resolve));
  });
});
