import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { assetPath } from '../../../foundation/core/assets.ts';
import { messageOf } from '../../../foundation/core/errors.ts';
import { plainText } from './plain-text.ts';
import { parseTemplate, TemplateError, type Template, type Variables } from './template.ts';

/** The mails that there are; each is a template `<kind>.html`. */
export const LETTER_KINDS = [
  'confirmation',
  'recovery',
  'magic_link',
  'invite',
  'email_change',
  'reauthentication',
] as const;
export type LetterKind = (typeof LETTER_KINDS)[number];

export interface Letter {
  readonly subject: string;
  readonly html: string;
  /** The same for readers without HTML. */
  readonly text: string;
}

/** Names are those of Supabase's templates. */
export interface LetterVariables extends Variables {
  readonly SiteURL: string;
  readonly ConfirmationURL: string;
  /** The code that a person types. */
  readonly Token: string;
  readonly TokenHash: string;
  readonly RedirectTo: string;
  readonly Email: string;
  readonly NewEmail: string;
  /** Which of the two addresses this copy goes to. */
  readonly SendingTo: string;
  /** The user's own metadata: whatever they wrote there. */
  readonly Data: Variables;
}

export interface LetterWriter {
  write(kind: LetterKind, variables: LetterVariables): Promise<Letter>;
  /** What is wrong with the operator's own templates, by kind; empty when all are fine. */
  check(): Promise<Array<{ kind: LetterKind; problem: string }>>;
}

/**
 * Writes letters from the templates in `directory`, and from those that come with the product where it holds none. A
 * template is read for each letter: an edit counts at once. A broken one is told to `onProblem` and replaced by ours,
 * because a reset link that looks plain is better than none.
 */
export function letterWriter(
  directory: string | undefined,
  onProblem: (kind: LetterKind, problem: string) => void,
): LetterWriter {
  return {
    async write(kind, variables) {
      const shipped = parsePage(await readFile(shippedFile(kind), 'utf8'));
      const own = await ownPage(directory, kind);
      if (typeof own === 'string') onProblem(kind, own);
      const page = own === undefined || typeof own === 'string' ? shipped : own;
      const html = page.body.render(variables);
      const subject = (page.subject ?? shipped.subject)?.render(variables) ?? '';
      return { subject: oneLine(subject), html, text: plainText(html) };
    },
    async check() {
      const found = await Promise.all(
        LETTER_KINDS.map(async (kind) => ({ kind, own: await ownPage(directory, kind) })),
      );
      return found.flatMap(({ kind, own }) => (typeof own === 'string' ? [{ kind, problem: own }] : []));
    },
  };
}

interface Page {
  /** The title of the page. A body pasted from elsewhere has none. */
  readonly subject: Template | undefined;
  readonly body: Template;
}

/** A sentence when it is there and cannot be used; undefined when it is not there. */
async function ownPage(directory: string | undefined, kind: LetterKind): Promise<Page | string | undefined> {
  if (directory === undefined) return undefined;
  const file = path.join(directory, `${kind}.html`);
  try {
    return parsePage(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof TemplateError) return `${file}: ${error.message}`;
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? undefined : `${file} cannot be read: ${code ?? messageOf(error)}`;
  }
}

function parsePage(source: string): Page {
  const title = /<title>([\s\S]*?)<\/title>/i.exec(source)?.[1];
  return {
    subject: title === undefined ? undefined : parseTemplate(decodeEntities(title.trim()), 'text'),
    body: parseTemplate(source),
  };
}

function shippedFile(kind: LetterKind): string {
  return assetPath('templates', 'mail', `${kind}.html`);
}

function decodeEntities(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}

/** A header is one line; what a user wrote into their name must not begin another. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, 250);
}
