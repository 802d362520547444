// The page: what is seen of what state.ts knows. Its logic is in explored.ts and search-line.ts.
import { useSignal } from '@preact/signals';
import { render } from 'preact';
import { Actions } from './actions.tsx';
import { type Answer, answer, askAgain, isAsking, isStale, keepAsking, loaded } from './answer.ts';
import * as api from './api.ts';
import { Archives } from './archives.tsx';
import { jobs, keepBeside, takeToken } from './beside.ts';
import { Detail } from './detail.tsx';
import { toggled, VIEWS, type View, withGaps, YEAR, zoomedOut } from './explored.ts';
import { focusSoon } from './focus.ts';
import { explored, failed, followAddress, grouped, needsToken, show, shownValue, wrong } from './state.ts';
import { Table } from './table.tsx';
import { Work } from './work.tsx';

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
        onInput={(event) => show({ line: event.currentTarget.value }, true)}
      />
      <p id="wrong" role="alert">
        {wrong.value}
      </p>
    </search>
  );
}

function Histogram({ dates: counted, areStudiesExact }: Pick<api.Facets, 'dates' | 'areStudiesExact'>) {
  const dates = withGaps(counted, answer.value!.of.dates, (value) => ({ value, series: 0, studies: 0 }));
  const most = Math.max(1, ...dates.map(({ studies }) => studies));
  const { dates: zoomed } = explored.value;
  const told = ({ value, studies, series }: (typeof dates)[number]) =>
    `${shownValue(value)}: ${areStudiesExact ? '' : 'about '}${grouped(studies)} studies, ${grouped(series)} series`;
  return (
    <section aria-label="Studies by StudyDate">
      <h2 id="dates" tabIndex={-1}>
        Studies by StudyDate{' '}
        {zoomed !== '' && (
          <button type="button" class="back" onClick={() => zoom(zoomedOut(zoomed))}>
            {zoomed}: back
          </button>
        )}
      </h2>
      <ol class="histogram">
        {dates.map((one) => {
          const { value, studies } = one;
          const height = (100 * studies) / most;
          return (
            <li key={value}>
              <button
                type="button"
                title={told(one)}
                aria-label={told(one)}
                disabled={value === '' || one.series === 0}
                onClick={() => zoom(value)}
              >
                <svg viewBox="0 0 10 100" preserveAspectRatio="none" aria-hidden="true">
                  <rect x="0" width="10" y={100 - height} height={height} />
                </svg>
                <span>{value === '' ? '–' : value.slice(value.length === 4 ? 0 : -2)}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function zoom(dates: string): void {
  show({ dates });
  focusSoon('.back', '#dates');
}

/** Years of the dates that are counted, the last first. */
function Years({ dates, years: own }: Pick<api.Facets, 'dates' | 'years'>) {
  const years = new Map<string, number>();
  for (const { value, series } of own ?? dates) {
    const year = value.slice(0, 4);
    years.set(year, (years.get(year) ?? 0) + series);
  }
  const values = [...years].map(([value, series]) => ({ value, series }));
  return <Facet attribute={YEAR} values={values.reverse()} otherSeries={0} />;
}

interface FacetShown {
  readonly attribute: string;
  readonly values: readonly { readonly value: string; readonly series: number }[];
  readonly otherSeries: number;
}

function Facet({ attribute, values, otherSeries }: FacetShown) {
  const { include, exclude } = explored.value;
  const isIncluded = (value: string) => include[attribute]?.includes(value) === true;
  const isExcluded = (value: string) => exclude[attribute]?.includes(value) === true;
  const gone = [...(include[attribute] ?? []), ...(exclude[attribute] ?? [])]
    .filter((value) => !values.some((one) => one.value === value))
    .map((value) => ({ value, series: 0 }));
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

function numbers({ counts: { series, instances } }: Answer): string {
  const told = `${grouped(series)} series, ${grouped(instances)} instances`;
  return series > loaded.value ? `${told}; ${grouped(loaded.value)} are loaded` : told;
}

function Series() {
  return (
    <section aria-label="Series">
      <p role="status" aria-busy={isAsking.value}>
        {answer.value === undefined ? isAsking.value && 'Being counted …' : numbers(answer.value)}
      </p>
      {isStale.value && (
        <p role="status">
          The index has changed.{' '}
          <button type="button" onClick={askAgain}>
            Ask again
          </button>
        </p>
      )}
      {answer.value !== undefined && <Actions />}
      <Table />
    </section>
  );
}

const NAMES: Readonly<Record<View, string>> = { series: 'Series', work: 'Work', archives: 'Archives' };

function Views() {
  const running = jobs.value.jobs.filter(({ status }) => status === 'running').length;
  return (
    <nav aria-label="Views">
      {VIEWS.map((view) => (
        <button
          type="button"
          key={view}
          aria-current={explored.value.view === view ? 'page' : undefined}
          onClick={() => show({ view })}
        >
          {NAMES[view]}
          {view === 'work' && running > 0 && ` (${running})`}
        </button>
      ))}{' '}
      <a href="api.html">API</a>
      {api.hasToken() && !needsToken.value && (
        <button type="button" onClick={() => (needsToken.value = true)}>
          Another token
        </button>
      )}
    </nav>
  );
}

/** Asks for the token of whoever is not of this machine. */
function Token() {
  const text = useSignal('');
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        takeToken(text.value.trim());
      }}
    >
      <label>
        Token (`ditag token create`)
        <input
          type="password"
          autocomplete="off"
          required
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit">Enter</button>
    </form>
  );
}

/** For the keyboard: past what there is much of. */
function Skips() {
  return (
    <nav aria-label="Skip">
      {[
        ['To the rows', '.rows'],
        ['To the values', 'aside button'],
      ].map(([name, selector]) => (
        <button type="button" class="skip" key={name} onClick={() => focusSoon(selector!)}>
          {name}
        </button>
      ))}
    </nav>
  );
}

function Page() {
  const { view } = explored.value;
  const now = answer.value;
  return (
    <>
      {view === 'series' && <Skips />}
      <header>
        <h1>ditag</h1>
        <Views />
        <Search />
        <p id="failed" role="alert">
          {failed.value}
        </p>
      </header>
      {needsToken.value && <Token />}
      {view === 'work' && (
        <main class="single">
          <Work />
        </main>
      )}
      {view === 'archives' && (
        <main class="single">
          <Archives />
        </main>
      )}
      {view === 'series' && (
        <main>
          <div>
            {now !== undefined && <Histogram {...now.counts} />}
            <Detail />
            <Series />
          </div>
          <aside aria-label="Values">
            {now?.counts.attributes.map((one) => (
              <Facet key={one.attribute} {...one} />
            ))}
            {now !== undefined && <Years {...now.counts} />}
          </aside>
        </main>
      )}
    </>
  );
}

followAddress();
keepAsking();
keepBeside();
render(<Page />, document.body);
