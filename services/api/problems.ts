// What went wrong with a request, as RFC 9457 has it: never more than a person may read, since the rest may hold values.
import type { FastifyError, FastifyReply } from 'fastify';
import { DitagError, type ErrorCode } from '../../core/errors/errors.ts';
import { isUnreachable } from '../../core/wire/index-messages.ts';
import type { Problem } from './schemas.ts';

/** Errors of what was asked; those of none of these are of the index or of what is behind it. */
const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  'unknown-tag': 400,
  'bad-date': 400,
  'date-order': 400,
  'bad-pattern': 400,
  'pattern-too-expensive': 400,
  'pattern-without-targets': 400,
  'bad-where': 400,
  'bad-place': 400,
  'bad-project-name': 400,
  'bad-option': 400,
  'unknown-project': 404,
  'no-job': 404,
  'no-pacs': 409,
  'already-running': 409,
};

/** Of those that are about no option. */
const FIELDS: Readonly<Partial<Record<ErrorCode, string>>> = {
  'pattern-without-targets': 'pattern',
  'bad-place': 'after',
  'bad-project-name': 'project',
  'unknown-project': 'project',
};

/** An answer that is not of the index's making, with its status. */
export class HttpProblem extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, sentence: string) {
    super(sentence);
    this.statusCode = statusCode;
  }
}

/** A path that the API does not have. */
export class NothingThere extends HttpProblem {
  constructor() {
    super(404, 'There is nothing of this name: /openapi.json says what there is.');
  }
}

/** An address that is not encoded as addresses are; what it says is not repeated. */
export class Unreadable extends HttpProblem {
  constructor() {
    super(400, 'The address cannot be read: write what is no letter or digit as %XX, in UTF-8.');
  }
}

export function answerProblem(error: FastifyError | DitagError | Error, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error, reply.request.body);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer realm="ditag"');
  return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/** The property of what was asked that an error is about: its option, that of its kind, or the one with the value that it names. */
function fieldOf({ code, message, option }: DitagError, body: unknown): string | undefined {
  if (STATUS[code] === undefined || typeof body !== 'object' || body === null) return undefined;
  const named = option?.replace(/^--/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  for (const field of [named, FIELDS[code]]) if (field !== undefined && field in body) return field;
  const value = /"([^"]+)"/.exec(message)?.[1];
  if (value === undefined) return undefined;
  return Object.entries(body).find(([, own]) => [own].flat().some((one) => String(one).includes(value)))?.[0];
}

function problemOf(error: FastifyError | DitagError | Error, body: unknown): Problem {
  if (error instanceof DitagError) {
    const field = fieldOf(error, body);
    const status = STATUS[error.code] ?? 503;
    return { status, title: error.message, code: error.code, ...(field === undefined ? {} : { field }) };
  }
  if (isUnreachable(error))
    return {
      status: 503,
      title: 'The index or the messages of the cluster (Elasticsearch or NATS) cannot be reached.',
    };
  const { statusCode, validation, code = '' } = error as FastifyError;
  // Others have a status too, which is of what they have asked themselves.
  const isOfRequest = error instanceof HttpProblem || error instanceof SyntaxError || code.startsWith('FST_');
  const status = isOfRequest ? (statusCode ?? 500) : 500;
  if (validation !== undefined) {
    const [first] = validation;
    const { additionalProperty, missingProperty, tag } = (first?.params ?? {}) as Record<string, string | undefined>;
    const name = additionalProperty ?? missingProperty ?? tag;
    const field = [...(first?.instancePath.split('/') ?? []), name].filter((part) => part).join('.');
    return { status: 400, title: error.message, ...(field === '' ? {} : { field }) };
  }
  return { status, title: status < 500 || error instanceof HttpProblem ? error.message : 'The API failed.' };
}
