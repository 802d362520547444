// GET /archives, /archives/health and /archives/skipped: what is indexed, what is not and why, and what is wrong with what is.
import type { FastifyInstance } from 'fastify';
import { shownPath } from '../../../core/instance/byte-path.ts';
import { SKIP_REASON_TEXT, type SkipReason } from '../../../core/instance/skipped.ts';
import type { SkippedFile } from '../../../core/ports/instance-index.ts';
import type { IndexAsker } from '../index-asker.ts';
import { ArchivesAnswer, answerOf, HealthAnswer, PROBLEMS } from '../schemas.ts';
import { JSON_LINES, jsonLines, streamed } from '../streamed.ts';

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
      const files = asker.all((index) => index.skippedFiles());
      const { stream } = await streamed(jsonLines(shown(files), request));
      return reply.type(JSON_LINES).send(stream);
    },
  );
}

async function* shown(files: AsyncIterable<SkippedFile>) {
  for await (const { archive, path, reason } of files)
    yield { archive: shownPath(archive), path: shownPath(path), reason };
}
