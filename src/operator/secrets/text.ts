import { VectabaseError } from '../../foundation/core/errors.ts';

/**
 * Bytes of a file or a pipe as text. UTF-16, which PowerShell's `>` writes, is known by its mark.
 *
 * @throws VectabaseError SECRETS_FILE_INVALID, quoting nothing
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new VectabaseError('SECRETS_FILE_INVALID', {
      message: `${name} is no UTF-8 text`,
      hint: 'Convert it, or encode a binary value first: base64 -w0 FILE | vectabase secrets set NAME',
    });
  }
}

/** One value as it was piped in: without the line end that echo and editors add, unless it is asked for. */
export function decodeValue(bytes: Uint8Array, name: string, exact: boolean): string {
  const text = decodeText(bytes, name);
  return exact ? text : text.replace(/\r?\n$/, '');
}
