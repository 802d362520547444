// POST /facets and GET /statistics: how much there is of what.
import type { FastifyInstance } from 'fastify';
import type { InstanceIndex } from '../../../core/ports/instance-index.ts';
import { makeQuery } from '../../../core/query/query.ts';
import { FacetsAnswer, FacetsBody, Problem, StatisticsAnswer } from '../schemas.ts';

const MOST_VALUES = 10;

/** @param open gives an index for one request, which is closed after it */
export function addCounts(server: FastifyInstance, open: () => Promise<InstanceIndex>): void {
  async function asking<T>(ask: (index: InstanceIndex) => Promise<T>): Promise<T> {
    const index = await open();
    try {
      return await ask(index);
    } finally {
      await index.close();
    }
  }
  const facets = {
    summary: 'How many of the series that match have each value of some attributes, and each date',
    body: FacetsBody,
    response: { 200: FacetsAnswer, 400: Problem, 503: Problem },
  };
  server.post<{ Body: FacetsBody }>('/facets', { schema: facets }, async (request) => {
    const { attributes, mostValues = MOST_VALUES, dates = 'year', ...text } = request.body;
    const query = await makeQuery(text);
    return asking((index) => index.facets(query, { attributes, mostValues, dates }));
  });
  const statistics = {
    summary: 'What the index holds, as `ditag stats` tells it',
    response: { 200: StatisticsAnswer, 503: Problem },
  };
  server.get('/statistics', { schema: statistics }, () => asking((index) => index.statistics()));
}
