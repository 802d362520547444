// Beside the table: what can be done with the series that are chosen, or with all that are found.
import { useSignal } from '@preact/signals';
import { answer, isAsking } from './answer.ts';
import * as api from './api.ts';
import { projects } from './beside.ts';
import { MOST_CHOSEN_IN_ADDRESS, queryBody } from './explored.ts';
import { choose, explored, grouped, show, trying, wrong } from './state.ts';

/** Series that are sent at once at most, as the API takes them. */
const MOST = 100_000;

export function Actions() {
  const name = useSignal('');
  const isNaming = useSignal(false);
  const { chosen } = explored.value;
  const all = answer.value?.counts.series ?? 0;
  // What is about to change is not done anything with.
  const isOff = isAsking.value || wrong.value !== '';
  const count = chosen.length === 0 ? all : chosen.length;
  const what = chosen.length === 0 ? `all ${grouped(count)} found` : `${grouped(count)} chosen`;
  const { pacs, canDownload } = projects.value ?? { canDownload: false };
  return (
    <div class="actions">
      <button type="button" disabled={isOff} onClick={() => void trying(saveCsv)}>
        Export all {grouped(all)} as CSV
      </button>
      {pacs !== undefined && (
        <button type="button" disabled={isOff || count === 0 || count > MOST} onClick={() => void trying(send)}>
          Send {what} to {pacs}
        </button>
      )}
      {pacs !== undefined && (
        <button type="button" aria-expanded={isNaming.value} onClick={() => (isNaming.value = !isNaming.value)}>
          As a project…
        </button>
      )}
      {chosen.length > 0 && (
        <button type="button" onClick={() => choose()}>
          Choose none
        </button>
      )}
      {chosen.length > MOST_CHOSEN_IN_ADDRESS && (
        <p class="count">More than {MOST_CHOSEN_IN_ADDRESS} chosen series do not stand in the address.</p>
      )}
      {isNaming.value && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void trying(async () => {
              await makeProject(name.value);
              isNaming.value = false;
            });
          }}
        >
          <label>
            Name of the project
            <input
              required
              pattern="[A-Za-z0-9][A-Za-z0-9_.\-]*"
              value={name.value}
              onInput={(event) => (name.value = event.currentTarget.value)}
            />
          </label>
          <button type="submit" disabled={isOff}>
            Look up the studies of {what}
          </button>
          {!canDownload && (
            <p class="count">Downloads cannot be started here: `ditag serve --output` names their folder.</p>
          )}
        </form>
      )}
    </div>
  );
}

/** Series that one pattern names: a pattern may not be longer than 10,000 characters. */
const AT_A_TIME = 100;

/** The query of those whose number is shown. */
const found = () => queryBody(answer.peek()!.of);

async function saveCsv(): Promise<void> {
  api.save(await api.csv(found()), 'series.csv');
}

async function send(): Promise<void> {
  const { chosen } = explored.peek();
  const series = chosen.length > 0 ? [...chosen] : await api.values(found(), 'SeriesInstanceUID');
  await api.start({ operation: 'send', series });
  show({ view: 'work' });
}

async function makeProject(project: string): Promise<void> {
  const { chosen } = explored.peek();
  const accessions = chosen.length > 0 ? await accessionsOf([...chosen]) : await api.values(found(), 'AccessionNumber');
  if (accessions.length === 0)
    throw new Error('None of these series has an AccessionNumber, by which a PACS would be asked.');
  await api.start({ operation: 'project-index', project, accessions });
  projects.value = await api.projects();
  show({ view: 'work' });
}

/** Of each accession number one. */
async function accessionsOf(series: readonly string[]): Promise<string[]> {
  const all = new Set<string>();
  for (let at = 0; at < series.length; at += AT_A_TIME) {
    const only = series.slice(at, at + AT_A_TIME).map((uid) => uid.replaceAll('.', '\\.'));
    const where = [`SeriesInstanceUID=\\A(?:${only.join('|')})\\Z`];
    for (const accession of await api.values({ where }, 'AccessionNumber')) all.add(accession);
  }
  return [...all];
}
