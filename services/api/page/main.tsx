// The page: what is explored stands in the address; whatever changes it asks the API anew. Its logic is in explored.ts and
// search-line.ts; here is what is seen.
import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import * as api from './api.ts';
import { dateUnit, type Explored, fromParams, queryBody, toggled, toParams, zoomedOut } from './explored.ts';

const ROWS = 100;
/** Whoever types is not interrupted (milliseconds). */
const WAIT = 200;
const COLUMNS = ['StudyDate', 'Modality', 'PatientName', 'PatientID', 'StudyDescription', 'SeriesDescription'];

const explored = signal<Explored>(fromParams(new URLSearchParams(location.search)));
const counts = signal<api.Facets | undefined>(undefined);
const rows = signal<readonly api.Row[]>([]);
const wrong = signal('');
const isAsking = signal(false);

function show(next: Explored, isTyped = false): void {
  const address = `?${toParams(next)}`;
  if (isTyped) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  explored.value = next;
}

addEventListener('popstate', () => {
  explored.value = fromParams(new URLSearchParams(location.search));
});

let asked = new AbortController();
let timer: ReturnType<typeof setTimeout> | undefined;
effect(() => {
  const now = explored.value;
  clearTimeout(timer);
  timer = setTimeout(() => void ask(now), counts.peek() === undefined ? 0 : WAIT);
});

async function ask(now: Explored): Promise<void> {
  asked.abort();
  asked = new AbortController();
  const { signal: own } = asked;
  isAsking.value = true;
  try {
    const query = queryBody(now);
    const [found, first] = await Promise.all([api.facets(query, dateUnit(now), own), api.rows(query, ROWS, own)]);
    counts.value = found;
    rows.value = first;
    wrong.value = '';
  } catch (error) {
    if (own.aborted) return;
    wrong.value = (error as Error).message;
  }
  isAsking.value = false;
}

async function download(): Promise<void> {
  try {
    await saveCsv();
  } catch (error) {
    wrong.value = (error as Error).message;
  }
}

async function saveCsv(): Promise<void> {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await api.csv(queryBody(explored.peek())));
  link.download = 'series.csv';
  link.click();
  URL.revokeObjectURL(link.href);
}

const grouped = (n: number) => n.toLocaleString('en');
const shownValue = (value: string) => (value === '' ? '(missing)' : value);

function Search() {
  return (
    <search>
      <label for="line">Search: a pattern for the descriptions, or options of ditag query</label>
      <input
        id="line"
        type="search"
        spellcheck={false}
        autocomplete="off"
        placeholder="--where Modality=^MR$ --sdate 20200101"
        value={explored.value.line}
        aria-describedby="wrong"
        aria-invalid={wrong.value !== ''}
        onInput={(event) => show({ ...explored.value, line: event.currentTarget.value }, true)}
      />
      <p id="wrong" role="alert">
        {wrong.value}
      </p>
    </search>
  );
}

function Histogram({ dates }: { readonly dates: readonly api.Counted[] }) {
  const most = Math.max(1, ...dates.map(({ series }) => series));
  const { dates: zoomed } = explored.value;
  return (
    <section aria-label="Series by StudyDate">
      <h2>
        StudyDate{' '}
        {zoomed !== '' && (
          <button type="button" onClick={() => show({ ...explored.value, dates: zoomedOut(zoomed) })}>
            {zoomed}: back
          </button>
        )}
      </h2>
      <ol class="histogram">
        {dates.map(({ value, series }) => (
          <li key={value}>
            <button
              type="button"
              title={`${shownValue(value)}: ${grouped(series)} series`}
              aria-label={`${shownValue(value)}: ${grouped(series)} series`}
              disabled={value === ''}
              onClick={() => show({ ...explored.value, dates: value })}
            >
              <svg viewBox="0 0 10 100" preserveAspectRatio="none" aria-hidden="true">
                <rect x="0" width="10" y={100 - (100 * series) / most} height={(100 * series) / most} />
              </svg>
              <span>{value === '' ? '–' : value.slice(value.length === 4 ? 0 : -2)}</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Facet({ attribute, values, otherSeries }: api.Facets['attributes'][number]) {
  const { include, exclude } = explored.value;
  const isIncluded = (value: string) => include[attribute]?.includes(value) === true;
  const isExcluded = (value: string) => exclude[attribute]?.includes(value) === true;
  const gone = [...(include[attribute] ?? []), ...(exclude[attribute] ?? [])]
    .filter((value) => !values.some((one) => one.value === value))
    .map((value) => ({ value, series: 0, instances: 0 }));
  return (
    <section aria-label={attribute}>
      <h2>{attribute}</h2>
      <ul>
        {[...values, ...gone].map(({ value, series }) => (
          <li key={value}>
            <button
              type="button"
              aria-pressed={isIncluded(value)}
              onClick={() => show(toggled(explored.value, 'include', attribute, value))}
            >
              <span>{shownValue(value)}</span> <span class="count">{grouped(series)}</span>
            </button>
            <button
              type="button"
              class="not"
              aria-label={`without ${shownValue(value)}`}
              aria-pressed={isExcluded(value)}
              onClick={() => show(toggled(explored.value, 'exclude', attribute, value))}
            >
              −
            </button>
          </li>
        ))}
      </ul>
      {otherSeries > 0 && <p class="count">{grouped(otherSeries)} series with other values</p>}
    </section>
  );
}

function Rows() {
  const all = counts.value?.series ?? 0;
  return (
    <section aria-label="Series">
      <p role="status" aria-busy={isAsking.value}>
        {grouped(all)} series, {grouped(counts.value?.instances ?? 0)} instances
        {all > rows.value.length && `; the first ${grouped(rows.value.length)} are shown`}
      </p>
      <button type="button" onClick={() => void download()}>
        Export as CSV
      </button>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <section class="rows" tabIndex={0} aria-label="Rows">
        <table>
          <thead>
            <tr>
              {COLUMNS.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.value.map((row) => (
              <tr key={row['SeriesInstanceUID']}>
                {COLUMNS.map((column) => (
                  <td key={column}>{row[column]}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function Page() {
  const found = counts.value;
  return (
    <>
      <header>
        <h1>ditag</h1>
        <Search />
      </header>
      <main>
        <div>
          {found !== undefined && <Histogram dates={found.dates} />}
          <Rows />
        </div>
        <aside aria-label="Facets">
          {found?.attributes.map((one) => (
            <Facet key={one.attribute} {...one} />
          ))}
        </aside>
      </main>
    </>
  );
}

render(<Page />, document.body);
