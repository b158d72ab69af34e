import type { RestRequest, RestResponse } from '../message.ts';
import type { Beyond } from './ask.ts';
import { batchAction, isBatch } from './batch.ts';
import { nestedAction } from './nested-insert.ts';
import { readNested, wantsNested } from './nested.ts';

/** The answer to what goes beyond PostgREST and was asked for as such; undefined for everything else. */
export async function answerBeyond(
  request: RestRequest,
  beyond: Beyond,
  anonymous: boolean,
): Promise<RestResponse | undefined> {
  if (request.method !== 'POST') return undefined;
  if (isBatch(request)) return batchAction(request, beyond, anonymous);
  const nested = wantsNested(request) ? await readNested(request, beyond) : undefined;
  return nested && nestedAction(nested, request, beyond);
}
