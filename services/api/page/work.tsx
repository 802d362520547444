// What is started from the page and what runs: sends, projects, scans.
import { useSignal } from '@preact/signals';
import * as api from './api.ts';
import { queryBody } from './explored.ts';
import { archives, counts, explored, grouped, health, jobs, projects, selected, show, trying } from './state.ts';

/** Series that are sent at once at most, as the API takes them. */
const MOST = 100_000;

/** Beside the table: what can be done with the series that are chosen, or with all that are found. */
export function Actions() {
  const name = useSignal('');
  const isNaming = useSignal(false);
  const chosen = selected.value;
  const count = chosen.size === 0 ? (counts.value?.series ?? 0) : chosen.size;
  const what = chosen.size === 0 ? `all ${grouped(count)} found` : `${grouped(count)} chosen`;
  const { pacs, canDownload } = projects.value ?? { canDownload: false };
  return (
    <div class="actions">
      <button type="button" onClick={() => void trying(saveCsv)}>
        Export as CSV
      </button>
      {pacs !== undefined && (
        <button type="button" disabled={count === 0 || count > MOST} onClick={() => void trying(send)}>
          Send {what} to {pacs}
        </button>
      )}
      {pacs !== undefined && (
        <button type="button" aria-expanded={isNaming.value} onClick={() => (isNaming.value = !isNaming.value)}>
          As a project…
        </button>
      )}
      {chosen.size > 0 && (
        <button type="button" onClick={() => (selected.value = new Set())}>
          Choose none
        </button>
      )}
      {isNaming.value && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void trying(() => makeProject(name.value)).then(() => (isNaming.value = false));
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
          <button type="submit">Look up the studies of {what}</button>
          {!canDownload && (
            <p class="count">Downloads cannot be started here: `ditag serve --output` names their folder.</p>
          )}
        </form>
      )}
    </div>
  );
}

async function saveCsv(): Promise<void> {
  api.save(await api.csv(queryBody(explored.peek())), 'series.csv');
}

async function send(): Promise<void> {
  const chosen = selected.peek();
  const series = chosen.size > 0 ? [...chosen] : await api.values(queryBody(explored.peek()), 'SeriesInstanceUID');
  await api.start({ operation: 'send', series });
  show({ view: 'work' });
}

async function makeProject(project: string): Promise<void> {
  const chosen = selected.peek();
  const query = queryBody(explored.peek());
  const only = [...chosen].map((uid) => uid.replaceAll('.', '\\.')).join('|');
  const where = [...(query.where ?? []), `SeriesInstanceUID=\\A(?:${only})\\Z`];
  const accessions = await api.values(chosen.size > 0 ? { ...query, where } : query, 'AccessionNumber');
  if (accessions.length === 0)
    throw new Error('None of these series has an AccessionNumber, by which a PACS would be asked.');
  await api.start({ operation: 'project-index', project, accessions });
  projects.value = await api.projects();
  show({ view: 'work' });
}

/** What runs and what has ended. */
export function Work() {
  const { jobs: own, scans, projects: ofCluster } = jobs.value;
  return (
    <section aria-label="Work">
      <h2>Started here</h2>
      {own.length === 0 && <p class="count">Nothing was started since this began to serve.</p>}
      <ul class="jobs">
        {own.map((one) => (
          <JobLine key={one.id} job={one} />
        ))}
      </ul>
      <h2>Projects</h2>
      <ul class="jobs">
        {projects.value?.projects.map((project) => (
          <li key={project}>
            {project}{' '}
            {projects.value?.canDownload === true && (
              <button
                type="button"
                onClick={() => void trying(() => api.start({ operation: 'project-download', project }))}
              >
                Download {project}
              </button>
            )}{' '}
            <button type="button" onClick={() => void trying(() => saveReport(project))}>
              Report of {project}
            </button>
          </li>
        ))}
      </ul>
      {ofCluster.length + scans.length > 0 && <h2>In the cluster</h2>}
      <ul class="jobs">
        {ofCluster.map(({ id, what, project, startedAt }) => (
          <li key={id}>
            {what} of project {project}, since {startedAt.slice(0, 19)}Z <Cancel id={id} />
          </li>
        ))}
        {scans.map(({ id, archive, status, files, instances, endedAt, failure }) => (
          <li key={id}>
            Scan of {archive}: {status}, {grouped(files)} files, {grouped(instances)} instances {failure}
            {endedAt === undefined && <Cancel id={id} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

function JobLine({ job }: { readonly job: api.Job }) {
  const lines = useSignal<readonly string[]>([]);
  const { id, operation, subject, status, progress, hasResults } = job;
  return (
    <li>
      <strong>{operation}</strong> {subject}: <span role="status">{status}</span>
      {progress !== undefined && (
        <>
          {' '}
          <progress value={progress.done} aria-label={`${operation} of ${subject}`} /> {progress.step}: {progress.text}
        </>
      )}{' '}
      {status === 'running' && <Cancel id={id} />}
      {hasResults && (
        <button type="button" onClick={() => void trying(() => saveResults(id))}>
          Results
        </button>
      )}{' '}
      <button type="button" onClick={() => void trying(async () => (lines.value = (await api.job(id)).lines))}>
        What it said
      </button>
      {lines.value.length > 0 && <pre>{lines.value.join('\n')}</pre>}
    </li>
  );
}

function Cancel({ id }: { readonly id: string }) {
  return (
    <button type="button" onClick={() => void trying(() => api.cancel(id))}>
      Cancel
    </button>
  );
}

async function saveResults(id: string): Promise<void> {
  api.save(await (await api.ask('GET', `jobs/${id}/results`)).blob(), `results-${id}.csv`);
}

async function saveReport(project: string): Promise<void> {
  const report = await api.ask('GET', `projects/${encodeURIComponent(project)}/report?format=text`);
  api.save(await report.blob(), `${project}_report.txt`);
}

/** The archives, and what is wrong with them. */
export function Archives() {
  const wrongWith = health.value;
  return (
    <section aria-label="Archives">
      <table>
        <thead>
          <tr>
            <th scope="col">Archive</th>
            <th scope="col">Indexed</th>
            <th scope="col">Files</th>
            <th scope="col">Instances</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {archives.value.map(({ name, indexedAt, files, instances }) => (
            <tr key={name}>
              <td>{name}</td>
              <td>{indexedAt.slice(0, 19)}Z</td>
              <td>{grouped(files)}</td>
              <td>{grouped(instances)}</td>
              <td>
                <button
                  type="button"
                  onClick={() =>
                    void trying(() =>
                      api.start({ operation: 'index', archive: name }).then(() => show({ view: 'work' })),
                    )
                  }
                >
                  Look at it again
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {wrongWith !== undefined && (
        <>
          <p>
            <button
              type="button"
              onClick={() => void trying(() => api.start({ operation: 'copies' }).then(() => show({ view: 'work' })))}
            >
              Look for instances in several files
            </button>
          </p>
          <h2>Files that are not in the index</h2>
          <ul>
            {wrongWith.skipped.map(({ reason, text, files }) => (
              <li key={reason}>
                {grouped(files)}: {text}
              </li>
            ))}
          </ul>
          <h2>Series with files that have something wrong</h2>
          <ul>
            {Object.entries(wrongWith.issues).map(([issue, count]) => (
              <li key={issue}>
                {grouped(count)}: {issue}
              </li>
            ))}
            <li>{grouped(wrongWith.mixedSeries)}: files disagree in an indexed attribute</li>
          </ul>
        </>
      )}
    </section>
  );
}
