import path from 'node:path';
import { shellWord } from '../core/shell-words.ts';

/** Where the daemon listens for `archive_command` in a directory of its own. */
export function archiveSocket(directory: string): { readonly socket: string; readonly client: string } {
  return { socket: path.join(directory, 'archive.sock'), client: path.join(directory, 'archive-wal.pl') };
}

/**
 * `archive_command`, with the client that the daemon lays beside its socket unless told another one. Any status but 0 and 1 would not be counted
 * by pg_stat_archiver, or would end the archiver.
 */
export function archiveCommand(directory: string, client = archiveSocket(directory).client): string {
  const { socket } = archiveSocket(directory);
  return `perl ${commandWord(client)} ${commandWord(socket)} %p %f || exit 1`;
}

/** For sh, behind Postgres, which takes `%` for the beginning of something of its own. */
export function commandWord(word: string): string {
  return shellWord(word).replaceAll('%', '%%');
}
