import { RestError } from '../errors.ts';
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
  if (isBatch(request)) return batchAction(bounded(request), beyond, anonymous);
  const nested = wantsNested(request) ? await readNested(bounded(request), beyond) : undefined;
  return nested && nestedAction(nested, request, beyond);
}

/** Bytes. What is taken apart here, not handed on to Postgres, holds everybody else up: 60 MB took four seconds. */
const MOST_BYTES = 4 * 1024 * 1024;

function bounded(request: RestRequest): RestRequest {
  if (request.body.length <= MOST_BYTES) return request;
  const message = `The body of a batch or a nested insert is larger than ${MOST_BYTES} bytes`;
  throw new RestError({ status: 413, code: 'PGRST102', message });
}
