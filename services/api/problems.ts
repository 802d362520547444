// What went wrong with a request, as RFC 9457 has it: never more than a person may read, since the rest may hold values.
import type { FastifyError, FastifyReply } from 'fastify';
import { DitagError, type ErrorCode } from '../../core/errors/errors.ts';
import type { Problem } from './schemas.ts';

/** Errors of what was asked; all others are of the index or of what is behind it. */
const OF_THE_REQUEST: ReadonlySet<ErrorCode> = new Set([
  'unknown-tag',
  'bad-date',
  'date-order',
  'bad-pattern',
  'pattern-too-expensive',
  'pattern-without-targets',
  'bad-where',
]);

/** A path that the API does not have. */
export class NothingThere extends Error {
  readonly statusCode = 404;

  constructor() {
    super('There is nothing of this name: /openapi.json says what there is.');
  }
}

export function answerProblem(error: FastifyError | DitagError | Error, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error);
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

function problemOf(error: FastifyError | DitagError | Error): Problem {
  if (error instanceof DitagError) {
    const status = OF_THE_REQUEST.has(error.code) ? 400 : 503;
    return { status, title: error.message, code: error.code };
  }
  const { statusCode: status = 500, validation } = error as FastifyError;
  if (validation !== undefined) {
    const [first] = validation;
    const name = (first?.params as { additionalProperty?: string } | undefined)?.additionalProperty;
    const field = [...(first?.instancePath.split('/') ?? []), name].filter((part) => part).join('.');
    return { status: 400, title: error.message, ...(field === '' ? {} : { field }) };
  }
  return { status, title: status < 500 ? error.message : 'The API failed.' };
}
