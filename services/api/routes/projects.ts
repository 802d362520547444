// GET /projects and /projects/:name/report.
import type { FastifyInstance } from 'fastify';
import type { Operations } from '../../../core/ports/operations.ts';
import { answerOf, PROBLEMS, ProjectParameter, ProjectsAnswer, ReportQuery } from '../schemas.ts';

const TYPES = {
  text: 'text/plain; charset=utf-8',
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
} as const;

export function addProjects(server: FastifyInstance, operations: Operations): void {
  const list = {
    summary: 'Names of the projects, where sends go, and whether downloads can be started',
    response: { 200: ProjectsAnswer, ...PROBLEMS },
  };
  server.get('/projects', { schema: list }, async () => {
    const { pacs, canDownload } = operations;
    return { projects: await operations.projects(), canDownload, ...(pacs === undefined ? {} : { pacs }) };
  });
  const report = {
    summary: 'What `ditag project report` prints',
    params: ProjectParameter,
    querystring: ReportQuery,
    response: { 200: answerOf('application/json', 'text/plain', 'text/csv'), ...PROBLEMS },
  };
  server.get<{ Params: ProjectParameter; Querystring: ReportQuery }>(
    '/projects/:project/report',
    { schema: report, config: { role: 'export', isAudited: true } },
    async ({ params: { project }, query: { format = 'json' } }, reply) =>
      reply.type(TYPES[format]).send(await operations.report(project, format)),
  );
}
