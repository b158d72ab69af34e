import { once } from 'node:events';
import { checkServerIdentity, connect } from 'node:tls';
import type { CertificateFacts } from '../facts.ts';

/** What the edge of this machine presents to clients, whoever made it. Asked on loopback, by the public name. */
export async function lookAtEdge(publicUrl: string): Promise<CertificateFacts> {
  const { hostname, port, host } = new URL(publicUrl);
  const socket = connect({
    host: '127.0.0.1',
    port: Number(port || 443),
    servername: hostname,
    rejectUnauthorized: false, // an authority of its own is the owner's choice; name and time are not
    timeout: 3_000,
  });
  try {
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerCertificate();
    return {
      name: 'public',
      file: host,
      expiresAt: Date.parse(certificate.valid_to),
      trusted: checkServerIdentity(hostname, certificate) === undefined,
    };
  } catch {
    return { name: 'public', file: host, expiresAt: null, trusted: false };
  } finally {
    socket.destroy();
  }
}
