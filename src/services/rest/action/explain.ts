import type { RestResponse } from '../message.ts';
import { perform, type Action, type Statement } from '../transaction.ts';
import type { ActionContext } from './context.ts';

/** The execution plan instead of the rows. `analyze` runs the statement, so its changes are rolled back as they are kept. */
export async function explain(
  { text, values }: Statement,
  action: Omit<Action, 'statements'>,
  context: ActionContext,
): Promise<RestResponse> {
  const plan = context.media.plan ?? { format: 'text', options: [] };
  const options = [...plan.options, `format ${plan.format}`].join(', ');
  const { results } = await perform(
    { ...action, statements: [{ text: `explain (${options}) ${text}`, values }] },
    context,
  );
  const body = (results[0] ?? []).map(([line]) => `${line?.toString() ?? ''}\n`).join('');
  return { status: 200, headers: [['Content-Type', context.media.contentType], ...context.profileHeader], body };
}
