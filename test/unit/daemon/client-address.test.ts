import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientAddressBy, networkOf } from '../../../src/daemon/client-address.ts';

const TRUSTED = ['127.0.0.1', '10.0.0.0/8', 'fd00::/8'];
const from = (remoteAddress: string, forwarded?: string, trusted = TRUSTED) =>
  clientAddressBy(trusted)({
    socket: { remoteAddress },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  } as unknown as IncomingMessage);

describe('the address of a client', () => {
  test.each([
    ['nobody trusted', '127.0.0.1', '6.6.6.6', [], '127.0.0.1'],
    ['a stranger may say what it likes', '203.0.113.9', '6.6.6.6', TRUSTED, '203.0.113.9'],
    ['a proxy names its client', '127.0.0.1', '203.0.113.9', TRUSTED, '203.0.113.9'],
    ['what the client wrote before is not read', '127.0.0.1', '6.6.6.6, 203.0.113.9', TRUSTED, '203.0.113.9'],
    ['two proxies', '127.0.0.1', '6.6.6.6,203.0.113.9 , 10.1.2.3', TRUSTED, '203.0.113.9'],
    ['proxies all the way', '127.0.0.1', '10.9.9.9, 10.1.2.3', TRUSTED, '10.9.9.9'],
    ['no address ends the search', '127.0.0.1', '203.0.113.9, unknown', TRUSTED, '127.0.0.1'],
    ['an empty header', '127.0.0.1', '', TRUSTED, '127.0.0.1'],
    ['IPv4 on an IPv6 socket', '::ffff:10.0.0.1', '203.0.113.9:4711', TRUSTED, '203.0.113.9'],
    ['IPv6 in brackets, with a port', 'fd00::1', '[2001:DB8::1]:443', TRUSTED, '2001:db8::1'],
    ['a zone', 'fe80::1%eth0', undefined, TRUSTED, 'fe80::1'],
  ])('%s', (_what, socket, forwarded, trusted, address) => {
    expect(from(socket, forwarded, trusted)).toBe(address);
  });

  test('nothing that a client writes changes what the last proxy saw', () => {
    fc.assert(
      fc.property(fc.string(), (prefix) => {
        expect(from('127.0.0.1', `${prefix},203.0.113.9`)).toBe('203.0.113.9');
      }),
    );
  });
});

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['2001:0db8:0001::', '2001:db8:1:0::/64'],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
