import { fail, ok, some, warn, type Check } from '../check.ts';

export const NETWORK_CHECKS: ReadonlyArray<Check<'network'> | Check<'api'> | Check<'mail'>> = [
  {
    id: 'network.listeners',
    title: 'no port open that was not asked for',
    fact: 'network',
    judge: ({ listeners }, { kind, where }) => {
      const open = listeners
        .filter(({ meant }) => !meant)
        .map(({ what, address, port }) => `${what} on ${address}:${port}`);
      return open.length === 0
        ? ok(`${listeners.length} sockets, as configured`)
        : fail(some(open), kind === 'machine' ? 'vectabase install' : `vectabase config show --sources${where}`);
    },
  },
  {
    id: 'network.firewall',
    title: 'a firewall',
    fact: 'network',
    only: 'machine',
    judge: ({ firewall }) =>
      firewall === false
        ? warn('the table of Vectabase is not loaded', 'vectabase install')
        : ok(firewall === null ? 'somebody else keeps it' : 'nftables, table vectabase'),
  },
  {
    id: 'api.ready',
    title: 'an API that answers',
    fact: 'api',
    judge: ({ url, status, ms, reason }, { kind, where }) => {
      if (status === 200) return ok(`${url} in ${Math.round(ms)} ms`);
      const said = status === null ? reason : `it says ${status}`;
      return fail(
        `${url}: ${said}`,
        kind === 'machine' ? 'systemctl restart vectabase.service' : `vectabase up${where}`,
      );
    },
  },
  {
    id: 'api.public',
    title: 'an address that clients reach',
    fact: 'api',
    judge: ({ publicUrl }, { kind, where }) => {
      if (publicUrl === null) {
        return kind === 'up'
          ? ok('only this machine is served')
          : warn(
              'api.publicUrl is not set: letters lead nowhere',
              `vectabase config set api.publicUrl https://api.example.com${where}`,
            );
      }
      const { url, status, reason, secure } = publicUrl;
      if (status === null) return fail(`${url}: ${reason}`, `curl -v ${url}/healthz`);
      if (!secure)
        return warn(
          `${url} is not encrypted`,
          `vectabase config set api.publicUrl ${url.replace(/^http:/, 'https:')}${where}`,
        );
      return status < 500 ? ok(url) : fail(`${url} says ${status}`, `vectabase logs daemon${where}`);
    },
  },
  {
    id: 'mail.server',
    title: 'letters that arrive',
    fact: 'mail',
    judge: ({ server, answers, reason }, { kind, where }) => {
      const set = `vectabase config set mail.smtpHost smtp.example.com${where}`;
      if (server === null)
        return kind === 'up'
          ? ok('kept here, as for development')
          : warn('there is no mail server: nobody can confirm an address', set);
      return answers ? ok(server) : fail(`${server}: ${reason}`, `vectabase auth test-mail${where}`);
    },
  },
];
