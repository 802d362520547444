// GET /archives, /archives/health and /archives/skipped: what is indexed, what is not and why, and what is wrong with what is.
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { shownPath } from '../../../core/instance/byte-path.ts';
import { SKIP_REASON_TEXT, type SkipReason } from '../../../core/instance/skipped.ts';
import type { IndexAsker } from '../index-asker.ts';
import { ArchivesAnswer, answerOf, HealthAnswer, PROBLEMS } from '../schemas.ts';

export function addArchives(server: FastifyInstance, asker: IndexAsker): void {
  const list = { summary: 'The archives that are indexed', response: { 200: ArchivesAnswer, ...PROBLEMS } };
  server.get('/archives', { schema: list }, () =>
    asker.ask(async (index) => {
      const { archives } = await index.statistics();
      return { archives: archives.map((archive) => ({ ...archive, name: shownPath(archive.name) })) };
    }),
  );
  const health = {
    summary: 'Files that are not in the index by reason, and series with files that have something wrong by what it is',
    response: { 200: HealthAnswer, ...PROBLEMS },
  };
  server.get('/archives/health', { schema: health }, () =>
    asker.ask(async (index) => {
      const { archives, issues, mixedSeries, series } = await index.statistics();
      const skipped: Record<string, number> = {};
      for (const archive of archives)
        for (const [reason, files] of Object.entries(archive.skipped)) skipped[reason] = (skipped[reason] ?? 0) + files;
      return {
        series,
        mixedSeries,
        issues: { ...issues },
        skipped: Object.entries(skipped).map(([reason, files]) => {
          return { reason, text: SKIP_REASON_TEXT[reason as SkipReason] ?? reason, files };
        }),
      };
    }),
  );
  const skipped = {
    summary: 'The files that are not in the index, a JSON object a line',
    response: { 200: answerOf('application/x-ndjson'), ...PROBLEMS },
  };
  server.get(
    '/archives/skipped',
    { schema: skipped, config: { role: 'export', isAudited: true } },
    async (request, reply) => {
      request.rowsTold = 0;
      await asker.ask(async () => {});
      async function* lines(): AsyncIterable<string> {
        for await (const { archive, path, reason } of asker.all((index) => index.skippedFiles())) {
          yield `${JSON.stringify({ archive: shownPath(archive), path: shownPath(path), reason })}\n`;
          request.rowsTold!++;
        }
      }
      return reply.type('application/x-ndjson; charset=utf-8').send(Readable.from(lines(), { objectMode: false }));
    },
  );
}
